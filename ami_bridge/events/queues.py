"""Events of queues: callers joining and leaving, members coming, going, pausing."""

from __future__ import annotations

from .channels import CALLER, CALLER_NAME, CHANNEL, LINKEDID, UNIQUEID
from .headers import Event, known, name, need, number, value, whole

QUEUE = "\r\nQueue: "


class QueueCallerJoin(Event, frozen=True, gc=False):
    channel: str
    uniqueid: str
    linkedid: str
    caller: str | None
    caller_name: str | None
    queue: str
    position: int


class QueueCallerLeave(Event, frozen=True, gc=False):
    """Sent for every way out of a queue: before AgentConnect on answer, after QueueCallerAbandon on abandon."""

    channel: str
    uniqueid: str
    linkedid: str
    queue: str


class QueueCallerAbandon(Event, frozen=True, gc=False):
    """Sent also for timeout, leave-empty and withdraw. `hold_s`: since this queue's join."""

    channel: str
    uniqueid: str
    linkedid: str
    queue: str
    hold_s: int


class MemberState(Event, frozen=True, gc=False):
    """A whole member row: state, not change. `news`: added, removed, status, pause, penalty, ringinuse, or listed.

    `status` is a device state's number; `last_pause` and `login_time` are epoch seconds, 0 for never.
    """

    news: str
    queue: str
    interface: str
    state_interface: str | None
    penalty: int
    status: int
    paused: bool
    reason: str | None
    last_pause: int
    login_time: int
    action_id: str | None = None


def caller_join(text: str, at: float | None) -> QueueCallerJoin:
    return QueueCallerJoin(
        at,
        need(text, CHANNEL),
        need(text, UNIQUEID),
        need(text, LINKEDID),
        number(text, CALLER),
        name(text, CALLER_NAME),
        need(text, QUEUE),
        whole(text, "\r\nPosition: "),
    )


def caller_leave(text: str, at: float | None) -> QueueCallerLeave:
    return QueueCallerLeave(at, need(text, CHANNEL), need(text, UNIQUEID), need(text, LINKEDID), need(text, QUEUE))


def caller_abandon(text: str, at: float | None) -> QueueCallerAbandon:
    return QueueCallerAbandon(
        at,
        need(text, CHANNEL),
        need(text, UNIQUEID),
        need(text, LINKEDID),
        need(text, QUEUE),
        whole(text, "\r\nHoldTime: "),
    )


def member_row(text: str, at: float | None, news: str, interface_mark: str = "\r\nInterface: ") -> MemberState:
    return MemberState(
        at,
        news,
        need(text, QUEUE),
        need(text, interface_mark),
        known(text, "\r\nStateInterface: "),
        whole(text, "\r\nPenalty: "),
        whole(text, "\r\nStatus: "),
        value(text, "\r\nPaused: ") == "1",
        value(text, "\r\nPausedReason: ") or None,
        whole(text, "\r\nLastPause: "),
        whole(text, "\r\nLoginTime: "),
        known(text, "\r\nActionID: "),
    )


def member_added(text: str, at: float | None) -> MemberState:
    return member_row(text, at, "added")


def member_removed(text: str, at: float | None) -> MemberState:
    return member_row(text, at, "removed")


def member_status(text: str, at: float | None) -> MemberState:
    return member_row(text, at, "status")


def member_pause(text: str, at: float | None) -> MemberState:
    return member_row(text, at, "pause")


def member_penalty(text: str, at: float | None) -> MemberState:
    return member_row(text, at, "penalty")


def member_ringinuse(text: str, at: float | None) -> MemberState:
    return member_row(text, at, "ringinuse")


def member_listed(text: str, at: float | None) -> MemberState:
    """A QueueMember row of a list says Location where events say Interface, and Name where they say MemberName."""
    return member_row(text, at, "listed", "\r\nLocation: ")
