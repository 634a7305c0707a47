"""Who stands in a queue by themselves, for the promises to call them back: asked of the floor, told to the deed.

Each stay is told twice at most: while the caller waits, and when an agent has answered. What Postgres did not take, and
what has to wait for the end of a dial, is told again with the next look; a bridge that was started anew tells what it
finds. Called by promises.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from crm.database import Database
from crm.deeds.callers_promised import CallerSeen, look_up, meet
from crm.ledger.statement import Row
from crm.settings import Settings

from .changes import CallerJoinedQueue, CallerLeftQueue, Change
from .floor import Floor

LOOK_UP_S = 10.0
"""So often the ledger is asked who was answered while this bridge did not look."""


class PromisedCallers:
    """One node's."""

    def __init__(
        self, database: Database, settings: Settings, node: str, floor: Floor, woken: Callable[[], None]
    ) -> None:
        self._database = database
        self._settings = settings
        self._node = node
        self._floor = floor
        self._woken = woken
        self._told: dict[str, bool] = {}
        self._looked_up_at: float | None = None

    def joined(self, change: Change, now: float) -> Iterable[Row]:
        """A reaction of the watch."""
        assert isinstance(change, CallerJoinedQueue)
        if change.conversation.direction == "inbound":
            self._woken()
        return ()

    def left(self, change: Change, now: float) -> Iterable[Row]:
        """A reaction of the watch."""
        assert isinstance(change, CallerLeftQueue)
        if change.wait.outcome == "answered":
            self._woken()
        return ()

    def waiting(self) -> set[str]:
        """The numbers, as signalled, of who waits in any queue now."""
        return {seen.number for _, seen in self._seen() if seen.answered_at is None}

    async def look(self) -> None:
        """Tell what is new."""
        seen = dict(self._seen())
        self._told = {stay: answered for stay, answered in self._told.items() if stay in seen}
        for stay, each in seen.items():
            answered = each.answered_at is not None
            if self._told.get(stay) == answered:
                continue
            async with self._database.transaction() as session:
                done = await meet(session, self._settings, self._node, each)
            if done:
                self._told[stay] = answered
        if self._looked_up_at is None or time.monotonic() - self._looked_up_at >= LOOK_UP_S:
            async with self._database.transaction() as session:
                await look_up(session, self._settings, self._node)
            self._looked_up_at = time.monotonic()

    def _seen(self) -> Iterator[tuple[str, CallerSeen]]:
        for call in self._floor.facts.calls.values():
            if call.row.direction != "inbound" or not call.row.caller:
                continue
            for stay in call.stays:
                row = stay.row
                if row.left_at is None:
                    yield row.id, CallerSeen(call.row.caller, call.row.linkedid, row.queue)
                elif row.outcome == "answered":
                    at = datetime.fromtimestamp(row.left_at, UTC)
                    yield row.id, CallerSeen(call.row.caller, call.row.linkedid, row.queue, at)
