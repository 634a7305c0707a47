"""A seat dials out: kept free first, then its phone rings, then the number. At most once.

The deed has asked for the pause RESERVED before this wish; it is sent when Asterisk has confirmed that no queue rings
the seat, and when no ring was quicker. What was sent and not answered expires and is never sent again. A reservation
that led to no call is taken back. Called by outbox.py alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from uuid import UUID, uuid5

from crm.ledger.requests import Wish
from crm.ledger.statement import Row
from crm.rules.pause_steps import RESERVED, Standing
from crm.rules.wish_time import RING_S

from .call_wishes import TO
from .changes import Originated
from .sending import Headers

_RELEASES = UUID("5b0a9d1e-8d55-5a53-8f3c-2f3a4f7f0c1d")
_WHY = {3: "your phone rang and was not answered", 5: "your phone is busy"}


class Dialling:
    """`why_not_free`, `standing_of`: the floor's words about a seat; `send`: the action of a wish, or why not;
    `refuse`: closes a wish; `at_once`: the outbox's own pause and unpause; `note`: writes a row."""

    def __init__(
        self,
        why_not_free: Callable[[str], str | None],
        standing_of: Callable[[str], Standing],
        send: Callable[[Wish, Headers], str | None],
        refuse: Callable[[Wish, str], None],
        at_once: Callable[[str, str, str, str, float], Iterable[Row]],
        note: Callable[[Row], None],
    ) -> None:
        self._why_not_free, self._standing_of = why_not_free, standing_of
        self._send, self._refuse, self._at_once, self._note = send, refuse, at_once, note
        self._waiting: dict[str, tuple[Wish, float]] = {}

    def carry_out(self, wish: Wish, patience_s: float) -> None:
        """Now, or as soon as the seat is kept free."""
        if wish.seat in self._waiting:
            self._refuse(wish, "another number is about to be dialled")
            return
        self._waiting[wish.seat] = (wish, time.monotonic() + patience_s)
        self.look(wish.seat)

    def look(self, seat: str) -> None:
        """Something about this seat is known: a wish that waits for it may leave."""
        if seat not in self._waiting:
            return
        wish, _ = self._waiting[seat]
        why = self._why_not_free(seat)
        if why is None and not self._standing_of(seat).paused and wish.reason == RESERVED:
            return
        del self._waiting[seat]
        if why is None:
            why = self._send(wish, _headers(wish))
        if why is not None:
            self._refuse(wish, why)
            self.release(seat, wish.id, time.time())

    def answered(self, change: Originated) -> str | None:
        """Why the phone that was to dial did not; None when it did."""
        return None if change.success else _WHY.get(change.reason, "your phone did not take the call")

    def expire(self) -> None:
        """Each second: seats that could not be kept free in time."""
        late = [wish for wish, until in self._waiting.values() if until < time.monotonic()]
        for wish in late:
            del self._waiting[wish.seat]
            self._refuse(wish, "your phone could not be kept free for dialling")
            self.release(wish.seat, wish.id, time.time())

    def release(self, seat: str, about: str, now: float) -> None:
        """Nothing is dialled (any more): whoever was kept free for it is ready again."""
        if seat in self._waiting or self._why_not_free(seat) not in (None, "your phone is away"):
            return
        for row in self._at_once(str(uuid5(_RELEASES, about)), "unpause", seat, RESERVED, now):
            self._note(row)


def _headers(wish: Wish) -> Headers:
    """ChannelId: while the call lives, a second one of the same wish is refused by Asterisk itself."""
    number = (wish.target or "").removeprefix("out")
    return {
        "Action": "Originate",
        "ActionID": wish.id,
        "Channel": wish.seat,
        "Context": TO,
        "Exten": wish.target or "",
        "Priority": "1",
        "CallerID": number,
        "Timeout": str(round(RING_S * 1000)),
        "Async": "true",
        "ChannelId": wish.id,
    }
