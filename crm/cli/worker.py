"""`kefu worker`: the service that does what nobody waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import database_option, node_option, option

if TYPE_CHECKING:
    from crm.settings import Settings


def worker_service(settings: Settings) -> list[str]:
    """How `up` starts it."""
    return ["worker"]


@click.command()
@option("--health-port", type=int, metavar="PORT", envvar="KEFU_WORKER_HEALTH_PORT", help="Port of /healthz; 0: none.")
@node_option
@database_option
def worker(health_port: int | None, node: str | None, database_url: str | None) -> None:
    """Do periodic work and send webhooks, until SIGTERM. Several may run, also on other machines."""
    import uvloop

    from crm.embedded import database_address
    from crm.settings import read_settings

    settings = read_settings(worker_health_port=health_port, node=node, database_url=database_url)
    with database_address(settings) as address:
        uvloop.run(_run(settings, address))


GOODBYE_S = 8.0
"""How long what is under way may take to end once asked to stop. What is cut is taken over: jobs are at least once."""


async def _run(settings: Settings, address: str) -> None:
    import asyncio
    import os
    import signal
    from threading import Timer

    from crm.database import Database
    from crm.logs import set_up_logs
    from crm.worker import Worker

    set_up_logs("worker", node=settings.node)
    stop = asyncio.Event()
    # Its Postgres may have died with it, and a goodbye to that one never ends.
    cut = Timer(GOODBYE_S, os._exit, (0,))
    cut.daemon = True

    def go() -> None:
        if not stop.is_set():
            stop.set()
            cut.start()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, go)
    database = Database(address, application_name="kefu-worker", pool_size=4)
    try:
        await Worker(settings, database).run(stop)
    finally:
        await database.close()
