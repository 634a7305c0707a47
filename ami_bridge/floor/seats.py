"""Seats: devices, memberships, pauses, and the posture computed from them.

The word, first match: unseen (not heard of since the last look), talking, offline (the device is away), ringing,
wrapping_up (after-call work is due, or it is paused in all its queues with our reason ACW), paused, ready.
Whoever asked for a pause in the middle of a talk is talking until it ends; a device that Asterisk calls in use is not
ready, whatever it does. After-call work is due from the end of a queue's talk or the queue's own word that it is done,
until Asterisk confirms our pause or refuses it, at most for DUE_S: the seat is never ready in between.
"""

from __future__ import annotations

from ami_bridge.changes import MemberSeen, MembershipChanged, PauseSeen, PostureChanged, SeatCodeDialled
from ami_bridge.events.ours import SeatCode
from ami_bridge.events.queues import MemberState
from ami_bridge.events.system import DeviceStateChange
from crm.ledger.postures import Membership, Posture
from crm.rules.pause_steps import ACW, Standing, joined, split

from .facts import Facts, Member, Seat, newer

_DEVICE_OF_STATUS = (
    "UNKNOWN",
    "NOT_INUSE",
    "INUSE",
    "BUSY",
    "INVALID",
    "UNAVAILABLE",
    "RINGING",
    "RINGINUSE",
    "ONHOLD",
)
_AWAY = ("UNAVAILABLE", "INVALID")
_BUSY = ("INUSE", "BUSY", "ONHOLD", "RINGINUSE")
_RINGS = ("RINGING", "RINGINUSE")
DUE_S = 2.0
"""Asterisk answers a pause within milliseconds; one that it never answers must not hide for long who is rung again."""


def member(facts: Facts, event: MemberState, at: float) -> None:
    """A whole member row. One that is older than what is known of the same place in the queue changes nothing."""
    seat = facts.seat(event.interface)
    known = seat.members.get(event.queue)
    if known is not None and not newer(at, known.at):
        return
    if event.state_interface is not None:
        _watch(facts, seat, event.state_interface)
    if event.news == "removed":
        leave(facts, seat, event.queue, at)
        return
    _stand(facts, seat, known, event, at)
    if 0 <= event.status < len(_DEVICE_OF_STATUS):
        _device(seat, _DEVICE_OF_STATUS[event.status], at)


def device(facts: Facts, event: DeviceStateChange, at: float) -> None:
    name = facts.sits.get(event.device)
    if name is None:
        if event.device in facts.seats:
            name = event.device
        else:
            if not event.device.startswith("Local/"):
                facts.devices[event.device] = (event.state, at)
            return
    seat = facts.seats.get(name)
    if seat is None or seat.watched in (None, event.device):
        _device(facts.seat(name), event.state, at)


def differs(seat: Seat, known: Member, event: MemberState, at: float) -> bool:
    """Whether a row listed at `at` says anything else than is known of this place in a queue, or of its device: no list
    of devices names a Local one, and after a restart of Asterisk no event does."""
    device = _DEVICE_OF_STATUS[event.status] if 0 < event.status < len(_DEVICE_OF_STATUS) else seat.device
    if device != seat.device and newer(at, seat.device_at):
        return True
    if (known.row.penalty, known.row.paused) != (event.penalty, event.paused):
        return True
    return event.paused and event.reason is not None and event.reason != joined(seat.reason, seat.next_reason)


def code(facts: Facts, event: SeatCode, at: float) -> None:
    """A code that was dialled at a seat's own phone; from anywhere else it means nothing."""
    leg = facts.channels.get(event.uniqueid)
    if leg is not None and leg.seat is not None:
        facts.say(SeatCodeDialled(leg.seat, event.code, at))


def refresh(facts: Facts, seat: Seat, at: float) -> None:
    """Compute the posture anew; say so when any of it changed."""
    if facts.after_call_work:
        _note_end_of_talk(facts, seat)
    word = posture_word(seat)
    paused = is_paused(seat)
    ring = next(reversed(seat.rings.values())) if seat.rings else None
    talk = next(reversed(seat.talks.values())) if seat.talks else None
    conversation = talk.row.conversation_id if talk else ring.row.conversation_id if ring else None
    if conversation is None:
        wrapped = seat.handled if seat.due_until is None else seat.due_about
        conversation = wrapped if word == "wrapping_up" else _of_leg(seat) if word == "talking" else None
    reason, then = (seat.reason, seat.next_reason) if paused else (None, None)
    now = (
        word,
        seat.device,
        paused,
        reason,
        then,
        conversation,
        ring.row.id if ring else None,
        talk.row.id if talk else None,
    )
    row = seat.row
    if row is None:
        since = seat.pause_at if paused and seat.pause_at else at
        row = seat.row = Posture(facts.node, seat.name, word, since)
    elif now == (
        row.word,
        row.device_state,
        row.paused,
        row.pause_reason,
        row.next_reason,
        row.conversation_id,
        row.offer_id,
        row.segment_id,
    ):
        return
    if row.word != word or (word == "paused" and row.pause_reason != reason):
        row.since = max(at, row.since) if newer(at, row.since) else row.since
    row.word, row.device_state, row.paused, row.pause_reason, row.next_reason = now[:5]
    row.conversation_id, row.offer_id, row.segment_id = now[5:]
    facts.say(PostureChanged(row))


def posture_word(seat: Seat) -> str:
    if not seat.seen:
        return "unseen"
    if seat.talks:
        return "talking"
    if seat.device in _AWAY:
        return "offline"
    if seat.rings:
        return "ringing"
    if seat.device in _BUSY:
        return "talking"
    if seat.device == "RINGING":
        return "ringing"
    if seat.due_until is not None:
        return "wrapping_up"
    if is_paused(seat):
        return "wrapping_up" if seat.reason == ACW else "paused"
    return "ready"


def done_with(facts: Facts, seat: Seat, at: float) -> None:
    """A queue is done with the seat: whoever begins after-call work pauses it now."""
    seat.due_after = seat.last_talk
    if facts.after_call_work:
        _due(facts, seat, seat.handled, at)


def standing(seat: Seat) -> Standing:
    """How the seat stands, for whoever is about to change its pause."""
    paused = is_paused(seat)
    wrapping = seat.due_until is not None or (paused and seat.reason == ACW)
    return Standing(paused, joined(seat.reason, seat.next_reason) if paused else None, wrapping)


def pause_refused(facts: Facts, seat: Seat) -> None:
    """Asterisk does not pause it: no after-call work is due any more."""
    seat.due_until = None
    facts.touched[seat.name] = seat


def settle(facts: Facts, clock: float) -> None:
    """Pauses that Asterisk did not confirm in time."""
    dues = facts.dues
    while dues and dues[0][0] <= clock:
        due, seat = dues.popleft()
        if seat.due_until is not None and seat.due_until <= due:
            seat.due_until = None
            refresh(facts, seat, due)


def _note_end_of_talk(facts: Facts, seat: Seat) -> None:
    """The queue's own word that it is done may come after all that ends a talk; the seat is not ready meanwhile."""
    talk = seat.last_talk
    if talk is None or talk is seat.due_after or talk.row.ended_at is None:
        return
    seat.due_after = talk
    if talk.row.queue is not None:
        _due(facts, seat, talk.row.conversation_id, talk.row.ended_at)


def _due(facts: Facts, seat: Seat, about: str | None, at: float) -> None:
    if not _works(seat):
        seat.due_until, seat.due_about = at + DUE_S, about
        facts.dues.append((seat.due_until, seat))


def _works(seat: Seat) -> bool:
    """In after-call work, by Asterisk's own word."""
    return seat.reason == ACW and is_paused(seat)


def is_paused(seat: Seat) -> bool:
    """Paused is who no queue rings: a seat paused in one of two queues still gets calls."""
    for place in seat.members.values():  # a loop costs a third of all(…): it is asked after every event of a seat
        if not place.row.paused:
            return False
    return bool(seat.members)


def _stand(facts: Facts, seat: Seat, known: Member | None, event: MemberState, at: float) -> None:
    # Who is paused everywhere joins another queue without a reason of its own: Asterisk's QueueAdd takes none.
    was_paused = known.row.paused if known else is_paused(seat)
    if known is None:
        joined_at = float(event.login_time) if 0 < event.login_time <= at else at
        row = Membership(facts.node, event.queue, seat.name, joined_at, event.penalty, event.paused)
        known = seat.members[event.queue] = Member(row, at)
        facts.say(MembershipChanged(row))
        facts.say(MemberSeen(seat.name, event.queue, True, at))
    elif (known.row.penalty, known.row.paused) != (event.penalty, event.paused):
        known.row.penalty, known.row.paused = event.penalty, event.paused
        facts.say(MembershipChanged(known.row))
    elif event.news == "added":
        facts.say(MemberSeen(seat.name, event.queue, True, at))
    elif event.news == "penalty":  # the same once more: somebody asked for it, and waits for this word
        facts.say(MembershipChanged(known.row))
    known.at = at
    if event.paused:
        if event.reason is not None or not was_paused:
            seat.reason, seat.next_reason = split(event.reason)
        seat.pause_at = float(event.last_pause)
    if _works(seat) or (was_paused and not event.paused):
        seat.due_until = None  # Asterisk's own word
    if event.news == "pause" or was_paused != event.paused:
        facts.say(PauseSeen(seat.name, event.paused, event.reason if event.paused else None, at))


def leave(facts: Facts, seat: Seat, queue: str, at: float) -> None:
    """The seat stands in this queue no more."""
    known = seat.members.pop(queue, None)
    if known is not None:
        known.row.left_at = max(at, known.row.joined_at)
        facts.say(MembershipChanged(known.row))
    facts.say(MemberSeen(seat.name, queue, False, at))


def _watch(facts: Facts, seat: Seat, device: str) -> None:
    """This device is the seat's phone, and no seat of its own, for which it was held until a queue said so."""
    seat.watched = device
    known = facts.seats.get(facts.sits.setdefault(device, seat.name))
    if known is None or known is seat or known.name != device or known.members:
        return
    facts.sits[device] = seat.name
    for leg in known.channels.values():
        leg.seat = seat.name
    seat.channels.update(known.channels)
    known.channels.clear()
    known.seen = False
    facts.touched[known.name] = known


def _device(seat: Seat, state: str, at: float) -> None:
    if newer(at, seat.device_at):
        seat.device, seat.device_at, seat.seen = state, at, True
        if state in _RINGS:
            seat.rang_at = at


def _of_leg(seat: Seat) -> str | None:
    """The conversation of a seat that is on the phone without a talk: it calls, it consults, it is about to talk."""
    for leg in seat.channels.values():
        if leg.call is not None and not leg.call.unsaid:
            return leg.call.row.id
    return None
