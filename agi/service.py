"""`kefu ivr serve`: the IVR server as a process, from its settings to its orderly end.

Reads and checks everything before it listens, so a wrong menu or a taken port is one sentence and no half-started
server. SIGTERM and SIGINT drain: calls in the menus finish, new ones go where the dialplan sends them.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from ipaddress import IPv4Network, IPv6Network, ip_network

import structlog

from crm import metrics
from crm.database import Database
from crm.health import HealthServer
from crm.hours import by_settings
from crm.logs import set_up_logs
from crm.refusals import CrmUnavailable, Refusal
from crm.routing import Rules
from crm.rules.opening_hours import read_opening_hours
from crm.settings import Settings

from .desk import Site
from .doors import Doors
from .menu_shelf import MenuShelf
from .server import AgiServer
from .watchman import Watchman

DRAIN_S = 30.0
_log = structlog.get_logger("agi.service")


async def serve(settings: Settings) -> None:
    """Answer calls until told to stop."""
    set_up_logs("ivr", node=settings.node)
    if settings.database_url is None:
        raise Refusal("no database: set database_url (KEFU_DATABASE_URL), or let `kefu up` run one")
    flows = MenuShelf(settings.data_folder / "ivr")
    site = site_of(settings)
    stop = asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, stop.set)
    database = Database(settings.database_url, application_name="kefu-ivr")
    doors = Doors(by_settings(settings))
    server = AgiServer(site, database, flows, doors=doors, allowed=allowed_networks(settings.fastagi_allowed))
    watchman = Watchman()
    following = [asyncio.create_task(watchman.tell())]
    try:
        port = await server.listen(settings.fastagi_host, settings.fastagi_port)
        health = await _health(settings, server, stop)
        try:
            await database.ping()
        except CrmUnavailable as away:
            _log.warning("callers are served without their records until the database answers", why=str(away))
        following += [asyncio.create_task(each.follow(database)) for each in (flows, doors)]
        collect_seldom()
        _log.info("answering", address=f"{settings.fastagi_host}:{port}", flows=sorted(flows))
        await stop.wait()
        watchman.dismiss()
        _log.info("draining", calls=server.calls_now)
        await server.drain(DRAIN_S)
        for task in following:
            task.cancel()
        if health is not None:
            await health.stop()
    finally:
        watchman.dismiss()
        await database.close()


def collect_seldom() -> None:
    """What a call makes is freed by counting; a search for rings among all calls every 700 objects finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def allowed_networks(said: str) -> list[IPv4Network | IPv6Network]:
    """From whom beside this machine itself calls may come."""
    return [ip_network(each) for each in said.replace(",", " ").split()]


def site_of(settings: Settings) -> Site:
    """What the desk has to know, from the settings."""
    try:
        hours = read_opening_hours(settings.opening_hours, settings.timezone)
    except ValueError as fault:
        raise Refusal(f"opening_hours: {fault}") from None
    return Site(
        settings.node,
        settings.country,
        hours,
        budget_s=settings.step_budget_ms / 1000,
        routing=Rules(settings.waiting_credit, settings.last_agent_days),
        settings=settings,
    )


async def _health(settings: Settings, server: AgiServer, stop: asyncio.Event) -> HealthServer | None:
    counted = metrics.ivr()
    counted.calls_now.set_function(lambda: server.calls_now)
    counted.visits_unwritten.set_function(lambda: server.visits_unwritten)
    counted.visits_lost.set_function(lambda: server.visits_lost)
    if not settings.ivr_health_port:
        return None
    health = HealthServer(
        "ivr",
        host=settings.health_host,
        port=settings.ivr_health_port,
        not_ready=lambda: "it is shutting down: no new calls" if stop.is_set() else None,
        facts=server.facts,
    )
    return await health.start()
