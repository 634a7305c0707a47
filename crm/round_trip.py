"""Several statements as one transaction in one round trip: all are sent, then all answers are read.

psycopg's own pipeline goes to the event loop and back for each statement; a bridge commits a hundred small batches a
second, and that was most of its processor time. The same libpq pipeline is spoken here with two looks at the socket a
batch. Called by database.commit_batch alone; knows no table and no meaning.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

Connection = psycopg.AsyncConnection[tuple[object, ...]]
_Prepared = dict[tuple[str, tuple[int, ...]], bytes]

_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
_PLACE = re.compile("%(?:s|%)")
_numbers = itertools.count(1)
_prepared: WeakKeyDictionary[Connection, _Prepared] = WeakKeyDictionary()


async def in_one_round_trip(
    connection: Connection, statements: Sequence[tuple[str, Sequence[object]]]
) -> tuple[int, psycopg.Error] | None:
    """Run the statements, `%s` for each parameter, in autocommit: all or nothing. The first that was refused, by its
    index, and why; None when all were taken. Raises psycopg.OperationalError when the connection is lost; whether they
    were written is unknown then. Answers with rows are dropped."""
    known = _prepared.setdefault(connection, {})
    async with connection.lock:
        pgconn = connection.pgconn
        pgconn.enter_pipeline_mode()
        sent = _send(connection, pgconn, known, statements)
        results = await connection.wait(_talk(pgconn))
        pgconn.exit_pipeline_mode()
    for (index, prepared), result in zip(sent, results, strict=False):
        if result.status not in _GOOD:
            return index, error_from_result(result)
        known.update(prepared)
    return None


def _send(
    connection: Connection, pgconn: PGconn, known: _Prepared, statements: Sequence[tuple[str, Sequence[object]]]
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
            pgconn.send_prepare(name, _numbered(query).encode(), transformer.types)
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


def _numbered(query: str) -> str:
    """`%s` → $1, $2 …"""
    number = iter(range(1, 1000))
    return _PLACE.sub(lambda found: f"${next(number)}" if found[0] == "%s" else "%", query)


__all__: list[Any] = ["in_one_round_trip"]
