"""Legs: a channel is learnt from any event that shows it, paired with its other half, seated, put into its call.

So the floor may be attached in the middle of a call; but only a birth, a queue, a ring or a snapshot makes a
conversation of a leg.
"""

from __future__ import annotations

from . import calls, places
from .facts import Channel, Facts, base_of_channel, half_of

SEAT_CONTEXT = "from-seat"
_NOBODY = "OutgoingSpoolFailed"
"""What Asterisk names the channel on which it tells the dialplan that an Originate came to nothing."""
HUNG_UP_FOR_AGENT = 31
"""The cause by which the bridge hangs up a seat's leg when its agent asks for that on the page. Asterisk itself would
say that the caller did; no phone gives this one (normal, unspecified) without a HangupRequest."""


def learn(facts: Facts, name: str, uniqueid: str, linkedid: str, at: float, context: str = "") -> Channel | None:
    """The channel of this Uniqueid, new or known; None when it is known to be gone, or is nobody's."""
    channel = facts.channels.get(uniqueid)
    if channel is not None:
        if channel.seat is None and not channel.half and context.startswith(SEAT_CONTEXT):
            sit(facts, channel, channel.base)
        if channel.call is None or channel.linkedid != linkedid:
            channel.linkedid = linkedid
            _belong(facts, channel)
        return channel
    if facts.buried(uniqueid, at) or name.startswith(_NOBODY):
        return None
    channel = Channel(uniqueid, name, linkedid, at, base_of_channel(name), half_of(name))
    facts.channels[uniqueid] = channel
    if channel.half:
        _pair(facts, channel)
        if places.is_place(channel):
            places.seen(facts, channel, at)
    seat = facts.sits.get(channel.base)
    if seat is None and not channel.half and context.startswith(SEAT_CONTEXT):
        seat = channel.base
    if seat is not None:
        sit(facts, channel, seat)
    _belong(facts, channel)
    return channel


def shown(facts: Facts, leg: Channel, caller: str | None, caller_name: str | None) -> None:
    """A list shows who calls. Of a simulated caller's pair it is the second half's number: the first one bears the
    number that it rang, as soon as that answers."""
    other = leg.partner
    if leg.half == 1:
        caller, caller_name = (other.caller, other.caller_name) if other is not None else (None, None)
    for each in (leg, other if leg.half == 2 else None):
        if each is not None:
            each.caller, each.caller_name = each.caller or caller, each.caller_name or caller_name
            if each.call is not None and each.call.first == each.uniqueid:
                calls.learn_caller(facts, each.call, caller, caller_name)


def has_own_number(name: str, number: str | None) -> bool:
    """Whether this is a phone that calls by the name it has in the configuration: a seat, never a trunk."""
    return number is not None and number.isdecimal() and base_of_channel(name).endswith(f"/{number}")


def sit(facts: Facts, channel: Channel, seat: str) -> None:
    """This leg, and the other half of its pair, speaks for a seat."""
    for leg in (channel, channel.partner):
        if leg is not None and leg.seat != seat:
            if leg.seat is not None:
                facts.seat(leg.seat).channels.pop(leg.uniqueid, None)
            leg.seat = seat
            facts.seat(seat).channels[leg.uniqueid] = leg


def _belong(facts: Facts, channel: Channel) -> None:
    call = facts.calls.get(channel.linkedid)
    if call is None:
        return
    if channel.call is not None and channel.call is not call and channel.call.unsaid:
        calls.take_over(facts, call, channel)
    calls.join(call, channel)


def _pair(facts: Facts, channel: Channel) -> None:
    facts.halves[channel.name] = channel
    other = facts.halves.get(f"{channel.name[:-1]}{3 - channel.half}")
    if other is not None and other is not channel:
        channel.partner, other.partner = other, channel
        channel.phone_behind = other.phone_behind
        if other.seat is not None:
            sit(facts, channel, other.seat)
