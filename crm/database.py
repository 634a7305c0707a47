"""The one door to Postgres, and the only file that commits.

Subjects and deeds get a session from `Database.transaction` (writes, committed at its end) or `Database.reading` (one
steady picture, writes refused). The bridge writes its batches on a connection of its own through `commit_batch`.
Whoever waits for hints uses `Database.listening`: NOTIFY is a hint, the row is the truth, a slow poll is the net.
Nobody above this file sees a driver's error for a server that is away: it arrives as CrmUnavailable, one sentence.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from .quick_reads import BusyForTooLong, QuickReads
from .refusals import CrmUnavailable, Refusal
from .round_trip import in_one_round_trip

CONNECT_TIMEOUT_S = 5
POOL_WAIT_S = 5.0
LISTEN_CHECK_S = 15.0
RECONNECT_AT_MOST_S = 5.0

# A silent peer is noticed in about 25 s, also where no query runs (LISTEN).
KEEPALIVE: dict[str, int] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

LedgerConnection = psycopg.AsyncConnection[tuple[object, ...]]
Statement = tuple[str, Sequence[object]]


class FenceLost(Exception):
    """Another bridge has taken this node's lease: nothing of the batch was written, and this one must stop writing."""


class BatchRefused(Exception):
    """Postgres refused one statement of a batch, and so wrote nothing of it. `statement` is its index in the batch."""

    def __init__(self, statement: int, reason: str, sqlstate: str | None) -> None:
        super().__init__(f"statement {statement}: {reason}")
        self.statement = statement
        self.reason = reason
        self.sqlstate = sqlstate


class Database:
    """One Postgres database, its pool of connections, its notifications."""

    def __init__(self, url: str, *, application_name: str = "kefu", pool_size: int = 10) -> None:
        """`url` as Postgres itself writes it (`postgresql://…`) or as SQLAlchemy does. Connects at the first use."""
        try:
            address = make_url(url).set(drivername="postgresql+psycopg")
        except ArgumentError:
            raise CrmUnavailable("database_url is not an address: write postgresql://user@host/database") from None
        self.where = spoken(address)
        # What the address itself says wins over these.
        wanted: dict[str, str | int] = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": application_name,
            **KEEPALIVE,
        }
        options = {name: value for name, value in wanted.items() if name not in address.query}
        plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
        self._url = plain
        self._conninfo = make_conninfo(plain, **options)
        self._engine = create_async_engine(
            address,
            connect_args=options,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=True,
        )
        steady = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writing = async_sessionmaker(self._engine, expire_on_commit=False)
        self._reading = async_sessionmaker(steady, expire_on_commit=False)
        self._quick = QuickReads(self.connect_ledger, wait_s=POOL_WAIT_S)

    def beside(self, application_name: str) -> Database:
        """The same place by connections of their own, for work in a loop of its own. Whoever asks closes it."""
        return Database(self._url, application_name=application_name, pool_size=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose work is committed when the block ends, and undone when it raises."""
        with explained(self.where):
            async with self._writing.begin() as session:
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one moment of the database and cannot write."""
        with explained(self.where):
            async with self._reading() as session:
                yield session

    async def answers(self, statements: Sequence[Statement]) -> list[list[bytes]]:
        """The values of each statement as of one moment, in one round trip: for crm.questions alone."""
        with explained(self.where):
            return await self._quick.answers(statements)

    async def ping(self) -> None:
        """Return when Postgres answers; else CrmUnavailable."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def connect_ledger(self) -> LedgerConnection:
        """A connection of its own for `commit_batch`; the caller closes it. It is in autocommit: a pipeline is itself
        one transaction, so no BEGIN and COMMIT travel."""
        with explained(self.where):
            return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[AsyncIterator[str | None]]:
        """Notifications of `channel`: each payload, and None after every (re)connect: read the rows afresh then,
        since hints may have been missed. Never raises for a server that is away: it waits and connects again."""
        async with aclosing(self._hints(channel)) as hints:
            yield hints

    @property
    def conninfo(self) -> str:
        """The address as libpq takes it, with its password: for crm.jobs alone, whose library connects by itself."""
        return self._conninfo

    async def close(self) -> None:
        """Close all pooled connections."""
        await self._quick.close()
        await self._engine.dispose()

    async def _hints(self, channel: str) -> AsyncGenerator[str | None]:
        failures = 0
        while True:
            try:
                connection = await self.connect_ledger()
                try:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                    failures = 0
                    yield None
                    while True:
                        async for hint in connection.notifies(timeout=LISTEN_CHECK_S):
                            yield hint.payload
                        await connection.execute("SELECT 1")  # notices a dead peer that closed nothing
                finally:
                    await connection.close()
            except (psycopg.Error, CrmUnavailable):
                failures += 1
                pause_s = min(RECONNECT_AT_MOST_S, 0.1 * 2**failures)
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret


async def commit_batch(connection: LedgerConnection, statements: Sequence[Statement]) -> None:
    """Run `statements` as one transaction in one round trip.

    The first is the fence check: it must lock and return the node's row while the fence is ours
    (`UPDATE node … WHERE fence = %s RETURNING …` or `SELECT … FOR SHARE`), else FenceLost.
    BatchRefused names the statement Postgres refused; CrmUnavailable means the connection is gone, and the batch may or
    may not be written: send it again on a new one, its rows are the same rows.
    """
    (fence, fence_parameters), *rest = statements
    # A fence that returns no row must fail inside the server: its answer arrives with all the others.
    guard = f"WITH held AS ({fence}) SELECT 1 / count(*) FROM held"  # noqa: S608 - a constant of the ledger
    guarded: list[Statement] = [(guard, fence_parameters), *rest]
    try:
        refused = await in_one_round_trip(connection, guarded)
    except psycopg.Error as lost:
        raise CrmUnavailable(f"Postgres went away while a batch was written ({_reason(lost)})") from lost
    if refused is None:
        return
    index, failure = refused
    if connection.broken or connection.closed:
        raise CrmUnavailable(f"Postgres went away while a batch was written ({_reason(failure)})") from failure
    if index == 0 and isinstance(failure, psycopg.errors.DivisionByZero):
        raise FenceLost("another bridge holds this node") from None
    raise BatchRefused(index, _reason(failure), failure.sqlstate) from failure


def spoken(address: URL) -> str:
    """How messages name a database: its host or socket folder and its name, never a password."""
    host = address.host or address.query.get("host") or "the local socket"
    port = f":{address.port}" if address.port and address.host else ""
    return f"{host}{port}/{address.database or ''}"


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn a driver's error about the server itself into CrmUnavailable; every other error passes unchanged."""
    try:
        yield
    except (PoolExhausted, BusyForTooLong):
        raise CrmUnavailable(f"all connections to {where} are busy: try again, or look for a long query") from None
    except (DBAPIError, psycopg.Error) as failure:
        cause = failure.orig if isinstance(failure, DBAPIError) else failure
        sentence = _sentence(cause, where)
        if sentence is None:
            raise
        raise CrmUnavailable(sentence) from failure


def _sentence(cause: BaseException | None, where: str) -> str | None:
    if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return f"the tables in {where} are missing or older than this program: run `kefu db upgrade`"
    if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    state = cause.sqlstate or "08000"
    if state[:2] not in ("08", "28") and state not in ("57P01", "57P02", "57P03", "53300", "3D000"):
        return None  # a lock or statement timeout, a deadlock: the server is well
    return f"Postgres at {where} does not answer ({_reason(cause)}): see that it runs and that database_url is right"


def _reason(failure: BaseException) -> str:
    lines = [line.strip(" \t-") for line in str(failure).splitlines()]
    told = next((line for line in lines if "failed: " in line or "FATAL: " in line), lines[0] if lines else "")
    return told.rsplit("failed: ", 1)[-1].replace("FATAL: ", "").strip().rstrip(".") or type(failure).__name__


__all__ = [
    "BatchRefused",
    "CrmUnavailable",
    "Database",
    "FenceLost",
    "LedgerConnection",
    "Refusal",
    "Statement",
    "commit_batch",
    "explained",
    "spoken",
]
