"""Visits written to Postgres behind the caller's back.

The server enters what a call's notes hold; a caller never waits for this writing, and a database that is away loses
nothing: the book keeps what is unwritten and tries again. Its rows are the same rows each time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Literal

import structlog
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import routing, visits
from crm.database import Database
from crm.refusals import CrmUnavailable
from crm.visits import FactsRow, VisitRow

from .visit_notes import VisitNotes, now

MOST_UNWRITTEN = 20_000
BATCH = 500
GATHER_S = 0.02
WRITE_WITHIN_S = 20.0  # all rows of a batch may be written again: they are the same rows
_log = structlog.get_logger("agi.visits")


class Entry(Struct, frozen=True, eq=False):
    """What is to be written of a call. Its row is made of the notes as they stand when it is written: nobody could
    tell it from one that was entered just then."""

    what: Literal["begin", "end", "learn"]
    notes: VisitNotes


def beginning(notes: VisitNotes) -> Entry:
    """The caller is in the flow."""
    return Entry("begin", notes)


def finished(notes: VisitNotes) -> Entry:
    """The caller left it, one way or another."""
    return Entry("end", notes)


def learnt(notes: VisitNotes) -> Entry:
    """What the card must know as the phone rings."""
    return Entry("learn", notes)


def _facts(notes: VisitNotes) -> FactsRow:
    return FactsRow(
        node=notes.node,
        linkedid=notes.linkedid,
        number_e164=notes.number_e164,
        customer_id=notes.customer_id,
        language=notes.language,
        matter=notes.matter,
        learnt_at=now(),
    )


def _visit(notes: VisitNotes) -> VisitRow:
    return VisitRow(
        id=notes.id,
        node=notes.node,
        linkedid=notes.linkedid,
        uniqueid=notes.uniqueid,
        flow=notes.flow,
        language=notes.language,
        started_at=notes.started_at,
        ended_at=notes.ended_at,
        steps=list(notes.steps),
        pressed=notes.pressed,
        last_prompt=notes.last_prompt,
        ending=notes.ending,
        served=notes.served,
        closed_why=notes.closed_why,
        menu_version=notes.menu_version,
    )


async def write(session: AsyncSession, entries: Sequence[Entry]) -> None:
    """Write entries, all of one kind in one statement; repeated, the rows are the same."""
    notes: dict[str, list[VisitNotes]] = {"begin": [], "end": [], "learn": []}
    for entry in entries:
        notes[entry.what].append(entry.notes)
    over = {each.id for each in notes["end"]}
    if begun := [each for each in notes["begin"] if each.id not in over]:
        await visits.begin(session, *map(_visit, begun))
    if notes["end"]:
        await visits.end(session, *map(_visit, notes["end"]))
    if notes["learn"]:
        await visits.learn(session, *map(_facts, notes["learn"]))
    if decided := [each.routing for each in notes["learn"] if each.routing is not None]:
        await routing.write(session, *decided)


class VisitBook:
    """Unwritten visits, oldest first, and the one task that writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unwritten: deque[Entry] = deque()
        self._left: tuple[str, datetime] | None = None
        self._more = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self._awaited: dict[int, asyncio.Future[bool]] = {}
        self._failures = 0
        self._writing_since: float | None = None
        self.lost = 0

    @property
    def unwritten(self) -> int:
        """Entries that wait for the database."""
        return len(self._unwritten)

    def end_left(self, node: str) -> None:
        """What was begun on this node before now, and is open still, was left by a server that was killed: end it."""
        self._left = node, now()
        self._more.set()

    def enter(self, entry: Entry) -> None:
        """Keep an entry until it is written, which begins a moment later, together with what comes meanwhile."""
        if len(self._unwritten) >= MOST_UNWRITTEN:
            oldest = self._unwritten.popleft()
            self.lost += 1
            self._tell(oldest, written=False)
            _log.error(
                "visit lost: the database has been away too long", conversation=oldest.notes.linkedid, lost=self.lost
            )
        if not self._unwritten:
            self._empty.clear()
        self._unwritten.append(entry)
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._more.set)

    async def write_now(self, entry: Entry, within_s: float) -> bool:
        """Enter what a caller waits for. False: it is not written in time, and stays entered.

        With a database that is known to be away, or silent for longer than that already, nobody waits at all."""
        self.enter(entry)
        self._more.set()
        loop = asyncio.get_running_loop()
        if self._failures or (self._writing_since is not None and loop.time() - self._writing_since > within_s):
            return False
        told: asyncio.Future[bool] = loop.create_future()
        self._awaited[id(entry)] = told
        try:
            async with asyncio.timeout(within_s):
                return await told
        except TimeoutError:
            return False
        finally:
            self._awaited.pop(id(entry), None)

    async def write_on(self) -> None:
        """Write whatever is entered, until cancelled."""
        while True:
            await self._more.wait()
            self._gather_anew()
            batch = list(islice(self._unwritten, BATCH))
            self._writing_since = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(WRITE_WITHIN_S):
                    await self._end_left()
                    await self._write(batch)
                self._failures = 0
            except (CrmUnavailable, TimeoutError) as away:
                self._failures += 1
                if self._failures == 1:
                    why = str(away) or f"no answer within {WRITE_WITHIN_S:.0f} s"
                    _log.warning("visits wait for the database", why=why, unwritten=len(self._unwritten))
                self._writing_since = None
                await asyncio.sleep(min(5.0, 0.1 * 2**self._failures))
                self._more.set()
                continue
            self._writing_since = None
            self._take_out(batch)

    def _gather_anew(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._more.clear()

    def _take_out(self, batch: list[Entry]) -> None:
        for entry in batch:
            # The oldest may have been given up meanwhile.
            if self._unwritten and self._unwritten[0] is entry:
                self._unwritten.popleft()
            self._tell(entry, written=True)
        if not self._unwritten:
            self._empty.set()
        elif len(self._unwritten) >= BATCH or self._awaited:
            self._more.set()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._more.set)

    def _tell(self, entry: Entry, *, written: bool) -> None:
        told = self._awaited.get(id(entry))
        if told is not None and not told.done():
            told.set_result(written)

    async def written(self, within_s: float) -> int:
        """Wait until everything is written, at most so long; return how many rows are not."""
        self._more.set()
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            pass
        return len(self._unwritten)

    async def _end_left(self) -> None:
        if self._left is None:
            return
        try:
            async with self._database.transaction() as session:
                await visits.end_left(session, *self._left)
        except CrmUnavailable:
            raise
        except Exception as refused:  # noqa: BLE001 - old visits must not end the writing of new ones
            _log.error("visits of an earlier server stay open", why=str(refused).splitlines()[0])
        self._left = None

    async def _write(self, batch: list[Entry]) -> None:
        if not batch:
            return
        try:
            async with self._database.transaction() as session:
                await write(session, batch)
        except CrmUnavailable:
            raise
        except Exception as refused:  # noqa: BLE001 - one bad row must not end the writing of all others
            if len(batch) > 1:
                for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                    await self._write(half)
                return
            self.lost += 1
            self._tell(batch[0], written=False)
            reason = str(refused).splitlines()[0]  # the rest repeats the whole row
            _log.error("visit refused by the database", conversation=batch[0].notes.linkedid, why=reason)
