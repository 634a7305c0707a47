"""queue_log and CEL lines → the events that AMI would have sent, in order.

CEL says who rang, answered, talked and hung up, with microseconds; queue_log says what came of each wait, in whole
seconds: its lines take the moment of the CEL record that they belong to. What neither tells (hold, the devices) is
not told here either. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from msgspec import Struct

from ami_bridge.events import Event
from ami_bridge.events.agents import AgentConnect
from ami_bridge.events.channels import HangupRequest
from ami_bridge.events.ours import QueueHangup, QueueLeft
from ami_bridge.events.queues import QueueCallerAbandon, QueueCallerJoin, QueueCallerLeave
from crm.rules.cel import CelEvent
from crm.rules.queue_log import Line
from crm.rules.withheld import told_number

from .legs import Leg, Legs
from .legs_told import legs_told

_STATUS = {"EXITWITHTIMEOUT": "TIMEOUT", "EXITEMPTY": "LEAVEEMPTY", "WITHDRAW": "WITHDRAW", "SYSCOMPAT": "CONTINUE"}
_LEAVING = frozenset({"ABANDON", "EXITWITHKEY", *_STATUS})


class Restart(Struct, frozen=True):
    """Asterisk began anew: whatever went on before is over, and nobody wrote its end. `last_at`: its last line."""

    at: float
    last_at: float


class Told(Struct):
    """One event in its place. Of the same moment the lower `rank` comes first, then the one read first."""

    at: float
    rank: int
    number: int
    event: Event | Restart

    def __lt__(self, other: Told) -> bool:
        return (self.at, self.rank, self.number) < (other.at, other.rank, other.number)


def told(cel: Sequence[CelEvent], log: Sequence[Line], seats: Iterable[str]) -> tuple[list[Event | Restart], list[str]]:
    """All events by their time, and the seats that the lines name besides `seats` (both as interfaces)."""
    found = Legs(cel, [*seats, *_interfaces(log)])
    events: list[Told] = []

    def tell(event: Event, rank: int = 5) -> None:
        assert event.at is not None
        events.append(Told(event.at, rank, len(events), event))

    for event in legs_told(cel, found, {(line.callid, line.queue) for line in log if line.event == "ENTERQUEUE"}):
        tell(event)
    times = sorted([event.at for event in cel])
    for line in log:
        if line.event == "QUEUESTART":
            # The line has whole seconds: the first record after it may be of the new Asterisk already.
            index = bisect_left(times, line.at)
            last_at = times[index - 1] if index else line.at
            events.append(Told(line.at, 0, len(events), Restart(line.at, last_at)))
        elif line.of_call and (leg := found.legs.get(line.callid)) is not None:
            for event in _of_line(line, leg, found):
                tell(event, 3)
    events.sort()
    return [each.event for each in events], sorted(found.seats.values())


def _interfaces(log: Iterable[Line]) -> list[str]:
    """Members by what is dialled: always so where members come and go, else only where they have no name."""
    return sorted({line.agent for line in log if "/" in line.agent})


def _of_line(line: Line, leg: Leg, found: Legs) -> list[Event]:
    at, who = _moment(line, leg, found), (leg.channel, leg.uniqueid, leg.linkedid)
    event, queue = line.event, line.queue
    if event == "ENTERQUEUE":
        position = int(line.data[2]) if len(line.data) > 2 and line.data[2].isdecimal() else 0
        return [QueueCallerJoin(at, *who, told_number(line.data[1]), leg.name or None, queue, position)]
    if event == "CONNECT":
        return _connected(line, leg, found)
    if event not in _LEAVING:
        return []
    left = QueueCallerLeave(at, *who, queue)
    if event == "ABANDON":
        hung_up = HangupRequest(at, *who)
        gone = QueueCallerAbandon(at, *who, queue, 0)
        return [hung_up, gone, left, QueueHangup(at, *who, queue, "", True)]
    status = _STATUS.get(event)
    return [left, QueueLeft(at, *who, queue, status)] if status is not None else [left]


def _connected(line: Line, leg: Leg, found: Legs) -> list[Event]:
    who = (leg.channel, leg.uniqueid, leg.linkedid)
    rung = found.legs.get(line.data[1]) if len(line.data) > 1 else None
    if rung is None:
        return []
    at = next((time for time in (*rung.entered[:1], rung.answered_at) if time is not None), line.at)
    seat = found.seat_of(rung) or rung.base
    ring_s = int(line.data[2]) if len(line.data) > 2 and line.data[2].isdecimal() else 0
    hold_s = int(line.data[0]) if line.data[0].isdecimal() else 0
    return [
        QueueCallerLeave(at, *who, line.queue),
        AgentConnect(at, *who, rung.channel, rung.uniqueid, line.queue, seat, ring_s, hold_s),
    ]


def _moment(line: Line, leg: Leg, found: Legs) -> float:
    """When it happened inside the line's second, by the caller's own records."""
    times = leg.joined if line.event == "ENTERQUEUE" else leg.left
    near = [at for at, queue in times if queue == line.queue and line.at - 1.5 <= at < line.at + 1.5]
    if not near:
        return line.at
    inside = [at for at in near if line.at <= at < line.at + 1.0]
    return min(inside or near, key=lambda at: abs(at - line.at - 0.5))
