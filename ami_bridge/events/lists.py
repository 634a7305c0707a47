"""Rows of lists, each with the ActionID of its question. They carry no Timestamp.

QueueStatus → QueueParams, QueueMember, QueueEntry; CoreShowChannels → CoreShowChannel; DeviceStateList →
DeviceStateChange. Each ends with a ListComplete.
"""

from __future__ import annotations

from .channels import LEG
from .headers import Event, Header, always, escaped_name, known, need, number, raw_name, whole, words
from .shapes import Reader


class QueueParams(Event, frozen=True, gc=False):
    """A queue exists. Its Holdtime is a running average: never read."""

    action_id: str | None
    queue: str
    waiting: int


class QueueEntry(Event, frozen=True, gc=False):
    """A caller waits. No Linkedid here; `wait_s` since the join."""

    action_id: str | None
    queue: str
    position: int
    channel: str
    uniqueid: str
    caller: str | None
    caller_name: str | None
    wait_s: int


class CoreShowChannel(Event, frozen=True, gc=False):
    """A channel is alive. `context` is where it is now, not where it began. `duration_s` since its birth."""

    action_id: str | None
    channel: str
    uniqueid: str
    linkedid: str
    state: int
    context: str
    exten: str | None
    caller: str | None
    caller_name: str | None
    bridge: str | None
    duration_s: int


class ListComplete(Event, frozen=True, gc=False):
    """`listed` is queues, channels or devices; `items` as many rows as were sent."""

    action_id: str | None
    listed: str
    items: int


def _seconds(clock: str | None) -> int:
    """HH:MM:SS as seconds; 0 for anything else."""
    parts = (clock or "").split(":")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 6 for part in parts):
        return 0
    hours, minutes, seconds = map(int, parts)
    return hours * 3600 + minutes * 60 + seconds


_ACTION = known("ActionID")

queue_params = Reader(QueueParams, _ACTION, need("Queue"), whole("Calls"))
queue_entry = Reader(
    QueueEntry,
    _ACTION,
    need("Queue"),
    whole("Position"),
    need("Channel"),
    need("Uniqueid"),
    number("CallerIDNum"),
    raw_name("CallerIDName"),
    whole("Wait"),
    once=("Queue", "Uniqueid", "Channel", "Wait", "ActionID"),
)
core_show_channel = Reader(
    CoreShowChannel,
    _ACTION,
    *LEG,
    whole("ChannelState"),
    words("Context"),
    known("Exten"),
    number("CallerIDNum"),
    escaped_name("CallerIDName"),
    known("BridgeId"),
    Header("Duration", _seconds),
)
queues_complete = Reader(ListComplete, _ACTION, always("queues"), whole("ListItems"))
channels_complete = Reader(ListComplete, _ACTION, always("channels"), whole("ListItems"))
devices_complete = Reader(ListComplete, _ACTION, always("devices"), whole("ListItems"))
