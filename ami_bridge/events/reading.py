"""The table of followed events, and `read`: the one way from bytes to an event.

What a block is stands in its first line alone: names inside it are hostile and may look like headers. Called by
mirror.py and traces.py; framing.py takes FOLLOWED and SKIPPED_INSIDE to skip the rest without a look inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import agents, bridges, channels, lists, ours, queues, system, transfers
from .headers import Event, Missing, Unreadable, decode
from .names import KNOWN_NAMES, of_unknown_name

Reader = Callable[[str], Event | None]

READERS: Mapping[bytes, Reader] = {
    b"Newchannel": channels.newchannel,
    b"Hangup": channels.hangup,
    b"HangupRequest": channels.hangup_request,
    b"DialBegin": channels.dial_begin,
    b"DialEnd": channels.dial_end,
    b"Hold": channels.hold,
    b"Unhold": channels.unhold,
    b"Pickup": channels.pickup,
    b"BridgeEnter": bridges.bridge_enter,
    b"BridgeLeave": bridges.bridge_leave,
    b"BridgeMerge": bridges.bridge_merge,
    b"LocalOptimizationBegin": bridges.optimization_begin,
    b"LocalOptimizationEnd": bridges.optimization_end,
    b"QueueCallerJoin": queues.caller_join,
    b"QueueCallerLeave": queues.caller_leave,
    b"QueueCallerAbandon": queues.caller_abandon,
    b"QueueMemberAdded": queues.member_added,
    b"QueueMemberRemoved": queues.member_removed,
    b"QueueMemberStatus": queues.member_status,
    b"QueueMemberPause": queues.member_pause,
    b"QueueMemberPenalty": queues.member_penalty,
    b"QueueMemberRinginuse": queues.member_ringinuse,
    b"QueueMember": queues.member_listed,
    b"AgentCalled": agents.agent_called,
    b"AgentConnect": agents.agent_connect,
    b"AgentComplete": agents.agent_complete,
    b"AgentRingNoAnswer": agents.agent_ring_no_answer,
    b"AgentDump": agents.agent_dump,
    b"BlindTransfer": transfers.blind_transfer,
    b"AttendedTransfer": transfers.attended_transfer,
    b"ParkedCall": transfers.parked_call,
    b"UnParkedCall": transfers.unparked_call,
    b"QueueParams": lists.queue_params,
    b"QueueEntry": lists.queue_entry,
    b"QueueStatusComplete": lists.queues_complete,
    b"CoreShowChannel": lists.core_show_channel,
    b"CoreShowChannelsComplete": lists.channels_complete,
    b"DeviceStateListComplete": lists.devices_complete,
    b"DeviceStateChange": system.device_state,
    b"ContactStatus": system.contact_status,
    b"FullyBooted": system.fully_booted,
    b"Shutdown": system.shutdown,
    b"Reload": system.reload,
    b"OriginateResponse": system.originate_response,
    b"UserEvent": ours.user_event,
}
FOLLOWED = frozenset(READERS)
# Half of all device states are a queue's own pseudo devices, or Local channels: a Local seat's state comes with its
# queue's rows and events, too.
SKIPPED_INSIDE: Mapping[bytes, tuple[bytes, ...]] = {
    b"DeviceStateChange": (b"\r\nDevice: Queue:", b"\r\nDevice: Local/"),
}

_BLOCK_AT_MOST = 65_536
_PLAIN_BLOCK = 4_096
_VALUE_AT_MOST = 1_000


def read(block: bytes) -> Event | Unreadable | None:
    """One message block, with or without its blank line. Never raises, whatever the bytes are."""
    line_end = block.find(b"\r\n")
    first = block if line_end < 0 else block[:line_end]
    if first.startswith(b"Event: "):
        kind = first[7:]
        reader: Reader | None = READERS.get(kind)
        if reader is None:
            return None if kind in KNOWN_NAMES else of_unknown_name(_shortly(kind))
    elif first.startswith(b"Response: "):
        kind, reader = b"Response", system.response
    else:
        return Unreadable(f"begins with neither Event nor Response, but {_shortly(first)}")
    if len(block) > _BLOCK_AT_MOST:
        return Unreadable(f"{_shortly(kind)} of {len(block)} bytes: longer than anything that Asterisk sends")
    try:
        event = reader(decode(block))
    except Missing as fault:
        return Unreadable(f"{_shortly(kind)} {fault}")
    if len(block) > _PLAIN_BLOCK and event is not None and (name := _too_long(event)):
        return Unreadable(f"{_shortly(kind)} with a {name} longer than {_VALUE_AT_MOST} characters")
    return event


def _too_long(event: Event) -> str | None:
    for name in event.__struct_fields__:
        found = getattr(event, name)
        if isinstance(found, str) and len(found) > _VALUE_AT_MOST:
            return name
    return None


def _shortly(raw: bytes) -> str:
    return ascii(raw[:40].decode("latin-1")).strip("'\"")
