"""CEL: lines of cel_custom as asterisk-conf writes them, and what they tell of each call.

One record an event, columns as in COLUMNS, each quoted; a caller's name may hold a line feed, so a record may run over
lines. A quote inside a value is always doubled, so only a true record begins with `"NAME","digits`. An attended
transfer moves a channel to another Linkedid without a word: later records of the same Uniqueid carry the new one.
Called by reconcile, explain and the back-fill. Pure: files are opened elsewhere.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, tzinfo
from typing import Any

import msgspec
from msgspec import Struct, field

from .log_lines import BadLine, bad, read_time
from .phone_display import own_name

COLUMNS = (
    "eventtype",
    "eventtime",
    "channame",
    "uniqueid",
    "linkedid",
    "cidnum",
    "cidname",
    "exten",
    "context",
    "appname",
    "appdata",
    "peer",
    "eventextra",
)
_BEGINS = re.compile(r'"?[A-Z][A-Z_]+"?,"?\d')
_LINES_AT_MOST = 50


class CelEvent(Struct, frozen=True):
    """One record. `at`: epoch seconds with microseconds; `extra`: the JSON of eventextra ({} when none)."""

    kind: str
    at: float
    channel: str
    uniqueid: str
    linkedid: str
    number: str
    name: str
    exten: str
    context: str
    app: str
    app_data: str
    peer: str
    extra: dict[str, Any]


class Bridged(Struct):
    """One leg in one bridge. `left_at` None: still in it, or no line says. `holding`: it hears music, no person."""

    bridge: str
    entered_at: float
    left_at: float | None = None
    holding: bool = False


class Leg(Struct):
    """One channel of a call. `caused_by`: the channel that hung up, '' when Asterisk does not say; `cut`: nobody wrote
    its end, because Asterisk had stopped."""

    uniqueid: str
    channel: str
    number: str
    name: str
    exten: str
    started_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    cause: int | None = None
    caused_by: str = ""
    bridged: list[Bridged] = field(default_factory=list)
    queues: list[tuple[float, str]] = field(default_factory=list)
    cut: bool = False


class Handed(Struct, frozen=True):
    """A transfer: kind blind or attended; who was moved and whither, as far as the record says."""

    kind: str
    at: float
    by: str
    by_uniqueid: str
    moved_uniqueid: str | None
    to: str | None


class CelCall(Struct):
    """All legs that share a Linkedid. `others`: Linkedids that became this one. `ended_at` None: it goes on."""

    linkedid: str
    legs: dict[str, Leg] = field(default_factory=dict)
    handed: list[Handed] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    ended_at: float | None = None

    @property
    def started_at(self) -> float:
        return min(leg.started_at for leg in self.legs.values())


def whole_records(text: str) -> tuple[list[str], str]:
    """Split at the records' ends: whole records, and the rest without a line feed (a half line to keep).

    A record cut short by a kill does not swallow the next one.
    """
    *lines, rest = text.split("\n")
    records: list[str] = []
    gathered: list[str] = []
    for line in lines:
        if gathered and (_BEGINS.match(line) or len(gathered) >= _LINES_AT_MOST):
            records.append("\n".join(gathered))
            gathered = []
        gathered.append(line)
        if _closed(gathered):
            records.append("\n".join(gathered))
            gathered = []
    if gathered:
        rest = "\n".join((*gathered, rest))
    return [record for record in records if record.strip()], rest


def _closed(lines: list[str]) -> bool:
    return sum(line.count('"') for line in lines) % 2 == 0


def read_record(record: str, zone: tzinfo = UTC) -> CelEvent | BadLine:
    """One record. zone: of times that are no epoch seconds (a site's own dateformat)."""
    try:
        columns = next(csv.reader([record], strict=True), [])
    except csv.Error as fault:
        return bad(f"no CSV ({fault}; a line cut short?)", record)
    if len(columns) != len(COLUMNS):
        return bad(f"{len(columns)} columns, {len(COLUMNS)} are needed (a line cut short?)", record)
    at = read_time(columns[1], zone)
    if at is None:
        return bad("the second column is no time", record)
    if not columns[3]:
        return bad("the fourth column, the Uniqueid, is empty", record)
    extra: dict[str, Any] = {}
    if columns[12]:
        try:
            told = msgspec.json.decode(columns[12])
        except (msgspec.DecodeError, UnicodeEncodeError):
            return bad("the last column is no JSON", record)
        extra = told if isinstance(told, dict) else {}
    kind, _, *told_of_leg, _ = columns
    (channel, uniqueid, linkedid, number, shown, exten, context, app, app_data, peer) = told_of_leg
    name = own_name(shown) or ""
    return CelEvent(kind, at, channel, uniqueid, linkedid, number, name, exten, context, app, app_data, peer, extra)


class CallReader:
    """Records in → calls by Linkedid. `calls` may be read at any time."""

    def __init__(self) -> None:
        self.calls: dict[str, CelCall] = {}
        self._of_leg: dict[str, str] = {}

    def take(self, event: CelEvent) -> CelCall:
        """The call that this record belongs to, with what it tells."""
        call = self._call_of(event)
        if event.kind == "LINKEDID_END":
            if event.linkedid == call.linkedid:
                call.ended_at = event.at
            return call
        leg = call.legs.get(event.uniqueid)
        if leg is None:
            leg = call.legs[event.uniqueid] = Leg(
                event.uniqueid, event.channel, event.number, event.name, event.exten, event.at
            )
        leg.number, leg.name = leg.number or event.number, leg.name or event.name
        _tell(call, leg, event)
        return call

    def _call_of(self, event: CelEvent) -> CelCall:
        before = self._of_leg.get(event.uniqueid)
        self._of_leg[event.uniqueid] = event.linkedid
        call = self.calls.get(event.linkedid)
        if call is None:
            call = self.calls[event.linkedid] = CelCall(event.linkedid)
        if before is not None and before != event.linkedid:
            old = self.calls.get(before)
            if old is not None and old is not call:
                call.others |= {before, *old.others}
                leg = old.legs.pop(event.uniqueid, None)
                if leg is not None:
                    call.legs[event.uniqueid] = leg
                if not old.legs:
                    call.handed += old.handed
                    del self.calls[before]
        return call


def calls(events: Iterable[CelEvent]) -> Iterator[CelCall]:
    """All calls by their beginning."""
    reader = CallReader()
    for event in events:
        reader.take(event)
    yield from sorted((call for call in reader.calls.values() if call.legs), key=lambda call: call.started_at)


def cut_off(calls: Iterable[CelCall], times: Sequence[float], starts: Sequence[float]) -> None:
    """Legs without an end ended with Asterisk: at its last record before it started again. times: of all records;
    starts: of Asterisk, in whole seconds as queue_log has them; both ascending."""
    for call in calls:
        for leg in call.legs.values():
            index = bisect_right(starts, leg.started_at) if leg.ended_at is None else len(starts)
            if index < len(starts) and (before := bisect_left(times, starts[index])):
                leg.ended_at, leg.cut = max(times[before - 1], leg.started_at), True


def _tell(call: CelCall, leg: Leg, event: CelEvent) -> None:
    kind, extra = event.kind, event.extra
    if kind == "ANSWER":
        leg.answered_at = leg.answered_at or event.at
    elif kind == "BRIDGE_ENTER":
        holding = "holding" in str(extra.get("bridge_technology", ""))
        leg.bridged.append(Bridged(str(extra.get("bridge_id", "")), event.at, holding=holding))
    elif kind == "BRIDGE_EXIT":
        bridge = str(extra.get("bridge_id", ""))
        for stay in reversed(leg.bridged):
            if stay.left_at is None and stay.bridge == bridge:
                stay.left_at = event.at
                break
    elif kind == "APP_START" and event.app == "Queue":
        leg.queues.append((event.at, event.app_data.split(",", 1)[0]))
    elif kind == "HANGUP":
        cause = extra.get("hangupcause")
        leg.cause = cause if isinstance(cause, int) else None
        leg.caused_by = str(extra.get("hangupsource", ""))
    elif kind == "CHAN_END":
        leg.ended_at = event.at
    elif kind in ("BLINDTRANSFER", "ATTENDEDTRANSFER"):
        call.handed.append(_handed(event))


def _handed(event: CelEvent) -> Handed:
    extra = event.extra
    moved = extra.get("transferee_channel_uniqueid")
    if event.kind == "BLINDTRANSFER":
        to = extra.get("extension")
        return Handed("blind", event.at, event.channel, event.uniqueid, _said(moved), _said(to))
    to = extra.get("transfer_target_channel_name")
    return Handed("attended", event.at, event.channel, event.uniqueid, _said(moved), _said(to))


def _said(value: object) -> str | None:
    return str(value) if value not in (None, "", "N/A") else None
