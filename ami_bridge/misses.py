"""Calls that were not taken: the seat is paused at once, before the queue rings it again.

A ring's first end counts; a later word about it (the caller had left after all) takes back what it brought. What an
earlier bridge saw is read from the ledger. The pause leaves straight from the watch, as after-call work does; it ends
by time (crm/deeds/end_by_time.py). Called by bridge.py and the watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID, uuid5

from crm.database import Database
from crm.ledger.requests import MISSES
from crm.ledger.statement import Row
from crm.rules.pause_steps import RONA
from crm.rules.ring_no_answer import COUNTED, Miss, Policy, counting, judge

from .changes import Change, RingEnded

_MISSES = UUID("6e0c1b62-57a4-5d49-9a5c-0f6f0d0b7a35")
Reflex = Callable[[str, str, str, str, float], Iterable[Row]]
"""Carries out at once: wish id, kind, seat, reason, now."""


class Misses:
    """The misses of one node's seats. `reaction` belongs into the watch."""

    def __init__(self, node: str, policy: Policy, reflex: Reflex) -> None:
        self._node = node
        self._policy = policy
        self._reflex = reflex
        self._by_seat: dict[str, dict[str, Miss]] = {}
        self._brought: dict[str, tuple[str, str]] = {}
        """By seat, the last offer that brought a pause, and which."""

    async def recall(self, database: Database) -> None:
        """What was missed before this bridge began, each seat's since it was last taken for away."""
        async with database.reading() as session:
            connection = await session.connection()
            parameters = {"node": self._node, "within_s": self._policy.within_s, "rona": RONA, "counted": list(COUNTED)}
            for row in (await connection.exec_driver_sql(MISSES, parameters)).all():
                self._by_seat.setdefault(row.seat, {})[row.id] = Miss(row.id, row.at, row.outcome)

    def ring_ended(self, change: Change, now: float) -> Iterable[Row]:
        """A ring ended, or it is known better how."""
        assert isinstance(change, RingEnded)
        offer = change.offer
        if offer.queue is None or offer.outcome is None or offer.ended_at is None:
            return ()
        misses = self._by_seat.setdefault(offer.seat, {})
        last, reason = self._brought.get(offer.seat, ("", ""))
        known = misses.pop(offer.id, None) is not None or last == offer.id
        miss = Miss(offer.id, offer.ended_at, offer.outcome)
        if offer.outcome not in COUNTED:
            return self._take_back(offer.seat, offer.id, reason, now) if last == offer.id else ()
        verdict = judge(miss, list(misses.values()), self._policy)
        if reason != RONA or last != offer.id:
            still = counting(list(misses.values()), miss.at, self._policy)
            self._by_seat[offer.seat] = {each.offer_id: each for each in (*still, miss)}
        if known or verdict.pause is None:
            return ()
        if verdict.pause == RONA:
            self._by_seat[offer.seat] = {}  # it counts anew when the seat is back
        self._brought[offer.seat] = (offer.id, verdict.pause)
        wish_id = str(uuid5(_MISSES, f"{self._node}\0{offer.id}"))
        return self._reflex(wish_id, "pause", offer.seat, verdict.pause, now)

    def _take_back(self, seat: str, offer_id: str, reason: str, now: float) -> Iterable[Row]:
        """It was no miss: the pause that it brought is over."""
        del self._brought[seat]
        return self._reflex(str(uuid5(_MISSES, f"{self._node}\0{offer_id}\0back")), "unpause", seat, reason, now)
