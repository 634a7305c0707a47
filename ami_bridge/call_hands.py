"""Wishes about a call on their way to Asterisk: what the seat has in its hands at that moment, then one action after
another. How they are settled is the outbox's affair; what they mean stands in call_wishes.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from crm.ledger.requests import Wish

from .call_wishes import asked, consult_forgotten
from .floor.hands import Hands
from .sending import Headers, NotConnected, Unsendable

KEY_GAP_S = 0.15
"""Between two keys: far ends hear two, and Asterisk does what else we ask."""


class CallHands:
    """`hands_of`: what a seat has in its hands of a conversation; `post`: one action; `send`: the one by which the wish
    is settled, or why not; `refuse`: the wish cannot be, in a sentence."""

    def __init__(
        self,
        hands_of: Callable[[str, str | None], Hands | None],
        post: Callable[[Headers], Any],
        send: Callable[[Wish, Headers, Hands | None], str | None],
        refuse: Callable[[Wish, str], None],
    ) -> None:
        self._hands_of, self._post, self._send, self._refuse = hands_of, post, send, refuse
        self._under_way: set[asyncio.Task[None]] = set()

    def carry_out(self, wish: Wish) -> None:
        """Returns at once; keys go on being typed."""
        hands = self._hands_of(wish.seat, wish.conversation_id)
        actions = asked(wish, hands)
        if isinstance(actions, str):
            self._refuse(wish, actions)
            return
        task = asyncio.ensure_future(self._one_after_another(wish, actions, hands))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def settled(self, wish: Wish, hands: Hands | None) -> None:
        """Nothing more comes of this wish. hands: None for what an earlier bridge sent."""
        hands = hands or self._hands_of(wish.seat, wish.conversation_id)
        if wish.kind == "consult" and hands is not None:
            with contextlib.suppress(NotConnected, Unsendable):
                self._post(consult_forgotten(hands))

    async def _one_after_another(self, wish: Wish, actions: list[Headers], hands: Hands | None) -> None:
        *first, last = actions
        for action in first:
            try:
                self._post(action)
            except (NotConnected, Unsendable) as unsent:
                self._refuse(wish, str(unsent))
                return
            await asyncio.sleep(KEY_GAP_S)
        if (why := self._send(wish, last, hands)) is not None:
            self._refuse(wish, why)
