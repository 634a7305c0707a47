"""A few connections on which nothing is done but to ask: no transaction is opened and closed around a question, and a
statement is planned once for all values.

All questions of one round trip see one moment of the database; writes are refused. A connection that died while nobody
used it is replaced once, unseen: asking twice does no harm. Called by database alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg

from .round_trip import Connection, Statements, answers_in_one_round_trip

KEPT = 6
# One moment for all; and plans that do not depend on values: making one takes longer than most answers.
_FOR_QUESTIONS = (
    "SET default_transaction_read_only = on; SET default_transaction_isolation = 'repeatable read'; "
    "SET plan_cache_mode = force_generic_plan; SET jit = off"
)


class BusyForTooLong(Exception):
    """All connections were busy for too long."""


class QuickReads:
    """At most KEPT connections, opened when they are needed."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], *, wait_s: float) -> None:
        """`connect` opens one in autocommit. `wait_s`: how long somebody waits for one while all are busy."""
        self._connect = connect
        self._wait_s = wait_s
        self._idle: list[Connection] = []
        self._room = asyncio.Semaphore(KEPT)

    async def answers(self, statements: Statements) -> list[list[bytes]]:
        """The values of each statement. Raises BusyForTooLong."""
        if not self._room.locked():
            await self._room.acquire()
        else:
            await self._turn()
        try:
            while self._idle:
                try:
                    return await self._on(self._idle.pop(), statements)
                except psycopg.OperationalError as lost:
                    if lost.sqlstate is not None and not lost.sqlstate.startswith(("08", "57P")):
                        raise
            return await self._on(await self._fresh(), statements)
        finally:
            self._room.release()

    async def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            await self._idle.pop().close()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._room.acquire()
        except TimeoutError:
            raise BusyForTooLong from None

    async def _fresh(self) -> Connection:
        connection = await self._connect()
        try:
            await connection.execute(_FOR_QUESTIONS)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _on(self, connection: Connection, statements: Statements) -> list[list[bytes]]:
        """Whoever gives up halfway, or finds it broken, leaves no half-read answers to the next."""
        try:
            found = await answers_in_one_round_trip(connection, statements)
        except psycopg.Error:
            if connection.broken or connection.closed or connection.pgconn.pipeline_status:
                await connection.close()
            else:
                self._idle.append(connection)
            raise
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)
        return found
