"""The open rows of the ledger become facts again: what an earlier bridge left when it was stopped or killed.

They carry no channels: the first look gives them theirs, or ends them as lost from sight.
"""

from __future__ import annotations

from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.postures import Membership, Posture

from .facts import Call, Facts, Member, Ring, Stay, Talk


def load(
    facts: Facts,
    conversations: list[Conversation],
    waits: list[Wait],
    offers: list[Offer],
    segments: list[Segment],
    memberships: list[Membership],
    postures: list[Posture],
) -> None:
    """Children of a conversation that is not among `conversations` are passed over; those that are over count for its
    outcome and for the numbers of its talks."""
    calls = {row.id: _call(facts, row) for row in conversations}
    by_wait: dict[str, Stay] = {}
    for wait in waits:
        if call := calls.get(wait.conversation_id):
            final = wait.outcome not in (None, "abandoned", "lost_sight")
            by_wait[wait.id] = stay = Stay(wait, call, settled=final)
            call.stays.append(stay)
            if wait.left_at is None:
                facts.stays[wait.caller_uniqueid, wait.queue] = stay
    for offer in offers:
        if call := calls.get(offer.conversation_id):
            taken = offer.outcome == "answered"
            ring = Ring(offer, call, "", by_wait.get(offer.wait_id or ""), picked_up=taken, settled=taken)
            call.rings.append(ring)
            if offer.ended_at is None:
                facts.seat(offer.seat).rings[offer.id] = ring
    for segment in segments:
        if call := calls.get(segment.conversation_id):
            talk = Talk(segment, call, segment.caller_uniqueid, None)
            call.talked = True
            if segment.ended_at is None:
                call.talks[segment.seat] = facts.seat(segment.seat).talks[segment.conversation_id] = talk
            else:
                call.past_talks.append(talk)
    _load_seats(facts, memberships, postures)


def _call(facts: Facts, row: Conversation) -> Call:
    call = facts.calls[row.linkedid] = Call(row, row.linkedid, recalled=True)
    return call


def _load_seats(facts: Facts, memberships: list[Membership], postures: list[Posture]) -> None:
    for row in memberships:
        facts.seat(row.seat).members[row.queue] = Member(row, row.joined_at)
    for posture in postures:
        seat = facts.seat(posture.seat)
        seat.row = posture
        seat.device, seat.reason, seat.next_reason = posture.device_state, posture.pause_reason, posture.next_reason
        seat.seen = posture.word != "unseen"
        if posture.word == "wrapping_up":
            seat.handled = posture.conversation_id
    facts.touched.clear()
