"""What Asterisk says, as bytes: recorded by a real one (tests/traces), or written here in its own form.

`Room` is a floor with its screens that hears such bytes and keeps every row it made; `summary` tells what the ledger
would show of them, without ids and times.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ami_bridge import events
from ami_bridge.changes import Change
from ami_bridge.events import Event
from ami_bridge.floor import Floor
from ami_bridge.framing import Framing
from ami_bridge.screen_pop import Screens
from crm.ledger.pops import Pop
from crm.ledger.statement import Row

TRACES = Path(__file__).parent.parent / "traces"
T0 = 1_700_000_000.0
CALLS = ("Conversation", "Wait", "Offer", "Segment", "Transfer")


def recorded(name: str) -> list[Event]:
    """The followed events of a trace, in wire order. Whatever is unreadable fails the test."""
    found: list[Event] = []
    for block in Framing(events.FOLLOWED, skipped_inside=events.SKIPPED_INSIDE).feed((TRACES / name).read_bytes()):
        if isinstance(block, bytes):
            event = events.read(block)
            assert not isinstance(event, events.Unreadable), event
            if event is not None:
                found.append(event)
    return found


def block(event: str, *, at: float | None = 0.0, **headers: object) -> bytes:
    """One AMI block, `at` seconds after the beginning of the test. `Cause_txt` stands for Cause-txt."""
    lines = [f"Event: {event}", "Privilege: call,all"]
    if at is not None:
        lines.append(f"Timestamp: {T0 + at:.6f}")
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    return "\r\n".join(lines).encode()


class Leg:
    """A channel as Asterisk shows it in its events."""

    def __init__(
        self, name: str, uniqueid: str, linkedid: str | None = None, *, context: str, number: str = "", exten: str = "s"
    ) -> None:
        self.name, self.uniqueid, self.linkedid = name, uniqueid, linkedid or uniqueid
        self.context, self.number, self.exten = context, number, exten

    def headers(self, prefix: str = "") -> dict[str, object]:
        shown = {
            "Channel": self.name,
            "ChannelState": 6,
            "CallerIDNum": self.number or "<unknown>",
            "CallerIDName": "<unknown>",
            "Context": self.context,
            "Exten": self.exten,
            "Uniqueid": self.uniqueid,
            "Linkedid": self.linkedid,
        }
        return {prefix + key: value for key, value in shown.items()}


def caller(uniqueid: str = "1.1", number: str = "13800138000") -> Leg:
    return Leg(f"PJSIP/trunk-{uniqueid}", uniqueid, context="from-trunk", number=number, exten="95000")


def seat_leg(seat: str, uniqueid: str, linkedid: str) -> Leg:
    return Leg(f"PJSIP/{seat}-{uniqueid}", uniqueid, linkedid, context="from-seat")


class Room:
    """A floor that hears blocks."""

    def __init__(self, node: str = "asterisk1") -> None:
        self.floor = Floor(node)
        self.screens = Screens()
        self.rows: dict[tuple[str, ...], Row] = {}
        self.changes: list[Change] = []
        self.now = T0

    def says(self, event: str, leg: Leg | None = None, dest: Leg | None = None, **headers: Any) -> list[Change]:
        """Asterisk says this of a leg, and of another one."""
        at = headers.pop("at", 0.0)
        all_headers = {**(leg.headers() if leg else {}), **(dest.headers("Dest") if dest else {}), **headers}
        read = events.read(block(event, at=at, **all_headers))
        assert isinstance(read, Event), read
        return self.hears(read)

    def hears(self, event: Event) -> list[Change]:
        if event.at is not None:
            self.now = event.at
        return self._note(self.floor.apply(event, self.now))

    def hears_all(self, stream: Iterable[Event]) -> Room:
        for event in stream:
            self.hears(event)
        return self

    def wait(self, seconds: float) -> list[Change]:
        self.now += seconds
        return self._note(self.floor.tick(self.now))

    def loses_sight(self) -> list[Change]:
        return self._note(self.floor.sight_lost(self.now))

    def finds_sight(self) -> list[Change]:
        return self._note(self.floor.sight_found(self.now, "22.10.1"))

    def _note(self, changes: list[Change]) -> list[Change]:
        for change in changes:
            for row in change.rows:
                self.rows[_key(row)] = row
            pop = self.screens.pop_for(change, self.now)
            if pop is not None:
                self.rows[_key(pop)] = pop
        self.changes += changes
        return changes

    def of(self, kind: type[Any]) -> list[Any]:
        """All rows of a table, in the order they were first made."""
        return [row for row in self.rows.values() if isinstance(row, kind)]

    def one(self, kind: type[Any]) -> Any:
        (row,) = self.of(kind)
        return row

    def said(self, kind: type[Any]) -> list[Any]:
        return [change for change in self.changes if isinstance(change, kind)]

    def ledger(self) -> dict[tuple[str, ...], Any]:
        """Rows of calls as they would be written."""
        return {key: msgspec.to_builtins(row) for key, row in self.rows.items() if key[0] in CALLS}

    def words(self) -> dict[str, str]:
        """Seat → posture."""
        return {key[1]: row.word for key, row in self.rows.items() if key[0] == "Posture"}  # type: ignore[attr-defined]


def played(stream: Iterable[Event]) -> Room:
    """A room that has heard all of it, and the silence after it."""
    room = Room().hears_all(stream)
    room.wait(10)
    return room


def _key(row: Row) -> tuple[str, ...]:
    kind = type(row).__name__
    if kind in CALLS or isinstance(row, Pop):
        return kind, row.id  # type: ignore[attr-defined]
    return kind, *(str(getattr(row, name)) for name in ("seat", "queue", "name") if hasattr(row, name))
