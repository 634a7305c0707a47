"""Customers who are dialled before an agent is rung: for each a seat is kept free first, then the row, then the dial.

What promises.py does with every try, it does with these, too; here is what comes before: seats for who is next, tries
for seats that are confirmed, an end for dials whose seat was lost. It also tells of any seat that is kept for nobody.
Asked of Postgres under the lease's fence, while Asterisk is in sight.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from crm import wishes
from crm.database import Database
from crm.deeds.dial_customers import claim_for_seats
from crm.deeds.place_callbacks import Place
from crm.settings import Settings
from crm.tables.callbacks import CallbackAttempt

from .floor import Floor, free_seats, sight
from .kept_seats import PATIENCE_S, KeptSeats, dial_is_over
from .lease import Lease
from .listener import Listener
from .sending import NotConnected, Unsendable


class CustomerFirst:
    """One node's. `look` is asked each second, with the tries that are not settled."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        lease: Lease,
        actor: Listener,
        floor: Floor,
        seats: KeptSeats,
        *,
        say: Callable[[str], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._lease = lease
        self._actor = actor
        self._floor = floor
        self._seats = seats
        self._say = say
        self._let_go: dict[str, float] = {}
        self._forgotten: set[str] = set()

    async def look(self, unsettled: Sequence[CallbackAttempt], on_line: Collection[str]) -> list[Place]:
        """What is to be sent now; the rows of these tries are committed. on_line: numbers of who waits in a queue."""
        if not sight.is_live(self._floor.facts):
            return []
        self._seats.sync({str(each.id): each.seat for each in unsettled if each.seat is not None and self._dials(each)})
        self._end_lost()
        async with self._database.transaction() as session:
            kept = self._seats.confirmed()
            node, fence = self._lease.node, self._lease.fence
            dials = await claim_for_seats(session, self._settings, node, fence, kept, on_line=on_line)
        for place in dials.places:
            self._seats.given(place.attempt_id, place.seat)
        self._seats.need(dials.wanted)
        await self._free_forgotten()
        return dials.places

    def why_not(self, place: Place) -> str | None:
        """Why a customer cannot be dialled for this seat after all."""
        if not free_seats.is_kept(self._floor.facts, place.seat):
            return f"{place.seat} is not kept free any more"
        return self._floor.why_not_free(place.seat)

    def _dials(self, attempt: CallbackAttempt) -> bool:
        place = self._floor.facts.places.get(str(attempt.id))
        return not dial_is_over(attempt) and (place is None or not dial_is_over(place))

    def _end_lost(self) -> None:
        """A customer is not to answer for nobody. Who has answered goes on to the queue, with the place they have."""
        lost, now = self._seats.lost(), time.monotonic()
        for attempt, seat, why in lost:
            if now - self._let_go.get(attempt, -PATIENCE_S) < PATIENCE_S or self._has_answered(attempt):
                continue
            channel = self._floor.facts.channels.get(attempt)
            if channel is None:
                continue
            self._let_go[attempt] = now
            self._say(f"{seat} was kept free for a callback ({why}): the customer is rung no longer")
            try:
                self._actor.post({"Action": "Hangup", "Channel": channel.name, "Cause": "16"})
            except (NotConnected, Unsendable):
                return
        self._let_go = {attempt: self._let_go[attempt] for attempt, _, _ in lost if attempt in self._let_go}

    def _has_answered(self, attempt: str) -> bool:
        place, call = self._floor.facts.places.get(attempt), self._floor.facts.calls.get(attempt)
        return (place is not None and place.chose is not None) or (call is not None and call.dialled_out == "ANSWER")

    async def _free_forgotten(self) -> None:
        """Seats that are kept free for nobody, seen twice so: an earlier bridge was killed, or the line was cut."""
        seen = self._seats.forgotten()
        again, self._forgotten = seen & self._forgotten, seen
        if not again:
            return
        async with self._database.reading() as session:
            for seat in sorted(again):
                asked = await wishes.open_of(session, self._lease.node, seat)
                if not any(wish.kind == "dial" for wish in asked):
                    self._seats.let_go(seat)
