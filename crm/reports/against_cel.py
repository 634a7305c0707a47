"""Ledger against CEL, call by call: every call, not only those of queues; when it began and ended, who talked how long.

CEL has microseconds, so half a second apart is a difference. Talks are computed from CEL's bridges alone, by the same
rule as the floor's. Pure; called by reconcile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import structs

from crm.rules.cel import CelCall, Leg
from crm.rules.cel_talks import Span as Talked
from crm.rules.cel_talks import base_of, overlap_s, together

from .against_queue_log import Span
from .ledger_calls import LedgerCall, Seen
from .reasons import Difference

SAME_S = 0.5
TALK_MISSED_S = 1.0
_TIMES = ("entered", "wait_s", "talk_s")


_Differs = Callable[..., Difference]
_Legs = dict[str, Leg]


def compare(calls: list[LedgerCall], told: Iterable[CelCall], seen: Seen, span: Span) -> Iterator[Difference]:
    """All differences of calls that began inside the span."""
    by_id = {call.row.id: call for call in calls}
    by_uniqueid = {uniqueid: call for call in calls for uniqueid in call.uniqueids}
    evidence: dict[str, _Legs] = {}
    unknown: list[CelCall] = []
    for cel_call in told:
        found = _ledger_calls(cel_call, by_uniqueid)
        if not found:
            unknown.append(cel_call)
        for identity in found:
            evidence.setdefault(identity, {}).update(cel_call.legs)
    seats = {ring.seat for call in calls for ring in call.offers}
    seats |= {talk.seat for call in calls for talk in call.segments}
    bases = {seat.removesuffix("/n") for seat in seats}
    for cel_call in unknown:
        if span.holds(cel_call.started_at):
            yield _only_file(cel_call, calls, bases, seen)
    for identity, call in by_id.items():
        if not span.holds(call.row.started_at):
            continue
        if identity in evidence:
            yield from _both(call, evidence[identity], bases, seen, span)
        else:
            yield _only_ledger(call, seen, span)


def weighed(differences: list[Difference]) -> list[Difference]:
    """Where queue_log alone tells a time otherwise, and CEL nothing, Asterisk's own files disagree."""
    doubted = {each.conversation for each in differences if each.source == "cel"}
    return [
        structs.replace(each, reason="files_disagree")
        if each.reason == "unexplained" and each.what in _TIMES and each.ledger and each.file and _held(each, doubted)
        else each
        for each in differences
    ]


def _held(each: Difference, doubted: set[str | None]) -> bool:
    return each.source == "queue_log" and each.conversation is not None and each.conversation not in doubted


def _ledger_calls(told: CelCall, by_uniqueid: dict[str, LedgerCall]) -> set[str]:
    """Ids of the conversations that these legs are of: two, when a transfer joined two callers."""
    names = (told.linkedid, *told.others, *told.legs)
    return {by_uniqueid[name].row.id for name in names if name in by_uniqueid}


def _only_file(told: CelCall, calls: list[LedgerCall], bases: set[str], seen: Seen) -> Difference:
    begin = told.started_at
    end = max((leg.ended_at or leg.started_at for leg in told.legs.values()), default=begin)
    first = min(told.legs.values(), key=lambda leg: leg.started_at)
    reason = "unexplained"
    if seen.since is None or begin < seen.since - 1.0:
        reason = "before_first_sight"
    elif _is_busy(base_of(first.channel), calls, begin):
        reason = "consult"
    elif seen.was_blind(begin, end):
        reason = "blind_window"
    return Difference(told.linkedid, None, begin, "cel", "call", None, first.channel, reason)


def _is_busy(base: str, calls: list[LedgerCall], at: float) -> bool:
    """Whether this seat was in a call then: what it dials meanwhile is a consult."""
    return any(
        talk.seat.removesuffix("/n") == base
        and talk.started_at <= at
        and (call.row.ended_at is None or at <= call.row.ended_at)
        for call in calls
        for talk in call.segments
    )


def _only_ledger(call: LedgerCall, seen: Seen, span: Span) -> Difference:
    row = call.row
    reason = call.excuse(seen, row.started_at, row.ended_at or row.started_at)
    if row.started_at < span.first_at:
        reason = "started_before_window"
    elif row.started_at > span.last_at:
        reason = "ended_after_window"
    return Difference(row.linkedid, row.id, row.started_at, "cel", "call", row.outcome or "goes on", None, reason)


def _both(call: LedgerCall, legs: _Legs, bases: set[str], seen: Seen, span: Span) -> Iterator[Difference]:
    row = call.row

    def differs(
        what: str, ledger: object, file: object, reason: str | None = None, gap_s: float | None = None
    ) -> Difference:
        reason = reason or call.excuse(seen, row.started_at, row.ended_at or span.last_at, gap_s=gap_s)
        here, there = (None if value is None else str(value) for value in (ledger, file))
        return Difference(row.linkedid, row.id, row.started_at, "cel", what, here, there, reason)

    began = legs[row.linkedid].started_at if row.linkedid in legs else min(leg.started_at for leg in legs.values())
    if abs(began - row.started_at) > SAME_S:
        yield differs("started", f"{row.started_at:.3f}", f"{began:.3f}", gap_s=abs(began - row.started_at))
    yield from _end(call, legs, span, differs)
    yield from _talks(call, legs, span, differs)
    yield from _missed(call, legs, bases, span, differs)


def _end(call: LedgerCall, legs: _Legs, span: Span, differs: _Differs) -> Iterator[Difference]:
    row = call.row
    ends = [leg.ended_at for leg in legs.values() if leg.ended_at is not None]
    if row.ended_at is None:
        if ends and len(ends) == len(legs) and max(ends) < span.last_at - 1.0:
            yield differs("ended", None, f"{max(ends):.3f}")
    elif not any(abs(end - row.ended_at) <= SAME_S for end in ends):
        nearest = min(ends, key=lambda end: abs(end - (row.ended_at or 0.0)), default=None)
        file = None if nearest is None else f"{nearest:.3f}"
        if len(ends) < len(legs) or any(leg.cut for leg in legs.values()):
            # Some leg has no end: the file is over, or Asterisk was killed and wrote none.
            late = row.ended_at >= span.last_at - 1.0
            yield differs("ended", f"{row.ended_at:.3f}", file, "ended_after_window" if late else "asterisk_stopped")
        else:
            gap_s = None if nearest is None else abs(nearest - row.ended_at)
            yield differs("ended", f"{row.ended_at:.3f}", file, gap_s=gap_s)


def _talks(call: LedgerCall, legs: _Legs, span: Span, differs: _Differs) -> Iterator[Difference]:
    """Each talk of the ledger, as long as CEL's bridges say."""
    for talk in call.segments:
        end = talk.ended_at if talk.ended_at is not None else span.last_at
        heard = together(legs, talk.caller_uniqueid, max(end, span.last_at))
        spans = heard.get(talk.seat_uniqueid or "", [])
        ledger_s, file_s = end - talk.started_at, overlap_s(spans, talk.started_at - SAME_S, end + SAME_S)
        if abs(ledger_s - file_s) > SAME_S:
            both = [legs.get(talk.seat_uniqueid or ""), legs.get(talk.caller_uniqueid)]
            no_end = any(leg is not None and (leg.ended_at is None or leg.cut) for leg in both)
            cut = no_end and talk.ended_at is not None
            reason = "asterisk_stopped" if cut else None
            gap_s = abs(ledger_s - file_s)
            yield differs(f"talk of {talk.seat}", f"{ledger_s:.3f}", f"{file_s:.3f}", reason, gap_s)


def _missed(call: LedgerCall, legs: _Legs, bases: set[str], span: Span, differs: _Differs) -> Iterator[Difference]:
    """Talks that CEL's bridges show and the ledger does not have."""
    parties = {talk.caller_uniqueid for talk in call.segments} | {wait.caller_uniqueid for wait in call.waits}
    known: list[Talked] = [(talk.started_at, talk.ended_at or span.last_at) for talk in call.segments]
    for party in sorted(parties or {call.row.linkedid}):
        for uniqueid, spans in together(legs, party, span.last_at).items():
            leg = legs[uniqueid]
            if uniqueid in parties or base_of(leg.channel) not in bases:
                continue
            for begin, end in spans:
                bare_s = (end - begin) - overlap_s(known, begin, end)
                if bare_s > TALK_MISSED_S:
                    reason = "asterisk_stopped" if leg.cut and end == leg.ended_at else None
                    yield differs(f"talk of {base_of(leg.channel)}", None, f"{end - begin:.3f}", reason)
