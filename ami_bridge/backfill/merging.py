"""What the files tell against what the ledger holds: rows to add, rows to complete.

Live sight goes before: a row is completed only where the ledger says that it lost sight, where it was a guess made on
finding sight again, or where it ended so near to a window's edge that the last word about it may have been missed; a
row is added only when it began inside a window. All of it is marked as reconstructed. Done twice, the second time finds
nothing to do. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from crm.ledger import ids
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.sight import BlindWindow
from crm.ledger.statement import Row
from crm.ledger.voicemails import Voicemail

from .retelling import Story
from .windows import at_edge, inside

SAME_S = 2.0
SAME_END_S = 0.25

_WAIT_ENDS = {"full": "join_empty"}
_RING_ENDS = {"busy": "no_answer", "rejected": "no_answer", "device_gone": "no_answer", "taken_elsewhere": "no_answer"}
"""Endings that the files do not tell apart."""
_SAID_BY_PYTHON = ("callback_booked", "voicemail", "self_served")

_Row = TypeVar("_Row", bound=Row)
_Live = TypeVar("_Live", Wait, Offer, Segment)


class Found(Struct):
    """Ledger rows of some conversations."""

    calls: dict[str, Conversation] = field(default_factory=dict)
    waits: dict[str, list[Wait]] = field(default_factory=dict)
    offers: dict[str, list[Offer]] = field(default_factory=dict)
    segments: dict[str, list[Segment]] = field(default_factory=dict)
    transfers: dict[str, list[Transfer]] = field(default_factory=dict)
    voicemails: dict[str, list[Voicemail]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Mapping[type[Row], Sequence[Any]]) -> Found:
        """By conversation."""
        found = cls({row.id: row for row in rows[Conversation]})
        kept: list[tuple[type[Row], dict[str, list[Any]]]] = [
            (Wait, found.waits),
            (Offer, found.offers),
            (Segment, found.segments),
            (Transfer, found.transfers),
            (Voicemail, found.voicemails),
        ]
        for kind, of_calls in kept:
            for row in rows.get(kind, ()):
                of_calls.setdefault(row.conversation_id, []).append(row)
        return found


class Work(Struct):
    """What is to be written for one conversation. `pending`: it goes on, so nothing is written of it yet."""

    add: list[Row] = field(default_factory=list)
    change: list[Row] = field(default_factory=list)
    pending: bool = False

    def __len__(self) -> int:
        return len(self.add) + len(self.change)


def merge(story: Story, found: Found, windows: Sequence[BlindWindow]) -> Work:
    """What of this story the ledger lacks."""
    known = found.calls.get(story.call.id)
    if known is None:
        return _unseen(story, windows)
    if known.ended_at is None:
        return Work(pending=True)
    if not story.whole and known.outcome != "lost_sight":
        return Work()  # half a story tells less than the ledger knows
    work = Work()
    children = _Children(story, found, windows, work)
    children.waits()
    children.offers()
    children.segments()
    children.transfers()
    children.voicemails()
    _complete_call(known, story, work, windows)
    return work


def _unseen(story: Story, windows: Sequence[BlindWindow]) -> Work:
    if story.call.ended_at is None or not inside(story.call.started_at, windows):
        return Work()
    return Work(add=[_marked(row) for row in story.rows])


def _complete_call(known: Conversation, story: Story, work: Work, windows: Sequence[BlindWindow]) -> None:
    """The true ending where sight of it was lost, and what its beginning tells."""
    told, row = story.call, replace(known)
    if told.ended_at is not None and told.outcome != "lost_sight" and _ended_near(row, story, windows):
        row.ended_at, row.ended_by, row.hangup_cause = told.ended_at, told.ended_by, told.hangup_cause
        row.outcome = row.outcome if row.outcome in _SAID_BY_PYTHON else told.outcome
    elif any(type(added) is Segment for added in work.add):
        row.outcome = "answered"  # a talk makes it so
    guessed = row.reconstructed and told.started_at < row.started_at - SAME_END_S
    if guessed and inside(told.started_at, windows):
        row.started_at = told.started_at
    row.caller, row.caller_name = row.caller or told.caller, row.caller_name or told.caller_name
    row.dialled = row.dialled or told.dialled
    if _differs(row, known) or len(work):
        row.reconstructed = True
        if _differs(row, known):
            work.change.append(row)


def _ended_near(known: Conversation, story: Story, windows: Sequence[BlindWindow]) -> bool:
    """Whether the last words about the conversation may have been missed: it ended at a window's edge, or in sight when
    its last talk had ended in the blind."""
    if known.outcome == "lost_sight" or known.ended_at is None:
        return True
    last = [talk.ended_at for talk in story.segments[-1:] if talk.ended_at is not None]
    unseen = not inside(known.ended_at, windows) and any(inside(at, windows) for at in last)
    return unseen or at_edge(known.ended_at, windows)


class _Children:
    """The rows of one conversation that the ledger knows: each told one is matched with the one it is, if any."""

    def __init__(self, story: Story, found: Found, windows: Sequence[BlindWindow], work: Work) -> None:
        key = story.call.id
        self._story = story
        self._windows = windows
        self._work = work
        self._waits = list(found.waits.get(key, ()))
        self._offers = list(found.offers.get(key, ()))
        self._segments = list(found.segments.get(key, ()))
        self._transfers = list(found.transfers.get(key, ()))
        self._voicemail_ids = {row.id for row in found.voicemails.get(key, ())}
        self._segment_ids = {row.id for row in self._segments}
        self._wait_ids: dict[str, str] = {}

    def waits(self) -> None:
        for told in self._story.waits:
            alike = [w for w in self._waits if (w.caller_uniqueid, w.queue) == (told.caller_uniqueid, told.queue)]
            known = _nearest(alike, told.entered_at, lambda wait: wait.entered_at)
            if known is None:
                self._add(told, told.entered_at)
                continue
            self._waits.remove(known)
            self._wait_ids[told.id] = known.id
            row = replace(known)
            if self._better(known.outcome, known.left_at, told.outcome, told.left_at, _WAIT_ENDS):
                row.left_at, row.outcome = told.left_at, told.outcome
            self._change(row, known)

    def offers(self) -> None:
        for told in self._story.offers:
            wait_id = self._wait_ids.get(told.wait_id or "", told.wait_id)
            alike = [offer for offer in self._offers if offer.seat == told.seat]
            known = _nearest(alike, told.started_at, lambda offer: offer.started_at) or _guessed(alike, told)
            if known is None:
                self._add(replace(told, wait_id=wait_id), told.started_at)
                continue
            self._offers.remove(known)
            row = replace(known)
            if known.reconstructed and told.started_at < known.started_at - SAME_END_S:
                row.started_at, row.wait_id, row.queue = told.started_at, wait_id, told.queue
            if self._better(known.outcome, known.ended_at, told.outcome, told.ended_at, _RING_ENDS):
                row.ended_at, row.outcome = told.ended_at, told.outcome
            self._change(row, known)

    def segments(self) -> None:
        for told in self._story.segments:
            alike = [segment for segment in self._segments if segment.seat == told.seat]
            known = _nearest(alike, told.started_at, lambda segment: segment.started_at) or _guessed(alike, told)
            if known is None:
                self._add(self._numbered(told), told.started_at)
                continue
            self._segments.remove(known)
            row = replace(known)
            if known.reconstructed and told.started_at < known.started_at - SAME_END_S:
                row.started_at, row.queue = told.started_at, known.queue or told.queue
            if self._ended_unseen(known, told):
                row.ended_at = told.ended_at
            self._change(row, known)

    def transfers(self) -> None:
        for told in self._story.transfers:
            blind = told.kind == "blind"  # an attended one and a blonde one are told apart by a moment
            alike = [transfer for transfer in self._transfers if (transfer.kind == "blind") == blind]
            known = _nearest(alike, told.at, lambda transfer: transfer.at)
            if known is None:
                self._add(told, told.at)
            else:
                self._transfers.remove(known)

    def voicemails(self) -> None:
        for told in self._story.voicemails:
            # The dialplan says it at the end of the call, which may lie in the window where the recording does not.
            if told.id not in self._voicemail_ids:
                self._work.add.append(_marked(told))

    def _better(
        self,
        known: str | None,
        known_at: float | None,
        told: str | None,
        told_at: float | None,
        alike: Mapping[str, str],
    ) -> bool:
        """Whether the files know better how something ended: it ended unseen, or so near to a window that the last
        word about it may have been missed. Of what is alike to the files, live sight says more."""
        if told in (None, "lost_sight") or told_at is None:
            return False
        if known == "lost_sight" or known is None or known_at is None:
            return True
        apart = abs(known_at - told_at) > SAME_END_S
        return at_edge(known_at, self._windows) and (apart or alike.get(known, known) != alike.get(told or "", told))

    def _ended_unseen(self, known: Segment, told: Segment) -> bool:
        """Whether its end is only when it was last seen."""
        if known.ended_at is None or told.ended_at is None or abs(known.ended_at - told.ended_at) <= SAME_END_S:
            return False
        return inside(known.ended_at, self._windows)

    def _numbered(self, told: Segment) -> Segment:
        """The number of a talk that the live floor could not count may be taken."""
        if told.id not in self._segment_ids:
            return told
        name = f"{told.seat} {told.seat_uniqueid} {told.started_at:.6f}"
        return replace(told, id=ids.segment_id(told.node, told.conversation_id, name, 0))

    def _add(self, row: Row, at: float) -> None:
        ended = row.at if isinstance(row, Transfer) else _ended_at(row)
        if ended is not None and inside(at, self._windows):
            self._work.add.append(_marked(row))

    def _change(self, row: _Live, known: _Live) -> None:
        if _differs(row, known):
            row.reconstructed = True
            self._work.change.append(row)


def _nearest(rows: Sequence[_Row], at: float, began: Any) -> _Row | None:
    near = [row for row in rows if abs(began(row) - at) <= SAME_S]
    return min(near, key=lambda row: abs(began(row) - at), default=None)


def _guessed(rows: Sequence[_Live], told: _Live) -> _Live | None:
    """A ring or talk that was found going on: it began earlier than the ledger knows."""
    ended_at = _ended_at(told)
    for row in rows:
        began = _began_at(row)
        if row.reconstructed and _began_at(told) <= began and (ended_at is None or began <= ended_at + SAME_END_S):
            return row
    return None


def _began_at(row: Wait | Offer | Segment) -> float:
    return row.entered_at if isinstance(row, Wait) else row.started_at


def _ended_at(row: Any) -> float | None:
    ended: float | None = row.left_at if isinstance(row, Wait) else row.ended_at
    return ended


def _marked(row: Row) -> Row:
    return row if isinstance(row, Transfer) else replace(row, reconstructed=True)


def _differs(row: Row, known: Row) -> bool:
    return any(getattr(row, name) != getattr(known, name) for name in row.__struct_fields__ if name != "reconstructed")
