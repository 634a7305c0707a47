"""Conversations: which channel begins one, and who belongs to it. How it ends: endings.py.

A conversation is found by Linkedid: its first channel says the direction. Agents' legs, Local halves and consult legs
begin none.
"""

from __future__ import annotations

from ami_bridge.changes import CallerArrived
from crm.ledger.conversations import Conversation

from . import ids
from .facts import Call, Channel, Facts


def begin(
    facts: Facts, channel: Channel, direction: str, at: float, *, unsaid: bool = False, guessed: bool = False
) -> Call:
    """Open the conversation of this channel's Linkedid. guessed: attached too late to know how it began."""
    first = facts.channels.get(channel.linkedid, channel)
    is_place = channel.linkedid in facts.places
    direction = "outbound" if is_place else direction
    caller = channel.caller or first.caller
    row = Conversation(
        ids.conversation_id(facts.node, channel.linkedid),
        facts.node,
        channel.linkedid,
        direction,
        min(at, first.known_at),
        caller=caller,
        caller_name=channel.caller_name or first.caller_name,
        dialled=caller if is_place else first.exten,
        reconstructed=guessed,
    )
    call = facts.calls[channel.linkedid] = Call(row, channel.linkedid, unsaid=unsaid)
    for leg in (first, first.partner, channel, channel.partner):
        if leg is not None:
            join(call, leg)
    of_a_pair = channel.half == 2 and (channel.partner is None or channel.partner.uniqueid == channel.linkedid)
    if is_place:
        if not channel.half and channel.seat is None:
            call.parties[channel.uniqueid] = channel
    elif not channel.half or of_a_pair or direction != "inbound":
        call.parties[channel.uniqueid] = channel
    if not unsaid:
        facts.say(CallerArrived(row))
    return call


def confirm(facts: Facts, call: Call) -> None:
    """What a seat began by lifting its phone is a conversation."""
    if call.unsaid:
        call.unsaid = False
        facts.say(CallerArrived(call.row))


def take_over(facts: Facts, call: Call, leg: Channel) -> None:
    """A seat lifted its phone to take over this conversation: it began none of its own."""
    own = leg.call
    if own is not None and own is not call and own.unsaid:
        if facts.calls.get(own.row.linkedid) is own:
            del facts.calls[own.row.linkedid]
        for each in own.channels.values():
            each.call = None
        own.channels.clear()
    join(call, leg)


def join(call: Call, channel: Channel) -> None:
    """This leg belongs to the conversation. Of a simulated caller's two halves, the second walks the dialplan."""
    if channel.call is not None:
        return
    channel.call = call
    call.channels[channel.uniqueid] = channel
    if channel.uniqueid == call.first and not channel.half and call.row.direction == "inbound":
        call.parties[channel.uniqueid] = channel
    begun_by = channel.partner.uniqueid if channel.half == 2 and channel.partner is not None else None
    if begun_by == call.first and call.row.direction == "inbound":
        call.parties[channel.uniqueid] = channel


def began_with(facts: Facts, call: Call, first: Channel) -> None:
    """The birth of its first leg was heard after the conversation was known: by what it had dialled, for example."""
    row = call.row
    if first.known_at < row.started_at:
        row.started_at = first.known_at
        row.caller, row.caller_name = first.caller or row.caller, first.caller_name or row.caller_name
        row.dialled = first.exten or row.dialled
        if not first.half:
            call.parties = {uniqueid: leg for uniqueid, leg in call.parties.items() if not leg.half}
        if not call.unsaid:
            facts.say(CallerArrived(row))


def of_caller(facts: Facts, channel: Channel, at: float, *, guessed: bool = False) -> Call:
    """The conversation of a channel that a queue speaks of: whoever waits in a queue is a caller."""
    call = channel.call or channel.asks_for or facts.calls.get(channel.linkedid)
    if call is None:
        return begin(facts, channel, "inbound", at, guessed=guessed)
    confirm(facts, call)
    join(call, channel)
    if call.row.direction == "inbound" and channel.uniqueid not in call.parties and channel.seat is None:
        call.parties[channel.uniqueid] = channel
    return call


def learn_caller(facts: Facts, call: Call, caller: str | None, caller_name: str | None) -> None:
    """The number or name came later than the call did."""
    row = call.row
    if (row.caller is None and caller) or (row.caller_name is None and caller_name):
        row.caller = row.caller or caller
        row.caller_name = row.caller_name or caller_name
        if row.dialled is None and row.linkedid in facts.places:
            row.dialled = row.caller
        facts.say(CallerArrived(row))


def learn_dialled(facts: Facts, channel: Channel, dialled: str) -> None:
    """A click-to-dial is born without a number; the first one its channel dials is it."""
    call = channel.call
    if call is not None and call.first == channel.uniqueid and call.row.dialled is None:
        call.row.dialled = dialled
        facts.say(CallerArrived(call.row))


def goes_outside(facts: Facts, call: Call, leg: Channel) -> None:
    """A seat dialled a leg to the outside: from now on whoever is at that leg is whom the seat talks with."""
    join(call, leg)
    if call.row.direction == "internal":
        call.row.direction = "outbound"
        call.parties.clear()
        facts.say(CallerArrived(call.row))
    if call.row.direction == "outbound":
        call.parties[leg.uniqueid] = leg
