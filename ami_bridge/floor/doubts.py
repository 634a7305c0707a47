"""Doubts: what a list contradicts, mended when no event has explained it in time.

After a blind moment no event will explain what happened in it. What the first look then shows otherwise is believed as
soon as that list is over, unless events have told of it since; only what it does not show any more waits a moment for
an event under way, which would say better how it ended. Called by snapshot.py and floor.py.
"""

from __future__ import annotations

import math

from ami_bridge.changes import Corrected
from ami_bridge.events.lists import CoreShowChannel
from ami_bridge.events.queues import MemberState
from ami_bridge.events.system import DeviceStateChange

from . import channels, endings, seats, stays
from .facts import Call, Channel, Doubt, Facts, Member, Seat, Stay

GRACE_S = 1.0
GRACE_OF_FIRST_S = 0.5


def raise_one(
    facts: Facts,
    about: Channel | Call | Stay | Member | Seat,
    at: float,
    ended_at: float,
    said: object = None,
) -> None:
    listed = None if isinstance(about, Call) else about.listed
    grace_s = GRACE_OF_FIRST_S if facts.first_looks else GRACE_S
    facts.doubts.append(Doubt(at + grace_s, at, ended_at, about, listed, said))


def believe(facts: Facts) -> None:
    """A first list is over: what it shows otherwise than it was known before sight was lost is so. So is a seat's or a
    caller's place in a queue that it does not show: a late word about it is still taken."""
    doubts = list(facts.doubts)
    facts.doubts.clear()
    for doubt in doubts:
        if _heard_of(facts, doubt) > facts.found_at:
            facts.doubts.append(doubt)
        else:
            _settle_one(facts, doubt)


def _heard_of(facts: Facts, doubt: Doubt) -> float:
    """When that was last heard of which the list says otherwise. A member's row shows its device, too."""
    about = doubt.about
    if isinstance(about, Member):
        return about.at if doubt.said is None else max(about.at, facts.seat(about.row.seat).device_at)
    if isinstance(about, Stay):
        return about.row.entered_at
    if doubt.said is None:
        return math.inf
    return about.bridge_at if isinstance(about, Channel) else about.device_at if isinstance(about, Seat) else math.inf


def settle(facts: Facts, clock: float) -> None:
    """Mend what no event has explained."""
    doubts = facts.doubts
    while doubts and doubts[0].due <= clock:
        _settle_one(facts, doubts.popleft())


def _settle_one(facts: Facts, doubt: Doubt) -> None:
    mended = _mend(facts, doubt)
    if mended is not None:
        facts.say(Corrected(mended))


def _mend(facts: Facts, doubt: Doubt) -> str | None:
    about = doubt.about
    if isinstance(about, Channel):
        return _bridge(facts, about, doubt) if doubt.said is not None else _channel(facts, about, doubt)
    if isinstance(about, Stay):
        return _stay(facts, about, doubt)
    if isinstance(about, Call):
        return _call(facts, about, doubt)
    if isinstance(about, Member):
        return _member(facts, about, doubt)
    return _device(facts, about, doubt)


def _channel(facts: Facts, leg: Channel, doubt: Doubt) -> str | None:
    if facts.channels.get(leg.uniqueid) is not leg or leg.listed != doubt.listed:
        return None
    call = leg.call
    if call is not None and call.row.ended_at is None:
        call.lost = True
    facts.bury(leg.uniqueid, doubt.at)
    channels.gone(facts, leg, doubt.ended_at, 0)
    if call is not None and call.row.ended_at is None:
        call.lost = False
    return f"channel {leg.name} had ended unseen"


def _bridge(facts: Facts, leg: Channel, doubt: Doubt) -> str | None:
    said = doubt.said
    if facts.channels.get(leg.uniqueid) is not leg or leg.bridge_at > doubt.at:
        return None
    if not isinstance(said, CoreShowChannel) or said.bridge == (leg.bridge.id if leg.bridge else None):
        return None
    if leg.bridge is not None:
        channels.take_out(facts, leg, doubt.ended_at)
    if said.bridge is None:
        leg.bridge_at = doubt.at
        return f"channel {leg.name} had left its bridge unseen"
    channels.put_into(facts, leg, said.bridge, doubt.at, guessed=True)
    return f"channel {leg.name} had changed its bridge unseen"


def _stay(facts: Facts, stay: Stay, doubt: Doubt) -> str | None:
    if stay.row.left_at is not None or stay.listed != doubt.listed:
        return None
    stays.lost(facts, stay, doubt.ended_at)
    return f"a caller had left queue {stay.row.queue} unseen"


def _call(facts: Facts, call: Call, doubt: Doubt) -> str | None:
    if call.channels or call.row.ended_at is not None:
        return None
    call.lost = True
    endings.end(facts, call, doubt.ended_at)
    return "a conversation had ended unseen"


def _member(facts: Facts, place: Member, doubt: Doubt) -> str | None:
    row, said = place.row, doubt.said
    seat = facts.seat(row.seat)
    if seat.members.get(row.queue) is not place or place.at > doubt.at:
        return None
    if not isinstance(said, MemberState):
        if place.listed != doubt.listed:
            return None
        seats.leave(facts, seat, row.queue, doubt.ended_at)
        return f"{row.seat} had left queue {row.queue} unseen"
    if not seats.differs(seat, place, said, doubt.at):
        return None
    seats.member(facts, said, doubt.at)
    return f"{row.seat} stood otherwise in queue {row.queue} than was known"


def _device(facts: Facts, seat: Seat, doubt: Doubt) -> str | None:
    said = doubt.said
    if not isinstance(said, DeviceStateChange) or seat.device_at > doubt.at or seat.device == said.state:
        return None
    seats.device(facts, said, doubt.at)
    return f"the device of {seat.name} was {said.state} unseen"
