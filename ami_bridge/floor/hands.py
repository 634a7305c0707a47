"""What a seat has in its hands: the legs of a call that its agent may act on, looked up when a wish about it is sent.

Pages name a seat and a conversation, never a channel: which channel that is now, the floor alone knows. Called by
outbox.py through the floor.
"""

from __future__ import annotations

from msgspec import Struct

from .facts import Call, Channel, Facts, Seat, Talk


class Hands(Struct, frozen=True):
    """`leg`, `party`: channel names of the seat's phone and of whom it talks with; `uniqueid`: of the leg. `consults`:
    the seat has asked a colleague by keys, who is rung, talks with it, or waits."""

    leg: str
    uniqueid: str
    party: str | None
    consults: bool


def hands_of(facts: Facts, name: str, conversation_id: str | None) -> Hands | None:
    """None when the seat is not in this conversation (any longer)."""
    seat = facts.seats.get(name)
    if seat is None or conversation_id is None:
        return None
    talk = _talk(seat, conversation_id)
    leg = _leg(facts, seat, talk, conversation_id)
    if leg is None or leg.call is None:
        return None
    ring = facts.rings.get(leg.uniqueid)
    if talk is None and ring is not None and not ring.picked_up:
        return None  # it rings: to take the call or not is the phone's own affair
    party = facts.channels.get(talk.party) if talk is not None else None
    party = party or next((each for each in leg.call.parties.values() if each is not leg), None)
    return Hands(leg.name, leg.uniqueid, party.name if party else None, _consults(facts, leg.call, name, talk))


def why_not_free(facts: Facts, name: str) -> str | None:
    """In one sentence why this seat cannot be made to dial now; None when it can."""
    seat = facts.seats.get(name)
    if seat is None or not seat.seen:
        return "your phone has not been seen yet"
    if seat.rings:
        return "a call has come first: your phone rings"
    if seat.channels:
        return "there is a call on your phone already"
    return "your phone is away" if seat.device in ("UNAVAILABLE", "INVALID") else None


def _talk(seat: Seat, conversation_id: str) -> Talk | None:
    """The talk that runs, or the one that the seat keeps its leg of while it asks a colleague."""
    talk = seat.talks.get(conversation_id)
    last = seat.last_talk
    if talk is None and last is not None and last.stays and last.row.conversation_id == conversation_id:
        return last
    return talk


def _leg(facts: Facts, seat: Seat, talk: Talk | None, conversation_id: str) -> Channel | None:
    if talk is not None:
        return facts.channels.get(talk.row.seat_uniqueid or "")
    own = [leg for leg in seat.channels.values() if leg.call is not None and leg.call.row.id == conversation_id]
    return min(own, key=lambda leg: leg.known_at, default=None)


def _consults(facts: Facts, call: Call, seat: str, talk: Talk | None) -> bool:
    """By keys: on the phone's other line a consult is the phone's own affair."""
    if talk is None:
        return False
    if talk.stays:
        return True
    for ring in call.rings:
        leg = facts.channels.get(ring.dest)
        if ring.stay is None and ring.row.seat not in (seat, *call.talks) and leg is not None and not leg.consult:
            return ring.row.started_at >= talk.row.started_at and ring.row.outcome in (None, "answered")
    return False
