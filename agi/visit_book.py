"""Visits written to Postgres behind the caller's back.

The server enters what a call's notes hold; a caller never waits for this writing, and a database that is away loses
nothing: the book keeps what is unwritten and tries again. Its rows are the same rows each time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Literal

import structlog
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import routing, visits
from crm.database import Database
from crm.refusals import CrmUnavailable
from crm.routing import RoutingRow
from crm.visits import FactsRow, VisitRow

from .visit_notes import VisitNotes, now

MOST_UNWRITTEN = 20_000
BATCH = 100
_log = structlog.get_logger("agi.visits")


class Entry(Struct, frozen=True):
    """One row to write, as it stood when it was entered."""

    what: Literal["begin", "end", "learn"]
    linkedid: str
    visit: VisitRow | None = None
    facts: FactsRow | None = None
    routing: RoutingRow | None = None


def beginning(notes: VisitNotes) -> Entry:
    """The caller is in the flow."""
    return Entry("begin", notes.linkedid, visit=_visit(notes))


def finished(notes: VisitNotes) -> Entry:
    """The caller left it, one way or another."""
    return Entry("end", notes.linkedid, visit=_visit(notes))


def learnt(notes: VisitNotes) -> Entry:
    """What the card must know as the phone rings."""
    return Entry(
        "learn",
        notes.linkedid,
        facts=FactsRow(
            node=notes.node,
            linkedid=notes.linkedid,
            number_e164=notes.number_e164,
            customer_id=notes.customer_id,
            language=notes.language,
            matter=notes.matter,
            learnt_at=now(),
        ),
        routing=notes.routing,
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
    for what, group in groupby(sorted(entries, key=attrgetter("what")), key=attrgetter("what")):
        rows = list(group)
        if what == "learn":
            await visits.learn(session, *(entry.facts for entry in rows if entry.facts is not None))
            if decided := [entry.routing for entry in rows if entry.routing is not None]:
                await routing.write(session, *decided)
        else:
            verb = visits.begin if what == "begin" else visits.end
            await verb(session, *(entry.visit for entry in rows if entry.visit is not None))


class VisitBook:
    """Unwritten visits, oldest first, and the one task that writes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unwritten: deque[Entry] = deque()
        self._left: tuple[str, datetime] | None = None
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
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
        """Keep an entry until it is written."""
        if len(self._unwritten) >= MOST_UNWRITTEN:
            oldest = self._unwritten.popleft()
            self.lost += 1
            _log.error("visit lost: the database has been away too long", conversation=oldest.linkedid, lost=self.lost)
        self._unwritten.append(entry)
        self._empty.clear()
        self._more.set()

    async def write_on(self) -> None:
        """Write whatever is entered, until cancelled."""
        failures = 0
        while True:
            await self._more.wait()
            batch = [self._unwritten[index] for index in range(min(BATCH, len(self._unwritten)))]
            try:
                await self._end_left()
                await self._write(batch)
                failures = 0
            except CrmUnavailable as away:
                failures += 1
                if failures == 1:
                    _log.warning("visits wait for the database", why=str(away), unwritten=len(self._unwritten))
                await asyncio.sleep(min(5.0, 0.1 * 2**failures))
                continue
            for entry in batch:
                # The oldest may have been given up meanwhile.
                if self._unwritten and self._unwritten[0] is entry:
                    self._unwritten.popleft()
            if not self._unwritten:
                self._more.clear()
                self._empty.set()

    async def written(self, within_s: float) -> int:
        """Wait until everything is written, at most so long; return how many rows are not."""
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
                for entry in batch:
                    await self._write([entry])
                return
            self.lost += 1
            reason = str(refused).splitlines()[0]  # the rest repeats the whole row
            _log.error("visit refused by the database", conversation=batch[0].linkedid, why=reason)
