"""Ledger against queue_log, stay by stay: who came, how long, how it ended, whom it rang, who talked.

A stay and a wait are one when caller's channel and queue are the same and they began together; whole seconds apart is
agreement. Every other difference gets a reason or is unexplained. Pure; called by reconcile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from crm.ledger.conversations import Segment, Wait
from crm.rules.queue_log import TRANSFERS, Stay

from .ledger_calls import LedgerCall, Seen
from .reasons import Difference

EARLY_S, LATE_S = 0.5, 1.5
"""queue_log's second began up to a second before the event, and events take a moment to be told."""
_SAME_STAY_S = 10.0
_NOT_LET_IN = ("full", "join_empty")
_MISSED = ("no_answer", "rejected", "busy", "device_gone")


class Span(Struct, frozen=True):
    """What is compared: [since, until), and the first and last time in the file."""

    since: float
    until: float
    first_at: float
    last_at: float

    def holds(self, at: float) -> bool:
        return self.since <= at < self.until


class Pair(Struct, frozen=True):
    """One stay on both sides, or on one alone."""

    call: LedgerCall | None
    wait: Wait | None
    stay: Stay | None


def compare(calls: Iterable[LedgerCall], stays: Iterable[Stay], seen: Seen, span: Span) -> Iterator[Difference]:
    """All differences of what began inside the span."""
    for pair in pairs(calls, stays):
        began = pair.stay.first_at if pair.stay is not None else pair.wait.entered_at if pair.wait is not None else 0.0
        if not span.holds(began):
            continue
        if pair.stay is None:
            yield from _only_ledger(pair, span)
        elif pair.wait is None or pair.call is None:
            yield _only_file(pair.stay, seen)
        else:
            yield from _both(_Side(pair.call, pair.wait, pair.stay, seen, span))


def pairs(calls: Iterable[LedgerCall], stays: Iterable[Stay]) -> Iterator[Pair]:
    """Stays with their waits: the nearest in time of the same caller and queue, each once."""
    waits: dict[tuple[str, str], list[tuple[LedgerCall, Wait]]] = {}
    for call in calls:
        for wait in call.waits:
            waits.setdefault((wait.caller_uniqueid, wait.queue), []).append((call, wait))
    for stay in stays:
        open_to = [each for each in waits.get((stay.callid, stay.queue), ()) if _may_be(stay, each[1])]
        nearest = min(open_to, key=lambda each: _apart(stay, each[1]), default=None)
        if nearest is None:
            yield Pair(None, None, stay)
        else:
            waits[stay.callid, stay.queue].remove(nearest)
            yield Pair(*nearest, stay)
    for left in waits.values():
        for call, wait in left:
            yield Pair(call, wait, None)


def _may_be(stay: Stay, wait: Wait) -> bool:
    if wait.outcome in _NOT_LET_IN:
        return False
    return wait.reconstructed or stay.entered_at is None or _apart(stay, wait) <= _SAME_STAY_S


def _apart(stay: Stay, wait: Wait) -> float:
    if stay.entered_at is None:
        return abs((wait.left_at or wait.entered_at) - (stay.left_at or stay.first_at))
    return abs(wait.entered_at - stay.entered_at)


def _only_ledger(pair: Pair, span: Span) -> Iterator[Difference]:
    wait, call = pair.wait, pair.call
    if wait is None or call is None:
        return
    reason = "unexplained"
    if wait.outcome in _NOT_LET_IN:
        reason = "join_failed_unlogged"
    elif wait.entered_at < span.first_at:
        reason = "started_before_window"
    elif wait.entered_at > span.last_at:
        reason = "ended_after_window"
    told = f"{wait.queue}: {wait.outcome or 'waits'}"
    yield Difference(wait.caller_uniqueid, call.row.id, wait.entered_at, "queue_log", "wait", told, None, reason)


def _only_file(stay: Stay, seen: Seen) -> Difference:
    end = stay.ended_at or stay.left_at or stay.first_at
    reason = "unexplained"
    if seen.since is None or stay.first_at < seen.since - 1.0:
        reason = "before_first_sight"
    elif seen.was_blind(stay.first_at, end):
        reason = "blind_window"
    told = f"{stay.queue}: {stay.outcome or 'no end'}"
    return Difference(stay.callid, None, stay.first_at, "queue_log", "wait", None, told, reason)


class _Side(Struct):
    """One pair under comparison, and what excuses it."""

    call: LedgerCall
    wait: Wait
    stay: Stay
    seen: Seen
    span: Span

    def differs(self, what: str, ledger: object, file: object, reason: str) -> Difference:
        here, there = (None if value is None else str(value) for value in (ledger, file))
        return Difference(
            self.stay.callid, self.call.row.id, self.stay.first_at, "queue_log", what, here, there, reason
        )

    def excuse(self, gap_s: float | None = None) -> str:
        """Why this call is not told exactly; `unexplained` when nothing excuses it. gap_s: of a time that differs."""
        if self.stay.cut:
            return "asterisk_stopped"
        end = self.stay.ended_at or self.stay.left_at or self.span.last_at
        return self.call.excuse(self.seen, self.stay.first_at, end, self.wait.outcome, gap_s=gap_s)


def _both(side: _Side) -> Iterator[Difference]:
    stay, wait = side.stay, side.wait
    if stay.entered_at is None:
        yield side.differs("entered", _clock(wait.entered_at), None, "started_before_window")
    elif not -EARLY_S <= wait.entered_at - stay.entered_at <= LATE_S:
        apart_s = abs(wait.entered_at - stay.entered_at)
        yield side.differs("entered", _clock(wait.entered_at), _clock(stay.entered_at), side.excuse(apart_s))
    yield from _outcome(side)
    if stay.entered_at is not None and stay.left_at is not None and wait.left_at is not None:
        ledger_s, file_s = wait.left_at - wait.entered_at, stay.left_at - stay.entered_at
        yield from _seconds(side, "wait_s", ledger_s, file_s)
    if stay.answered_at is not None:
        yield from _talk(side)
    yield from _rings(side)


def _outcome(side: _Side) -> Iterator[Difference]:
    stay, wait = side.stay, side.wait
    if stay.outcome == wait.outcome:
        return
    reason = side.excuse()
    if stay.outcome is None and not stay.cut:
        late = wait.left_at is None or wait.left_at >= side.span.last_at - 1.0
        reason = "ended_after_window" if late else reason
    elif stay.outcome == "abandoned" and stay.agent is not None and wait.outcome == "answered":
        reason = "abandoned_at_answer"
    elif stay.outcome == "answered" and (stay.talk_s or 0.0) <= 1.0 and wait.outcome == "abandoned":
        reason = "answered_never_met"
    yield side.differs("outcome", wait.outcome, stay.outcome, reason)


def _seconds(side: _Side, what: str, ledger_s: float, file_s: float, reason: str | None = None) -> Iterator[Difference]:
    """Both rounded to whole seconds are the same, or a difference. reason: of more than a rounding."""
    gap = file_s - ledger_s
    if abs(gap) <= 0.5:
        return
    if reason is None or abs(gap) <= 1.0:
        reason = "whole_seconds" if abs(gap) <= LATE_S else side.excuse(abs(gap))
    yield side.differs(what, f"{ledger_s:.3f}", f"{file_s:.0f}", reason)


def _talk(side: _Side) -> Iterator[Difference]:
    stay, call = side.stay, side.call
    seat, named = _seat(side)
    if seat is None:
        reason = "answered_never_met" if (stay.talk_s or 0.0) <= 1.0 else side.excuse()
        yield side.differs("agent", None, stay.agent, reason)
        return
    if named:
        yield side.differs("agent", seat, stay.agent, "member_name")
    begin = (stay.answered_at or stay.first_at) - EARLY_S
    end = (stay.ended_at or side.span.until) + LATE_S
    own = [talk for talk in call.segments if talk.seat == seat and begin <= talk.started_at <= end]
    if stay.talk_s is None:
        if stay.ending is None and not stay.cut and any(_ended(talk, side.span) for talk in own):
            yield side.differs("talk_s", _length_s(own), None, side.excuse())
        return
    if not own:
        others = [talk for talk in call.segments if talk.seat != seat and begin <= talk.started_at <= end]
        reason = "answered_never_met" if stay.talk_s <= 1.0 else side.excuse()
        if others and abs(_length_s(others) - stay.talk_s) <= LATE_S:
            reason = "taken_by_another_phone"
        told = f"{others[0].seat} {_length_s(others):.3f}" if others else None
        yield side.differs("talk_s", told, f"{stay.agent} {stay.talk_s:.0f}", reason)
        return
    if any(talk.ended_at is None for talk in own):
        yield side.differs("talk_s", None, f"{stay.talk_s:.0f}", side.excuse())
        return
    ledger_s = _length_s(own)
    longer = _why_longer(side, seat, own) if stay.talk_s > ledger_s else None
    yield from _seconds(side, "talk_s", ledger_s, stay.talk_s, longer)


def _ended(talk: Segment, span: Span) -> bool:
    return talk.ended_at is not None and talk.ended_at < span.last_at - 1.0


def _length_s(talks: list[Segment]) -> float:
    return sum((talk.ended_at or talk.started_at) - talk.started_at for talk in talks)


def _why_longer(side: _Side, seat: str, own: list[Segment]) -> str | None:
    """Why queue_log credits this seat with more than the ledger."""
    call, over = side.call, own[-1].ended_at or 0.0
    handed = any(each.from_seat == seat for each in call.transfers)
    later = any(talk.seat != seat and talk.started_at >= over - 1.0 for talk in call.segments)
    if seat.startswith("Local/") and (handed or later) and side.stay.ending not in TRANSFERS:
        return "queue_log_blind_to_local_transfers"
    if handed or later or len(own) > 1:
        return "transfer_away_counted_as_talk"
    return None


def _seat(side: _Side) -> tuple[str | None, bool]:
    """The ledger's seat of the agent whom queue_log names; whether that name is not the seat's own."""
    stay, call = side.stay, side.call
    seats = {talk.seat for talk in call.segments} | {ring.seat for ring in call.offers}
    if stay.agent in seats:
        return stay.agent, False
    by_leg = [talk.seat for talk in call.segments if talk.seat_uniqueid and talk.seat_uniqueid == stay.agent_uniqueid]
    answered = [ring.seat for ring in call.offers if ring.wait_id == side.wait.id and ring.outcome == "answered"]
    found = by_leg or answered
    # A name with a slash is an interface: another one than the ledger's is no mere name.
    if found and "/" not in (stay.agent or ""):
        return found[0], True
    return None, False


def _rings(side: _Side) -> Iterator[Difference]:
    """Rings without an answer, seat by seat where queue_log names the device, else by their number alone."""
    if side.stay.entered_at is None or (side.stay.ending is None and not side.stay.cut):
        return
    mine = [ring for ring in side.call.offers if ring.wait_id == side.wait.id]
    ledger = Counter(ring.seat for ring in mine if ring.outcome in _MISSED)
    left = Counter(ring.seat for ring in mine if ring.outcome in ("caller_left", "lost_sight"))
    placed = Counter(rung.agent for rung in side.stay.rung if not rung.canceled)
    unplaced = Counter(rung.agent for rung in side.stay.rung if not rung.canceled and rung.ring_s == 0)
    if any("/" not in agent for agent in placed):
        ledger, placed = Counter({"": ledger.total()}), Counter({"": placed.total()})
        left, unplaced = Counter({"": left.total()}), Counter({"": unplaced.total()})
    for seat in sorted(ledger.keys() | placed.keys()):
        here, there = ledger[seat], placed[seat]
        if here == there:
            continue
        reason = side.excuse()
        if there > here and there - here <= unplaced[seat]:
            reason = "ring_not_placed"
        elif there > here and there - here <= left[seat]:
            reason = "ring_canceled_unlogged"
        yield side.differs(f"rings missed {seat}".strip(), here, there, reason)


def _clock(at: float) -> str:
    return f"{at:.3f}"
