"""Offers: seats being rung, by a queue or directly, and how each ring ended.

The first word that a ring is over (DialEnd, AgentRingNoAnswer, the leg's end, the caller's) ends it at once, because a
card must leave the screen; later words may say better why: a rejecting phone shows only in the leg's hang-up cause, and
'taken elsewhere' only in another seat's AgentConnect. When the caller left, it was not the agent's fault.
"""

from __future__ import annotations

from ami_bridge.changes import AgentRung, ConsultEnded, RingEnded
from crm.ledger.conversations import Offer

from . import calls, ids
from .facts import Call, Channel, Facts, Ring, Stay

_TOGETHER_S = 1.0
"""Rings of one round end together when the caller leaves or one seat answers."""

_DIAL_WORDS = {
    "BUSY": "busy",
    "NOANSWER": "no_answer",
    "CANCEL": "caller_left",
    "ABORT": "caller_left",
    "CHANUNAVAIL": "device_gone",
    "CONGESTION": "device_gone",
}
_GONE_CAUSES = (1, 3, 20, 27, 38)
_BUSY_CAUSE, _REJECTED_CAUSE, _ELSEWHERE_CAUSE = 17, 21, 26


def dialled(facts: Facts, source: Channel, dest: Channel, at: float) -> None:
    """A seat is being dialled. For a caller in a queue AgentCalled says so, with the queue's name."""
    if dest.uniqueid in facts.rings or dest.seat is None or source is dest:
        return
    call = source.call or dest.call or source.asks_for or facts.calls.get(dest.linkedid)
    if call is None:
        if source.linkedid in facts.gone:
            return  # its conversation is over
        call = calls.begin(facts, source, "internal" if source.seat else "inbound", at)
    elif call.row.direction == "inbound" and source.seat is not None and source.asks_for is None:
        return  # the caller sent this seat on: it rings a colleague for itself
    if call.row.ended_at is not None or any(_waits(stay, source) for stay in call.stays):
        return
    calls.join(call, dest)
    begin(facts, call, None, None, dest.seat, dest.uniqueid, at)


def dial_ended(facts: Facts, ring: Ring, status: str, at: float) -> None:
    if status == "ANSWER":
        ring.picked_up = True
        if ring.stay is None:
            end(facts, ring, "answered", at)
            taken(facts, ring, at)
    elif status in _DIAL_WORDS and ring.row.outcome is None:
        end(facts, ring, _why_ended(facts, ring, _DIAL_WORDS[status], at), at)


def caller_left(facts: Facts, stay: Stay, at: float) -> None:
    """The caller left the queue unanswered. Asterisk may have ended the rings just before saying so."""
    left = stay.row.outcome == "abandoned"
    for ring in stay.call.rings:
        if ring.stay is not stay or ring.settled:
            continue
        if ring.row.outcome is None:
            end(facts, ring, "caller_left" if left else "no_answer", at)
        elif ring.row.outcome == "no_answer" and left and _just(ring, at):
            _say_again(facts, ring, "caller_left")
        elif ring.row.outcome == "caller_left" and not left and _just(ring, at):
            _say_again(facts, ring, "no_answer")


def leg_gone(facts: Facts, channel: Channel, at: float, cause: int) -> None:
    """The rung leg is gone: it ends the ring if nothing did, and its cause may say why."""
    ring = facts.rings.pop(channel.uniqueid, None)
    if ring is None or ring.settled or ring.row.outcome == "answered":
        if ring is not None and ring.row.outcome == "answered" and not _talked(ring):
            facts.say(ConsultEnded(ring.row, at))
        return
    why = _why_cause(facts, ring, cause)
    if ring.row.outcome is None:
        unsaid = "lost_sight" if ring.call.lost else "caller_left" if ring.call.caller_asked else "no_answer"
        if ring.picked_up and ring.stay is not None and ring.stay.row.outcome == "lost_sight":
            unsaid = "answered"  # unseen, and so was how its caller left the queue
        end(facts, ring, why or unsaid, at)
    elif why is not None and ring.row.outcome in ("no_answer", "busy", "device_gone"):
        _say_again(facts, ring, why)


def _talked(ring: Ring) -> bool:
    """Whether the seat that answered has talked with the caller, too."""
    seat, call = ring.row.seat, ring.call
    return seat in call.talks or any(talk.row.seat == seat for talk in call.past_talks)


def end_all(facts: Facts, call: Call, at: float) -> None:
    """The conversation ended: nobody is rung for it any more."""
    for ring in call.rings:
        if ring.row.outcome is None:
            end(facts, ring, "lost_sight" if call.lost else "caller_left", at)


def begin(
    facts: Facts,
    call: Call,
    stay: Stay | None,
    queue: str | None,
    seat: str,
    dest: str,
    at: float,
    *,
    guessed: bool = False,
) -> Ring:
    calls.confirm(facts, call)
    row = Offer(
        ids.offer_id(facts.node, stay.row.id if stay else call.row.id, seat, dest),
        call.row.id,
        stay.row.id if stay else None,
        facts.node,
        queue,
        seat,
        at,
        reconstructed=guessed,
    )
    ring = facts.rings[dest] = Ring(row, call, dest, stay)
    call.rings.append(ring)
    facts.seat(seat).rings[row.id] = ring
    facts.say(AgentRung(call.row, stay.row if stay else None, row))
    return ring


def end(facts: Facts, ring: Ring, outcome: str, at: float) -> None:
    row = ring.row
    row.ended_at = max(at, row.started_at)
    row.outcome = outcome
    ring.settled = outcome == "answered"
    facts.seat(row.seat).rings.pop(row.id, None)
    facts.say(RingEnded(row))
    facts.revise(ring.call)


def taken_over(facts: Facts, ring: Ring, leg: Channel, at: float) -> None:
    """Another seat's leg takes the call that this ring was for: by a pickup code, or by a phone that watches."""
    if ring.settled or leg.seat is None or leg.uniqueid in facts.rings:
        return
    call, stay, seat = ring.call, ring.stay, ring.row.seat
    calls.take_over(facts, call, leg)
    end(facts, ring, "taken_elsewhere", at)
    ring.settled = True
    other = begin(facts, call, stay, ring.row.queue, leg.seat, leg.uniqueid, at)
    other.picked_up, other.taken_from = True, seat
    end(facts, other, "answered", at)
    taken(facts, other, at)


def answered_elsewhere(facts: Facts, call: Call, leg: Channel, at: float) -> None:
    """A leg that nobody rang answers: a phone that watches another one took its ringing call (Replaces)."""
    if leg.seat is None or (leg.call is not None and not leg.call.unsaid):
        return
    for ring in reversed(call.rings):
        if not ring.settled and ring.row.seat != leg.seat and (ring.row.outcome is None or _just(ring, at)):
            taken_over(facts, ring, leg, at)
            return


def forwarded(facts: Facts, ring: Ring, at: float) -> None:
    """The phone sends the call on: whoever is rung there instead has a ring of its own."""
    if not ring.settled:
        end(facts, ring, "taken_elsewhere", at)
        ring.settled = ring.forwarded = True


def fetched(facts: Facts, call: Call, leg: Channel, at: float) -> None:
    """A seat takes a parked caller: nothing rang, and its card is due all the same."""
    calls.take_over(facts, call, leg)
    if leg.seat is not None and leg.uniqueid not in facts.rings:
        ring = begin(facts, call, None, None, leg.seat, leg.uniqueid, at)
        ring.picked_up = True
        end(facts, ring, "answered", at)


def _say_again(facts: Facts, ring: Ring, outcome: str) -> None:
    if ring.row.outcome != outcome:
        ring.row.outcome = outcome
        facts.say(RingEnded(ring.row))
        facts.revise(ring.call)


def taken(facts: Facts, answered: Ring, at: float) -> None:
    """The other seats of the same round."""
    for ring in answered.call.rings:
        if ring is answered or ring.stay is not answered.stay or ring.settled:
            continue
        if ring.row.outcome is None:
            end(facts, ring, "taken_elsewhere", at)
        elif ring.row.outcome == "caller_left" and _just(ring, at):
            _say_again(facts, ring, "taken_elsewhere")


def _why_ended(facts: Facts, ring: Ring, word: str, at: float) -> str:
    if word == "caller_left":
        for other in ring.call.rings:
            if other.picked_up and other.stay is ring.stay and (other.row.outcome is None or _just(other, at)):
                return "taken_elsewhere"
    return "rejected" if word == "busy" and _rang(facts, ring) else word


def _why_cause(facts: Facts, ring: Ring, cause: int) -> str | None:
    if cause == _REJECTED_CAUSE:
        return "rejected"
    if cause == _ELSEWHERE_CAUSE:
        return "taken_elsewhere"
    rang = _rang(facts, ring)
    if cause == _BUSY_CAUSE:
        return "rejected" if rang else "busy"
    return "device_gone" if cause in _GONE_CAUSES and not rang else None


def _rang(facts: Facts, ring: Ring) -> bool:
    """Whether the phone rang at all: one that says busy after it rang was told so by a person."""
    return facts.seat(ring.row.seat).rang_at >= ring.row.started_at


def _just(ring: Ring, at: float) -> bool:
    return ring.row.ended_at is not None and abs(at - ring.row.ended_at) <= _TOGETHER_S


def _waits(stay: Stay, source: Channel) -> bool:
    return stay.row.caller_uniqueid == source.uniqueid and stay.row.left_at is None
