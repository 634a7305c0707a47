"""Looks written by hand: what Asterisk would list, and rooms to look into."""

from __future__ import annotations

from ami_stream import Leg, Room, block, caller, seat_leg

from ami_bridge import events
from ami_bridge.actions import LOOK
from ami_bridge.events import Event

CALLER = caller()
FIRST = seat_leg("1001", "1.2", "1.1")
SEAT_1 = {"Queue": "support", "Interface": "PJSIP/1001"}
MEMBER = {**SEAT_1, "Location": "PJSIP/1001", "Penalty": 0, "Status": 1, "Paused": 0}
IN_USE, RINGING = {**MEMBER, "Status": 2}, {**MEMBER, "Status": 6}


def row(event: str, kind: str, **headers: object) -> Event:
    read = events.read(block(event, at=None, ActionID=f"{LOOK}{kind}", **headers))
    assert isinstance(read, Event), read
    return read


def look(
    room: Room,
    *,
    channels: list[tuple[Leg, str, int]] = [],  # noqa: B006 - never changed
    members: list[dict[str, object]] = [],  # noqa: B006
    entries: list[tuple[Leg, int]] | list[tuple[Leg, int, str]] = [],  # noqa: B006
    devices: dict[str, str] = {},  # noqa: B006
) -> None:
    """What Asterisk lists: channels with bridge and state, members, callers (seconds waited, where), devices."""
    for queue in dict.fromkeys(["support", *(member["Queue"] for member in members)]):
        room.hears(row("QueueParams", "queues", Queue=queue, Calls=0))
    for member in members:
        room.hears(row("QueueMember", "queues", **member))
    for leg, wait_s, *where in entries:
        queue = where[0] if where else "support"
        room.hears(row("QueueEntry", "queues", **leg.headers(), Queue=queue, Position=1, Wait=wait_s))
    room.hears(row("QueueStatusComplete", "queues", ListItems=1))
    for leg, bridge, state in channels:
        shown = {**leg.headers(), "ChannelState": state, "BridgeId": bridge, "Duration": "00:01:00"}
        room.hears(row("CoreShowChannel", "channels", **shown))
    room.hears(row("CoreShowChannelsComplete", "channels", ListItems=len(channels)))
    for device, state in devices.items():
        room.hears(row("DeviceStateChange", "devices", Device=device, State=state))
    room.hears(row("DeviceStateListComplete", "devices", ListItems=len(devices)))


def talking() -> Room:
    room = Room()
    room.finds_sight()
    room.says("QueueMemberAdded", **MEMBER, at=0)
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("QueueCallerJoin", CALLER, Queue="support", Position=1, at=1)
    room.says("Newchannel", FIRST, ChannelState=0, at=2)
    room.says("AgentCalled", CALLER, FIRST, **SEAT_1, at=2)
    room.says("QueueCallerLeave", CALLER, Queue="support", at=4)
    room.says("AgentConnect", CALLER, FIRST, **SEAT_1, RingTime=2, HoldTime=3, at=4)
    for leg in (FIRST, CALLER):
        room.says("BridgeEnter", leg, BridgeUniqueid="b", BridgeTechnology="simple_bridge", at=4)
    room.says("DeviceStateChange", Device="PJSIP/1001", State="INUSE", at=4)
    return room


def ringing() -> Room:
    room = Room()
    room.finds_sight()
    room.says("QueueMemberAdded", **MEMBER, at=0)
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("QueueCallerJoin", CALLER, Queue="support", Position=1, at=1)
    room.says("Newchannel", FIRST, ChannelState=0, at=2)
    room.says("AgentCalled", CALLER, FIRST, **SEAT_1, at=2)
    return room
