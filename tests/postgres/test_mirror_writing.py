"""Batches into a real Postgres: once, in order, whole or set aside; away, stalled and back."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import psycopg
import pytest
from cable import Cable
from forged_asterisk import until

from ami_bridge.batch import Pending
from ami_bridge.framing import Torn
from ami_bridge.lease import Lease, take_lease
from ami_bridge.write import Limits, Writer
from crm.database import Database, FenceLost
from crm.ledger.conversations import Conversation, Wait
from crm.ledger.postures import Posture, Sight

NODE = "asterisk1"
BLOCK = b"Event: QueueCallerJoin\r\nLinkedid: 17.1\r\nDestLinkedid: 17.2"


def key(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


def call(name: str, **more: Any) -> Conversation:
    return Conversation(key(name), NODE, name, "inbound", 1_700_000_000.25, **more)


def wait_of(name: str, **more: Any) -> Wait:
    return Wait(key(f"wait {name}"), key(name), NODE, "support", "17.1", 1_700_000_001.5, **more)


class Site:
    """A writer on a database, its pending batch, and what it said."""

    def __init__(self, database: Database, lease: Lease, limits: Limits) -> None:
        self.said: list[str] = []
        self.pending = Pending(NODE)
        self.lease = lease
        self.writer = Writer(database, lease, self.pending, limits, say=self.said.append)
        self.task = asyncio.ensure_future(self.writer.run())

    def note(self, *rows: Any, urgent: bool = True, block: bytes | None = BLOCK) -> None:
        for row in rows:
            self.pending.touch(row)
        if block is not None:
            self.pending.hear([block], 1_700_000_002.0)
        self.pending.urgent |= urgent
        self.writer.noted()


@asynccontextmanager
async def writing(url: str, limits: Limits | None = None) -> AsyncIterator[Site]:
    database = Database(url, application_name="bridge")
    lease = await take_lease(database, NODE, say=print)
    site = Site(database, lease, limits or Limits())
    try:
        yield site
    finally:
        site.task.cancel()
        await asyncio.gather(site.task, return_exceptions=True)
        await database.close()


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


async def test_rows_and_journal_arrive_in_one_transaction_with_a_hint(database_url: str) -> None:
    async with writing(database_url) as site, Database(database_url).listening("kefu_live") as hints:
        assert await anext(hints) is None
        site.note(Posture(NODE, "PJSIP/201", "ringing", 1_700_000_000.0), wait_of("a"), call("a", caller="王"))
        assert json.loads(str(await asyncio.wait_for(anext(hints), 5))) == {
            "node": NODE,
            "seats": ["PJSIP/201"],
            "queues": ["support"],
        }
        site.pending.hear_torn(Torn("too long", b"Event: x"), 1_700_000_003.0)
    assert rows(database_url, "SELECT caller, extract(epoch FROM started_at)::float8 FROM conversation") == [
        ("王", 1_700_000_000.25)
    ]
    assert rows(database_url, "SELECT queue, left_at FROM wait") == [("support", None)]
    ((messages, linkedids, block, same),) = rows(
        database_url,
        "SELECT messages, linkedids, block, journal.xmin = conversation.xmin FROM journal, conversation",
    )
    assert (messages, linkedids, same) == (1, ["17.1", "17.2"], True)
    assert zlib.decompress(block) == BLOCK + b"\r\n\r\n"


async def test_each_row_is_written_once_in_its_last_state(database_url: str) -> None:
    async with writing(database_url) as site:
        conversation = call("a")
        site.note(conversation, urgent=False)
        conversation.caller = "10086"
        site.note(conversation, call("a", caller="10087"))
        await site.writer.drained()
        assert site.writer.batches == 1
    assert rows(database_url, "SELECT caller FROM conversation") == [("10087",)]


async def test_what_is_not_urgent_lingers_and_what_is_urgent_does_not(database_url: str) -> None:
    async with writing(database_url, Limits(linger_ms=300)) as site:
        loop = asyncio.get_running_loop()
        site.note(call("warm"))
        await site.writer.drained()
        began = loop.time()
        site.note(call("a"), urgent=False)
        await until(lambda: site.writer.batches == 2)
        assert loop.time() - began >= 0.3
        began = loop.time()
        site.note(call("b"), urgent=False)
        await asyncio.sleep(0.01)
        site.note(call("c"))
        await until(lambda: site.writer.batches == 3)
        assert loop.time() - began < 0.2


async def test_a_refused_row_is_set_aside_with_its_conversation_and_never_the_batch(database_url: str) -> None:
    async with writing(database_url) as site:
        bad = wait_of("bad", outcome="no such outcome")
        site.note(call("good"), call("bad"), wait_of("good"), bad, Posture(NODE, "PJSIP/201", "ready", 1.7e9))
        await site.writer.drained()
        assert site.writer.set_aside == 2
        assert "set aside" in site.said[0]
        site.note(call("next"))
        await site.writer.drained()
    assert rows(database_url, "SELECT linkedid FROM conversation ORDER BY 1") == [("good",), ("next",)]
    assert rows(database_url, "SELECT count(*) FROM wait") == [(1,)]
    assert rows(database_url, "SELECT word FROM posture") == [("ready",)]
    assert rows(database_url, "SELECT messages FROM journal ORDER BY number") == [(1,), (1,)]
    kept = rows(database_url, "SELECT table_name, row, reason FROM set_aside ORDER BY ordinal")
    assert [name for name, _, _ in kept] == ["conversation", "wait"]
    assert json.loads(kept[1][1])["outcome"] == "no such outcome"
    assert "ck_wait_outcome" in kept[1][2]


async def test_hostile_text_is_stored_and_stops_nothing(database_url: str) -> None:
    names = ["nul\x00inside", "half \ud83d pair", r"literal \u0000 text", '"; DROP TABLE wait; --', "\\", "王\u2028"]
    async with writing(database_url) as site:
        site.note(*(call(f"call {number}", caller_name=name) for number, name in enumerate(names)))
        await site.writer.drained()
        assert site.writer.set_aside == 0
    stored = [name for (name,) in rows(database_url, "SELECT caller_name FROM conversation ORDER BY linkedid")]
    assert stored[0] == "nul\ufffdinside"
    assert stored[1].startswith("half \ufffd")
    assert stored[2:] == names[2:]


async def test_postgres_away_in_the_middle_loses_nothing_and_keeps_the_order(database_url: str) -> None:
    async with Cable(database_url) as cable, writing(cable.url, Limits(messages_behind=10)) as site:
        site.note(call("a"))
        await site.writer.drained()
        await cable.cut()
        conversation = call("b")
        for number in range(100):
            conversation.caller = str(number)
            site.note(conversation)
            await asyncio.sleep(0.001)
        await until(lambda: site.writer.away)
        assert len(site.writer._sealed) == 9
        assert site.writer.backlog_bytes > 0
        await cable.mend()
        await asyncio.wait_for(site.writer.drained(), 20)
        assert site.writer.away is None
        assert [sentence for sentence in site.said if "takes what is written again" in sentence]
    assert rows(database_url, "SELECT caller FROM conversation WHERE linkedid = 'b'") == [("99",)]
    numbers = rows(database_url, "SELECT number, messages FROM journal ORDER BY xmin::text::bigint")
    assert [number for number, _ in numbers] == sorted(number for number, _ in numbers)
    assert sum(messages for _, messages in numbers) == 101


async def test_a_batch_whose_answer_was_lost_is_not_written_twice(database_url: str) -> None:
    async with Cable(database_url) as cable, writing(cable.url) as site:
        site.note(call("warm"))
        await site.writer.drained()
        cable.stall()  # nothing moves, then all that moved is lost with its answer
        site.note(call("a"))
        await asyncio.sleep(0.1)
        await cable.cut()
        await cable.mend()
        await site.writer.drained()
        assert rows(database_url, "SELECT count(*), sum(messages) FROM journal") == [(2, 2)]


async def test_a_stalled_postgres_holds_nobody_but_the_writer(database_url: str) -> None:
    async with Cable(database_url) as cable, writing(cable.url, Limits(messages_behind=100)) as site:
        site.note(call("warm"))
        await site.writer.drained()
        cable.stall()
        for number in range(1000):
            site.note(call(f"call {number}"))
        assert site.writer.backlog_bytes > 1000
        cable.flow()
        await site.writer.drained()
        assert site.writer.backlog_bytes == 0
    assert rows(database_url, "SELECT count(*) FROM conversation") == [(1001,)]


async def test_a_bridge_that_lost_its_lease_writes_nothing_more(database_url: str) -> None:
    async with writing(database_url) as site:
        site.note(call("a"))
        await site.writer.drained()
        with psycopg.connect(database_url) as other:
            other.execute("UPDATE node SET fence = fence + 1, lease_holder = 'other'")
        site.note(call("b"))
        with pytest.raises(FenceLost):
            await asyncio.wait_for(site.task, 5)
    assert rows(database_url, "SELECT linkedid FROM conversation") == [("a",)]


async def test_missing_tables_are_named_with_their_remedy(database_url: str) -> None:
    async with writing(database_url) as site:
        with psycopg.connect(database_url) as other:
            other.execute("ALTER TABLE pop RENAME TO gone")
            other.execute("ALTER TABLE conversation RENAME TO gone2")
        site.note(call("a"))
        await until(lambda: site.said)
        assert "kefu db upgrade" in site.said[0]
        with psycopg.connect(database_url) as other:
            other.execute("ALTER TABLE gone2 RENAME TO conversation")
        await asyncio.wait_for(site.writer.drained(), 10)
    assert rows(database_url, "SELECT linkedid FROM conversation") == [("a",)]


async def test_the_lease_is_kept_by_batches_and_let_go_at_the_end(database_url: str) -> None:
    database = Database(database_url)
    lease = await take_lease(database, NODE, say=print, lease_s=0.6)
    site = Site(database, lease, Limits())
    for _ in range(10):
        site.writer.noted()  # each second in life
        await asyncio.sleep(0.1)
    assert rows(database_url, "SELECT lease_until > clock_timestamp() FROM node") == [(True,)]
    site.task.cancel()
    await asyncio.gather(site.task, return_exceptions=True)
    await site.writer.close()
    assert rows(database_url, "SELECT lease_until <= clock_timestamp() FROM node") == [(True,)]
    await database.close()


async def test_a_second_bridge_waits_says_so_and_takes_over_when_the_first_ends(database_url: str) -> None:
    said: list[str] = []
    with psycopg.connect(database_url) as other:
        other.execute(
            "INSERT INTO node (name, fence, lease_holder, lease_until) "
            "VALUES (%s, 7, 'far 1 2 3 4', clock_timestamp() + interval '1.2 s')",
            (NODE,),
        )
    database = Database(database_url)
    lease = await take_lease(database, NODE, say=said.append)
    assert lease.fence == 8
    assert said == [f"node {NODE!r} is watched by another bridge (process 3 on far): waiting until it ends"]
    await database.close()


async def test_a_holder_that_died_on_this_machine_is_not_waited_for(database_url: str) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    from ami_bridge.lease import _birth, is_gone, this_process

    me = this_process().split(" ")
    holder = " ".join([*me[:3], str(process.pid), str(_birth(process.pid))])
    assert not is_gone(holder)
    process.kill()
    await process.wait()
    assert is_gone(holder)
    with psycopg.connect(database_url) as other:
        other.execute(
            "INSERT INTO node (name, fence, lease_holder, lease_until) "
            "VALUES (%s, 7, %s, clock_timestamp() + interval '1 hour')",
            (NODE, holder),
        )
    database = Database(database_url)
    lease = await asyncio.wait_for(take_lease(database, NODE, say=print), 3)
    assert lease.fence == 8
    await database.close()


async def test_a_heartbeat_keeps_sight_fresh_without_a_hint(database_url: str) -> None:
    async with writing(database_url) as site, Database(database_url).listening("kefu_live") as hints:
        assert await anext(hints) is None
        site.note(Sight(NODE, 1_700_000_000.0), urgent=False, block=None)
        await site.writer.drained()
        site.note(call("a"), wait_of("a"))
        assert json.loads(str(await asyncio.wait_for(anext(hints), 5)))["queues"] == ["support"]
        assert rows(database_url, "SELECT extract(epoch FROM heard_at)::int, fence > 0 FROM node") == [
            (1_700_000_000, True)
        ]
