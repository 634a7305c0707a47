"""Mark and sweep: lists of what is there, against what the floor knows.

Rows arrive among events, in wire order. What a row shows and nobody knew is taken in at once. What a finished list does
not show, or shows otherwise, is a doubt: the event that explains it may still be under way. Unexplained after a second
the list is believed, and the correction is counted. Channels and devices are always listed whole; a list of queues
counts only when it was asked for as a look (actions.look), since others may ask for one queue.
"""

from __future__ import annotations

from ami_bridge.actions import LOOK
from ami_bridge.changes import CallerJoinedQueue
from ami_bridge.events.lists import CoreShowChannel, ListComplete, QueueEntry, QueueParams
from ami_bridge.events.queues import MemberState
from ami_bridge.events.system import DeviceStateChange

from . import calls, channels, doubts, legs, places, rings, seats, stays, talks
from .facts import SET_BACK_S, Call, Channel, Facts, Look, Ring, Stay

YOUNG_S = 1.0
_RINGING, _UP = 5, 6
_WAIT_IS_WHOLE_S = 2.0


def queue(facts: Facts, event: QueueParams, at: float) -> None:
    _look(facts, "queues", event.action_id, at)


def member(facts: Facts, event: MemberState, at: float) -> None:
    """An event is believed at once; a row of a list only where it says nothing else than is known."""
    if event.news != "listed":
        seats.member(facts, event, at)
        return
    mark = _mark(_look(facts, "queues", event.action_id, at))
    seat = facts.seat(event.interface)
    seat.seen = True
    known = seat.members.get(event.queue)
    if known is None:
        seats.member(facts, event, at)
        known = seat.members[event.queue]
    elif seats.differs(seat, known, event, at):
        doubts.raise_one(facts, known, at, at, event)
    known.listed = mark


def device(facts: Facts, event: DeviceStateChange, at: float) -> None:
    if event.action_id is None:
        seats.device(facts, event, at)
        return
    mark = _mark(_look(facts, "devices", event.action_id, at))
    seat = facts.seats.get(facts.sits.get(event.device, event.device))
    if seat is None:
        seats.device(facts, event, at)
        return
    seat.listed = mark
    if seat.device is None or not seat.seen:
        seats.device(facts, event, at)
    elif seat.device != event.state and seat.watched in (None, event.device):
        doubts.raise_one(facts, seat, at, at, event)


def waiting(facts: Facts, event: QueueEntry, at: float) -> None:
    """A caller in a queue. Its channel may be listed later: it has no Linkedid here."""
    look = _look(facts, "queues", event.action_id, at)
    mark = _mark(look)
    stay = facts.stays.get((event.uniqueid, event.queue))
    if stay is not None and _came_again(facts, stay, event, at):
        stays.lost(facts, stay, _last_seen(facts, look, at))
    if stay is not None and not _has_left(stay, event, at):
        stay.listed = mark
    elif event.uniqueid not in facts.gone:
        facts.entries[event.uniqueid] = (event, at, mark)
        known = facts.channels.get(event.uniqueid)
        if known is not None and known.call is not None:
            _take_entry(facts, known)


def channel(facts: Facts, event: CoreShowChannel, at: float) -> None:
    look = _look(facts, "channels", event.action_id, at)
    known = facts.channels.get(event.uniqueid)
    if event.uniqueid in facts.gone:
        return  # rows carry no time, so one that is heard again must not raise the dead
    # A leg that was rung runs no dialplan: it stands where its kind begins. One that called may have been sent on.
    begun_here = event.linkedid != event.uniqueid or legs.has_own_number(event.channel, event.caller)
    context = event.context if begun_here else ""
    leg = legs.learn(facts, event.channel, event.uniqueid, event.linkedid, at, context)
    if leg is None:
        return
    if known is None or leg.call is None:
        leg.known_at = min(leg.known_at, at - event.duration_s)
    legs.shown(facts, leg, event.caller, event.caller_name)
    if known is None and event.bridge is not None:
        channels.put_into(facts, leg, event.bridge, at, guessed=True)
    elif event.bridge != (leg.bridge.id if leg.bridge else None):
        doubts.raise_one(facts, leg, at, _last_seen(facts, look, at), event)
    leg.rings = event.state == _RINGING
    if event.state == _UP and "channels" in facts.first_looks:
        _answered_unseen(facts, leg, at)
    leg.listed = _mark(look)


def _answered_unseen(facts: Facts, leg: Channel, at: float) -> None:
    ring = facts.rings.get(leg.uniqueid)
    if ring is not None and ring.row.outcome is None and ring.row.started_at <= facts.found_at:
        rings.dial_ended(facts, ring, "ANSWER", at)


def complete(facts: Facts, event: ListComplete, at: float) -> None:
    """The list is over: what it did not show is doubted."""
    look = _look(facts, event.listed, event.action_id, at)
    if look is not None and look.first:
        doubts.believe(facts)
    if event.listed == "channels":
        _adopt_all(facts, at)
    if look is None:
        return
    sweep = {"channels": _sweep_channels, "queues": _sweep_queues, "devices": _sweep_devices}.get(event.listed)
    if sweep is not None:
        sweep(facts, look, at)
    if look.first:
        doubts.believe(facts)
    facts.first_looks.discard(event.listed)
    facts.looks.pop(event.listed, None)


def _look(facts: Facts, listed: str, action_id: str | None, at: float) -> Look | None:
    """The list being heard, begun with its first row (or its end, when it is empty)."""
    if listed == "queues" and not (action_id or "").startswith(LOOK):
        return None
    look = facts.looks.get(listed)
    if look is None:
        look = facts.looks[listed] = Look(f"{action_id} {at:.6f}", at, listed in facts.first_looks)
    return look


def _mark(look: Look | None) -> str | None:
    return look.mark if look is not None else None


def _old_enough(facts: Facts, look: Look, known_at: float) -> bool:
    """What is younger than the list may be missing in it for that reason alone. What seems much younger was known
    before Asterisk's clock was set back."""
    if known_at > look.began_at + SET_BACK_S:
        return True
    return known_at < look.began_at - YOUNG_S or (look.first and known_at <= facts.found_at)


def _last_seen(facts: Facts, look: Look | None, at: float) -> float:
    return facts.lost_at if look is not None and look.first and facts.lost_at is not None else at


def _sweep_channels(facts: Facts, look: Look, at: float) -> None:
    ended_at = _last_seen(facts, look, at)
    for leg in facts.channels.values():
        if leg.listed != look.mark and _old_enough(facts, look, leg.known_at):
            doubts.raise_one(facts, leg, at, ended_at)
    for call in facts.calls.values():
        if not call.channels and call.row.ended_at is None and _old_enough(facts, look, call.row.started_at):
            doubts.raise_one(facts, call, at, ended_at)
        if call.recalled:
            _sweep_recalled(facts, call, ended_at)


def _sweep_recalled(facts: Facts, call: Call, ended_at: float) -> None:
    """Rings and talks that an earlier bridge left open, and that no leg carries on."""
    call.recalled = False
    for ring in call.rings:
        if ring.row.outcome is None and not ring.dest:
            rings.end(facts, ring, "lost_sight", ended_at)
    talks.review(facts, {call.row.id: call}, ended_at, guessed=True)
    for talk in call.talks.values():
        if talk.parted_at is not None:
            talk.parted_at = min(talk.parted_at, ended_at)


def _sweep_queues(facts: Facts, look: Look, at: float) -> None:
    ended_at = _last_seen(facts, look, at)
    for stay in facts.stays.values():
        open_still = stay.row.left_at is None and stay.listed != look.mark
        if open_still and _old_enough(facts, look, stay.row.entered_at):
            doubts.raise_one(facts, stay, at, ended_at)
    for seat in facts.seats.values():
        for place in seat.members.values():
            if place.listed != look.mark and _old_enough(facts, look, place.at):
                doubts.raise_one(facts, place, at, ended_at)


def _sweep_devices(facts: Facts, look: Look, at: float) -> None:
    """A seat that stands in no queue and whose device nobody lists is unseen."""
    doubted = {doubt.about.uniqueid for doubt in facts.doubts if isinstance(doubt.about, Channel)}
    for seat in facts.seats.values():
        idle = seat.seen and not seat.members and seat.channels.keys() <= doubted and seat.listed != look.mark
        if idle and _old_enough(facts, look, seat.device_at):
            seat.seen = False
            facts.touched[seat.name] = seat


def _adopt_all(facts: Facts, at: float) -> None:
    """Make conversations of the legs that belong to none, as far as the list shows what they are. Callers first: whom
    a seat rings up in the middle of a talk with one of them, it consults."""
    strangers: dict[str, list[Channel]] = {}
    for leg in facts.channels.values():
        if leg.call is None and leg.listed is not None and not leg.consult:
            strangers.setdefault(leg.linkedid, []).append(leg)
    begun_by_seats: list[tuple[Channel, list[Channel]]] = []
    for linkedid, group in strangers.items():
        # Colleagues who talk on when the caller is gone, and the conversation with him, begin none of the same name.
        known = linkedid in facts.calls or linkedid in facts.gone
        first = _first(facts, linkedid, group) if not known else None
        if first is not None and first.seat is not None:
            begun_by_seats.append((first, group))
        elif first is not None:
            _adopt(facts, first, group)
    for uniqueid in list(facts.entries):
        leg_waiting = facts.channels.get(uniqueid)
        if leg_waiting is not None:
            calls.of_caller(facts, leg_waiting, leg_waiting.known_at, guessed=True)
            _take_entry(facts, leg_waiting)
    facts.entries.clear()
    for call in list(facts.calls.values()):
        _carry_on(facts, call, at)
    for first, group in begun_by_seats:
        if first.call is None:
            _of_a_seat(facts, first, group, at)


def _first(facts: Facts, linkedid: str, group: list[Channel]) -> Channel | None:
    """The leg that began it; when it is gone, the caller who is still there."""
    first = facts.channels.get(linkedid)
    if first is not None and (not first.half or _simulated_caller(first)):
        return first
    real = [leg for leg in group if not leg.half and (first is not None or leg.seat is None)]
    return min(real, key=lambda leg: (leg.seat is not None, leg.rings, leg.known_at), default=None)


def _adopt(facts: Facts, first: Channel, group: list[Channel]) -> Call:
    direction = "internal" if first.seat is not None else "inbound"
    alone = first.seat is not None and len(group) == 1
    call = calls.begin(facts, first, direction, first.known_at, unsaid=alone, guessed=True)
    for leg in group:
        calls.join(call, leg)
        if direction == "internal" and leg.seat is None and not leg.half:
            calls.goes_outside(facts, call, leg)
    return call


def _of_a_seat(facts: Facts, first: Channel, group: list[Channel], at: float) -> None:
    """A seat that talks consults somebody; any other one calls, or has lifted its phone to take a call."""
    assert first.seat is not None
    talk = next((talk for talk in facts.seats[first.seat].talks.values() if talk.row.ended_at is None), None)
    if talk is None:
        _carry_on(facts, _adopt(facts, first, group), at)
        return
    for leg in group:
        leg.consult, leg.asks_for = True, talk.call
        if leg.rings and leg.seat is not None and leg is not first and leg.uniqueid not in facts.rings:
            rings.begin(facts, talk.call, None, None, leg.seat, leg.uniqueid, at, guessed=True)


def _simulated_caller(leg: Channel) -> bool:
    return f"@{channels.TRUNK_CONTEXT}" in leg.name


def _carry_on(facts: Facts, call: Call, at: float) -> None:
    """Rings and talks that go on: known ones are found again by their seat, others are new to us."""
    if call.row.ended_at is not None:
        return
    stay = next((stay for stay in reversed(call.stays) if stay.row.left_at is None), None)
    for leg in list(call.channels.values()):
        if call.recalled:
            _recall_party(call, leg)
        elif "channels" in facts.first_looks:
            _dialled_unseen(facts, call, leg)
        if leg.rings and leg.half != 2 and leg.seat is not None and leg.uniqueid not in facts.rings:
            ring = _open_ring(call, leg.seat)
            if ring is None:
                rings.begin(
                    facts, call, stay, stay.row.queue if stay else None, leg.seat, leg.uniqueid, at, guessed=True
                )
            elif not ring.dest:
                ring.dest = leg.uniqueid
                facts.rings[leg.uniqueid] = ring
    if not call.recalled:
        talks.review(facts, {call.row.id: call}, at, guessed=True)


def _dialled_unseen(facts: Facts, call: Call, leg: Channel) -> None:
    """What a leg has become while nobody looked: dialled by a seat to the outside, or the phone behind a Local pair."""
    if leg.half == 2 and leg.seat is not None and leg.bridge is not None:
        for other in list(leg.bridge.members.values()):
            if other is not leg and other.uniqueid not in call.parties and other.seat in (None, leg.seat):
                channels.phone_behind(facts, leg, other)
    elif not leg.half and leg.seat is not None:
        for other in call.channels.values():
            other.phone_behind = other.phone_behind or (other.half == 2 and other.seat == leg.seat)
    elif not leg.half and call.row.direction == "internal" and leg.uniqueid != call.first:
        calls.confirm(facts, call)
        calls.goes_outside(facts, call, leg)


def _recall_party(call: Call, leg: Channel) -> None:
    """Whom the seats talked with, by what an earlier bridge wrote; else the first leg that is no seat's."""
    if places.is_place(leg):
        return
    known = {talk.party for talk in call.talks.values()} | {stay.row.caller_uniqueid for stay in call.stays}
    first = leg.uniqueid == call.first and (not leg.half or call.row.direction != "inbound")
    outbound = call.row.direction == "outbound" and leg.seat is None and not leg.half
    if leg.uniqueid in known or outbound or (first and call.row.direction != "outbound"):
        call.parties[leg.uniqueid] = leg


def _open_ring(call: Call, seat: str) -> Ring | None:
    return next((ring for ring in call.rings if ring.row.seat == seat and ring.row.outcome is None), None)


def _has_left(stay: Stay, entry: QueueEntry, at: float) -> bool:
    """Whether the row shows not this stay, but a later one of the same caller in the same queue."""
    return stay.row.left_at is not None and at - entry.wait_s >= stay.row.left_at


def _came_again(facts: Facts, stay: Stay, entry: QueueEntry, at: float) -> bool:
    """Whether the caller left and joined anew while nobody looked. The row counts whole seconds."""
    unseen = "queues" in facts.first_looks and stay.row.entered_at <= facts.found_at
    return unseen and stay.row.left_at is None and at - entry.wait_s > stay.row.entered_at + _WAIT_IS_WHOLE_S


def _take_entry(facts: Facts, leg: Channel) -> None:
    entry, at, mark = facts.entries.pop(leg.uniqueid)
    known = facts.stays.get((leg.uniqueid, entry.queue))
    if leg.call is None or (known is not None and not _has_left(known, entry, at)):
        return
    calls.learn_caller(facts, leg.call, entry.caller, entry.caller_name)
    entered_at = at - entry.wait_s
    stay = stays.open_stay(
        facts, leg.call, leg.uniqueid, entry.queue, entered_at, position=entry.position, guessed=True
    )
    stay.listed = mark
    facts.say(CallerJoinedQueue(leg.call.row, stay.row))
