"""queue_log: its lines, and what they tell of each stay of a caller in a queue.

Asterisk writes `epoch|callid|queue|agent|EVENT|data…`; the callid is the Uniqueid of the caller's channel. The agent
column mixes interface and member name, and names the agent of an abandon at the instant of answer; the clock has whole
seconds; rings are in milliseconds, all else in seconds. A stay has no end line when Asterisk died or was cut off: the
next QUEUESTART says so. Called by reconcile, import and the back-fill. Pure: files are opened elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo

from msgspec import Struct, field

from .log_lines import BadLine, bad, read_time
from .withheld import told_number

ENDINGS: dict[str, str] = {
    "COMPLETECALLER": "answered",
    "COMPLETEAGENT": "answered",
    "BLINDTRANSFER": "answered",
    "ATTENDEDTRANSFER": "answered",
    "TRANSFER": "answered",
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timeout",
    "EXITEMPTY": "leave_empty",
    "EXITWITHKEY": "key_exit",
    "WITHDRAW": "withdrawn",
    "SYSCOMPAT": "continued",
}
"""Event that ends a stay → the outcome of the wait, in the ledger's words."""

_TWICE_WITHIN_S = 2.0
TRANSFERS = ("BLINDTRANSFER", "ATTENDEDTRANSFER", "TRANSFER")
_OF_CALLS = frozenset({"ENTERQUEUE", "CONNECT", "RINGNOANSWER", "RINGCANCELED", "AGENTDUMP", *ENDINGS})
_NO_CALL = ("NONE", "MANAGER", "REALTIME", "CLI", "")
# How many columns the event needs to be whole: a half line of a killed Asterisk has fewer.
_COLUMNS = {
    "ENTERQUEUE": 2,
    "CONNECT": 1,
    "COMPLETECALLER": 2,
    "COMPLETEAGENT": 2,
    "ABANDON": 3,
    "EXITWITHTIMEOUT": 2,
    "EXITEMPTY": 2,
    "EXITWITHKEY": 2,
    "WITHDRAW": 3,
    "RINGNOANSWER": 1,
    "RINGCANCELED": 1,
    "BLINDTRANSFER": 4,
    "ATTENDEDTRANSFER": 4,
    "TRANSFER": 4,
}


class Line(Struct, frozen=True):
    """One line. `at`: epoch seconds, whole ones in files."""

    at: float
    callid: str
    queue: str
    agent: str
    event: str
    data: tuple[str, ...]

    @property
    def of_call(self) -> bool:
        """Whether it tells of a caller, not of members or the server."""
        return self.event in _OF_CALLS and self.callid not in _NO_CALL


class Rung(Struct, frozen=True):
    """One ringing without an answer. `ended_at` whole seconds, `ring_s` exact; `canceled`: the caller left."""

    agent: str
    ended_at: float
    ring_s: float
    canceled: bool


class Stay(Struct):
    """One stay in one queue as queue_log tells it; times in epoch seconds, None where no line says.

    `entered_at` None: the join stands before the first line. `left_at`: the end of the wait, at the answer when there
    was one; `ended_at`: of the talk, too. `ending`: the event that ended it, None while it goes on or when `cut` (the
    server started again before an end was written). `agent`: member name or interface. `wait_s`, `talk_s` as Asterisk
    counted them; `ring_s` of the seat that answered. `lines`: numbers of its lines in the file.
    """

    callid: str
    queue: str
    first_at: float
    entered_at: float | None = None
    caller: str | None = None
    caller_name: str | None = None
    position: int | None = None
    rung: list[Rung] = field(default_factory=list)
    agent: str | None = None
    answered_at: float | None = None
    agent_uniqueid: str | None = None
    ring_s: float | None = None
    left_at: float | None = None
    ended_at: float | None = None
    ending: str | None = None
    wait_s: float | None = None
    talk_s: float | None = None
    transferred_to: str | None = None
    key: str | None = None
    cut: bool = False
    lines: list[int] = field(default_factory=list)

    @property
    def outcome(self) -> str | None:
        """How the wait ended, in the ledger's words; None when no line says."""
        if self.answered_at is not None:
            return "answered"
        return ENDINGS.get(self.ending or "")


def read_line(text: str, zone: tzinfo = UTC) -> Line | BadLine:
    """One line without its newline. zone: of times that are no epoch seconds (a table's dump)."""
    columns = text.rstrip("\r\n").split("|")
    if len(columns) < 5:
        return bad(f"{len(columns)} columns, at least 5 are needed (a line cut short?)", text)
    at = read_time(columns[0], zone)
    if at is None:
        return bad("the first column is no time", text)
    callid, queue, agent, event = columns[1:5]
    data = tuple(columns[5:])
    if not event.replace("_", "").isalpha() or not event.isupper():
        return bad("the fifth column is no event name", text)
    if len(data) < _COLUMNS.get(event, 0):
        return bad(f"{event} has {len(data)} values, {_COLUMNS[event]} are needed (a line cut short?)", text)
    return Line(at, callid, queue, agent, event, data)


class StayReader:
    """Lines in → whole stays out, each once, when nothing more is said of it."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Stay] = {}
        self._handed: dict[tuple[str, str], Stay] = {}
        self._just_ended: deque[tuple[float, Stay]] = deque()
        self.members: dict[str, set[str]] = {}
        """Interface or member name → queues it was seen in."""

    @property
    def open_callids(self) -> set[str]:
        """Callers whose stay has no end yet."""
        return {callid for callid, _ in (*self._open, *self._handed)}

    def take(self, line: Line, number: int = 0) -> list[Stay]:
        """The stays that this line ends: all of them at a QUEUESTART.

        Who is handed back into the same queue may have joined it before the line of the transfer is written.
        """
        if line.event == "QUEUESTART":
            return self._cut()
        if not line.of_call:
            return []
        key = (line.callid, line.queue)
        if key not in self._open and (over := self._said_before(line)) is not None:
            over.lines.append(number)
            return []
        ended: list[Stay] = []
        if line.event == "ENTERQUEUE" and (before := self._open.pop(key, None)) is not None:
            ended += self._put_by(key, before)
        stay = self._handed.pop(key) if self._is_late(key, line) else self._open.get(key)
        if stay is None:
            stay = self._open[key] = Stay(line.callid, line.queue, line.at)
        stay.lines.append(number)
        if line.agent != "NONE":
            self.members.setdefault(line.agent, set()).add(line.queue)
        _tell(stay, line)
        if stay.ending is None:
            return ended
        self._just_ended.append((line.at, stay))
        if self._open.get(key) is stay:
            del self._open[key]
            ended += self._put_by(key, None)
        return [*ended, stay]

    def rest(self) -> list[Stay]:
        """Stays without an end line when the file is over: they go on, or nobody wrote their end."""
        found = [*self._handed.values(), *self._open.values()]
        self._handed.clear()
        self._open.clear()
        return found

    def _said_before(self, line: Line) -> Stay | None:
        """The stay whose end this line tells a second time: when an agent hangs up in the instant of an attended
        transfer, Asterisk writes COMPLETEAGENT and ATTENDEDTRANSFER, both."""
        while self._just_ended and self._just_ended[0][0] < line.at - _TWICE_WITHIN_S:
            self._just_ended.popleft()
        same = (line.callid, line.queue, line.agent)
        talked = line.event in TRANSFERS or line.event.startswith("COMPLETE")
        over = (stay for _, stay in self._just_ended if (stay.callid, stay.queue, stay.agent) == same)
        return next((stay for stay in over if talked and stay.talk_s is not None and stay.ending != line.event), None)

    def _put_by(self, key: tuple[str, str], stay: Stay | None) -> list[Stay]:
        """Keep an answered stay until its end is told, in the place of an earlier one, whose end never was."""
        found = [self._handed.pop(key)] if key in self._handed else []
        if stay is not None and stay.answered_at is None:
            return [*found, stay]
        if stay is not None:
            self._handed[key] = stay
        return found

    def _is_late(self, key: tuple[str, str], line: Line) -> bool:
        """Whether this line ends the stay before: its agent's, and not the agent's of the present one."""
        before, now = self._handed.get(key), self._open.get(key)
        ends = line.event in TRANSFERS or line.event.startswith("COMPLETE")
        return before is not None and ends and line.agent == before.agent and (now is None or now.agent != line.agent)

    def _cut(self) -> list[Stay]:
        found = self.rest()
        for stay in found:
            stay.cut = True
        return found


def stays(lines: Iterable[tuple[int, Line]]) -> Iterator[Stay]:
    """All stays of numbered lines, in the order of their ends; those without an end last."""
    reader = StayReader()
    for number, line in lines:
        yield from reader.take(line, number)
    yield from reader.rest()


def _tell(stay: Stay, line: Line) -> None:
    event, data = line.event, line.data
    if event == "ENTERQUEUE":
        stay.entered_at, stay.caller = line.at, told_number(data[1])
        stay.position = _whole(data[2]) if len(data) > 2 else None
        stay.caller_name = data[3] or None if len(data) > 3 else None
    elif event in ("RINGNOANSWER", "RINGCANCELED"):
        ring_s = (_number(data[0]) or 0.0) / 1000
        stay.rung.append(Rung(line.agent, line.at, ring_s, event == "RINGCANCELED"))
    elif event == "CONNECT":
        stay.agent, stay.answered_at, stay.left_at = line.agent, line.at, line.at
        stay.wait_s = _number(data[0])
        stay.agent_uniqueid = data[1] or None if len(data) > 1 else None
        stay.ring_s = _number(data[2]) if len(data) > 2 else None
    elif event in ENDINGS:
        _end(stay, line)


def _end(stay: Stay, line: Line) -> None:
    event, data = line.event, line.data
    stay.ending, stay.ended_at = event, line.at
    if event in TRANSFERS:
        # The columns before hold, talk and position vary with the kind of transfer: count from the end.
        stay.wait_s, stay.talk_s = _number(data[-3]), _number(data[-2])
        stay.transferred_to = data[0] if event != "ATTENDEDTRANSFER" else " ".join(data[:-3])
    elif event in ("COMPLETECALLER", "COMPLETEAGENT"):
        stay.wait_s, stay.talk_s = _number(data[0]), _number(data[1])
    else:
        stay.left_at = line.at
        if event == "EXITWITHKEY":
            stay.key = data[0]
            stay.wait_s = _number(data[3]) if len(data) > 3 else None
        elif len(data) > 2:
            stay.wait_s = _number(data[2])
        # An abandon that names an agent: the caller hung up at the instant of the answer.
        if line.agent != "NONE":
            stay.agent = line.agent
    if event in TRANSFERS or event.startswith("COMPLETE"):
        stay.agent = line.agent
        if stay.answered_at is None and stay.talk_s is not None:
            # The answer stands before the first line.
            stay.answered_at = stay.left_at = line.at - stay.talk_s


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _whole(text: str) -> int | None:
    value = _number(text)
    return None if value is None else int(value)
