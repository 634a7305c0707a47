"""Several statements as one transaction in one round trip: all are sent, then all answers are read.

psycopg's own pipeline goes to the event loop and back for each statement; a bridge commits a hundred small batches a
second, and that was most of its processor time. The same libpq pipeline is spoken here with two looks at the socket a
batch, and for questions that are asked at every ring. Called by database alone; knows no table and no meaning.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

Connection = psycopg.AsyncConnection[tuple[object, ...]]
Statements = Sequence[tuple[str, Sequence[object]]]
_Prepared = dict[tuple[str, tuple[int, ...]], bytes]

_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
_PLACE = re.compile("%(?:s|%)")
_numbers = itertools.count(1)
_prepared: WeakKeyDictionary[Connection, _Prepared] = WeakKeyDictionary()


async def in_one_round_trip(connection: Connection, statements: Statements) -> tuple[int, psycopg.Error] | None:
    """Run the statements, `%s` for each parameter, in autocommit: all or nothing. The first that was refused, by its
    index, and why; None when all were taken. Raises psycopg.OperationalError when the connection is lost; whether they
    were written is unknown then. Answers with rows are dropped."""
    sent, results = await _exchange(connection, [(_numbered(query), values) for query, values in statements])
    for (index, _), result in zip(sent, results, strict=False):
        if result.status not in _GOOD:
            return index, error_from_result(result)
    return None


async def answers_in_one_round_trip(connection: Connection, statements: Statements) -> list[list[bytes]]:
    """The only column of every row of each statement, in which $1 stands for the first parameter. Raises what Postgres
    refused, or psycopg.OperationalError when the connection is lost."""
    sent, results = await _exchange(connection, statements)
    found: list[list[bytes]] = [[] for _ in statements]
    for (index, _), result in zip(sent, results, strict=False):
        if result.status not in _GOOD:
            raise error_from_result(result)
        found[index] = [result.get_value(row, 0) or b"null" for row in range(result.ntuples)]
    return found


async def _exchange(
    connection: Connection, statements: Statements
) -> tuple[list[tuple[int, _Prepared]], list[PGresult]]:
    """Send all, read all. What came before the first refusal is known to be prepared."""
    known = _prepared.setdefault(connection, {})
    async with connection.lock:
        pgconn = connection.pgconn
        pgconn.enter_pipeline_mode()
        sent = _send(connection, pgconn, known, statements)
        results = await connection.wait(_talk(pgconn))
        pgconn.exit_pipeline_mode()
    for (_, prepared), result in zip(sent, results, strict=False):
        if result.status not in _GOOD:
            break
        known.update(prepared)
    return sent, results


def _send(
    connection: Connection, pgconn: PGconn, known: _Prepared, statements: Statements
) -> list[tuple[int, _Prepared]]:
    """Queue all. For each answer that will come: whose it is, and what it says to be prepared."""
    sent: list[tuple[int, _Prepared]] = []
    fresh: _Prepared = {}
    for index, (query, parameters) in enumerate(statements):
        transformer = Transformer(connection)
        values = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
        key = query, transformer.types or ()
        name = known.get(key) or fresh.get(key)
        if name is None:
            name = fresh[key] = f"kefu_{next(_numbers)}".encode()
            pgconn.send_prepare(name, query.encode(), transformer.types)
            sent.append((index, {key: name}))
        pgconn.send_query_prepared(name, values, transformer.formats)
        sent.append((index, {}))
    pgconn.pipeline_sync()
    return sent


def _talk(pgconn: PGconn) -> Generator[Wait, Ready | int, list[PGresult]]:
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            if (yield Wait.R):
                pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            if pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError("the server closed the connection")
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            results.append(result)


@lru_cache(maxsize=1000)
def _numbered(query: str) -> str:
    """`%s` → $1, $2 …"""
    number = iter(range(1, 1000))
    return _PLACE.sub(lambda found: f"${next(number)}" if found[0] == "%s" else "%", query)


__all__: list[Any] = ["answers_in_one_round_trip", "in_one_round_trip"]
