"""How a conversation ends, in which words, and when it leaves the floor.

An ended one stays for LINGER_S, because Asterisk's last words about it come in no fixed order; each of them may make
its ending read otherwise. Then it and its channels are forgotten.
"""

from __future__ import annotations

from ami_bridge.changes import ConversationEnded

from . import calls, places, rings, stays, talks
from .facts import Call, Channel, Facts

LINGER_S = 2.0
ECHO_S = 2.0
"""A far end that hangs up so soon after the agent did is only Asterisk passing it on."""

_RING_WORDS = {
    "answered": "answered",
    "no_answer": "no_answer",
    "rejected": "rejected",
    "busy": "busy",
    "device_gone": "failed",
    "caller_left": "cancelled",
    "taken_elsewhere": "no_answer",
    "lost_sight": "lost_sight",
}
_DIAL_WORDS = {
    "ANSWER": "answered",
    "BUSY": "busy",
    "NOANSWER": "no_answer",
    "CANCEL": "cancelled",
    "ABORT": "cancelled",
    "CONGESTION": "failed",
    "CHANUNAVAIL": "failed",
}
_CAUSE_WORDS = {17: "busy", 21: "rejected"}


def hung_up(facts: Facts, channel: Channel, at: float) -> None:
    """The far end of this leg hung up: remember which side that was."""
    call = channel.call
    if call is None:
        return
    if channel.uniqueid in call.parties:
        call.caller_asked = call.caller_asked or at
    elif channel.seat is not None and (channel.uniqueid == call.first or _talks_until(call, channel.seat, at)):
        call.agent_asked = at
    else:
        return
    facts.revise(call)


def hung_up_for_agent(facts: Facts, channel: Channel, at: float) -> None:
    """The bridge hung this seat's leg up. The caller's leg may be gone before it: what counts is when they parted."""
    call, seat = channel.call, channel.seat
    if call is None or seat is None:
        return
    past = (talk for talk in reversed(call.past_talks) if talk.row.seat == seat)
    talk = call.talks.get(seat) or next(past, None)
    parted = (talk.row.ended_at or talk.parted_at) if talk is not None else None
    hung_up(facts, channel, at if parted is None else min(at, parted))


def lost_leg(facts: Facts, channel: Channel, at: float, cause: int) -> None:
    """A leg is gone. An inbound conversation ends with its caller, any other with its last leg."""
    call = channel.call
    if call is None:
        return
    call.channels.pop(channel.uniqueid, None)
    was_party = call.parties.pop(channel.uniqueid, None) is not None
    if was_party and not call.lost:
        call.row.hangup_cause = cause
    if call.row.ended_at is not None:
        return
    if was_party:
        stays.caller_gone(facts, call, channel.uniqueid, at)
    call.last_leg_at = max(at, call.last_leg_at)
    if call.row.direction == "inbound" and was_party and not call.parties:
        end(facts, call, at)
    elif not call.channels:
        end(facts, call, call.last_leg_at)
    elif was_party and not call.parties and call.row.direction == "internal":
        _next_party(facts, call, at)


def _next_party(facts: Facts, call: Call, at: float) -> None:
    """The seat that began an internal call has sent the other one on: whom it talked with is the party from now on.

    Where even that was not seen, it is who is on the phone the longest.
    """
    known = [call.channels.get(talk.row.seat_uniqueid or "") for talk in reversed(call.past_talks)]
    unseen = [leg for leg in call.channels.values() if not leg.rings] if call.lost else []
    for leg in (*known, *sorted(unseen, key=lambda leg: leg.known_at)):
        if leg is not None:
            call.parties[leg.uniqueid] = leg
            talks.review(facts, {call.row.id: call}, at)
            return


def _talks_until(call: Call, seat: str, at: float) -> bool:
    """Whether the seat was in a talk when its far end hung up: a phone that declines a ring ends no conversation."""
    if seat in call.talks:
        return True
    return any(talk.row.seat == seat and (talk.row.ended_at or at) >= at for talk in call.past_talks)


def end(facts: Facts, call: Call, at: float) -> None:
    """Close the conversation and all that still goes on in it."""
    row = call.row
    if not (call.lost and call.unsaid):  # a seat lifted its phone, and nobody saw what for: no conversation
        calls.confirm(facts, call)
    row.ended_at = max(at, row.started_at)
    talks.end_all(facts, call, at)
    rings.end_all(facts, call, at)
    stays.end_all(facts, call, at)
    row.outcome, row.ended_by = _outcome(facts, call), _ended_by(call)
    if not call.unsaid:
        facts.say(ConversationEnded(row))
    facts.endings.append((at + LINGER_S, call))


def look_again(facts: Facts) -> None:
    """Something about ended conversations became known: their endings may read otherwise now."""
    for call in facts.revised.values():
        row = call.row
        outcome, ended_by = _outcome(facts, call), _ended_by(call)
        if (outcome, ended_by) != (row.outcome, row.ended_by) and not call.unsaid:
            row.outcome, row.ended_by = outcome, ended_by
            facts.say(ConversationEnded(row))
    facts.revised = {}


def forget(facts: Facts, clock: float) -> None:
    """Ended conversations leave the floor when nothing more can be said about them."""
    endings = facts.endings
    while endings and endings[0][0] <= clock:
        call = endings.popleft()[1]
        if facts.calls.get(call.row.linkedid) is call:
            del facts.calls[call.row.linkedid]
        for stay in call.stays:
            key = (stay.row.caller_uniqueid, stay.row.queue)
            if facts.stays.get(key) is stay:
                del facts.stays[key]
        for ring in call.rings:
            if facts.rings.get(ring.dest) is ring:
                del facts.rings[ring.dest]
        facts.places.pop(call.row.linkedid, None)
        for leg in call.channels.values():
            leg.call = None
        call.channels.clear()


def _outcome(facts: Facts, call: Call) -> str:
    if call.lost:
        return "lost_sight"
    if call.talked:
        return "answered"
    place = places.of(facts, call)
    if place is not None and place.queued_at is None:
        return _called_back(call)
    if call.voicemail or call.next_step == "voicemail":
        return "voicemail"
    if call.next_step == "callback":
        return "callback_booked"
    if call.stays:
        return _waited(call)
    if call.next_step == "goodbye":
        return "self_served"
    if call.rings:
        return _RING_WORDS[call.rings[-1].row.outcome or "no_answer"]
    if call.dialled_out is not None:
        # A phone that declines shows as NOANSWER in DialEnd, and only by its cause.
        return _CAUSE_WORDS.get(call.row.hangup_cause or 0) or _DIAL_WORDS.get(call.dialled_out, "failed")
    if call.row.direction == "inbound" and call.caller_asked:
        return "abandoned"
    if call.row.direction == "inbound":
        # Nothing is known of it. If sight was lost meanwhile, what happened may have happened then.
        return "lost_sight" if call.row.started_at <= facts.found_at else "failed"
    return "cancelled" if call.caller_asked or call.agent_asked else "failed"


def _called_back(call: Call) -> str:
    """A place without a talk: the customer's phone as it was, or nobody was dialled."""
    if call.dialled_out is None:
        return "cancelled"
    if call.dialled_out == "ANSWER":  # nobody pressed the key that talks
        return "no_answer"
    return _CAUSE_WORDS.get(call.row.hangup_cause or 0) or _DIAL_WORDS.get(call.dialled_out, "failed")


def _waited(call: Call) -> str:
    last = max(call.stays, key=lambda stay: stay.row.entered_at)
    if last.row.outcome in ("answered", "abandoned", "lost_sight"):
        return last.row.outcome
    later = [ring for ring in call.rings if ring.stay is None and ring.row.started_at >= last.row.entered_at]
    if later and later[-1].row.outcome in ("answered", "busy", "rejected"):
        return _RING_WORDS[later[-1].row.outcome]
    return "no_answer"


def _ended_by(call: Call) -> str:
    """Who hung up first, unless the call went on after that; our own goodbye to a caller left alone is no going on."""
    if call.lost:
        return "unknown"
    caller, agent, ended = call.caller_asked, call.agent_asked, call.row.ended_at or 0.0
    last = ended if caller is None else caller
    if agent is not None and agent <= last and (last - agent <= ECHO_S or not _went_on(call, agent)):
        return "agent"
    return "system" if caller is None else "caller"


def _went_on(call: Call, after: float) -> bool:
    """Whether the caller waited, talked or left a message after the agent had gone."""
    if call.voicemail or any(stay.row.entered_at > after for stay in call.stays):
        return True
    talks = (*call.past_talks, *call.talks.values())
    return any(talk.row.ended_at is None or talk.row.ended_at > after + ECHO_S for talk in talks)
