"""A history of queue_log into the ledger: calls that Kefu never saw, as reconstructed rows.

Ids derive from what the lines say, so that reading a file again writes nothing; rows that are there, above all those
seen live, are never touched. A stay whose beginning or end is in no line is left out and counted. Called by
`kefu queue-log import`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.database import Database
from crm.ledger.conversations import CONVERSATIONS, OFFERS, SEGMENTS, TRANSFERS, WAITS
from crm.ledger.statement import Row, Statement
from crm.rules.queue_log import Stay, StayReader

from .log_files import Faults, Progress, queue_log_lines, storable
from .told_calls import Told, rows_of

AT_ONCE = 500
LULL_S = 3600.0
"""A call that nobody mentioned for so long of the file's time is over."""
_CHECK_EVERY = 5_000
_SAME_S = 2.0
_TABLES = (CONVERSATIONS, WAITS, OFFERS, SEGMENTS, TRANSFERS)
# Bounded by time, so that the indexes by time serve a ledger of years.
_KNOWN_WAITS = text(
    "SELECT id::text AS id, conversation_id::text AS call, caller_uniqueid, queue, "
    "extract(epoch FROM entered_at)::double precision AS entered_at FROM wait "
    "WHERE node = :node AND queue = ANY(:queues) AND entered_at BETWEEN to_timestamp(:since) AND to_timestamp(:until) "
    "AND caller_uniqueid = ANY(:callids)"
)
_KNOWN_CALLS = text(
    "WITH near AS MATERIALIZED (SELECT id, linkedid FROM conversation "
    "WHERE node = :node AND started_at BETWEEN to_timestamp(:since) AND to_timestamp(:until)) "
    "SELECT linkedid AS callid, id::text AS call FROM near WHERE linkedid = ANY(:callids) UNION "
    "SELECT s.caller_uniqueid, s.conversation_id::text FROM near JOIN segment s ON s.conversation_id = near.id "
    "WHERE s.caller_uniqueid = ANY(:callids)"
)
_LONGEST_CALL_S = 12 * 3600.0


class Imported(Struct):
    """What an import did. Stays: `added`, `already` there from an earlier import, `seen_live` by the bridge or the
    back-fill, `begun_before` the first line, `unfinished` at the last."""

    lines: int = 0
    calls: int = 0
    added: int = 0
    already: int = 0
    seen_live: int = 0
    begun_before: int = 0
    unfinished: int = 0
    rows: int = 0


async def import_history(
    database: Database,
    node: str,
    files: Sequence[Path],
    *,
    zone: tzinfo,
    faults: Faults,
    progress: Progress | None = None,
) -> Imported:
    """Read `files`, oldest first, as one. A transaction holds some hundred calls: what was done stays done."""
    done = Imported()
    waiting: list[list[Stay]] = []
    for stays in _calls(files, zone, faults, done, progress):
        waiting.append(stays)
        if len(waiting) >= AT_ONCE:
            await _write(database, node, waiting, done)
            waiting = []
    if waiting:
        await _write(database, node, waiting, done)
    return done


def _calls(
    files: Sequence[Path], zone: tzinfo, faults: Faults, done: Imported, progress: Progress | None
) -> Iterator[list[Stay]]:
    """The stays of one caller's channel together, once nothing more is heard of it."""
    reader = StayReader()
    gathered: dict[str, list[Stay]] = {}
    for file in files:
        for number, line in queue_log_lines(file, zone, faults, progress):
            done.lines += 1
            for stay in reader.take(line, number):
                gathered.setdefault(stay.callid, []).append(stay)
            if done.lines % _CHECK_EVERY == 0:
                yield from _over(gathered, reader.open_callids, line.at - LULL_S)
    done.unfinished += len(reader.rest())
    yield from gathered.values()


def _over(gathered: dict[str, list[Stay]], open_callids: set[str], before: float) -> Iterator[list[Stay]]:
    for callid in [callid for callid in gathered if callid not in open_callids]:
        last = gathered[callid][-1]
        if (last.ended_at or last.left_at or last.first_at) < before:
            yield gathered.pop(callid)


async def _write(database: Database, node: str, calls: list[list[Stay]], done: Imported) -> None:
    async with database.transaction() as session:
        times = [stay.first_at for stays in calls for stay in stays]
        asked = {
            "node": node,
            "callids": [storable(stays[0].callid) for stays in calls],
            "queues": sorted({storable(stay.queue) or "" for stays in calls for stay in stays}),
            "since": min(times) - _LONGEST_CALL_S,
            "until": max(times) + _LONGEST_CALL_S,
        }
        waits = list(await session.execute(_KNOWN_WAITS, asked))
        known = [(row.callid, row.call) for row in await session.execute(_KNOWN_CALLS, asked)]
        homes = dict(known) | {row.caller_uniqueid: row.call for row in waits}
        by_key: dict[tuple[str, str], list[tuple[str, float]]] = {}
        for row in waits:
            by_key.setdefault((row.caller_uniqueid, row.queue), []).append((row.id, row.entered_at))
        rows: list[Row] = []
        for stays in calls:
            told = rows_of(node, stays, homes.get(stays[0].callid))
            done.calls += 1
            done.begun_before += sum(stay.entered_at is None for stay in stays)
            rows += _new(told, by_key, done)
        done.rows += await _insert(session, rows)


def _new(told: Told, known: dict[tuple[str, str], list[tuple[str, float]]], done: Imported) -> Iterable[Row]:
    """The rows of what is not there yet; the conversation comes with its first wait that is new."""
    found: list[Row] = []
    for part in told.parts:
        wait = part.wait
        near = [
            identity
            for identity, entered_at in known.get((wait.caller_uniqueid, wait.queue), ())
            if abs(entered_at - wait.entered_at) <= _SAME_S
        ]
        if wait.id in near:
            done.already += 1
        elif near:
            done.seen_live += 1
        else:
            done.added += 1
            found += part.rows
    return [told.conversation, *found] if found and told.conversation is not None else found


async def _insert(session: AsyncSession, rows: Sequence[Row]) -> int:
    """Parents first; a row that is there stays as it is. Returns how many were new."""
    connection = await session.connection()
    new = 0
    for statement in _TABLES:
        mine = [row for row in rows if type(row).__name__.lower() == statement.table]
        if mine:
            insert, _, _ = statement.sql.partition(" ON CONFLICT ")
            ran = await connection.exec_driver_sql(f"{insert} ON CONFLICT DO NOTHING", (Statement.parameter(mine),))
            new += ran.rowcount
    return new
