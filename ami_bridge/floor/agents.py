"""Rules for events between a waiting caller and a queue member: rung, connected, not answered, done."""

from __future__ import annotations

from ami_bridge.changes import CallerJoinedQueue, CallHandled
from ami_bridge.events.agents import AgentCalled, AgentComplete, AgentConnect, AgentDump, AgentRingNoAnswer

from . import calls, ids, legs, rings, seats, stays
from .facts import Call, Facts, Ring, Seat, base_of_interface


def agent_called(facts: Facts, event: AgentCalled, at: float) -> None:
    """A member is being rung for a waiting caller."""
    caller = legs.learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    if caller is None or event.dest_uniqueid in facts.rings:
        return
    facts.sits[base_of_interface(event.interface)] = event.interface
    dest = legs.learn(facts, event.dest_channel, event.dest_uniqueid, event.linkedid, at)
    if dest is None:
        return
    legs.sit(facts, dest, event.interface)
    call = calls.of_caller(facts, caller, at, guessed=caller.known_at == at)
    calls.learn_caller(facts, call, event.caller, event.caller_name)
    stay = facts.stays.get((event.uniqueid, event.queue))
    rings.begin(facts, call, stay, event.queue, event.interface, event.dest_uniqueid, at)


def agent_connect(facts: Facts, event: AgentConnect, at: float) -> None:
    """The queue gives the caller to this member: the wait is over, other seats' rings were taken elsewhere."""
    caller = legs.learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    if caller is None:
        return
    call = calls.of_caller(facts, caller, at - event.hold_s, guessed=True)
    stay = facts.stays.get((event.uniqueid, event.queue))
    if stay is None:
        stay = stays.open_stay(facts, call, event.uniqueid, event.queue, at - event.hold_s, guessed=True)
        facts.say(CallerJoinedQueue(call.row, stay.row))
    stays.answered(facts, stay, at)
    if event.dest_channel.startswith("Local/") and not event.interface.startswith("Local/"):
        _connect_forwarded(facts, call, event.interface, at)
        return
    ring = facts.rings.get(event.dest_uniqueid) or _open_ring(call, event.interface)
    if ring is None:
        dest = legs.learn(facts, event.dest_channel, event.dest_uniqueid, event.linkedid, at)
        if dest is not None:
            legs.sit(facts, dest, event.interface)
        begun = at - event.ring_s
        ring = rings.begin(facts, call, stay, event.queue, event.interface, event.dest_uniqueid, begun, guessed=True)
    leg = facts.channels.get(event.dest_uniqueid)
    if leg is not None and leg.seat not in (None, event.interface) and not ring.settled and not leg.half:
        rings.taken_over(facts, ring, leg, at)
        return
    ring.picked_up = True
    if ring.row.outcome != "answered":
        rings.end(facts, ring, "answered", at)
    rings.taken(facts, ring, at)


def _connect_forwarded(facts: Facts, call: Call, interface: str, at: float) -> None:
    """The queue names the seat whose phone forwarded the call; another one answers, at the far end of a Local pair."""
    ring = _open_ring(call, interface)
    if ring is not None:
        rings.forwarded(facts, ring, at)


def agent_ring_no_answer(facts: Facts, event: AgentRingNoAnswer, at: float) -> None:
    ring = facts.rings.get(event.dest_uniqueid)
    if ring is not None and ring.row.outcome is None:
        rings.end(facts, ring, "no_answer", at)


def agent_dump(facts: Facts, event: AgentDump, at: float) -> None:
    """The member hung up instead of taking the caller it had answered for."""
    ring = facts.rings.get(event.dest_uniqueid)
    if ring is not None and not ring.settled:
        rings.end(facts, ring, "rejected", at)
        ring.settled = True


def agent_complete(facts: Facts, event: AgentComplete, at: float) -> None:
    """The queue is done with both. Found by caller, else by the member's leg, else by the member's one or last talk."""
    seat = facts.seat(event.interface)
    call = _call_of(facts, event, seat)
    if call is None:
        _of_a_stranger(facts, event, seat, at)
        return
    ring = _ring_to_handle(call, event, seat)
    if ring is not None:
        ring.handled = True
        seat = facts.seat(ring.row.seat)
    elif seat.name in call.handled or any(_passed_on(ring, seat.name) for ring in call.rings):
        return
    call.handled.add(seat.name)
    seat.handled = call.row.id
    seats.done_with(facts, seat, at)
    facts.say(CallHandled(seat.name, call.row.id, at))


def _of_a_stranger(facts: Facts, event: AgentComplete, seat: Seat, at: float) -> None:
    """Attached too late, or told too late: the after-call work is due all the same, but only once."""
    if event.uniqueid is not None and facts.buried(event.uniqueid, at):
        return
    if event.linkedid is not None:
        conversation: str | None = ids.conversation_id(facts.node, event.linkedid)
    else:
        conversation = seat.last_talk.row.conversation_id if seat.last_talk is not None else None
    if conversation is None or conversation != seat.handled:
        seat.handled = conversation
        seats.done_with(facts, seat, at)
        facts.say(CallHandled(seat.name, conversation, at))


def _call_of(facts: Facts, event: AgentComplete, seat: Seat) -> Call | None:
    for uniqueid in (event.uniqueid, event.dest_uniqueid):
        channel = facts.channels.get(uniqueid or "")
        if channel is not None and channel.call is not None:
            return channel.call
    stay = facts.stays.get((event.uniqueid or "", event.queue))
    if stay is not None:
        return stay.call
    open_talks = [talk for talk in seat.talks.values() if talk.row.queue == event.queue]
    if len(open_talks) == 1:
        return open_talks[0].call
    last = seat.last_talk
    if event.uniqueid is None and last is not None and last.row.queue == event.queue:
        known = facts.calls.get(last.call.row.linkedid)
        return known if known is last.call else None
    return facts.calls.get(event.linkedid or "")


def _ring_to_handle(call: Call, event: AgentComplete, seat: Seat) -> Ring | None:
    """The answered ring that this event closes. Its DestUniqueid may be another one than AgentConnect's; the queue goes
    on naming the seat that it rang when another one's phone took the call over."""
    forwarded = any(ring.forwarded and ring.row.seat == seat.name for ring in call.rings)
    for ring in reversed(call.rings):
        if forwarded and ring.stay is None and ring.row.outcome == "answered" and not ring.handled:
            return ring
        if (
            seat.name in (ring.row.seat, ring.taken_from)
            and ring.picked_up
            and not ring.handled
            and ring.row.queue == event.queue
        ):
            return ring
    return None


def _passed_on(ring: Ring, seat: str) -> bool:
    return ring.taken_from == seat or (ring.forwarded and ring.row.seat == seat)


def _open_ring(call: Call, seat: str) -> Ring | None:
    return next((ring for ring in reversed(call.rings) if ring.row.seat == seat and not ring.settled), None)
