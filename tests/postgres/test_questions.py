"""What is asked at every ring: same answers as in a transaction, one moment, no writes, and a lost server is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from sqlalchemy import text

from crm.database import CrmUnavailable, Database
from crm.questions import Question, ask
from crm.quick_reads import KEPT, BusyForTooLong, QuickReads


class Told(msgspec.Struct):
    """One of each kind of value that travels."""

    word: str | None
    number: int
    at: datetime
    id: UUID
    words: list[str]
    share: float


EVERYTHING = Question(
    """
SELECT CAST(:word AS text) AS word, CAST(:number AS int) AS number, CAST(:at AS timestamptz) AS at,
       CAST(:id AS uuid) AS id, CAST(:words AS text[]) AS words, 0.5::float8 AS share
 WHERE :word IS NULL OR CAST(:word AS text) NOT LIKE 'seat-%'
""",
    Told,
)


class Counted(msgspec.Struct):
    """How many."""

    many: int


QUEUES = Question("SELECT count(*) AS many FROM queue", Counted)
SLOW = Question("SELECT count(*) AS many FROM pg_sleep(30)", Counted)
WAIT = Question("SELECT count(*) AS many FROM pg_sleep(0.3)", Counted)
HELD = Question("SELECT pg_backend_pid() AS many", Counted)


@pytest.mark.parametrize("word", ["客服 %s 100% \" \\ ' :word", None])
async def test_values_come_back_as_they_went_by_either_way(database: Database, word: str | None) -> None:
    said = {"word": word, "number": -7, "at": datetime.now(UTC), "id": uuid4(), "words": ["a", "乙, }"]}
    quick = await EVERYTHING.one(database, **said)
    async with database.reading() as session:
        assert await EVERYTHING.one(session, **said) == quick
    assert msgspec.structs.asdict(quick) == {**said, "share": 0.5}
    assert await EVERYTHING.first(database, **{**said, "word": "seat-7"}) is None


async def test_questions_of_one_round_trip_see_one_moment(database: Database) -> None:
    asking = asyncio.create_task(ask(database, QUEUES.with_(), WAIT.with_(), QUEUES.with_()))
    await asyncio.sleep(0.1)
    async with database.transaction() as session:
        await session.execute(
            text("INSERT INTO queue (name, title_en, title_zh, service_level_s) VALUES ('late', '', '', 20)")
        )
    (first,), _, (last,) = await asking
    assert (first.many, last.many) == (0, 0)
    assert (await QUEUES.one(database)).many == 1


async def test_a_question_cannot_write(database: Database) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await Question("SELECT nextval('organisation_code') AS many", Counted).one(database)
    assert (await QUEUES.one(database)).many == 0


async def test_a_connection_that_died_unused_is_replaced_unseen(database: Database) -> None:
    held = (await HELD.one(database)).many
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": held})
    assert (await HELD.one(database)).many != held


async def test_who_gives_up_leaves_no_half_read_answer_to_the_next(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await SLOW.one(database)
    assert [each.many for each in await asyncio.gather(*(QUEUES.one(database) for _ in range(20)))] == [0] * 20


async def test_a_missing_table_and_a_missing_server_are_told_in_a_sentence(databases) -> None:  # type: ignore[no-untyped-def]
    url = databases.create()
    empty = Database(url)
    with pytest.raises(CrmUnavailable, match="run `kefu db upgrade`"):
        await QUEUES.one(empty)
    await empty.close()
    databases.drop(url)
    with pytest.raises(CrmUnavailable):
        await QUEUES.one(empty)


async def test_who_comes_when_all_connections_are_busy_is_told_and_not_kept_for_ever(database: Database) -> None:
    quick = QuickReads(database.connect_ledger, wait_s=0.05)
    busy = [asyncio.create_task(quick.answers([("SELECT pg_sleep(0.5)", [])])) for _ in range(KEPT)]
    await asyncio.sleep(0.1)
    with pytest.raises(BusyForTooLong):
        await quick.answers([("SELECT 1", [])])
    await asyncio.gather(*busy)
    assert await quick.answers([("SELECT 'free'::text", [])]) == [[b"free"]]
    await quick.close()
