"""What a floor that missed a part of a trace must know in the end, held against one that heard all of it.

Each trace holds a look every 2 s (tests/traces/recorder.py), so a bridge may begin, or see again, at each of them. Used
by test_floor_recorded.py for some of the gaps, and by tests/traces/prove_floor.py for all of them. Three ways of
missing something, each with the rest of the stream after it:

- joined: nothing before the look was heard (a first start);
- dropped: the stream begins anywhere but in a look, which a bridge hears whole because it asks for it, and its next
  look comes in the midst of events (an attach that asks late). A call that was heard in part before that look is not
  compared: who hears the middle of it may take it for another, as any listener would;
- blinded: all was heard up to anywhere, then nothing until the next look (AMI was cut).

`differences` names what the floor then says otherwise. Compared are: nothing left open; who stands in which queue, with
pauses; the posture of each seat (word, device, pause, reason); each wait, ring, talk and transfer that began after the
look, in all columns but those named below; when and how each wait, ring and talk ended that was open in the look; of
each conversation that was alive in the look when and by which cause it ended, who called, and how it came out; after a
blind gap also all that was written before it. And no row may be there that the whole stream does not give.

What no list of Asterisk's shows is not compared:

- what was over before the look, or happened in the gap or in the second before it, whose last word is missed: earlier
  waits, rings, talks, transfers, who had rung before, hold until then;
- that a phone is a seat which stands in no queue and is not on the phone;
- when that began which the look shows first: a wait to the second, a ring or a talk not at all (`reconstructed`);
- ids of such rows, and of those that point at them: they derive from when a thing began, or from how many came before;
- an outcome or `ended_by` that rests on such a thing: a last talk that was over, a queue that was left, a ring or a
  dial that had ended, a flow's word, who had hung up on whom;
- the queue of a talk whose ring was over; direction and caller of a conversation whose first leg is gone; and all of
  one whose first leg is gone while only seats are left in it, for it may be over: the caller may have left them;
- for whom a leg rings that is listed under a Linkedid whose first leg is gone (a transfer by phone to one who rings),
  and a transfer in the half second in which a leg that the look does not show is still believed to be there;
- who it is that talks when the wires of a Local member were taken out of the middle, and a call some leg of which left
  its bridge in the quarter of a second before sight was lost: whether it went on cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ami_stream import Room
from recorded_looks import Look, looks

from ami_bridge.events import Event
from ami_bridge.events.bridges import BridgeLeave, LocalOptimizationEnd
from ami_bridge.events.channels import HangupRequest
from ami_bridge.events.ours import IvrLeft
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.postures import Membership, Posture

_BEGAN: dict[type[Any], str] = {Wait: "entered_at", Offer: "started_at", Segment: "started_at", Transfer: "at"}
_ENDED: dict[type[Any], str] = {Wait: "left_at", Offer: "ended_at", Segment: "ended_at", Transfer: "at"}
_SAID: dict[type[Any], tuple[str, ...]] = {
    Wait: ("queue", "caller_uniqueid", "entered_at", "left_at", "outcome"),
    Offer: ("queue", "seat", "started_at", "ended_at", "outcome"),
    Segment: ("seat", "caller_uniqueid", "started_at", "ended_at", "hold_s"),
    Transfer: ("kind", "from_seat", "to", "at", "outcome"),
}
_SAID_OF_OPEN: dict[type[Any], tuple[str, ...]] = {
    Wait: ("queue", "caller_uniqueid", "left_at", "outcome"),
    Offer: ("seat", "ended_at", "outcome"),
    Segment: ("seat", "ended_at"),
    Transfer: (),
}
_LAST_WORD_S = 1.0
_PARTED_S = 0.25
_STILL_BELIEVED_S = 0.5


def gaps(stream: list[Event], whole: Room, every: int = 1) -> Iterator[tuple[str, list[str]]]:
    """What was missed, in words, and what is said otherwise after it. every: one of so many events begins a gap."""
    found = looks(stream)
    for look in found:
        yield f"nothing heard before event {look.start}", differences(stream, whole, joined(stream, look), look)
    for number in range(1, found[-1].start, every):
        heard_until = max((event.at for event in stream[:number] if event.at is not None), default=0.0)
        following = next(look for look in found if look.start >= number)
        if not any(look.start < number < look.end for look in found):
            late = differences(stream, whole, dropped(stream, number), following, first=number)
            yield f"the first {number} events dropped", late
        for look in {following, found[-1]}:
            late = differences(stream, whole, blinded(stream, number, look), look, heard_until)
            yield f"blind from event {number} to {look.start}", late


def joined(stream: list[Event], look: Look) -> Room:
    return _rest(Room(), stream, look.start)


def dropped(stream: list[Event], missing: int) -> Room:
    return _rest(Room(), stream, missing)


def blinded(stream: list[Event], heard: int, look: Look) -> Room:
    room = Room()
    room.finds_sight()
    room.hears_all(stream[:heard])
    room.loses_sight()
    room.wait(max(0.0, look.at - room.now))
    return _rest(room, stream, look.start)


def _rest(room: Room, stream: list[Event], start: int) -> Room:
    room.now = max(room.now, next((event.at for event in stream[start:] if event.at is not None), 0.0))
    room.finds_sight()
    room.hears_all(stream[start:])
    room.wait(10)
    return room


def differences(
    stream: list[Event], whole: Room, late: Room, look: Look, heard_until: float = 0.0, first: int | None = None
) -> list[str]:
    """What `late` says otherwise than `whole`, a line each. heard_until: when sight was lost, for a blinded one; first:
    with which event the stream began, for a dropped one."""
    blind = heard_until > 0
    unknowable = _unknowable(stream, look)
    if blind:
        heard = {str(event.linkedid) for event in _until(stream, heard_until) if hasattr(event, "linkedid")}
        unknowable = (unknowable - heard) | _parted(stream, heard_until)
    unknowable |= _partly_heard(stream, first, look) if first is not None else set()
    loose = {row.id for room in (whole, late) for row in room.of(Conversation) if row.linkedid in unknowable}
    found = [] if late.floor.empty else ["something is left open"]
    found += _otherwise("stands", set(_places(whole)), set(_places(late)))
    found += _otherwise("posture", set(_postures(whole, _seats(whole, late, look))), set(_postures(late, None)))
    found += _conversations(stream, whole, late, look, loose)
    for kind in _BEGAN:
        found += _rows(kind, whole, late, look, heard_until, loose)
    return found


def _until(stream: list[Event], at: float) -> list[Event]:
    return [event for event in stream if event.at is not None and event.at <= at]


def _parted(stream: list[Event], at: float) -> set[str]:
    """Linkedids of calls of which legs were apart when sight was lost."""
    left = (event for event in stream if isinstance(event, BridgeLeave) and at - _PARTED_S <= (event.at or 0.0) <= at)
    return {event.linkedid for event in left}


def _unknowable(stream: list[Event], look: Look) -> set[str]:
    """Linkedids of calls that the look shows, and that nobody who sees no more than that can judge."""
    optimized = any(isinstance(event, LocalOptimizationEnd) for event in stream[: look.start])
    return set(look.listed if optimized else look.listed - look.first_legs - look.with_caller)


def _partly_heard(stream: list[Event], first: int, look: Look) -> set[str]:
    """Linkedids of calls that began before event `first` and spoke between it and the look, and of those that began in
    between: one may have taken over another."""
    before, between, after = (
        {str(event.linkedid) for event in part if hasattr(event, "linkedid")}
        for part in (stream[:first], stream[first : look.start], stream[first:])
    )
    alive = before & after
    begun = between - before
    return (between | alive if begun else between) if alive else set()


def _otherwise(what: str, wanted: set[Any], told: set[Any]) -> list[str]:
    missing = [f"{what} missing: {each}" for each in sorted(wanted - told, key=str)]
    return missing + [f"{what} invented: {each}" for each in sorted(told - wanted, key=str)]


def _places(room: Room) -> Iterator[tuple[Any, ...]]:
    for row in room.of(Membership):
        if row.left_at is None:
            yield row.queue, row.seat, row.penalty, row.paused


def _seats(whole: Room, late: Room, look: Look) -> set[str]:
    """Those that must be known to be seats."""
    there = {row.seat for row in late.of(Posture)} | {row.seat for row in whole.of(Membership) if row.left_at is None}
    return there | {row.seat for kind in (Offer, Segment) for row in whole.of(kind) if row.ended_at > look.over_at}


def _postures(room: Room, seats: set[str] | None) -> Iterator[tuple[Any, ...]]:
    for row in room.of(Posture):
        if row.word != "unseen" and (seats is None or row.seat in seats):
            yield row.seat, row.word, row.device_state, row.paused, row.pause_reason


def _rows(kind: type[Any], whole: Room, late: Room, look: Look, heard_until: float, loose: set[str]) -> list[str]:
    """Rows by what they are to the look: begun after it, open in it, over before it or written before the gap."""
    name = kind.__name__
    began, ended = _BEGAN[kind], _ENDED[kind]
    heard_until -= _LAST_WORD_S
    wanted: set[Any] = set()
    allowed: set[Any] = set()
    for row in whole.of(kind):
        since, until = getattr(row, began), getattr(row, ended)
        if kind is Transfer and look.at < since <= look.over_at + _STILL_BELIEVED_S:
            continue
        if since > look.over_at:
            wanted.add(_told(row, _SAID[kind]))
        elif since < look.at and until > look.over_at and (kind is not Offer or _shows(look, whole, row)):
            wanted.add(_told(row, _SAID_OF_OPEN[kind]))
        elif until <= heard_until:
            wanted.add(_told(row, _SAID[kind]))
        else:
            allowed.add(_who(row))
    told: set[Any] = set()
    for row in late.of(kind):
        since, until = getattr(row, began), getattr(row, ended)
        if kind is Transfer and look.at < since <= look.over_at + _STILL_BELIEVED_S:
            continue
        if since > look.over_at or until <= heard_until:
            told.add(_told(row, _SAID[kind]))
        elif until > look.over_at:
            told.add(_told(row, _SAID_OF_OPEN[kind]))
        elif _who(row) not in allowed:
            told.add(("of the gap", *_who(row)))
    told -= {each for each in told - wanted if _who_of(kind, each) in allowed}
    wanted, told = ({each for each in rows if _who_of(kind, each)[0] not in loose} for rows in (wanted, told))
    return _otherwise(name, wanted, told)


def _shows(look: Look, whole: Room, offer: Offer) -> bool:
    """Whether the leg that rings stands under the conversation's own Linkedid."""
    linkedid = next(row.linkedid for row in whole.of(Conversation) if row.id == offer.conversation_id)
    return any(linkedid == each and offer.seat.startswith(base) for each, base in look.legs)


def _told(row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    values = (getattr(row, name) for name in names)
    return (row.conversation_id, *(round(value, 3) if isinstance(value, float) else value for value in values))


def _who(row: Any) -> tuple[Any, ...]:
    kind = type(row)
    return row.conversation_id, getattr(row, "queue" if kind is Wait else "from_seat" if kind is Transfer else "seat")


def _who_of(kind: type[Any], told: tuple[Any, ...]) -> tuple[Any, ...]:
    """Conversation and seat (of a wait: queue) in what `_told` made."""
    if told[0] == "of the gap":
        return told[1:]
    place = 2 if kind in (Offer, Transfer) and len(told) == 6 else 1
    return told[0], told[place]


def _conversations(stream: list[Event], whole: Room, late: Room, look: Look, loose: set[str]) -> list[str]:
    found: list[str] = []
    known = {row.id: row for row in late.of(Conversation)}
    truths = {row.id: row for row in whole.of(Conversation)}
    found += [f"conversation invented: {known[each]}" for each in known.keys() - truths.keys() - loose]
    for key, truth in truths.items():
        in_look = truth.linkedid in look.listed and truth.ended_at > look.over_at
        if not in_look and not truth.started_at > look.over_at:
            continue
        row = known.get(key)
        if key in loose:
            continue
        if row is None:
            found.append(f"conversation missing: {truth}")
            continue
        for name in _comparable(stream, whole, truth, look):
            if getattr(row, name) != getattr(truth, name):
                found.append(f"conversation {name}: {getattr(row, name)} instead of {getattr(truth, name)}")
    return found


def _comparable(stream: list[Event], whole: Room, truth: Conversation, look: Look) -> Iterator[str]:
    yield from ("ended_at", "hangup_cause")
    if truth.started_at > look.over_at or truth.linkedid in look.first_legs:
        yield from ("direction", "caller")
    if truth.started_at > look.over_at or _decided_at(stream, whole, truth) > look.over_at:
        yield "outcome"
    asked = [event for event in stream[: look.end] if isinstance(event, HangupRequest)]
    if truth.linkedid not in {event.linkedid for event in asked}:
        yield "ended_by"


def _decided_at(stream: list[Event], whole: Room, truth: Conversation) -> float:
    """When that happened on which the outcome rests."""
    talks = [row.ended_at for row in whole.of(Segment) if row.conversation_id == truth.id]
    waits = [row.left_at for row in whole.of(Wait) if row.conversation_id == truth.id]
    rings = [row.ended_at for row in whole.of(Offer) if row.conversation_id == truth.id]
    words = [event.at or 0.0 for event in stream if isinstance(event, IvrLeft) and event.linkedid == truth.linkedid]
    for decisive in (talks, waits + rings if waits else [], words, rings):
        if decisive:
            return float(max(decisive))
    return float(truth.ended_at or 0.0)
