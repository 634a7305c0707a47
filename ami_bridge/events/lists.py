"""Rows of lists, each with the ActionID of its question. They carry no Timestamp.

QueueStatus → QueueParams, QueueMember, QueueEntry; CoreShowChannels → CoreShowChannel; DeviceStateList →
DeviceStateChange. Each ends with a ListComplete.
"""

from __future__ import annotations

from .channels import CALLER, CALLER_NAME, CHANNEL, LINKEDID, UNIQUEID
from .headers import Event, known, name, need, number, once, raw_name, value, whole
from .queues import QUEUE

_ACTION_ID = "\r\nActionID: "


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


def queue_params(text: str, at: float | None) -> QueueParams:
    return QueueParams(at, known(text, _ACTION_ID), need(text, QUEUE), whole(text, "\r\nCalls: "))


def queue_entry(text: str, at: float | None) -> QueueEntry:
    once(text, QUEUE, UNIQUEID, CHANNEL, "\r\nWait: ", _ACTION_ID)
    return QueueEntry(
        at,
        known(text, _ACTION_ID),
        need(text, QUEUE),
        whole(text, "\r\nPosition: "),
        need(text, CHANNEL),
        need(text, UNIQUEID),
        number(text, CALLER),
        raw_name(text, CALLER_NAME),
        whole(text, "\r\nWait: "),
    )


def core_show_channel(text: str, at: float | None) -> CoreShowChannel:
    return CoreShowChannel(
        at,
        known(text, _ACTION_ID),
        need(text, CHANNEL),
        need(text, UNIQUEID),
        need(text, LINKEDID),
        whole(text, "\r\nChannelState: "),
        value(text, "\r\nContext: ") or "",
        known(text, "\r\nExten: "),
        number(text, CALLER),
        name(text, CALLER_NAME),
        known(text, "\r\nBridgeId: "),
        _seconds(value(text, "\r\nDuration: ") or ""),
    )


def queues_complete(text: str, at: float | None) -> ListComplete:
    return ListComplete(at, known(text, _ACTION_ID), "queues", whole(text, "\r\nListItems: "))


def channels_complete(text: str, at: float | None) -> ListComplete:
    return ListComplete(at, known(text, _ACTION_ID), "channels", whole(text, "\r\nListItems: "))


def devices_complete(text: str, at: float | None) -> ListComplete:
    return ListComplete(at, known(text, _ACTION_ID), "devices", whole(text, "\r\nListItems: "))


def _seconds(clock: str) -> int:
    """HH:MM:SS as seconds; 0 for anything else."""
    parts = clock.split(":")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 6 for part in parts):
        return 0
    hours, minutes, seconds = map(int, parts)
    return hours * 3600 + minutes * 60 + seconds
