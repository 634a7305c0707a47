"""The one door to Postgres: what commits, what is refused, what is told when the server is away."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from crm.database import (
    BatchRefused,
    CrmUnavailable,
    Database,
    FenceLost,
    LedgerConnection,
    commit_batch,
)
from crm.embedded import EmbeddedPostgres
from crm.tables.nodes import Node
from crm.tables.queues import Queue

FENCE = "SELECT 1 FROM node WHERE name = %s AND fence = %s FOR SHARE"
HELD = (FENCE, ("asterisk1", 7))
ADD = "INSERT INTO queue (name, title_en, title_zh, service_level_s) VALUES (%s, '', '', 20)"


async def _names(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(select(Queue.name).order_by(Queue.name)))


async def test_a_transaction_commits_at_its_end_and_undoes_when_it_raises(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Queue(name="kept", title_en="", title_zh=""))

    async def fail() -> None:
        async with database.transaction() as session:
            session.add(Queue(name="undone", title_en="", title_zh=""))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await _names(database) == ["kept"]


async def test_reading_sees_one_moment_and_cannot_write(database: Database) -> None:
    async with database.reading() as session:
        assert await session.scalar(select(Queue.name)) is None
        async with database.transaction() as other:
            other.add(Queue(name="later", title_en="", title_zh=""))
        assert await session.scalar(select(Queue.name)) is None
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with database.reading() as session:
            await session.execute(text("DELETE FROM queue"))
    async with database.transaction() as session:  # the pooled connection writes again
        await session.execute(text("DELETE FROM queue"))


async def test_a_missing_table_names_the_command(databases) -> None:  # type: ignore[no-untyped-def]
    url = databases.create()
    database = Database(url)
    with pytest.raises(CrmUnavailable, match="run `kefu db upgrade`"):
        await _names(database)
    await database.close()
    databases.drop(url)


async def test_a_cancelled_query_leaves_a_usable_pool(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), database.reading() as session:
            await session.execute(text("SELECT pg_sleep(30)"))
    await database.ping()


@pytest.mark.parametrize(
    "url", ["postgresql://kefu:very-secret@127.0.0.1:1/kefu", "postgresql://kefu@/kefu?host=/nowhere"]
)
async def test_a_server_away_at_the_start_is_one_sentence_without_password(url: str) -> None:
    database = Database(url)
    with pytest.raises(CrmUnavailable, match=r"^Postgres at .* does not answer \(.*\): see that it runs") as away:
        await database.ping()
    assert "very-secret" not in str(away.value)
    assert "\n" not in str(away.value)
    with pytest.raises(CrmUnavailable):
        await database.connect_ledger()
    await database.close()


class TestServerThatGoes:
    """One server of its own, stopped and started under open connections."""

    @pytest.fixture
    def server(self, folder: Path) -> Iterator[EmbeddedPostgres]:
        with EmbeddedPostgres(folder / "postgres", durable=False) as server:
            yield server

    async def test_in_the_middle_of_work_it_is_one_sentence_and_heals(self, server: EmbeddedPostgres) -> None:
        database = Database(server.url)

        async def work() -> None:
            async with database.transaction() as session:
                await session.execute(text("SELECT 1"))
                await asyncio.to_thread(server.stop)
                await session.execute(text("SELECT 1"))

        with pytest.raises(CrmUnavailable, match="does not answer"):
            await work()
        with pytest.raises(CrmUnavailable):
            await database.ping()
        await asyncio.to_thread(server.start)
        await database.ping()
        await database.close()

    async def test_a_batch_cut_off_is_unavailable(self, server: EmbeddedPostgres) -> None:
        database = Database(server.url)
        connection = await database.connect_ledger()
        await asyncio.to_thread(server.stop)
        with pytest.raises(CrmUnavailable, match="went away while a batch was written"):
            await commit_batch(connection, [("SELECT 1", ())])
        await connection.close()
        await asyncio.to_thread(server.start)
        await database.close()

    async def test_listening_survives_and_marks_the_reconnect(self, server: EmbeddedPostgres) -> None:
        database = Database(server.url)
        async with database.listening("kefu_live") as hints, asyncio.timeout(30):
            assert await anext(hints) is None
            await _notify(server.url, "one")
            assert await anext(hints) == "one"
            await asyncio.to_thread(server.stop)
            reconnected = asyncio.ensure_future(anext(hints))
            await asyncio.to_thread(server.start)
            assert await reconnected is None
            await _notify(server.url, "two")
            assert await anext(hints) == "two"
        await database.close()


async def _notify(url: str, payload: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SELECT pg_notify('kefu_live', %s)", (payload,))


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[LedgerConnection]:
    async with database.transaction() as session:
        session.add(Node(name="asterisk1", fence=7))
    connection = await database.connect_ledger()
    yield connection
    await connection.close()


async def test_a_batch_is_one_transaction_with_its_notification(database: Database, ledger: LedgerConnection) -> None:
    async with database.listening("kefu_live") as hints, asyncio.timeout(10):
        assert await anext(hints) is None
        await commit_batch(
            ledger, [HELD, (ADD, ("a",)), (ADD, ("b",)), ("SELECT pg_notify('kefu_live', %s)", ("ids",))]
        )
        assert await anext(hints) == "ids"
    assert await _names(database) == ["a", "b"]


async def test_a_lost_fence_writes_nothing(database: Database, ledger: LedgerConnection) -> None:
    with pytest.raises(FenceLost):
        await commit_batch(ledger, [(FENCE, ("asterisk1", 6)), (ADD, ("a",))])
    assert await _names(database) == []
    await commit_batch(ledger, [HELD, (ADD, ("a",))])
    assert await _names(database) == ["a"]


async def test_a_refused_statement_is_named_and_nothing_of_the_batch_is_written(
    database: Database, ledger: LedgerConnection
) -> None:
    with pytest.raises(BatchRefused) as refused:
        await commit_batch(ledger, [HELD, (ADD, ("a",)), (ADD, ("a",)), (ADD, ("b",))])
    assert (refused.value.statement, refused.value.sqlstate) == (2, "23505")
    assert await _names(database) == []
    await commit_batch(ledger, [HELD, (ADD, ("a",))])  # the connection serves on
    assert await _names(database) == ["a"]


async def test_a_division_by_zero_elsewhere_is_no_lost_fence(ledger: LedgerConnection) -> None:
    with pytest.raises(BatchRefused) as refused:
        await commit_batch(ledger, [HELD, ("SELECT 1 / 0", ())])
    assert refused.value.statement == 1


async def test_a_batch_is_one_round_trip(ledger: LedgerConnection, database: Database) -> None:
    """Eight statements: one Sync, so one answer that is waited for. More would show as more ReadyForQuery."""
    with tempfile.TemporaryFile("w+") as trace:
        ledger.pgconn.trace(trace.fileno())
        await commit_batch(ledger, [HELD, *((ADD, (f"q{number}",)) for number in range(7))])
        ledger.pgconn.untrace()
        trace.seek(0)
        told = trace.read()
    assert told.count("ReadyForQuery") == 1
    assert len(await _names(database)) == 7


async def test_the_fence_holds_until_the_batch_is_written(ledger: LedgerConnection, database_url: str) -> None:
    """A bridge that takes the lease waits for a batch under way, so that the older one cannot commit after it."""
    async with await psycopg.AsyncConnection.connect(database_url) as batch:
        await batch.execute(FENCE.encode(), HELD[1])
        await ledger.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await ledger.execute("UPDATE node SET fence = fence + 1")
