"""Recorded streams into a real Postgres: the same rows in any chunking, nothing new the second time."""

from __future__ import annotations

import hashlib
import lzma
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from forged_asterisk import BANNER, block
from forged_call import ForgedCall, listed_member

from ami_bridge import traces
from ami_bridge.traces import Unplayable, replay, scrub
from crm.database import Database

LEDGER = ("conversation", "wait", "offer", "segment", "transfer", "posture", "membership", "pop")


class Tape:
    """Stands where a session stands, and keeps what was sent."""

    def __init__(self) -> None:
        self.data = BANNER + block("Response: Success", "Message: Authentication accepted")

    def event(self, name: str, *lines: str, privilege: str = "call,all") -> None:
        self.data += block(f"Event: {name}", f"Privilege: {privilege}", *lines)


def recorded(calls: int = 20) -> bytes:
    """Calls one after another, a list of members before them."""
    tape = Tape()
    tape.data += block("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted")
    tape.data += block(listed_member()[0], "ActionID: kefu-look-queues", *listed_member()[1:])
    for number in range(calls):
        ForgedCall(tape, seat=f"PJSIP/{201 + number % 3}").whole()  # type: ignore[arg-type]
    tape.data += block("Event: VarSet", "Variable: X") * 50
    return tape.data


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def ledger(url: str, node: str) -> str:
    """A digest of every row of the ledger; what Postgres' own clock wrote is left out."""
    found = []
    for table in LEDGER:
        query = f"SELECT (to_jsonb(t) - 'node' - 'written_at')::text FROM {table} t WHERE node = '{node}' ORDER BY 1"  # noqa: S608
        found.append((table, rows(url, query)))
    return hashlib.sha256(repr(found).encode()).hexdigest()


async def play(file: Path, database: Database, node: str = "n") -> traces.Replayed:
    return await replay(file, node, database, say=print)


def written(folder: Path, data: bytes, name: str = "t.ami") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


async def test_a_replay_writes_the_ledger_and_counts_the_stream(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    data = recorded()
    told = await play(written(tmp_path, data), database)
    assert told.messages == data.count(b"\r\n\r\n")
    assert told.unreadable == 0
    assert told.messages_per_second == pytest.approx(told.messages / told.seconds)
    query = "SELECT outcome, ended_by, count(*) FROM conversation GROUP BY 1, 2"
    assert rows(database_url, query) == [("answered", "agent", 20)]
    assert rows(database_url, "SELECT count(*) FROM pbx_request") == [(0,)], "nobody reacts to a recording"
    assert rows(database_url, "SELECT lost_at IS NOT NULL FROM node") == [(True,)]


async def test_feeding_it_twice_changes_nothing(database: Database, database_url: str, tmp_path: Path) -> None:
    file = written(tmp_path, recorded())
    await play(file, database)
    before = ledger(database_url, "n")
    counted = rows(database_url, "SELECT count(*) FROM conversation")
    await play(file, database)
    assert ledger(database_url, "n") == before
    assert rows(database_url, "SELECT count(*) FROM conversation") == counted


async def test_any_chunking_and_compression_gives_the_same_ledger(
    database_url: str,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    databases: Any,
    template_url: str,
) -> None:
    data = recorded()
    await play(written(tmp_path, data), database)
    expected = ledger(database_url, "n")
    for size, file in ((97, written(tmp_path, data, "small.ami")), (65536, tmp_path / "t.ami.xz")):
        if file.suffix == ".xz":
            file.write_bytes(lzma.compress(data))
        monkeypatch.setattr(traces, "_CHUNK", size)
        other_url = databases.create(template_url)
        other = Database(other_url)
        await play(file, other)
        assert ledger(other_url, "n") == expected
        await other.close()
        databases.drop(other_url)


async def test_hostile_messages_are_journaled_counted_and_stop_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    hostile = [
        block("Event: AgentCalled", "Queue: x", "Event: AgentCalled"),
        block("Event: QueueCallerJoin", "Timestamp: 1e999", "Queue: x"),
        b"\x00\xff rubbish \r\n\r\n",
        b"Event: Newchannel\r\nChannel: " + b"x" * 100_000 + b"\r\n\r\n",
        block("Event: Newchannel", "Channel: PJSIP/201-1"),
    ]
    whole = recorded(5)
    told = await play(written(tmp_path, whole + b"".join(hostile) + recorded(5)), database)
    assert told.unreadable == len(hostile)
    assert rows(database_url, "SELECT outcome, count(*) FROM conversation GROUP BY 1") == [("answered", 10)]
    ((unreadable, kept),) = rows(database_url, "SELECT sum(unreadable)::int, string_agg(block, '') FROM journal")
    assert unreadable == len(hostile)
    assert b"rubbish" in zlib.decompress(kept)
    assert rows(database_url, "SELECT count(*) FROM set_aside") == [(0,)]


async def test_a_second_banner_is_a_new_life_of_the_stream(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    tape = Tape()
    call = ForgedCall(tape)  # type: ignore[arg-type]
    for step in (call.arrive, call.join, call.ring, call.answer):
        step()
    ended = block("Event: CoreShowChannelsComplete", "ActionID: kefu-look-channels", "ListItems: 0")
    tape.data += BANNER + block("Response: Success", "Message: Authentication accepted")
    tape.event("FullyBooted", f"Timestamp: {time.time() + 60:.6f}", privilege="system,all")
    tape.data += ended
    tape.event("Hangup", f"Timestamp: {time.time() + 70:.6f}", "Channel: PJSIP/9-9", "Uniqueid: 9", "Linkedid: 9")
    await play(written(tmp_path, tape.data), database)
    assert rows(database_url, "SELECT count(*) FROM conversation WHERE ended_at IS NULL") == [(0,)]
    assert rows(database_url, "SELECT ended_by FROM conversation") == [("unknown",)]


async def test_speed_follows_the_time_stamps(database: Database, tmp_path: Path) -> None:
    tape = Tape()
    now = time.time()
    for tenth in range(100):
        tape.event(
            "Hangup",
            f"Timestamp: {now + tenth / 10:.6f}",
            "Channel: x",
            "Uniqueid: 1.1",
            "Linkedid: 1.1",
            "Pad: " + "x" * 400,
        )
    file = written(tmp_path, tape.data)
    told = await replay(file, "n", database, speed=10, say=print)
    assert 0.8 < told.seconds < 3


async def test_a_file_that_cannot_be_played_is_one_sentence(database: Database, tmp_path: Path) -> None:
    with pytest.raises(Unplayable, match="cannot be read"):
        await play(tmp_path / "missing.ami", database)
    broken = written(tmp_path, lzma.compress(recorded())[:-40], "cut.ami.xz")
    with pytest.raises(Unplayable, match="no whole"):
        await play(broken, database)


def test_scrubbing_keeps_the_calls_and_loses_the_people() -> None:
    data = recorded(3) + block("Event: QueueMemberStatus", "LastCall: 1795302178", "Interface: PJSIP/13912345678")
    clean = scrub(data, b"key")
    assert b"13800138000" not in clean
    assert b"13912345678" not in clean
    assert "王".encode() not in clean
    assert b"LastCall: 1795302178" in clean
    assert clean.count(b"\r\n\r\n") == data.count(b"\r\n\r\n")
    assert _values(clean, b"Uniqueid: ") == _values(data, b"Uniqueid: ")
    assert _values(clean, b"Timestamp: ") == _values(data, b"Timestamp: ")
    assert len(set(_values(clean, b"\r\nCallerIDNum: "))) == len(set(_values(data, b"\r\nCallerIDNum: ")))
    assert scrub(data, b"key") == clean
    assert scrub(data, b"other") != clean


def test_scrubbing_in_any_chunking_is_the_same() -> None:
    data = recorded(2)
    scrubber = traces.Scrubber(b"key")
    pieces = [scrubber.scrub(data[at : at + 61]) for at in range(0, len(data), 61)]
    assert b"".join([*pieces, scrubber.rest()]) == scrub(data, b"key")


def _values(data: bytes, mark: bytes) -> Iterable[bytes]:
    return [piece.split(b"\r\n", 1)[0] for piece in data.split(mark)[1:]]


async def test_every_recorded_scenario_is_taken_whole_by_postgres(database: Database, database_url: str) -> None:
    files = sorted((Path(__file__).parents[1] / "traces").glob("*.ami"))
    assert len(files) > 20
    for file in files:
        told = await play(file, database, file.stem)
        assert told.messages > 5
    assert rows(database_url, "SELECT table_name, reason FROM set_aside") == []
    assert rows(database_url, "SELECT count(*) > 20 FROM conversation") == [(True,)]
