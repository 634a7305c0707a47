"""A person erased from the journal: the canary is in no block any more, everybody else's calls read as before."""

from __future__ import annotations

import zlib
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from forged_asterisk import BANNER, block
from forged_call import ForgedCall, listed_member
from ledger_rows import rows

from ami_bridge.traces import replay
from ami_bridge.write import Limits
from crm import journal
from crm.database import Database
from crm.reports.explain import explain
from crm.rules.erased_messages import ERASED, Erasure, erasure

CANARY, NAME = "13877776666", "夏侯渊"
NOW = datetime.now(UTC)
SINCE, UNTIL = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
KEYS = "SELECT node, fence, number, first_at, messages FROM journal ORDER BY first_at, number"


class Tape:
    """Stands where a session stands, and keeps what was sent."""

    def __init__(self) -> None:
        self.data = BANNER + block("Response: Success", "Message: Authentication accepted")
        self.data += block(listed_member()[0], "ActionID: kefu-look-queues", *listed_member()[1:])

    def event(self, name: str, *lines: str, privilege: str = "call,all") -> None:
        self.data += block(f"Event: {name}", f"Privilege: {privilege}", *lines)


async def recorded(database: Database, folder: Path, node: str, *calls: ForgedCall, tape: Tape) -> None:
    """The calls step by step beside each other, in many small blocks of the journal."""
    for step in ("arrive", "join", "ring", "answer", "complete", "end"):
        for call in calls:
            getattr(call, step)()
    file = folder / f"{node}.ami"
    file.write_bytes(tape.data)
    await replay(file, node, database, limits=Limits(messages=5, messages_behind=5), say=print)


@pytest.fixture
async def two_calls(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[ForgedCall, ForgedCall]:
    """The person's call and a stranger's on one node; the same person on another one."""
    monkeypatch.setattr("ami_bridge.traces._CHUNK", 4096)
    tape, elsewhere = Tape(), Tape()
    mine = ForgedCall(tape, "PJSIP/201", CANARY, NAME)  # type: ignore[arg-type]
    theirs = ForgedCall(tape, "PJSIP/202", "13911112222", "李四")  # type: ignore[arg-type]
    more = [ForgedCall(tape, "PJSIP/203", f"139000{number:05}", "赵六") for number in range(60)]  # type: ignore[arg-type]
    await recorded(database, tmp_path, "n1", mine, theirs, *more, tape=tape)
    other = ForgedCall(elsewhere, "PJSIP/201", CANARY, NAME)  # type: ignore[arg-type]
    await recorded(database, tmp_path, "n2", other, tape=elsewhere)
    return mine, theirs


def raw(url: str, node: str = "n1") -> bytes:
    return b"".join(
        zlib.decompress(packed)
        for whose, packed in rows(url, "SELECT node, block FROM journal ORDER BY number")
        if whose == node
    )


async def told(database: Database, call: ForgedCall) -> dict[str, Any]:
    async with database.reading() as session:
        return (await explain(session, call.uniqueid, "n1")).document()


async def rewritten(database: Database, gone: Erasure) -> list[journal.Rewritten]:
    return [step async for step in journal.rewrite(database, "n1", gone, SINCE, UNTIL)]


async def test_a_conversation_is_dropped_from_its_blocks_and_others_read_as_before(
    database: Database, database_url: str, two_calls: tuple[ForgedCall, ForgedCall]
) -> None:
    mine, theirs = two_calls
    before, keys = await told(database, theirs), rows(database_url, KEYS)
    assert CANARY.encode() in raw(database_url)
    assert (await told(database, mine))["messages_heard"] > 10
    steps = await rewritten(database, erasure({mine.uniqueid, mine.seat_uniqueid}, []))
    assert len(steps) > 1, "in batches"
    assert CANARY.encode() not in raw(database_url)
    assert NAME.encode() not in raw(database_url)
    assert f"Linkedid: {mine.uniqueid}\r\n".encode() not in raw(database_url)
    assert await told(database, theirs) == before
    assert (await told(database, mine))["messages_heard"] == 0
    assert rows(database_url, KEYS) == keys, "the same rows, and what was heard stays counted"
    named = rows(database_url, "SELECT DISTINCT unnest(linkedids) FROM journal WHERE node = 'n1'")
    assert (mine.uniqueid,) not in named
    assert (theirs.uniqueid,) in named
    assert CANARY.encode() in raw(database_url, "n2"), "another node is another journal"


async def test_a_number_and_a_name_are_put_out_of_sight_wherever_they_stand(
    database: Database, database_url: str, two_calls: tuple[ForgedCall, ForgedCall]
) -> None:
    mine, theirs = two_calls
    before, mine_before = await told(database, theirs), await told(database, mine)
    await rewritten(database, erasure(set(), [CANARY, NAME]))
    left = raw(database_url)
    assert CANARY.encode() not in left
    assert NAME.encode() not in left
    assert ERASED.encode() in left
    assert await told(database, theirs) == before
    assert (await told(database, mine))["messages_heard"] == mine_before["messages_heard"], "the call itself stays"


async def test_it_goes_on_where_it_was_interrupted_and_twice_is_once(
    database: Database, database_url: str, two_calls: tuple[ForgedCall, ForgedCall]
) -> None:
    gone = erasure(set(), [CANARY, NAME])
    async with aclosing(journal.rewrite(database, "n1", gone, SINCE, UNTIL)) as steps:
        first = await anext(steps)
    assert first.looked_at == journal.BLOCKS_AT_ONCE
    assert CANARY.encode() in raw(database_url), "the rest is still to be done"
    rest = [step async for step in journal.rewrite(database, "n1", gone, SINCE, UNTIL, after=first.after)]
    assert CANARY.encode() not in raw(database_url)
    looked_at = first.looked_at + sum(step.looked_at for step in rest)
    assert rows(database_url, "SELECT count(*)::int FROM journal WHERE node = 'n1'") == [(looked_at,)]
    assert sum(step.changed for step in await rewritten(database, gone)) == 0
