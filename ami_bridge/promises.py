"""Promised callbacks: placed in their queues by Asterisk's own channels, settled by what was seen of each try.

Once a second, and at a hint: what is due is claimed (the row of each try is committed) and then sent, with the row's id
as ChannelId; what has ended is settled; what nobody sees is looked for. An Originate is never sent again: a try of
which Asterisk knows no channel, neither now nor in its CEL, never left; one that it knew is settled by its end. A place
whose try is settled already (cancelled, or the customer rang in) is hung up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from crm import callback_tries
from crm.cancelling import cancelled
from crm.database import CrmUnavailable, Database, FenceLost
from crm.deeds import place_callbacks
from crm.deeds.place_callbacks import Place
from crm.hints import WISHES
from crm.ledger.statement import Row
from crm.settings import Settings
from crm.tables.callbacks import CallbackAttempt

from .backfill.filling import Files
from .callback_originates import KNOWN_QUEUE, originate
from .cel_of_a_try import what_cel_tells
from .changes import CallerJoinedQueue, CallerLeftQueue, Change, PlaceChanged, PostureChanged
from .customer_first import CustomerFirst
from .floor import Floor, sight
from .kept_seats import KeptSeats
from .lease import Lease
from .listener import Listener
from .promised_callers import PromisedCallers
from .sending import AnswerLost, Headers, NotConnected, Unsendable, read_answer

_LOG = logging.getLogger(__name__)
POLL_S = 1.0
SILENT_S = 2.0
"""So long after the sending, or after the connection came back, a try that left has a channel."""
BATCH_S = 0.15
"""Time for the batch in which a fact rides."""
PATIENCE_S = 5.0
WRITTEN_WITHIN_S = 60.0
"""The end of a try that was seen is in its row by then, or something is wrong with that row."""
JUST_NOW_S = 30.0
"""A try of which no file tells, and that began so lately, cannot have been a talk."""


class Promises:
    """The promises of one node. `reactions` belong into the watch; `run` is a task."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        lease: Lease,
        actor: Listener,
        floor: Floor,
        seats: KeptSeats,
        *,
        find_files: Callable[[], Awaitable[Files]],
        say: Callable[[str], None],
    ) -> None:
        self.placed = 0
        self.settled = 0
        self._database = database
        self._settings = settings
        self._lease = lease
        self._actor = actor
        self._floor = floor
        self._seats = seats
        self._first = CustomerFirst(database, settings, lease, actor, floor, seats, say=say)
        self._find_files = find_files
        self._say = say
        self._woken = asyncio.Event()
        self._callers = PromisedCallers(database, settings, lease.node, floor, self._woken.set)
        seats.woken = self._woken.set
        self._refused: dict[UUID, tuple[str, str]] = {}
        self._sent_at: dict[UUID, float] = {}
        self._ended: dict[UUID, float] = {}
        self._let_go: dict[str, float] = {}
        self._connected_at: float | None = None
        self._said: str | None = None

    @property
    def reactions(self) -> dict[type[Change], Callable[[Change, float], Iterable[Row]]]:
        """What the watch tells us at once."""
        return {
            PlaceChanged: self._changed,
            CallerJoinedQueue: self._callers.joined,
            CallerLeftQueue: self._callers.left,
            PostureChanged: self._seats.posture_changed,
        }

    async def run(self) -> None:
        """Place and settle until cancelled."""
        listening = asyncio.ensure_future(self._listen())
        try:
            while True:
                self._woken.clear()
                await self._once()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._woken.wait()
                    await asyncio.sleep(BATCH_S)
        finally:
            await cancelled(listening)

    def _changed(self, change: Change, now: float) -> Iterable[Row]:
        assert isinstance(change, PlaceChanged)
        if change.place.ended_at is not None:
            self._ended[UUID(change.place.id)] = time.monotonic()
        if change.place.ended_at is not None or change.place.dialled_at is not None:
            self._woken.set()  # to settle, or because a place is free again
        return self._seats.place_changed(change, now)

    async def _listen(self) -> None:
        async with self._database.listening(WISHES) as hints:
            async for node in hints:
                if node is None or node == self._lease.node:
                    self._woken.set()

    async def _once(self) -> None:
        try:
            now = time.monotonic()
            if not self._actor.connected:
                self._connected_at = None
            elif self._connected_at is None:
                self._connected_at = now
            await self._callers.look()
            left = await self._settle()
            if self._connected_at is not None:
                await self._take_out()
                await self._place()
                for place in await self._first.look(left, self._callers.waiting()):
                    self._send(place)
            self._said = None
        except CrmUnavailable:
            return  # the writer says it
        except SQLAlchemyError as refused:
            sentence = f"Postgres refuses the callbacks ({refused.args[0]}): they wait"
            if sentence != self._said:
                self._said = sentence
                self._say(sentence)
        except FenceLost:
            raise
        except Exception:  # noqa: BLE001 - a fault about one callback must not end the mirror
            _LOG.exception("callbacks were not looked after this time")

    # ---- placing

    async def _place(self) -> None:
        while self._actor.connected and sight.is_live(self._floor.facts):  # else nobody knows who waits
            async with self._database.transaction() as session:
                node, fence = self._lease.node, self._lease.fence
                on_line = self._callers.waiting()
                places = await place_callbacks.claim(session, self._settings, node, fence, on_line=on_line)
            for place in places:
                self._send(place)
            if not places:
                return

    def _send(self, place: Place) -> None:
        """The row stands; from here on this try is sent at most once, and never by anybody else."""
        attempt = UUID(place.attempt_id)
        self._sent_at[attempt] = time.monotonic()
        if not KNOWN_QUEUE.fullmatch(place.queue):
            self._verdict(attempt, "refused_by_asterisk", f"the dialplan knows no queue of the name {place.queue!r}")
            return
        if place.seat and (why := self._first.why_not(place)) is not None:
            self._verdict(attempt, "never_left", why)
            return
        try:
            answer = self._actor.post(originate(place))
        except (NotConnected, Unsendable) as unsent:
            self._verdict(attempt, "never_left", str(unsent))
            return
        self.placed += 1
        answer.add_done_callback(lambda done: self._answered(attempt, done))

    def _answered(self, attempt: UUID, answer: asyncio.Future[object]) -> None:
        """Only a refusal settles: what comes of it the channel says."""
        if answer.cancelled() or isinstance(answer.exception(), AnswerLost):
            return
        said = read_answer(answer.result())
        if not said.ok:
            self._verdict(attempt, "refused_by_asterisk", f"Asterisk refused it: {said.message}")

    def _verdict(self, attempt: UUID, outcome: str, why: str) -> None:
        self._refused[attempt] = (outcome, why)
        self._woken.set()

    # ---- settling

    async def _settle(self) -> list[CallbackAttempt]:
        """What has ended moves its promise on; the tries that go on."""
        async with self._database.reading() as session:
            open_ones = await callback_tries.unsettled(session, self._lease.node)
        self._forget({attempt.id for attempt in open_ones})
        left = []
        for attempt in open_ones:
            outcome: str | None = None
            why: str | None = None
            if attempt.ended_at is None:
                found = await self._unseen_end(attempt)
                if found is None:
                    left.append(attempt)
                    continue
                outcome, why = found
            async with self._database.transaction() as session:
                if await place_callbacks.settle(session, attempt.id, outcome, why=why) is not None:
                    self.settled += 1
            self._refused.pop(attempt.id, None)
        return left

    async def _unseen_end(self, attempt: CallbackAttempt) -> tuple[str, str] | None:
        """How a try ended whose end nobody told; None while it lives, or while it is not known."""
        if attempt.id in self._refused:
            return self._refused[attempt.id]
        place = self._floor.facts.places.get(str(attempt.id))
        if place is not None and place.id in self._floor.facts.channels:
            return None
        if time.monotonic() - self._ended.get(attempt.id, -WRITTEN_WITHIN_S) < WRITTEN_WITHIN_S:
            return None  # its end was seen, and is being written: that says more than files do
        since = max(self._sent_at.setdefault(attempt.id, time.monotonic()), self._connected_at or float("inf"))
        if time.monotonic() - since < SILENT_S or await self._lives(attempt.id):
            return None
        return await self._by_files(attempt)

    async def _lives(self, attempt: UUID) -> bool:
        """Whether Asterisk has a channel of this Uniqueid now; also when it does not answer: then nothing is known."""
        asked: Headers = {"Action": "Getvar", "Channel": str(attempt), "Variable": "UNIQUEID"}
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = read_answer(await self._actor.post(asked))
        except (NotConnected, AnswerLost, TimeoutError):
            return True
        return said.ok or "no such channel" not in said.message.lower()

    async def _by_files(self, attempt: CallbackAttempt) -> tuple[str, str]:
        """Asterisk has no channel of it. Without its CEL nobody knows what an unwatched place did."""
        cel = (await self._find_files()).cel
        told = None
        try:
            if cel is not None:
                told = await asyncio.to_thread(what_cel_tells, cel, str(attempt.id))
        except OSError as unread:  # not there, or closed to us
            _LOG.warning("%s cannot be read (%s): what a try to call back came to is not known", cel, unread.strerror)
            cel = None
        if told is not None:
            return told
        just_now = datetime.now(UTC) - attempt.claimed_at < timedelta(seconds=JUST_NOW_S)
        if attempt.seen_at is None and (cel is not None or just_now):
            return "never_left", "Asterisk knows no channel of it, neither now nor in its files"
        return "lost_sight", "how it ended nobody saw: look into the call before ringing again"

    def _forget(self, open_ones: set[UUID]) -> None:
        for known in (self._sent_at, self._refused, self._ended):
            for attempt in known.keys() - open_ones:
                del known[attempt]

    # ---- taking out

    async def _take_out(self) -> None:
        """Hang up the places whose try is over by somebody's word, unless the customer's phone rings already."""
        facts, now = self._floor.facts, time.monotonic()
        standing = {
            place.id: channel.name
            for place in facts.places.values()
            if (channel := facts.channels.get(place.id)) is not None and place.dialled_at is None
        }
        if not standing:
            self._let_go.clear()
            return
        async with self._database.reading() as session:
            over = await callback_tries.not_open(session, [UUID(each) for each in standing])
        for attempt in map(str, over):
            if now - self._let_go.get(attempt, -PATIENCE_S) < PATIENCE_S:
                continue
            self._let_go[attempt] = now
            try:
                self._actor.post({"Action": "Hangup", "Channel": standing[attempt], "Cause": "16"})
            except (NotConnected, Unsendable):
                return
