"""`kefu bridge`: watch an Asterisk, replay a recording, make one.

Imports only click at its top: `kefu --help` must stay quick. Data goes to stdout, talk to stderr; a refusal is one
sentence and exit code 1.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crm.cancelling import cancelled
from crm.cli.options import database_option, json_option, node_option, option
from crm.cli.output import print_json, print_table, say

from .gaps_cli import backfill, gaps
from .tail_cli import tail

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from crm.settings import Settings

    from .raw_ring import RawRing

_Command = TypeVar("_Command", bound=Callable[..., Any])
_AMI_OPTIONS = (
    option("--ami-host", metavar="HOST", envvar="KEFU_AMI_HOST", help="Where Asterisk's manager listens."),
    option("--ami-port", metavar="PORT", type=int, envvar="KEFU_AMI_PORT", help="Its port (usually 5038)."),
    option("--ami-username", metavar="USER", envvar="KEFU_AMI_USERNAME", help="The account that watches."),
    option(
        "--ami-secret",
        metavar="SECRET",
        envvar="KEFU_AMI_SECRET",
        help="Its secret; better in the environment, where `ps` does not show it.",
    ),
    option("--tls", "ami_tls", is_flag=True, default=None, envvar="KEFU_AMI_TLS", help="Speak TLS to Asterisk."),
)


def ami_options(command: _Command) -> _Command:
    """The options that name an Asterisk."""
    for each in reversed(_AMI_OPTIONS):
        command = each(command)
    return command


def bridge_service(settings: Settings) -> list[str]:
    """How `kefu up` starts the bridge; nothing while no Asterisk account is set."""
    return ["bridge", "run"] if settings.ami_secret is not None else []


@click.group()
def bridge() -> None:
    """Watch an Asterisk over AMI, carry out wishes, replay recordings."""


bridge.add_command(gaps)
bridge.add_command(backfill)
bridge.add_command(tail)


@bridge.command()
@ami_options
@option("--ami-actor-username", metavar="USER", envvar="KEFU_AMI_ACTOR_USERNAME", help="The account for wishes.")
@option("--ami-actor-secret", metavar="SECRET", envvar="KEFU_AMI_ACTOR_SECRET", help="Its secret.")
@node_option
@database_option
def run(node: str | None, database_url: str | None, **ami: Any) -> None:
    """Mirror one Asterisk into Postgres until Ctrl-C, and carry out wishes.

    One bridge watches a node; a second one waits until the first has ended.
    """
    from crm.embedded import database_address
    from crm.settings import read_settings

    settings = read_settings(node=node, database_url=database_url, **ami)
    with database_address(settings) as address:
        _with_uvloop(lambda: _run(settings, address))


@bridge.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@option("--speed", default="max", metavar="max|FACTOR", help="1 as it was, 2 twice as fast, max (the default).")
@node_option
@database_option
@json_option
def replay(file: Path, speed: str, node: str | None, database_url: str | None, as_json: bool) -> None:
    """Play a recorded stream (.ami or .ami.xz) into the ledger as if it were live; nothing is sent to an Asterisk."""
    from crm.embedded import database_address
    from crm.settings import read_settings

    factor = _factor(speed)
    settings = read_settings(node=node, database_url=database_url)

    async def work(address: str) -> dict[str, Any]:
        from msgspec import structs

        from crm.database import Database

        from . import traces

        database = Database(address, application_name="kefu-replay", pool_size=2)
        try:
            return structs.asdict(await traces.replay(file, settings.node, database, speed=factor, say=say))
        finally:
            await database.close()

    with database_address(settings) as address:
        told = _with_uvloop(lambda: work(address))
    told["seconds"] = round(told["seconds"], 3)
    told["messages_per_second"] = round(told["messages_per_second"])
    if as_json:
        print_json(told)
    else:
        print_table([told], list(told))


@bridge.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="S", help="Stop after so long.")
@option("--raw", is_flag=True, help="Keep phone numbers and names as they are (default: others in their place).")
@ami_options
def record(file: Path, seconds: float | None, raw: bool, **ami: Any) -> None:
    """Write what Asterisk sends to FILE, byte for byte, until Ctrl-C.

    It logs in to Asterisk by itself, beside a running bridge or without one. What the running bridge hears, and has
    heard before, `kefu bridge tail` shows without a login.
    """
    from crm.settings import read_settings

    from .recording import record_stream

    settings = read_settings(**ami)
    written = _with_uvloop(lambda: _until_told(lambda stop: record_stream(settings, file, stop, seconds, raw, say)))
    say(f"{written} bytes in {file}")


async def _run(settings: Settings, address: str) -> None:
    from contextlib import AsyncExitStack

    from crm import metrics
    from crm.database import Database
    from crm.health import HealthServer
    from crm.logs import set_up_logs

    from .bridge import Bridge

    set_up_logs("bridge", node=settings.node)
    database = Database(address, application_name="kefu-bridge", pool_size=3)
    async with AsyncExitStack() as until_the_end:
        until_the_end.push_async_callback(database.close)
        ring = await _ring(settings, until_the_end) if settings.raw_ring_megabytes else None
        watching = Bridge(settings, database, _log, heard=ring.hear if ring else None)
        if settings.bridge_health_port:
            metrics.bridge().facts = watching.facts
            health = HealthServer(
                "bridge",
                host=settings.health_host,
                port=settings.bridge_health_port,
                not_ready=watching.not_ready,
                facts=watching.facts,
            )
            await until_the_end.enter_async_context(health)
        await _until_told(watching.run)


async def _ring(settings: Settings, until_the_end: AsyncExitStack) -> RawRing:
    """The raw ring, written beside the bridge."""
    from .raw_ring import RawRing, ring_folder

    ring = RawRing(ring_folder(settings.data_folder, settings.node), settings.raw_ring_megabytes, say=_log)
    until_the_end.push_async_callback(ring.close)
    writing = asyncio.ensure_future(ring.run())

    async def stop() -> None:
        await cancelled(writing)

    until_the_end.push_async_callback(stop)
    return ring


async def _until_told(work: Callable[[asyncio.Event], Awaitable[Any]]) -> Any:
    """Run `work` with an event that Ctrl-C and SIGTERM set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return await work(stopping)


def _log(sentence: str) -> None:
    import structlog

    structlog.get_logger().warning(sentence)


def _with_uvloop(work: Callable[[], Any]) -> Any:
    import uvloop

    return uvloop.run(work())


def _factor(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < 1e6:
        raise click.BadParameter(f"{speed!r} is neither max nor a number above 0", param_hint="--speed")
    return factor
