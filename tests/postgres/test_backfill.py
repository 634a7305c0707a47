"""Blind windows in a real Postgres: opened, closed, filled from files; twice, killed half-way, by hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from forged_asterisk import ForgedAsterisk, until
from forged_call import ForgedCall, listed_member
from kept_files import FileCall, T
from ledger_rows import rows, seen

from ami_bridge.bridge import Bridge
from crm.database import Database
from crm.ledger.sight import BLIND_WINDOWS, FILLED, BlindWindow, Filled
from crm.ledger.statement import Statement
from crm.settings import read_settings
from crm.wallboard import Board, Wallboard

NODE = "asterisk1"
TABLES = ("conversation", "wait", "offer", "segment", "transfer")


class Site:
    """Files of an Asterisk and a node that was heard until T."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.queue_log, self.cel = folder / "queue_log", folder / "kefu.csv"
        self.environment = {**os.environ, "KEFU_DATABASE_URL": url, "KEFU_NODE": NODE}
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO node (name, heard_at, fence) VALUES (%s, to_timestamp(%s), 1)", (NODE, T))

    def write(self, *calls: FileCall) -> None:
        self.queue_log.write_text("".join(f"{line}\n" for call in calls for line in call.log))
        self.cel.write_text("".join(f"{record}\n" for call in calls for record in call.cel))

    def ledger(self) -> list[Any]:
        return [rows(self.url, f"SELECT t::text FROM {name} t ORDER BY 1") for name in TABLES]  # noqa: S608 - our names

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "crm.cli",
            "bridge",
            *arguments,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def kefu(self, *arguments: str) -> Any:
        process = await self.start(*arguments, "--json")
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err.decode()
        return json.loads(out)

    async def backfill(self) -> Any:
        return await self.kefu("backfill", "--queue-log", str(self.queue_log), "--cel", str(self.cel))


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Site:
    return Site(database_url, tmp_path)


async def test_by_hand_what_a_dead_bridge_missed_is_written_once(site: Site) -> None:
    site.write(FileCall(T + 5, 1).arrives().rings().answered(), FileCall(T + 20, 2).arrives().gives_up())
    told = await site.backfill()
    assert (told["windows"], told["calls"], told["added"], told["changed"], told["pending"]) == (1, 2, 6, 0, 0)
    query = "SELECT outcome, ended_by, reconstructed FROM conversation ORDER BY started_at"
    assert rows(site.url, query) == [("answered", "agent", True), ("abandoned", "caller", True)]
    before = site.ledger()
    told = await site.backfill()
    assert (told["calls"], told["added"], told["changed"]) == (0, 0, 0)
    assert site.ledger() == before
    gaps = await site.kefu("gaps", "--hours", "100000")
    (window,) = gaps["windows"]
    assert (window["node"], window["why"], window["rows_reconstructed"]) == (NODE, "the bridge had ended", 6)
    assert window["to_at"] is None
    assert window["backfilled_at"] is not None
    assert gaps["drift"] == [
        {"node": NODE, "messages": 0, "corrections": 0, "found_after_blindness": 0, "drift_per_1000": None}
    ]
    assert rows(site.url, "SELECT lease_until <= clock_timestamp() FROM node") == [(True,)]


async def test_killed_half_way_and_done_again_gives_the_same_rows(site: Site, tmp_path: Path) -> None:
    site.write(*(FileCall(T + 5 + number, number).arrives().rings().answered() for number in range(1, 1500)))
    killed = await site.start("backfill", "--queue-log", str(site.queue_log), "--cel", str(site.cel))
    async with asyncio.timeout(60):
        while rows(site.url, "SELECT count(*) FROM conversation") == [(0,)]:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    await killed.communicate()
    ((half,),) = rows(site.url, "SELECT count(*) FROM conversation")
    assert 0 < half < 1499
    assert rows(site.url, "SELECT backfilled_at FROM blind_window") == [(None,)]
    told = await site.backfill()
    assert told["calls"] == 1499 - half
    counts = [len(each) for each in site.ledger()]
    assert counts == [1499, 1499, 1499, 1499, 0]
    assert rows(site.url, "SELECT rows_reconstructed FROM blind_window") == [(sum(counts),)]


async def test_rows_that_were_seen_stay_as_they_are(site: Site) -> None:
    call = FileCall(T + 5, 1).arrives().rings().answered()
    site.write(call)
    await site.backfill()
    with psycopg.connect(site.url) as connection:
        connection.execute("UPDATE conversation SET reconstructed = false, outcome = 'no_answer', caller = '10086'")
        connection.execute("UPDATE wait SET reconstructed = false, outcome = 'timeout'")
        connection.execute("UPDATE offer SET reconstructed = false, outcome = 'rejected'")
    before = site.ledger()
    await site.backfill()
    assert site.ledger() == before


async def test_an_end_that_was_lost_from_sight_becomes_the_true_one(site: Site) -> None:
    site.write(FileCall(T - 20, 1).arrives().rings().answered(), FileCall(T - 200, 2).arrives().gives_up())
    with psycopg.connect(site.url) as connection:
        connection.execute("UPDATE node SET heard_at = to_timestamp(%s)", (T - 30,))
    await site.backfill()
    with psycopg.connect(site.url) as connection:
        connection.execute("UPDATE node SET heard_at = to_timestamp(%s)", (T,))
        connection.execute("UPDATE blind_window SET from_at = to_timestamp(%s)", (T,))
        connection.execute(
            "UPDATE conversation SET reconstructed = false, outcome = 'lost_sight', ended_by = 'unknown', "
            "ended_at = to_timestamp(%s)",
            (T,),
        )
        connection.execute("UPDATE segment SET reconstructed = false, ended_at = to_timestamp(%s)", (T,))
    told = await site.backfill()
    assert (told["added"], told["changed"]) == (0, 2)
    query = "SELECT outcome, ended_by, extract(epoch FROM ended_at)::float, reconstructed FROM conversation"
    assert rows(site.url, query) == [("answered", "agent", pytest.approx(T - 20 + 34.003), True)]
    assert rows(site.url, "SELECT extract(epoch FROM ended_at)::float, reconstructed FROM segment") == [(T + 14, True)]


async def test_without_a_file_one_sentence_says_what_to_name(site: Site) -> None:
    process = await site.start("backfill")
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert b"--queue-log" in err
    assert err.count(b"\n") == 1


# ---- a living bridge


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), listed_member()]
        yield forged


@asynccontextmanager
async def bridging(peer: ForgedAsterisk, url: str, **more: Any) -> AsyncIterator[Bridge]:
    """A bridge that sees the peer; stopped in order at the end."""
    settings = read_settings(ami_port=peer.port, ami_secret="right", ami_ping_seconds=0.2, **more)
    database, stopping = Database(url), asyncio.Event()
    bridge = Bridge(settings, database, print)
    running = asyncio.ensure_future(bridge.run(stopping))
    try:
        yield bridge
        stopping.set()
        await asyncio.wait_for(running, 15)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await database.close()


async def board_of(url: str) -> Board:
    database = Database(url)
    try:
        return await Wallboard(database, read_settings().zone).board()
    finally:
        await database.close()


async def test_a_living_bridge_keeps_its_windows_and_says_why_it_cannot_fill_them(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path
) -> None:
    files = {"queue_log_file": tmp_path / "none", "cel_file": tmp_path / "neither"}
    async with bridging(peer, database_url, **files):
        await peer.session()
        await peer.action("DeviceStateList")
        assert rows(database_url, "SELECT count(*) FROM blind_window") == [(0,)]
        await peer.close_door()
        await seen(database_url, "SELECT to_at IS NULL FROM blind_window", [(True,)])
        await peer.open_door()
        await peer.session(15)
        await seen(database_url, "SELECT to_at > from_at, backfilled_at FROM blind_window", [(True, None)])
        trouble = "none cannot be read (No such file or directory); neither cannot be read (No such file or directory)"
        await seen(database_url, "SELECT trouble, backfilled_at FROM blind_window", [(trouble, None)], 20)
    query = "SELECT why FROM blind_window ORDER BY from_at"
    assert rows(database_url, query) == [("Asterisk closed the connection",), ("the bridge let go",)]
    board = await board_of(database_url)
    assert [gap.reconstructed for node in board.nodes for gap in node.gaps] == [False]


async def test_by_hand_is_refused_while_a_bridge_watches(peer: ForgedAsterisk, site: Site) -> None:
    async with bridging(peer, site.url):
        await peer.session()
        site.write(FileCall().arrives().gives_up())
        process = await site.start("backfill", "--queue-log", str(site.queue_log))
        out, err = await process.communicate()
        assert (process.returncode, out) == (1, b"")
        assert b"a bridge watches the node" in err
    assert rows(site.url, "SELECT count(*) FROM conversation") == [(0,)]


async def test_each_correction_is_a_row_that_says_what_was_mended(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(peer, database_url) as bridge:
        session = await peer.session()
        await peer.action("DeviceStateList")
        ForgedCall(session).arrive()
        await seen(database_url, "SELECT count(*) FROM conversation", [(1,)])
        bridge.watch.blindness._found_at = time.time() - 60  # sight was found long ago
        assert bridge.mirror is not None
        await asyncio.sleep(1.2)  # what is younger than a list may be missing in it
        bridge.mirror._ask()  # lists no channel at all
        await seen(database_url, "SELECT count(*) > 0 FROM correction WHERE drift AND what LIKE 'channel %'", [(True,)])
        assert rows(database_url, "SELECT count(*) FROM correction") == [(bridge.watch.drift,)]
        (drift,) = (await board_of(database_url)).drift
        assert drift.corrections == bridge.watch.drift
        assert drift.per_1000 is not None


async def test_the_files_are_read_from_where_nothing_older_goes_on(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_bridge.backfill.keeping.MARK_S", 0.0)
    monkeypatch.setattr("ami_bridge.backfill.keeping.LOOK_S", 0.05)
    queue_log = tmp_path / "queue_log"
    queue_log.write_text("old\n" * 100)
    async with bridging(peer, database_url, queue_log_file=queue_log) as bridge:
        session = await peer.session()
        await seen(database_url, "SELECT count(*) FROM node", [(1,)])
        await until(lambda: bridge.keeping is not None)
        assert bridge.keeping is not None
        bridge.keeping._settled_s = 0.2
        await seen(database_url, "SELECT position FROM file_offset WHERE file = 'queue_log'", [(400,)])
        ForgedCall(session).arrive()
        await seen(database_url, "SELECT count(*) FROM conversation WHERE ended_at IS NULL", [(1,)])
        with queue_log.open("a") as more:
            more.write("of this call\n")
        await asyncio.sleep(1.0)  # marks are made and not kept: nothing tells of what does not happen
        assert rows(database_url, "SELECT position FROM file_offset") == [(400,)]


def test_files_that_cannot_be_read_now_leave_the_pending_calls_pending(site: Site) -> None:
    """Else a window would count as filled, though the calls that went on at its end were never read."""
    with psycopg.connect(site.url, autocommit=True) as connection:
        for table, rows_ in ((BLIND_WINDOWS, [BlindWindow(NODE, T, "a cut", T + 5)]), (FILLED, [_filled(T + 9, 2)])):
            connection.execute(table.sql, (Statement.parameter(list(rows_)),))
        connection.execute(FILLED.sql, (Statement.parameter([_filled(None, 0, "no file")]),))
    assert rows(site.url, "SELECT calls_pending, trouble FROM blind_window") == [(2, "no file")]


def _filled(at: float | None, pending: int, trouble: str | None = None) -> Filled:
    return Filled(NODE, T, at, pending, trouble)
