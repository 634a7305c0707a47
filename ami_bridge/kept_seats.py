"""Seats that are kept free for customers who are being dialled: paused as reserved, given to a try, then let go.

Whose seat is whose is said by the rows of tries, and that a seat is kept free by Asterisk's pause alone; here is only
what was asked for a moment ago. So after a kill nothing sticks: a seat that is kept free for no try is let go by the
next bridge. A seat about to become ready is kept before it is free, where a customer is next: no queue rings it in
between. Called by customer_first.py; `keeps` by the outbox; the reactions by the watch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from uuid import uuid4

from msgspec import Struct

from crm.ledger.callbacks import AttemptFacts
from crm.ledger.statement import Row
from crm.rules.pause_steps import RESERVED
from crm.tables.callbacks import CallbackAttempt

from .changes import Change, PlaceChanged, PostureChanged
from .floor import Floor, free_seats

PATIENCE_S = 5.0
"""So long a seat may take to be confirmed, and to get its try."""
REST_S = 0.5
"""For so long after a customer came into a queue no seat is kept free: the row that says so is being written."""

AtOnce = Callable[[str, str, str, str, float], Iterable[Row]]


class _Asked(Struct):
    queue: str
    until: float
    """Monotonic seconds."""


class KeptSeats:
    """`at_once`: the outbox's own pause and unpause; `note`: writes a row; `woken`: somebody should look again."""

    def __init__(self, floor: Floor, at_once: AtOnce, note: Callable[[Row], None]) -> None:
        self.woken: Callable[[], None] = lambda: None
        self._floor = floor
        self._at_once = at_once
        self._note = note
        self._asked: dict[str, _Asked] = {}
        self._tries: dict[str, str] = {}
        self._wanted: dict[str, int] = {}
        self._rests_until = 0.0

    # ---- at once

    def keeps(self, seat: str) -> bool:
        """Whether a seat that is about to be made ready stays reserved, or becomes so, instead."""
        return self._is_ours(seat) or self._take(seat)

    def posture_changed(self, change: Change, now: float) -> Iterable[Row]:
        """A seat has become ready, and a customer is next; or it is kept free now."""
        assert isinstance(change, PostureChanged)
        posture, facts = change.posture, self._floor.facts
        if posture.word == "ready" and any(self._wanted.values()) and not self._is_ours(posture.seat):
            if free_seats.is_ready(facts, posture.seat) and self._take(posture.seat):
                self._tell("pause", posture.seat)
        elif posture.pause_reason == RESERVED and posture.seat in self._asked:
            self.woken()
        return ()

    def place_changed(self, change: Change, now: float) -> Iterable[Row]:
        """A customer stands in the queue: it may ring the agent now. Or the dial is over: the agent is free."""
        assert isinstance(change, PlaceChanged)
        place = change.place
        if place.id in self._tries and dial_is_over(place):
            seat = self._tries.pop(place.id)
            if place.queued_at is not None:
                self._wanted, self._rests_until = {}, time.monotonic() + REST_S
            self._free_or_take(seat)
        return ()

    # ---- each look

    def sync(self, tries: Mapping[str, str]) -> None:
        """What the rows say: by try, the seat that it needs. A seat whose try is over is let go."""
        over = [seat for attempt, seat in self._tries.items() if attempt not in tries]
        self._tries = dict(tries)
        for seat in self._tries.values():
            self._asked.pop(seat, None)
        for seat in over:
            if not self._is_ours(seat):
                self._free_or_take(seat)

    def confirmed(self) -> dict[str, str]:
        """By seat, the queue that it is kept free for. One that a call was quicker to is let go."""
        now, found = time.monotonic(), {}
        for seat, asked in list(self._asked.items()):
            kept, why_not = free_seats.is_kept(self._floor.facts, seat), self._floor.why_not_free(seat)
            if kept and why_not is None:
                found[seat] = asked.queue
            if asked.until < now or (kept and why_not is not None):
                found.pop(seat, None)
                del self._asked[seat]
                self._tell("unpause", seat)
        return found

    def given(self, attempt: str, seat: str) -> None:
        """The row of this try is written: the seat is its."""
        self._asked.pop(seat, None)
        self._tries[attempt] = seat

    def need(self, wanted: Mapping[str, int]) -> None:
        """Keep so many more seats of these queues, and let go those that are kept for nobody."""
        left, beyond = dict(wanted), []
        for seat, asked in self._asked.items():
            if left.get(asked.queue, 0) > 0:
                left[asked.queue] -= 1
            else:
                beyond.append(seat)
        self._wanted = left = left if time.monotonic() > self._rests_until else {}
        for seat in beyond:
            del self._asked[seat]
            self._tell("unpause", seat)
        for queue in wanted:
            for seat in free_seats.free_in(self._floor.facts, queue) if left.get(queue) else ():
                if left[queue] > 0 and not self._is_ours(seat) and self._take(seat):
                    self._tell("pause", seat)

    def lost(self) -> list[tuple[str, str, str]]:
        """Tries whose seat is not kept free any more: the try, the seat, why."""
        found = []
        for attempt, seat in self._tries.items():
            kept, why_not = free_seats.is_kept(self._floor.facts, seat), self._floor.why_not_free(seat)
            if not kept or why_not is not None:
                found.append((attempt, seat, why_not or "it is reserved no more"))
        return found

    def forgotten(self) -> set[str]:
        """Seats that are kept free for no try of ours."""
        return {seat for seat in free_seats.all_kept(self._floor.facts) if not self._is_ours(seat)}

    def let_go(self, seat: str) -> None:
        """Nothing came of it: ready again, unless its agent has meanwhile asked for something else."""
        if not self._is_ours(seat):
            self._tell("unpause", seat)

    def _is_ours(self, seat: str) -> bool:
        return seat in self._asked or seat in self._tries.values()

    def _free_or_take(self, seat: str) -> None:
        """Its dial is over: ready again, or kept for the next customer without having been free in between."""
        if not free_seats.is_kept(self._floor.facts, seat) or not self._take(seat):
            self._tell("unpause", seat)

    def _take(self, seat: str) -> bool:
        """For the first of its queues that wants one, if any does."""
        for queue, more in self._wanted.items():
            if more > 0 and free_seats.serves(self._floor.facts, seat, queue):
                self._wanted[queue] -= 1
                self._asked[seat] = _Asked(queue, time.monotonic() + PATIENCE_S)
                self.woken()
                return True
        return False

    def _tell(self, kind: str, seat: str) -> None:
        """A pause that is not RESERVED (any more) is never ended, and one that stands is not asked for again."""
        for row in self._at_once(str(uuid4()), kind, seat, RESERVED, time.time()):
            self._note(row)


def dial_is_over(place: AttemptFacts | CallbackAttempt) -> bool:
    """Whether the customer stands in the queue, or is there no more: no seat is kept free for them any longer."""
    return any(each is not None for each in (place.queued_at, place.talked_at, place.ended_at))
