"""One reading of Asterisk's files into the ledger: under the node's fence, some calls a transaction.

Each transaction leaves the ledger right, so being killed between two of them loses nothing: the next reading writes
what is missing. Files are read and retold in a thread that lets the watch go first. Called by keeping.py (a living
bridge) and by the command line (no bridge).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from crm.database import BatchRefused, Database, LedgerConnection, commit_batch
from crm.ledger.conversations import Conversation
from crm.ledger.journal import FENCE
from crm.ledger.reconstruction import ADD, CHANGE, KNOWN_SEATS, LEDGER, STILL_OPEN
from crm.ledger.sight import FILLED, RECONSTRUCTED, BlindWindow, Filled, Reconstructed
from crm.ledger.statement import Row, Statement
from crm.rules.cel import CelEvent, read_record, whole_records
from crm.rules.queue_log import Line, read_line

from .files import Spot, read_from
from .merging import Found, Work, merge
from .retelling import Story, retell
from .telling import told
from .windows import EDGE_S, touches

SETTLED_S = 6.0
"""Nothing is written of a call that ended less long ago: the last words about it may be under way."""
_CALLS_TOGETHER = 100
_BREATH_S = 0.001

_LOG = logging.getLogger(__name__)


class Files(Struct, frozen=True):
    """Where Asterisk writes; None: not to be read from here."""

    queue_log: Path | None
    cel: Path | None

    @property
    def all(self) -> dict[str, Path]:
        """By the name they have in file_offset."""
        return {name: path for name, path in (("queue_log", self.queue_log), ("cel", self.cel)) if path is not None}


class Outcome(Struct):
    """What one reading came to. `pending`: calls that go on, so that it must be read once more."""

    windows: int = 0
    calls: int = 0
    added: int = 0
    changed: int = 0
    pending: int = 0
    refused: int = 0
    files_read: int = 0
    trouble: list[str] = field(default_factory=list)


class Filler:
    """Fills windows of one node, as the holder of `fence`."""

    def __init__(self, database: Database, node: str, fence: int, *, settled_s: float = SETTLED_S) -> None:
        self._database = database
        self._node = node
        self._fence = fence
        self._settled_s = settled_s

    async def fill(self, windows: Sequence[BlindWindow], files: Files, spots: dict[str, Spot]) -> Outcome:
        """Read from `spots` on, write what the ledger lacks. Raises CrmUnavailable and FenceLost."""
        outcome = Outcome(len(windows))
        if not windows:
            return outcome
        seats = await self._known_seats()
        stories = await asyncio.to_thread(_read, self._node, files, spots, seats, windows, outcome)
        now = time.time()
        works: list[tuple[BlindWindow, Work]] = []
        for story, work in await self._compare(stories, windows):
            ended_at = story.call.ended_at
            if len(work) and ended_at is not None and ended_at > now - self._settled_s:
                work.pending = True
            if work.pending:
                outcome.pending += 1
            elif len(work):
                works.append((_window_of(story.call, windows), work))
        await self._write(works, outcome)
        await self._finish(windows, outcome)
        return outcome

    # ---- reading the ledger

    async def _known_seats(self) -> list[str]:
        async with self._database.reading() as session:
            connection = await session.connection()
            found = await connection.exec_driver_sql(KNOWN_SEATS, {"node": self._node})
            return [str(seat) for (seat,) in found]

    async def _compare(self, stories: list[Story], windows: Sequence[BlindWindow]) -> list[tuple[Story, Work]]:
        compared: list[tuple[Story, Work]] = []
        for begin in range(0, len(stories), _CALLS_TOGETHER):
            some = stories[begin : begin + _CALLS_TOGETHER]
            found = await self._found([story.call.id for story in some])
            compared += [(story, merge(story, found, windows)) for story in some]
        return compared

    async def _found(self, calls: list[str]) -> Found:
        rows: dict[type[Row], list[Any]] = {}
        async with self._database.reading() as session:
            connection = await session.connection()
            for kind, query in LEDGER.items():
                text = (await connection.exec_driver_sql(query, (calls,))).scalar_one()
                rows[kind] = msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
        return Found.of(rows)

    async def _open_calls(self, until: float) -> list[str]:
        async with self._database.reading() as session:
            connection = await session.connection()
            return [str(key) for (key,) in await connection.exec_driver_sql(STILL_OPEN, (self._node, until))]

    # ---- writing

    async def _write(self, works: list[tuple[BlindWindow, Work]], outcome: Outcome) -> None:
        if not works:
            return
        connection = await self._database.connect_ledger()
        try:
            for begin in range(0, len(works), _CALLS_TOGETHER):
                some = works[begin : begin + _CALLS_TOGETHER]
                try:
                    await self._commit(connection, some, outcome)
                except BatchRefused:
                    for one in some:
                        await self._commit_alone(connection, one, outcome)
        finally:
            await connection.close()

    async def _commit_alone(
        self, connection: LedgerConnection, one: tuple[BlindWindow, Work], outcome: Outcome
    ) -> None:
        try:
            await self._commit(connection, [one], outcome)
        except BatchRefused as refused:
            outcome.refused += len(one[1])
            _LOG.warning("Postgres refused %d rows of one reconstructed call (%s)", len(one[1]), refused.reason)

    async def _commit(
        self, connection: LedgerConnection, works: list[tuple[BlindWindow, Work]], outcome: Outcome
    ) -> None:
        statements: list[tuple[str, tuple[object, ...]]] = [(FENCE, (self._node, self._fence))]
        added = [row for _, work in works for row in work.add]
        changed = [row for _, work in works for row in work.change]
        for table, rows in ((ADD, added), (CHANGE, changed)):
            for kind, statement in table.items():
                of_kind: list[Any] = [row for row in rows if type(row) is kind]
                if of_kind:
                    statements.append((statement.sql, (Statement.parameter(of_kind),)))
        counts: dict[float, int] = {}
        for window, work in works:
            counts[window.from_at] = counts.get(window.from_at, 0) + len(work)
        counted = [Reconstructed(self._node, from_at, rows) for from_at, rows in counts.items()]
        statements.append((RECONSTRUCTED.sql, (Statement.parameter(counted),)))
        await commit_batch(connection, statements)
        outcome.calls += len(works)
        outcome.added += len(added)
        outcome.changed += len(changed)

    async def _finish(self, windows: Sequence[BlindWindow], outcome: Outcome) -> None:
        """Say of each window what it came to, in one transaction."""
        now = time.time()
        trouble = "; ".join(outcome.trouble) or (None if outcome.files_read else "no file is set that could be read")
        open_calls = len(await self._open_calls(max(_end(window, now) for window in windows) + EDGE_S))
        outcome.pending = max(outcome.pending, open_calls)
        filled = [
            Filled(window.node, window.from_at, now if outcome.files_read else None, outcome.pending, trouble)
            for window in windows
        ]
        connection = await self._database.connect_ledger()
        try:
            fence = (FENCE, (self._node, self._fence))
            await commit_batch(connection, [fence, (FILLED.sql, (Statement.parameter(list(filled)),))])
        finally:
            await connection.close()


def _window_of(call: Conversation, windows: Sequence[BlindWindow]) -> BlindWindow:
    """The first window that the call lies in."""
    return next((window for window in windows if touches(call, [window], call.started_at)), windows[0])


def _end(window: BlindWindow, now: float) -> float:
    return window.to_at if window.to_at is not None else now


# ---- in the thread


def _read(
    node: str,
    files: Files,
    spots: dict[str, Spot],
    seats: list[str],
    windows: Sequence[BlindWindow],
    outcome: Outcome,
) -> list[Story]:
    """The conversations that touch a window, as the files tell them."""
    lines = {name: _lines(path, spots.get(name), outcome) for name, path in files.all.items()}
    cel: list[CelEvent] = []
    for number, record in enumerate(whole_records("\n".join([*lines.get("cel", []), ""]))[0]):
        event = read_record(record)
        if isinstance(event, CelEvent):
            cel.append(event)
        _breathe(number)
    log = [line for text in lines.get("queue_log", []) if isinstance(line := read_line(text), Line)]
    cel.sort(key=lambda event: event.at)
    events, seats = told(cel, log, seats)
    now = time.time()
    stories = retell(node, events, seats, _rest)
    begun = {event.linkedid for event in cel if event.kind == "CHAN_START" and event.uniqueid == event.linkedid}
    for story in stories:
        story.whole = story.call.linkedid in begun
    return [story for story in stories if touches(story.call, windows, now)]


def _lines(path: Path, spot: Spot | None, outcome: Outcome) -> list[str]:
    try:
        text = read_from(path, spot)
    except OSError as fault:
        outcome.trouble.append(f"{path.name} cannot be read ({fault.strerror or fault})")
        return []
    outcome.files_read += 1
    if text.trouble:
        outcome.trouble.append(text.trouble)
    return text.lines


def _breathe(number: int) -> None:
    if number % 50 == 0:
        _rest()


def _rest() -> None:
    """The watch shares this process: it must not wait for a turn of ours."""
    time.sleep(_BREATH_S)
