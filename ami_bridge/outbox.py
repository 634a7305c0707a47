"""Wishes: claimed from Postgres, sent to Asterisk at most once, settled by Asterisk's own word.

A claim is committed (`sent`) before a byte leaves; after a crash between the two the wish expires, it is never sent
blindly again. The watch offers what it sees to `settle`, Asterisk's refusals come with the answer, silence expires.
Settlements are rows of the mirror's batches, so they are written in order with what was seen. The after-call work
reflex leaves straight from the watch, with Postgres away too; its row rides in the same batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Set
from typing import Any

from msgspec import Struct

from crm.cancelling import cancelled
from crm.database import Database
from crm.ledger.requests import OwnWish, Settlement, Wish
from crm.ledger.statement import Row
from crm.rules.pause_steps import ACW, PAUSING, RESERVED, Standing, Step, after_call_work, step_of
from crm.rules.wish_time import RING_S, longer_s

from .actions import (
    ABOUT_CALLERS,
    ANSWER_SETTLES,
    adding,
    already_so,
    begin_after_call_work,
    headers_of,
    pause_headers,
    settles,
)
from .call_hands import CallHands
from .call_wishes import ABOUT_CALLS, ANSWERED, SETTLING, refused, settled
from .changes import CallHandled, Change, LegGone, MemberSeen, MembershipChanged, Originated, PauseSeen
from .claims import POLL_S, Claims
from .dialling import Dialling
from .floor.hands import Hands
from .lease import Lease
from .listener import Listener
from .sending import AnswerLost, Headers, NotConnected, Unsendable, read_answer
from .watch import Reaction

Noted = Callable[[Row], None]
"""Hands a settlement to the mirror's next batch."""


class _Open(Struct):
    wish: Wish
    until: float
    """Monotonic seconds."""
    step: Step | None = None
    """As what a wish about a pause was sent."""
    hands: Hands | None = None
    """What the seat had in its hands, for a wish about a call."""
    cut_off: bool = False
    """The line was cut before Asterisk answered: what became of it the next look says."""


class Outbox:
    """The wishes of one node. `reactions` belong into the watch; `run` is a task. refused: is told the seat and when,
    as soon as an after-call work pause cannot be; channel_of: the name of a caller's channel, by its Uniqueid;
    standing_of, queues_of: how a seat stands on the floor, and where."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        actor: Listener,
        noted: Noted,
        *,
        expiry_s: float,
        after_call_work: bool,
        refused: Callable[[str, float], None] = lambda seat, now: None,
        channel_of: Callable[[str], str | None] = lambda uniqueid: None,
        hands_of: Callable[[str, str | None], Hands | None] = lambda seat, conversation_id: None,
        standing_of: Callable[[str], Standing] = lambda seat: Standing(),
        queues_of: Callable[[str], Set[str]] = lambda seat: frozenset(),
        why_not_free: Callable[[str], str | None] = lambda seat: None,
        say: Callable[[str], None],
    ) -> None:
        self.settled = 0
        self.keep_free: Callable[[str], bool] = lambda seat: False
        """Whether a seat is to be reserved where it was about to become ready: for a customer who is dialled."""
        self._claims = Claims(database, lease, expiry_s, say)
        self._lease = lease
        self._actor = actor
        self._noted = noted
        self._expiry_s = expiry_s
        self._after_call_work = after_call_work
        self._refused = refused
        self._channel_of = channel_of
        self._calls = CallHands(hands_of, actor.post, self._send_about_call, self._refuse)
        self._standing_of = standing_of
        self._queues_of = queues_of
        self._dialling = Dialling(why_not_free, standing_of, self._dial, self._refuse, self.at_once, noted)
        self._open: dict[str, _Open] = {}
        self._actors: dict[str, tuple[str, float]] = {}

    @property
    def reactions(self) -> dict[type[Change], Reaction]:
        """What the watch asks us at once: a call is done, a pause or a membership was seen."""
        seen = (PauseSeen, MemberSeen, MembershipChanged)
        settling: dict[type[Change], Reaction] = dict.fromkeys(seen, self.settle)
        settling |= dict.fromkeys(SETTLING, self.settle_call) | {Originated: self.dialled}
        return settling | {CallHandled: self.begin_after_call_work} if self._after_call_work else settling

    def begin_after_call_work(self, change: Change, now: float) -> Iterable[Row]:
        """The pause leaves before anything is awaited: 20 ms later some agents are already rung again."""
        assert isinstance(change, CallHandled)
        step = after_call_work(self._standing(change.seat))
        row, headers = begin_after_call_work(change, self._lease.node, now, self._expiry_s, step)
        wish = Wish(row.id, row.kind, row.seat, None, row.reason, None, row.conversation_id, now, asked_by="bridge")
        why = self._send(wish, headers, step)
        if why is not None:
            row.state, row.settled_at, row.why = "refused", now, why
            self._refused(wish.seat, now)
        return (row,)

    def at_once(self, wish_id: str, kind: str, seat: str, reason: str, now: float) -> Iterable[Row]:
        """A pause, or the end of one, that the bridge itself brings about; nothing where the seat stands otherwise."""
        step = step_of(kind, reason, self._standing(seat))
        if step is None:
            return ()
        times = (now, now, now + self._expiry_s)
        row = OwnWish(wish_id, self._lease.node, kind, seat, reason, "bridge", None, "sent", *times)
        wish = Wish(wish_id, kind, seat, None, reason, None, None, now, asked_by="bridge")
        why = self._send(wish, pause_headers(wish, step), step)
        if why is not None:
            row.state, row.settled_at, row.why = "refused", now, why
        return (row,)

    def actor_of(self, seat: str, now: float) -> str | None:
        """Who wished what has come true at this seat in this very moment."""
        actor, at = self._actors.get(seat, ("", 0.0))
        return actor if at == now else None

    def settle(self, change: Change, now: float) -> Iterable[Row]:
        """Asterisk's word about a seat: wishes that it fulfils are confirmed."""
        done = [each.wish for each in self._open.values() if settles(each.wish, change, each.step)]
        for wish in done:
            self._actors[wish.seat] = (wish.asked_by, now)
        if isinstance(change, PauseSeen):
            self._dialling.look(change.seat)
        return [self._close(wish, "confirmed", now, None) for wish in done]

    def dialled(self, change: Change, now: float) -> Iterable[Row]:
        """The phone that was to dial has answered, or has not."""
        assert isinstance(change, Originated)
        known = self._open.get(change.asked)
        if known is None:
            return ()
        why = self._dialling.answered(change)
        if why is not None:
            self._dialling.release(known.wish.seat, known.wish.id, now)
        return (self._close(known.wish, "confirmed" if why is None else "refused", now, why),)

    def settle_call(self, change: Change, now: float) -> Iterable[Row]:
        """Asterisk's word about a call: wishes about it that it fulfils are confirmed, with what it gave."""
        if isinstance(change, LegGone) and self._standing_of(change.seat).reason == RESERVED:
            self._dialling.release(change.seat, change.uniqueid, now)
        about = [each for each in self._open.values() if each.wish.kind in ABOUT_CALLS]
        said = [(each.wish, settled(each.wish, each.hands, change)) for each in about]
        in_vain = [(each.wish, refused(each.wish, change)) for each in about]
        return [
            *(self._close(wish, "confirmed", now, more or None) for wish, more in said if more is not None),
            *(self._close(wish, "refused", now, why) for wish, why in in_vain if why is not None),
        ]

    def expire(self, now: float) -> Iterable[Row]:
        """Each second: sent wishes of which Asterisk said nothing in time."""
        self._dialling.expire()
        late = [each.wish for each in self._open.values() if each.until < time.monotonic()]
        return [self._close(wish, "expired", now, "Asterisk did not confirm it in time") for wish in late]

    async def run(self) -> None:
        """Claim and send until cancelled; a hint wakes at once, a slow poll is the net."""
        claims = self._claims
        listening = asyncio.ensure_future(claims.listen())
        try:
            await claims.until_well(self._recall)
            while True:
                claims.woken.clear()  # before: a hint that comes while nothing is found is about the next
                await claims.until_well(self._claim_and_send)
                try:
                    async with asyncio.timeout(POLL_S):
                        await claims.woken.wait()
                except TimeoutError:
                    await claims.until_well(claims.give_up)
        finally:
            await cancelled(listening)

    async def _recall(self) -> None:
        for wish in await self._claims.still_sent():
            until = time.monotonic() + self._expiry_s + longer_s(wish.kind)
            self._open.setdefault(wish.id, _Open(wish, until))

    async def _claim_and_send(self) -> None:
        while self._actor.connected:
            claimed = await self._claims.take()
            if not claimed:
                return
            for wish in claimed:
                self._carry_out(wish)

    # ---- Asterisk

    def _carry_out(self, wish: Wish) -> None:
        if wish.kind == "dial":
            self._dialling.carry_out(wish, self._expiry_s)
        elif wish.kind in ABOUT_CALLS:
            self._calls.carry_out(wish)
        elif wish.kind in PAUSING and wish.queue is None:
            self._step(wish)
        elif wish.kind == "add_member":
            self._add(wish)
        else:
            channel = self._channel_of(wish.seat) if wish.kind in ABOUT_CALLERS else ""
            if channel is None:
                self._refuse(wish, "the caller is no longer on the line")
            elif (why := self._send(wish, headers_of(wish, channel))) is not None:
                self._refuse(wish, why)

    def _send_about_call(self, wish: Wish, headers: Headers, hands: Hands | None) -> str | None:
        return self._send(wish, headers, hands=hands)

    def _dial(self, wish: Wish, headers: Headers) -> str | None:
        why = self._send(wish, headers)
        if why is None:
            self._open[wish.id].until += RING_S
        return why

    def _refuse(self, wish: Wish, why: str) -> None:
        self._noted(Settlement(wish.id, wish.seat, "refused", time.time(), why))

    def _step(self, wish: Wish) -> None:
        """A wish about a pause becomes what it means at this moment."""
        step = step_of(wish.kind, wish.reason, self._standing(wish.seat))
        if step is None:
            self._noted(Settlement(wish.id, wish.seat, "confirmed", time.time(), "it was so already"))
            return
        if step == Step(False) and self.keep_free(wish.seat):
            step = Step(True, RESERVED)
        why = self._send(wish, pause_headers(wish, step), step)
        if why is not None:
            self._refuse(wish, why)

    def _add(self, wish: Wish) -> None:
        """A seat joins a queue as it stands in the others that it stays in: whoever is at lunch is not rung by it."""
        now = self._standing(wish.seat)
        leaves = {
            each.wish.queue
            for each in self._open.values()
            if each.wish.kind == "remove_member" and each.wish.seat == wish.seat
        }
        if not now.paused or not self._queues_of(wish.seat) - leaves:
            now = Standing()
        add, *reason = adding(wish, now)
        if (why := self._send(wish, add)) is not None:
            self._refuse(wish, why)
            return
        for headers in reason:
            with contextlib.suppress(NotConnected, Unsendable):
                self._actor.post(headers).add_done_callback(_heard)

    def _standing(self, seat: str) -> Standing:
        """How the seat will stand when all that was sent has come true."""
        under_way = [each for each in self._open.values() if each.wish.seat == seat and not each.cut_off]
        steps = [each.step for each in under_way if each.step is not None]
        return steps[-1].leads_to if steps else self._standing_of(seat)

    def _send(self, wish: Wish, headers: Headers, step: Step | None = None, hands: Hands | None = None) -> str | None:
        """Write the action; why not, in a sentence, when nothing was written."""
        try:
            answer = self._actor.post(headers)
        except (NotConnected, Unsendable) as unsent:
            return str(unsent)
        self._open[wish.id] = _Open(wish, time.monotonic() + self._expiry_s, step, hands)
        answer.add_done_callback(lambda done: self._answered(wish, done))
        return None

    def _answered(self, wish: Wish, answer: asyncio.Future[Any]) -> None:
        """A refusal settles; a success does not: the event will say so."""
        if answer.cancelled() or isinstance(answer.exception(), AnswerLost):
            if wish.id in self._open:
                self._open[wish.id].cut_off = True
            return
        said = read_answer(answer.result())
        if wish.id not in self._open or (said.ok and wish.kind not in ANSWER_SETTLES | ANSWERED):
            return
        if said.ok:
            self._noted(self._close(wish, "confirmed", time.time(), None))
            return
        if already_so(wish, said.message):
            self._noted(self._close(wish, "confirmed", time.time(), said.message))
        else:
            if wish.kind == "pause" and wish.reason == ACW:
                self._refused(wish.seat, time.time())
            self._noted(self._close(wish, "refused", time.time(), f"Asterisk refused it: {said.message}"))

    def _close(self, wish: Wish, state: str, now: float, why: str | None) -> Settlement:
        known = self._open.pop(wish.id)
        self._calls.settled(wish, known.hands)
        self.settled += 1
        return Settlement(wish.id, wish.seat, state, now, why)


def _heard(answer: asyncio.Future[Any]) -> None:
    """An answer on which nothing depends."""
    if not answer.cancelled():
        answer.exception()


__all__ = ["Outbox", "OwnWish"]
