"""Talks: who hangs together with whom.

Bridges and the halves of Local pairs make a graph; a segment runs while a seat and a party of the conversation hang
together in it. Music, parking and a seat's consult are no talk with the caller. In transfers and when Local pairs are
taken out, legs are for a moment nowhere: a talk that parted may meet again within PARTED_S and was never interrupted.
"""

from __future__ import annotations

from msgspec import Struct

from ami_bridge.changes import SeatLetGo, TalkBegan, TalkChanged, TalkEnded
from ami_bridge.events.channels import Hold, Unhold
from crm.ledger.conversations import Segment

from . import calls, handed_over, ids, places, rings, stays
from .facts import Call, Channel, Facts, Ring, Talk

PARTED_S = 0.25


class Meeting(Struct, frozen=True, eq=False):
    """A seat's leg and a party hanging together through `legs`, since the newest of them joined."""

    party: Channel
    leg: Channel
    legs: frozenset[str]
    since: float


def hang_together(start: Channel) -> list[Channel]:
    """All legs that hear this one, itself first."""
    if start.partner is None and (start.bridge is None or start.bridge.holding):
        return [start]
    found = {start.uniqueid: start}
    todo = [start]
    while todo:
        leg = todo.pop()
        bridge, partner = leg.bridge, leg.partner
        if bridge is not None and not bridge.holding:
            for uniqueid, other in bridge.members.items():
                if uniqueid not in found:
                    found[uniqueid] = other
                    todo.append(other)
        if partner is not None and partner.uniqueid not in found:
            found[partner.uniqueid] = partner
            todo.append(partner)
    return list(found.values())


def affected(channel: Channel) -> dict[str, Call]:
    """The conversations whose talks may change when this leg moves."""
    found: dict[str, Call] = {}
    last: Call | None = None
    for leg in hang_together(channel):
        call = leg.call
        if call is not None and call is not last:  # nearly always they are all of one conversation
            found[call.row.id] = last = call
    return found


def review(
    facts: Facts, moved: dict[str, Call], at: float, mover: Channel | None = None, *, guessed: bool = False
) -> None:
    """Compare who hangs together now with the talks that run. mover: the leg whose move is the reason.

    guessed: a list shows who hangs together, and nobody knows since when.
    """
    for call in moved.values():
        together = _together(call)
        if not (together or call.talks or call.past_talks):
            continue  # on the way to a talk
        for seat, talk in call.talks.items():
            if seat in together:
                talk.parted_at = None
                talk.legs = together[seat].legs
            elif talk.parted_at is None:
                talk.parted_at = at
                facts.partings.append((at + PARTED_S, talk))
            elif mover is not None and mover.uniqueid in talk.legs:
                talk.parted_at = min(talk.parted_at, at)
        if call.row.ended_at is None:
            for seat, meeting in together.items():
                if seat not in call.talks:
                    _begin(facts, call, seat, meeting, at, guessed=guessed)
        if mover is not None and call.past_talks:
            _correct_past(facts, call, at, mover)


def settle(facts: Facts, clock: float) -> None:
    """End the talks that parted and did not meet again."""
    partings = facts.partings
    while partings and partings[0][0] <= clock:
        talk = partings.popleft()[1]
        if talk.parted_at is not None and talk.row.ended_at is None:
            if talk.parted_at + PARTED_S <= clock:
                _end(facts, talk, talk.parted_at)
            else:
                partings.append((talk.parted_at + PARTED_S, talk))


def leg_gone(facts: Facts, channel: Channel, at: float) -> None:
    """Without this leg the talk cannot go on: no need to wait."""
    call = channel.call
    if call is None:
        return
    let_go(facts, channel, at)
    if not call.talks:
        return
    for talk in [talk for talk in call.talks.values() if channel.uniqueid in (talk.party, talk.row.seat_uniqueid)]:
        if talk.parted_at is not None or talk.row.seat not in _together(call):
            _end(facts, talk, at if talk.parted_at is None else talk.parted_at)


def let_go(facts: Facts, channel: Channel, at: float) -> None:
    """A seat that had kept its leg after the talk has hung up. Asterisk may keep the leg until the target answers."""
    call = channel.call
    for talk in call.past_talks if call is not None else ():
        if talk.stays and channel.uniqueid == talk.row.seat_uniqueid:
            talk.stays = False
            if talk.row.seat not in talk.call.talks:
                facts.say(SeatLetGo(talk.row, at))
                handed_over.done(facts, talk, at)


def end_all(facts: Facts, call: Call, at: float) -> None:
    for talk in list(call.talks.values()):
        _end(facts, talk, at if talk.parted_at is None else talk.parted_at)


def hold(facts: Facts, event: Hold, at: float) -> None:
    talk = _talk_of(facts, event.uniqueid)
    if talk is not None and talk.held_at is None:
        talk.held_at = at
        facts.say(TalkChanged(talk.row))


def unhold(facts: Facts, event: Unhold, at: float) -> None:
    talk = _talk_of(facts, event.uniqueid)
    if talk is not None and talk.held_at is not None:
        _off_hold(talk, at)
        facts.say(TalkChanged(talk.row))


def ring_of(call: Call, seat: str) -> Ring | None:
    """The ring that led to this seat's talk: its last one that was answered, else its last one that still rings."""
    own = [ring for ring in call.rings if ring.row.seat == seat]
    for ring in reversed(own):
        if ring.row.outcome == "answered" or ring.picked_up:
            return ring
    return own[-1] if own and own[-1].row.outcome is None else None


def _together(call: Call) -> dict[str, Meeting]:
    """The seats that hang together with a party now."""
    found: dict[str, Meeting] = {}
    for party in call.parties.values():
        if party.bridge is None and party.partner is None:
            continue
        legs = hang_together(party)
        for leg in legs:
            if leg.seat is None or leg is party or leg.seat == party.seat or leg.seat in found or not _is_person(leg):
                continue
            since = max([each.bridge_at for each in legs])
            found[leg.seat] = Meeting(party, leg, frozenset([each.uniqueid for each in legs]), since)
    return found


def _is_person(leg: Channel) -> bool:
    """Whether somebody is at this leg of a seat. A Local pair is one only when no phone was rung behind it."""
    if leg.bridge is None:
        return False
    return not leg.half or not (leg.phone_behind or (leg.partner is not None and leg.partner.bridge is not None))


def _begin(facts: Facts, call: Call, seat: str, meeting: Meeting, at: float, *, guessed: bool) -> None:
    calls.confirm(facts, call)
    ring = ring_of(call, seat)
    number = sum(talk.row.seat == seat for talk in call.past_talks)
    conversation = call.row.id
    row = Segment(
        ids.segment_id(facts.node, conversation, seat, number),
        conversation,
        facts.node,
        ring.row.queue if ring else None,
        seat,
        meeting.party.uniqueid,
        meeting.since or at,
        seat_uniqueid=meeting.leg.uniqueid,
        reconstructed=guessed,
    )
    talk = call.talks[seat] = Talk(row, call, meeting.party.uniqueid, ring, meeting.legs)
    sitting = facts.seat(seat)
    sitting.talks[conversation] = sitting.last_talk = talk
    call.talked = True
    places.talks(facts, call, row.started_at)
    if guessed and ring is not None and ring.row.outcome is None:
        _was_answered(facts, ring, row.started_at)
    facts.say(TalkBegan(call.row, talk.row, ring.row if ring else None))


def _was_answered(facts: Facts, ring: Ring, at: float) -> None:
    """Nobody heard it, but the seat that rang talks now."""
    ring.picked_up = True
    rings.end(facts, ring, "answered", at)
    rings.taken(facts, ring, at)
    if ring.stay is not None:
        stays.answered(facts, ring.stay, at)


def _end(facts: Facts, talk: Talk, at: float) -> None:
    row = talk.row
    row.ended_at = max(at, row.started_at)
    if talk.held_at is not None:
        _off_hold(talk, row.ended_at)
    talk.call.talks.pop(row.seat, None)
    talk.call.past_talks.append(talk)
    facts.seat(row.seat).talks.pop(row.conversation_id, None)
    stays = _stays(facts, talk)
    talk.stays = stays
    facts.say(TalkEnded(row, talk.ring.row if talk.ring else None, stays))
    if not stays:
        handed_over.done(facts, talk, row.ended_at)


def _stays(facts: Facts, talk: Talk) -> bool:
    """Whether the seat is still on the phone with its leg of this talk, and the caller is there to come back to."""
    leg = facts.channels.get(talk.row.seat_uniqueid or "")
    return leg is not None and leg.bridge is not None and not leg.hung_up and talk.call.row.ended_at is None


def _correct_past(facts: Facts, call: Call, at: float, mover: Channel) -> None:
    """Two legs leave a bridge in any order on the wire: the talk ended with the first of them."""
    for talk in call.past_talks[-2:]:
        row = talk.row
        if mover.uniqueid not in talk.legs or row.ended_at is None:
            continue
        if row.started_at <= at < row.ended_at <= at + PARTED_S:
            row.ended_at = at
            facts.say(TalkEnded(row, talk.ring.row if talk.ring else None, talk.stays))


def _talk_of(facts: Facts, uniqueid: str) -> Talk | None:
    channel = facts.channels.get(uniqueid)
    if channel is None or channel.call is None or channel.seat is None:
        return None
    return channel.call.talks.get(channel.seat)


def _off_hold(talk: Talk, at: float) -> None:
    if talk.held_at is not None:
        talk.row.hold_s += max(0.0, at - talk.held_at)
        talk.held_at = None
