"""Events of queues: callers joining and leaving, members coming, going, pausing."""

from __future__ import annotations

from .channels import LEG
from .headers import Event, always, escaped_name, filled, known, need, number, says, whole
from .shapes import Reader


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


caller_join = Reader(
    QueueCallerJoin, *LEG, number("CallerIDNum"), escaped_name("CallerIDName"), need("Queue"), whole("Position")
)
caller_leave = Reader(QueueCallerLeave, *LEG, need("Queue"))
caller_abandon = Reader(QueueCallerAbandon, *LEG, need("Queue"), whole("HoldTime"))


def _member_row(news: str, interface: str = "Interface") -> Reader:
    return Reader(
        MemberState,
        always(news),
        need("Queue"),
        need(interface),
        known("StateInterface"),
        whole("Penalty"),
        whole("Status"),
        says("Paused", "1"),
        filled("PausedReason"),
        whole("LastPause"),
        whole("LoginTime"),
        known("ActionID"),
    )


member_added = _member_row("added")
member_removed = _member_row("removed")
member_status = _member_row("status")
member_pause = _member_row("pause")
member_penalty = _member_row("penalty")
member_ringinuse = _member_row("ringinuse")
# A QueueMember row of a list says Location where events say Interface, and Name where they say MemberName.
member_listed = _member_row("listed", "Location")
