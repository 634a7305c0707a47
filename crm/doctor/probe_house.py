"""Looks at our own house: settings, packages, database, the services' health, the bridge's row."""

from __future__ import annotations

import asyncio
import http.client
import importlib.metadata
import importlib.util
import json
import stat
import time
from pathlib import Path

import msgspec
import sqlalchemy as sa

from crm import callback_tries, chosen_ports
from crm import callbacks as promised
from crm.database import Database
from crm.refusals import CrmUnavailable
from crm.settings import Settings, SettingsRefused, read_settings
from crm.tables.nodes import Node
from crm.tables.queues import Queue

from . import judging_house as judging
from .findings import State, Verdict, broken, fine, warned
from .judging import judge_clock, judge_named_queues
from .rounds import Round

PACKAGES = {
    "agi": "steps.py",
    "ami_bridge": "changes.py",
    "crm": "refusals.py",
    "kefu_asterisk_conf": "extensions.conf",
}
HTTP_TIME_LIMIT_S = 2.0
LOOK_AGAIN_S = 1.5
LATE_AT_MOST = 1000


async def settings(round_: Round) -> Verdict:
    """The settings file and KEFU_* in the environment."""
    try:
        round_.settings = read_settings(**round_.overrides)
    except SettingsRefused as refused:
        return broken("settings-refused", str(refused))
    return _settings_file(Path(round_.settings_file), round_.settings.node)


def _settings_file(path: Path, node: str) -> Verdict:
    if not path.is_file():
        return fine(f"no {path}: environment and defaults are in force for node {node}")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return warned("settings-open", f"{path} holds secrets and can be read by others")
    return fine(f"{path} is in force for node {node}")


async def program(round_: Round) -> Verdict:
    """Whose packages are imported under our names?"""
    return await asyncio.to_thread(_program)


def _program() -> Verdict:
    owners = importlib.metadata.packages_distributions()
    strangers = sorted({owner for name in PACKAGES for owner in owners.get(name, []) if owner.lower() != "kefu"})
    lacking = [name for name, file in PACKAGES.items() if not _holds(name, file)]
    return judging.judge_program(importlib.metadata.version("kefu"), strangers, lacking)


def _holds(package: str, file: str) -> bool:
    found = importlib.util.find_spec(package)
    return any((Path(folder) / file).is_file() for folder in (found and found.submodule_search_locations) or ())


async def database(round_: Round) -> Verdict:
    """Does Postgres answer? Also asks its clock."""
    held = round_.known_settings
    address = round_.database_address = _address(held)
    own = held.database_url is None
    opened = Database(address, application_name="kefu-doctor", pool_size=1)
    try:
        async with opened.reading() as session:
            before = time.time()
            version, now = (await session.execute(sa.text(_ASK_SERVER))).one()
            ahead_s = float(now) - (before + time.time()) / 2
    except CrmUnavailable as away:
        return broken("own-database-away" if own else "database-away", str(away))
    finally:
        await opened.close()
    clock = judge_clock("Postgres", ahead_s)
    return fine(f"PostgreSQL {version} answers at {opened.where}") if clock.state is State.OK else clock


_ASK_SERVER = "SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())"


def _address(held: Settings) -> str:
    """Our own server is looked at where it would run; a doctor starts nothing."""
    if held.database_url is not None:
        return held.database_url
    from crm.embedded import EmbeddedPostgres

    return EmbeddedPostgres(held.data_folder / "postgres").url


async def tables(round_: Round) -> Verdict:
    """Has every migration been applied?"""
    from crm import migrations

    assert round_.database_address is not None
    try:
        lacking = await asyncio.to_thread(migrations.pending, round_.database_address)
    except migrations.MigrationRefused as newer:
        return broken("tables-newer", str(newer))
    if lacking:
        return broken("tables-old", f"{len(lacking)} migration(s) are not applied: {', '.join(lacking)}")
    return fine("all migrations are applied")


async def named_queues(round_: Round) -> Verdict:
    """Do the queues that people named exist, so that a menu may send callers there?"""
    assert round_.database_address is not None
    opened = Database(round_.database_address, application_name="kefu-doctor", pool_size=1)
    try:
        async with opened.reading() as session:
            named = (await session.execute(sa.select(Queue.name))).scalars().all()
    finally:
        await opened.close()
    return judge_named_queues(named, round_.asterisk.queues, round_.asterisk.etc_folder)


async def bridge(round_: Round) -> Verdict:
    """Does the bridge still hear and write? Judged by the row that it touches each second."""
    assert round_.database_address is not None
    node = round_.known_settings.node
    opened = Database(round_.database_address, application_name="kefu-doctor", pool_size=1)
    try:
        async with opened.reading() as session:
            row = (await session.execute(_ASK_NODE, {"node": node})).mappings().one_or_none()
    finally:
        await opened.close()
    return judging.judge_bridge(node, judging.NodeSeen(**row) if row else None)


_now = sa.func.clock_timestamp()
_ASK_NODE = sa.select(
    sa.extract("epoch", _now - Node.heard_at).label("heard_s_ago"),
    sa.extract("epoch", _now - Node.lost_at).label("lost_s_ago"),
    sa.extract("epoch", Node.lease_until - _now).label("lease_left_s"),
    Node.lease_holder,
    Node.asterisk_version,
).where(Node.name == sa.bindparam("node"))


async def callbacks(round_: Round) -> Verdict:
    """Are promises kept, and is nobody dialled for an agent who is not kept free? A seat and its dial are not seen in
    one moment, so what is wrong must be so twice."""
    assert round_.database_address is not None
    opened = Database(round_.database_address, application_name="kefu-doctor", pool_size=1)
    try:
        first = await _promises(opened)
        if first.beyond_seats > 0:
            await asyncio.sleep(LOOK_AGAIN_S)
            again = await _promises(opened)
            beyond = min(first.beyond_seats, again.beyond_seats)
            first = msgspec.structs.replace(again, beyond_seats=beyond)
    finally:
        await opened.close()
    return judging.judge_callbacks(first)


async def _promises(opened: Database) -> judging.CallbacksSeen:
    async with opened.reading() as session:
        late = await promised.listed(session, "late", limit=LATE_AT_MOST)
        dialling = await callback_tries.dialling_now(session)
        halted = tuple(halt.queue for halt in await promised.halts(session))
        standing = await promised.open_now(session)
    return judging.CallbacksSeen(standing, len(late), dialling.dials - dialling.kept_free, halted)


async def bridge_health(round_: Round) -> Verdict:
    held = round_.known_settings
    port = held.bridge_health_port or chosen_ports.read(held.data_folder).get("bridge", 0)
    return await _service("bridge", "127.0.0.1", port, "kefu bridge run")


async def ivr_health(round_: Round) -> Verdict:
    held = round_.known_settings
    port = held.ivr_health_port or chosen_ports.read(held.data_folder).get("ivr", 0)
    return await _service("ivr", "127.0.0.1", port, "kefu ivr serve")


async def worker_health(round_: Round) -> Verdict:
    held = round_.known_settings
    port = held.worker_health_port or chosen_ports.read(held.data_folder).get("worker", 0)
    return await _service("worker", "127.0.0.1", port, "kefu worker")


async def web(round_: Round) -> Verdict:
    """Do pages answer, and are they Kefu's?"""
    held = round_.known_settings
    host = "127.0.0.1" if held.web_host in ("", "0.0.0.0", "::") else held.web_host  # noqa: S104 - compared, not bound
    return await _service("web", host, held.web_port, "kefu web")


async def _service(name: str, host: str, port: int, command: str) -> Verdict:
    if port == 0:
        return judging.no_health_port(name)
    alive, ready = await asyncio.gather(
        *(asyncio.to_thread(ask_http, host, port, path) for path in ("/healthz", "/readyz"))
    )
    return judging.judge_service(name, f"{host}:{port}", alive, ready, command)


def ask_http(host: str, port: int, path: str) -> judging.Answer:
    """One GET. Status 0: nothing answered; `told` then says why."""
    line = http.client.HTTPConnection(host, port, timeout=HTTP_TIME_LIMIT_S)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        body = answer.read(65536)
    except TimeoutError:
        return judging.Answer(0, {"why": f"it takes connections and does not answer within {HTTP_TIME_LIMIT_S:g} s"})
    except (OSError, http.client.HTTPException) as away:
        return judging.Answer(0, {"why": getattr(away, "strerror", None) or str(away) or type(away).__name__})
    finally:
        line.close()
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    return judging.Answer(answer.status, told if isinstance(told, dict) else {})
