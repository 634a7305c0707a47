"""Rules for channel events: born, dialled, joined and parted in bridges, asked to end, gone."""

from __future__ import annotations

from ami_bridge.changes import AskedInVain, CallerParked, LegGone, Originated
from ami_bridge.events.bridges import BridgeEnter, BridgeLeave
from ami_bridge.events.channels import DialBegin, DialEnd, Hangup, HangupRequest, Newchannel, Pickup
from ami_bridge.events.system import OriginateResponse
from ami_bridge.events.transfers import ParkedCall, UnParkedCall

from . import calls, endings, handed_over, places, rings, talks
from .facts import Bridge, Channel, Facts, newer
from .legs import HUNG_UP_FOR_AGENT, learn, sit

TRUNK_CONTEXT = "from-trunk"
CONSULT = "@kefu-consult"
_RING_IN = 4
_NO_NUMBER = ("s", "h", "i", "t")


def born(facts: Facts, event: Newchannel, at: float) -> None:
    if event.uniqueid in facts.channels:
        return
    channel = learn(facts, event.channel, event.uniqueid, event.linkedid, at, event.context)
    if channel is None:
        return
    channel.caller, channel.caller_name = event.caller, event.caller_name
    channel.exten = None if event.exten in _NO_NUMBER else event.exten
    if channel.uniqueid == channel.linkedid:
        if channel.call is None:
            _first(facts, channel, event, at)
        else:
            calls.began_with(facts, channel.call, channel)


def _first(facts: Facts, channel: Channel, event: Newchannel, at: float) -> None:
    """The first channel of a Linkedid says what kind of conversation begins, if any."""
    incoming = event.state == _RING_IN
    if channel.seat is not None:
        talk = next(reversed(facts.seats[channel.seat].talks.values()), None)
        if incoming and talk is not None:
            channel.consult, channel.asks_for = True, talk.call
        else:
            calls.begin(facts, channel, "internal", at, unsaid=True)
    elif event.context.startswith(TRUNK_CONTEXT):
        calls.begin(facts, channel, "inbound" if incoming or channel.half else "outbound", at)
    elif not channel.half:
        calls.begin(facts, channel, "inbound" if incoming else "outbound", at)


def hangup_request(facts: Facts, event: HangupRequest, at: float) -> None:
    channel = facts.channels.get(event.uniqueid)
    if channel is not None:
        channel.hung_up = True
        endings.hung_up(facts, channel, at)
        talks.let_go(facts, channel, at)


def hangup(facts: Facts, event: Hangup, at: float) -> None:
    channel = facts.channels.get(event.uniqueid)
    facts.bury(event.uniqueid, at)
    if channel is not None:
        if places.is_place(channel):
            places.gone(facts, channel, at)
        gone(facts, channel, at, event.cause)


def gone(facts: Facts, channel: Channel, at: float, cause: int) -> None:
    """Take a channel off the floor, with all that it alone kept going."""
    if cause == HUNG_UP_FOR_AGENT and channel.seat is not None and not channel.hung_up:
        endings.hung_up_for_agent(facts, channel, at)
    del facts.channels[channel.uniqueid]
    touched = talks.affected(channel)
    _out_of_bridge(facts, channel)
    if channel.half == 2 and channel.call is not None and channel.base.endswith(CONSULT):
        number = channel.base.removeprefix("Local/").removesuffix(CONSULT)
        facts.say(AskedInVain(channel.call.row.id, number, cause, at))
    if channel.half:
        # A restarted Asterisk gives the same names again: they may stand for others by now.
        if facts.halves.get(channel.name) is channel:
            del facts.halves[channel.name]
        if channel.partner is not None:
            if channel.partner.partner is channel:
                channel.partner.partner = None
            channel.partner = None
    talks.review(facts, touched, at)
    talks.leg_gone(facts, channel, at)
    if channel.seat is not None:
        facts.seat(channel.seat).channels.pop(channel.uniqueid, None)
        handed_over.dialled(facts, channel, at)
        facts.say(LegGone(channel.seat, channel.uniqueid, at))
    rings.leg_gone(facts, channel, at, cause)
    endings.lost_leg(facts, channel, at, cause)
    channel.call = None


def dial_begin(facts: Facts, event: DialBegin, at: float) -> None:
    dest = learn(facts, event.dest_channel, event.dest_uniqueid, event.dest_linkedid, at, event.dest_context)
    source = facts.channels.get(event.uniqueid or "")
    if dest is None or source is None:
        return
    if source.call is not None:
        calls.confirm(facts, source.call)
    if event.exten is not None and event.exten not in _NO_NUMBER:
        calls.learn_dialled(facts, source, event.exten)
    if places.faces_customer(source):
        places.rings_customer(facts, source, dest, at)
    elif source.call is not None and places.is_place(source):
        if dest.seat is not None:
            rings.dialled(facts, source, dest, at)
    elif source.seat is not None and source.half:
        phone_behind(facts, source, dest)
    elif source.consult or dest.consult:
        dest.consult, dest.asks_for = True, source.asks_for
        if dest.seat is not None and source.asks_for is not None:
            rings.dialled(facts, source, dest, at)
    elif dest.seat is not None:
        rings.dialled(facts, source, dest, at)
    elif source.call is not None and not dest.half and source.seat is not None:
        calls.goes_outside(facts, source.call, dest)


def dial_end(facts: Facts, event: DialEnd, at: float) -> None:
    ring = facts.rings.get(event.dest_uniqueid)
    if ring is not None:
        if event.forward is not None:
            rings.forwarded(facts, ring, at)
        else:
            rings.dial_ended(facts, ring, event.status, at)
        return
    dest = facts.channels.get(event.dest_uniqueid)
    source = facts.channels.get(event.uniqueid or "")
    if event.status == "ANSWER" and dest is not None and source is not None and source.call is not None:
        rings.answered_elsewhere(facts, source.call, dest, at)
    if dest is not None and dest.call is not None and dest.uniqueid in dest.call.parties:
        dest.call.dialled_out = event.status


def pickup(facts: Facts, event: Pickup, at: float) -> None:
    """A seat takes the call that rings at another one."""
    leg = learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    ring = facts.rings.get(event.target_uniqueid)
    if leg is not None and ring is not None:
        rings.taken_over(facts, ring, leg, at)


def originated(facts: Facts, event: OriginateResponse, at: float) -> None:
    """A phone that was to dial has answered, or has not."""
    if event.action_id is not None:
        facts.say(Originated(event.action_id, event.success, event.reason, at))


def parked(facts: Facts, event: ParkedCall, at: float) -> None:
    """A caller was put into a parking space."""
    caller = learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    if caller is not None and caller.call is not None and event.space is not None:
        facts.say(CallerParked(caller.call.row.id, event.space, at))


def unparked(facts: Facts, event: UnParkedCall, at: float) -> None:
    """A seat dialled the space that a caller is parked in."""
    parked = learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    leg = facts.channels.get(event.retriever_uniqueid or "")
    if parked is not None and parked.call is not None and leg is not None and leg.call is not parked.call:
        rings.fetched(facts, parked.call, leg, at)


def bridge_enter(facts: Facts, event: BridgeEnter, at: float) -> None:
    channel = learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    if channel is None or not newer(at, channel.bridge_at):
        return
    if event.swap is not None:
        _take_place(facts, channel, event.swap)
    put_into(facts, channel, event.bridge, at, holding=event.holding)


def put_into(
    facts: Facts, channel: Channel, bridge_id: str, at: float, *, holding: bool = False, guessed: bool = False
) -> None:
    """This channel is in this bridge now, and in no other. guessed: a list says so."""
    before = talks.affected(channel)
    _out_of_bridge(facts, channel)
    bridge = facts.bridges.get(bridge_id)
    if bridge is None:
        bridge = facts.bridges[bridge_id] = Bridge(bridge_id)
    bridge.holding = bridge.holding or holding
    bridge.members[channel.uniqueid] = channel
    channel.bridge, channel.bridge_at = bridge, at
    before.update(talks.affected(channel))
    talks.review(facts, before, at, channel, guessed=guessed)


def bridge_leave(facts: Facts, event: BridgeLeave, at: float) -> None:
    channel = learn(facts, event.channel, event.uniqueid, event.linkedid, at)
    if channel is None or channel.bridge is None or channel.bridge.id != event.bridge:
        return
    if newer(at, channel.bridge_at):
        take_out(facts, channel, at)


def take_out(facts: Facts, channel: Channel, at: float) -> None:
    """This channel is in no bridge now."""
    touched = talks.affected(channel)
    _out_of_bridge(facts, channel)
    channel.bridge_at = at
    talks.review(facts, touched, at, channel)


def _out_of_bridge(facts: Facts, channel: Channel) -> None:
    bridge = channel.bridge
    if bridge is None:
        return
    channel.bridge = None
    bridge.members.pop(channel.uniqueid, None)
    if not bridge.members:
        facts.bridges.pop(bridge.id, None)


def phone_behind(facts: Facts, source: Channel, dest: Channel) -> None:
    """A Local member rings its phone: the phone is the seat, the pair only the wire to it."""
    for half in (source, source.partner):
        if half is not None:
            half.phone_behind = True
    if source.seat is not None:
        sit(facts, dest, source.seat)


def _take_place(facts: Facts, channel: Channel, swapped: str) -> None:
    """A half of a simulated caller's pair was taken out of the middle: whoever is there now is the caller."""
    old = facts.channels.get(swapped)
    if old is None or not old.half or old.call is None or swapped not in old.call.parties:
        return
    if channel.seat is None and channel.call in (None, old.call):
        calls.join(old.call, channel)
        del old.call.parties[swapped]
        old.call.parties[channel.uniqueid] = channel
