"""Watching: bytes in, floor and reflexes out. Never waits for anything, least of all for Postgres.

mirror.py hands over what the inbox held; traces.py hands over what a file held. The floor cannot tell which. Each
change is noted in `Pending` with the pop it made, and offered to the reactions: the after-call work reflex, the wishes
it may settle. A fault of our own in the floor is logged and counted, and the next snapshot heals what it left.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import get_args, get_type_hints

from crm.ledger.conversations import Conversation
from crm.ledger.postures import Sight
from crm.ledger.statement import Row

from .ami_version import why_too_old
from .batch import Pending, unreadable_block
from .blindness import Blindness
from .changes import (
    URGENT,
    Change,
    ConversationEnded,
    Corrected,
    SightChanged,
)
from .events import Event, UnknownName, Unreadable, read
from .floor import Floor
from .framing import Banner, Block, Torn
from .inbox import Connected, Heard, Lost, News
from .screen_pop import POPPING, Screens
from .strangers import Strangers

_LOG = logging.getLogger(__name__)

Reaction = Callable[[Change, float], Iterable[Row]]
"""What to do about a change at once; yields the rows this made dirty."""


def one_after_another(
    first: Mapping[type[Change], Reaction], then: Mapping[type[Change], Reaction]
) -> dict[type[Change], Reaction]:
    """Two that react to the same changes."""

    def both(one: Reaction, other: Reaction) -> Reaction:
        return lambda change, now: [*one(change, now), *other(change, now)]

    both_do = {kind: both(first[kind], then[kind]) for kind in first.keys() & then.keys()}
    return {**first, **then, **both_do}


def _row_fields(kind: type[Change]) -> tuple[str, ...]:
    """Which fields of a change hold rows, parents first: asked once a class, not once a change."""
    hints = get_type_hints(kind)
    kinds = ((name, get_args(hints[name]) or (hints[name],)) for name in kind.__struct_fields__)
    return tuple(
        name for name, types in kinds if any(isinstance(each, type) and issubclass(each, Row) for each in types)
    )


_ROWS_OF = {kind: _row_fields(kind) for kind in Change.__subclasses__()}
_URGENT = frozenset(URGENT)
_EARLY_AT_MOST = 5000
AHEAD_AT_MOST_S = 86_400.0
"""A time further ahead than any two clocks that were ever set: nonsense, or a clock that was not."""


def _stamp(block: Block, latest: float) -> float | None:
    event = read(block) if isinstance(block, bytes) else None
    at = event.at if isinstance(event, Event) else None
    return None if at is None or at > latest else at


class Watch:
    """One node's watch. `reactions` none: a recorded stream, to which nobody reacts.

    after_call_work: whether a reaction pauses the seats that queues are done with.
    latest: epoch seconds beyond which nothing recorded can have happened; live, the time of the read says.
    """

    def __init__(
        self,
        node: str,
        pending: Pending,
        *,
        reactions: dict[type[Change], Reaction] | None = None,
        after_call_work: bool = False,
        latest: float = math.inf,
    ) -> None:
        self.floor = Floor(node, after_call_work=after_call_work)
        self.screens = Screens()
        self.blindness = Blindness(node)
        self.pending = pending
        self.reactions = reactions or {}
        self.sight: Sight | None = None
        self.messages = 0
        self.unreadable = 0
        self.drift = 0
        self.faults = 0
        self.event = ("Sight", 0.0)
        """The kind of event whose changes are being noted, and its time."""
        self.strangers = Strangers()
        self._latest = latest
        self._ahead_told = False
        self._recorded = False
        self._clock = 0.0
        self._ticked = 0
        self._begun: Banner | None = None
        self._early: list[Block] = []

    def blind_since(self, at: float) -> None:
        """At the beginning: nobody has seen this node since `at`, when an earlier bridge ended."""
        self.blindness.why = "the bridge had ended"
        self._note(self.floor.sight_lost(at), at)
        if self.sight is not None:
            self.sight.heard_at = at

    def take(self, news: News) -> None:
        """Live: one piece of news from the inbox."""
        if type(news) is Heard:
            self._hear(news.blocks, news.at)
            return
        self.event = ("Sight", news.at)
        if type(news) is Connected:
            self.blindness.why = "Asterisk went down"
            self._note(self.floor.sight_found(news.at, news.version), news.at)
            self._journal(self._greet(news.version), news.at)
        elif type(news) is Lost:
            self.blindness.why = news.why
            self._note(self.floor.sight_lost(news.at), news.at)

    def tick(self, now: float) -> None:
        """Live: each second."""
        self.event = ("Time", now)
        self._note(self.floor.tick(now), now)

    def pause_refused(self, seat: str, now: float) -> None:
        """Live: the after-call work pause of a seat did not leave, or Asterisk refused it."""
        self._note(self.floor.pause_refused(seat, now), now)

    def take_recorded(self, blocks: list[Block]) -> None:
        """A recorded stream: Asterisk's own time stamps are the clock, whatever the chunking."""
        self._recorded = True
        if not self._clock:
            # Rows of a look at the beginning carry no time; the first event that does came right after them. They wait
            # for it, so that the reckoning is the same in any chunking.
            self._early += blocks
            stamps = (_stamp(block, self._latest) for block in blocks)
            self._clock = next((at for at in stamps if at is not None), 0.0)
            if not self._clock and len(self._early) < _EARLY_AT_MOST:
                return
            blocks, self._early = self._early, []
        self._hear(blocks, None)

    def end_recorded(self) -> None:
        """The recorded stream is over: nothing more is seen of this node."""
        self._hear(self._early, None)
        self._note(self.floor.sight_lost(self._clock), self._clock)

    def _hear(self, blocks: list[Block], at: float | None) -> None:
        journal: list[bytes] = []
        apply, note = self.floor.apply, self._note
        latest = self._latest if at is None else at + AHEAD_AT_MOST_S
        for block in blocks:
            if not isinstance(block, bytes):
                self._hear_other(block, at, journal)
                continue
            event = read(block)
            if event is None:
                continue
            if isinstance(event, Unreadable) or (event.at is not None and event.at > latest):
                if self._is_kept(event, at):
                    journal.append(unreadable_block(self._why(event, latest), block))
                continue
            journal.append(block)
            now = at if at is not None else self._recorded_now(event.at)
            try:
                changes = apply(event, now)
            except Exception:  # noqa: BLE001 - our bug must not stop the mirror
                self.faults += 1
                about = {"conversation": getattr(event, "linkedid", None)}
                _LOG.exception("the floor could not take %s", type(event).__name__, extra=about)
                continue
            if changes:
                self.event = (type(event).__name__, now if event.at is None else event.at)
                note(changes, now)
        self._journal(journal, self._clock if at is None else at)

    def _journal(self, blocks: list[bytes], at: float) -> None:
        if blocks:
            self.messages += len(blocks)
            self.pending.hear(blocks, at)

    def _hear_other(self, block: Torn | Banner, at: float | None, journal: list[bytes]) -> None:
        if isinstance(block, Banner):
            self._begun = block
            journal += self._greet(block.version)
        else:
            self._count_unreadable()
            journal.append(unreadable_block(block.reason, block.head))

    def _greet(self, version: str | None) -> list[bytes]:
        why = why_too_old(version)
        if why is None:
            return []
        self._count_unreadable()
        return [unreadable_block(why, f"Asterisk Call Manager/{version}".encode())]

    def _is_kept(self, event: Event | Unreadable, at: float | None) -> bool:
        """Count what nobody understands; whether the journal keeps it, too."""
        if isinstance(event, UnknownName) and not self.strangers.meet(event.name, self._clock if at is None else at):
            self.unreadable += 1
            return False
        self._count_unreadable()
        return True

    def _why(self, event: Event | Unreadable, latest: float) -> str:
        if isinstance(event, Unreadable):
            return event.why
        days = ((event.at or 0.0) - latest + AHEAD_AT_MOST_S) / 86_400
        why = f"{type(event).__name__} from the future: its time is {days:.1f} days ahead"
        if not self._ahead_told:
            self._ahead_told = True
            _LOG.warning("%s; such events are not believed: set the clocks of Asterisk and of this machine", why)
        return why

    def _count_unreadable(self) -> None:
        self.unreadable += 1
        self.pending.unreadable += 1

    def _recorded_now(self, event_at: float | None) -> float:
        if event_at is not None and event_at > self._clock:
            self._clock = event_at
        now = self._clock
        if self._begun is not None and now:
            begun, self._begun = self._begun, None
            if self.sight is not None:
                self._note(self.floor.sight_lost(now), now)
            self._note(self.floor.sight_found(now, begun.version), now)
        if int(now) > self._ticked:
            self._ticked = int(now)
            self._note(self.floor.tick(now), now)
        return now

    def _note(self, changes: Iterable[Change], now: float) -> None:
        pending, reactions = self.pending, self.reactions
        for change in changes:
            kind = type(change)
            for name in _ROWS_OF[kind]:
                row = getattr(change, name)
                if row is not None:
                    pending.touch(row)
            if kind in _URGENT:
                pending.urgent = True
            if kind in POPPING:
                pop = self.screens.pop_for(change, now)
                while pop is not None:  # with the conversation all its cards go
                    pending.touch(pop)
                    pop = self.screens.pop_for(change, now) if kind is ConversationEnded else None
            if kind in reactions:
                for row in reactions[kind](change, now):
                    pending.touch(row)
            if kind is Corrected:
                self.drift += 1
                pending.touch(self.blindness.corrected(change.what, now))  # type: ignore[attr-defined]
            elif kind is SightChanged:
                self._sight_changed(change.sight, now)  # type: ignore[attr-defined]
            elif kind is ConversationEnded:
                _log_end(change.conversation)  # type: ignore[attr-defined]

    def _sight_changed(self, sight: Sight, now: float) -> None:
        """The end of a recording is no window: nobody was to look longer."""
        self.sight = sight
        window = None if self._recorded else self.blindness.sight_changed(sight, now)
        if window is not None:
            self.pending.touch(window)


def _log_end(row: Conversation) -> None:
    """One line a call; another one where its ending reads otherwise a moment later."""
    if _LOG.isEnabledFor(logging.INFO):
        lasted_s = round((row.ended_at or row.started_at) - row.started_at, 1)
        told = {"direction": row.direction, "outcome": row.outcome, "ended_by": row.ended_by, "lasted_s": lasted_s}
        _LOG.info("conversation ended", extra={"conversation": row.linkedid, **told})
