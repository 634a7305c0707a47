"""`kefu up`: everything on one machine, from one command.

Starts the entry points `kefu.services` as processes; each is a function `(settings) -> arguments after kefu`, an empty
list when it has nothing to serve. Imports no other room. Runs our own Postgres when no database is set.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import nullcontext
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import click

from .options import database_option, node_option, option
from .output import say

if TYPE_CHECKING:
    from crm.embedded import EmbeddedPostgres
    from crm.settings import Settings

    from .supervisor import Service


def web_service(settings: Settings) -> list[str]:
    """How `up` starts the pages."""
    return ["web"]


@click.command()
@option("--only", multiple=True, metavar="SERVICE", help="Start this service alone; may be repeated.")
@option("--demo-data", is_flag=True, help="Load the demo customers and agents first.")
@node_option
@database_option
def up(only: tuple[str, ...], demo_data: bool, node: str | None, database_url: str | None) -> None:
    """Start everything, and keep it running until Ctrl-C.

    A service that ends is started again; one whose /healthz is silent for 2 s is killed and started again. Our own
    Postgres, which runs where no database is set, is started again, too.
    """
    from crm import chosen_ports
    from crm.embedded import EmbeddedPostgres
    from crm.settings import read_settings

    settings = read_settings(node=node, database_url=database_url)
    own = EmbeddedPostgres(settings.data_folder / "postgres") if settings.database_url is None else None
    with own or nullcontext():
        address = settings.database_url if own is None else own.url
        assert address is not None
        _prepare(settings, address, demo_data)
        environment = {**os.environ, "KEFU_DATABASE_URL": address, "KEFU_NODE": settings.node}
        services = services_of(settings, only, environment)
        ports = {service.name: service.health[1] for service in services if service.health is not None}
        with chosen_ports.told(settings.data_folder, ports):
            asyncio.run(_supervise(services, environment, own))


def _prepare(settings: Settings, address: str, demo_data: bool) -> None:
    """The tables: ours are upgraded, somebody else's server is left to whoever runs it."""
    from crm import migrations
    from crm.refusals import Refusal

    if settings.database_url is None:
        say(f"database: our own Postgres in {settings.data_folder / 'postgres'}")
        migrations.upgrade(address)
    elif lacking := migrations.pending(address):
        raise Refusal(f"the database lacks {len(lacking)} migration(s): run `kefu db upgrade` first")
    if demo_data:
        _load_demo(settings, address)


def _load_demo(settings: Settings, address: str) -> None:
    from crm.database import Database
    from crm.demo_data import DEMO_PASSWORD, load

    async def work() -> None:
        database = Database(address, pool_size=1)
        async with database.transaction() as session:
            await load(session, country=settings.country)
        await database.close()

    asyncio.run(work())
    say(f"demo agents: amy, ben, chen, dana (a supervisor), password {DEMO_PASSWORD}")


def services_of(settings: Settings, only: tuple[str, ...], environment: dict[str, str]) -> list[Service]:
    from .supervisor import Service

    entries = {entry.name: entry for entry in entry_points(group="kefu.services")}
    unknown = [name for name in only if name not in entries]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(sorted(entries))}", param_hint="--only")
    services = []
    for name in sorted(only or entries):
        arguments = entries[name].load()(settings)
        if not arguments:
            say(f"{name}: nothing to serve with these settings, not started")
            continue
        command = [sys.executable, "-m", "crm.cli", *arguments]
        services.append(Service(name, command, _health(settings, name, environment)))
    return services


def _health(settings: Settings, name: str, environment: dict[str, str]) -> tuple[str, int] | None:
    """Where to ask: the page's own port, or `NAME_health_port`, chosen by us and handed on when it is 0."""
    if name == "web":
        host = settings.web_host
        return ("127.0.0.1" if host in ("0.0.0.0", "::", "") else host, settings.web_port)  # noqa: S104 - compared
    port: int | None = getattr(settings, f"{name}_health_port", None)
    if port is None:
        return None
    port = port or _free_port()
    environment[f"KEFU_{name.upper()}_HEALTH_PORT"] = str(port)
    return "127.0.0.1", port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _supervise(services: list[Service], environment: dict[str, str], own: EmbeddedPostgres | None) -> None:
    from .own_postgres import keep_serving
    from .supervisor import Supervisor

    supervisor = Supervisor(services, environment, say)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    keeping = asyncio.create_task(keep_serving(own, say)) if own is not None else None
    await supervisor.run()
    if keeping is not None:
        keeping.cancel()
    say("all services have ended")
