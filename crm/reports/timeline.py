"""A conversation as a person reads it: one line a happening, with the AMI events behind it. Pure; called by explain."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from crm.journal import Heard

from .ledger_calls import LedgerCall

NEAR_S = 1.0
"""Events of one happening come within so long of each other."""

# What is said → the events that may stand behind it.
BEHIND: dict[str, frozenset[str]] = {
    "arrived": frozenset({"Newchannel"}),
    "joined queue": frozenset({"QueueCallerJoin"}),
    "left queue": frozenset({"QueueCallerLeave", "QueueCallerAbandon", "UserEvent", "AgentConnect"}),
    "rings": frozenset({"AgentCalled", "DialBegin"}),
    "ring ended": frozenset({"AgentRingNoAnswer", "DialEnd", "AgentConnect", "AgentDump", "Hangup"}),
    "talks": frozenset({"AgentConnect", "BridgeEnter", "Pickup", "LocalOptimizationEnd"}),
    "talk ended": frozenset({"AgentComplete", "BridgeLeave", "Hangup", "HangupRequest"}),
    "hold": frozenset({"Hold"}),
    "off hold": frozenset({"Unhold"}),
    "transferred": frozenset({"BlindTransfer", "AttendedTransfer"}),
    "ended": frozenset({"Hangup", "HangupRequest"}),
    "menu": frozenset({"UserEvent"}),
}
_CHANNEL_ID = ("Uniqueid", "Linkedid")


class Happening(Struct):
    """One line. `at`: epoch seconds; `about`: the seat or queue that its events must name; `events`: what says so."""

    at: float
    what: str
    text: str
    about: str | None = None
    uniqueid: str | None = None
    reconstructed: bool = False
    events: list[Heard] = field(default_factory=list)


def of_ledger(call: LedgerCall) -> list[Happening]:
    """What the ledger's rows say, unordered."""
    row = call.row
    who = " ".join(filter(None, (row.caller, row.caller_name))) or "unknown"
    dialled = f", dialled {row.dialled}" if row.dialled else ""
    found = [Happening(row.started_at, "arrived", f"{row.direction}: {who}{dialled}", None, row.linkedid)]
    for wait in call.waits:
        place = f", position {wait.position}" if wait.position else ""
        found.append(
            Happening(wait.entered_at, "joined queue", f"{wait.queue}{place}", wait.queue, wait.caller_uniqueid)
        )
        if wait.left_at is not None:
            told = f"{wait.queue}: {wait.outcome} after {wait.left_at - wait.entered_at:.1f} s"
            found.append(Happening(wait.left_at, "left queue", told, wait.queue, wait.caller_uniqueid))
        _mark(found, 2 if wait.left_at is not None else 1, wait.reconstructed)
    for ring in call.offers:
        queue = f" for {ring.queue}" if ring.queue else ""
        found.append(Happening(ring.started_at, "rings", f"{ring.seat}{queue}", ring.seat))
        if ring.ended_at is not None:
            told = f"{ring.seat}: {ring.outcome} after {ring.ended_at - ring.started_at:.1f} s"
            found.append(Happening(ring.ended_at, "ring ended", told, ring.seat))
        _mark(found, 2 if ring.ended_at is not None else 1, ring.reconstructed)
    for talk in call.segments:
        found.append(Happening(talk.started_at, "talks", talk.seat, talk.seat, talk.seat_uniqueid))
        if talk.ended_at is not None:
            held = f", {talk.hold_s:.1f} s of it on hold" if talk.hold_s else ""
            told = f"{talk.seat}: {talk.ended_at - talk.started_at:.1f} s{held}"
            found.append(Happening(talk.ended_at, "talk ended", told, talk.seat, talk.seat_uniqueid))
        _mark(found, 2 if talk.ended_at is not None else 1, talk.reconstructed)
    for handed in call.transfers:
        told = f"{handed.kind} by {handed.from_seat or 'unknown'} to {handed.to or 'unknown'}: {handed.outcome}"
        found.append(Happening(handed.at, "transferred", told))
    if row.ended_at is not None:
        cause = f", cause {row.hangup_cause}" if row.hangup_cause is not None else ""
        told = f"{row.outcome}, by {row.ended_by}{cause}"
        found.append(Happening(row.ended_at, "ended", told, reconstructed=row.reconstructed))
    return found


def of_holds(call: LedgerCall, heard: Iterable[Heard]) -> list[Happening]:
    """Holds: the ledger has their sum alone, the events have each."""
    seats = {talk.seat_uniqueid: talk.seat for talk in call.segments if talk.seat_uniqueid}
    names = {"Hold": "hold", "Unhold": "off hold"}
    return [
        Happening(each.at, names[each.get("Event")], seats[uniqueid], seats[uniqueid], uniqueid)
        for each in heard
        if each.get("Event") in names and (uniqueid := each.get("Uniqueid")) in seats
    ]


def belongs(heard: Heard, uniqueids: set[str]) -> bool:
    """Whether a message is of this conversation: one of its channels is named in it."""
    return any(value in uniqueids for key, value in heard.headers if key.endswith(_CHANNEL_ID))


def put_behind(happenings: list[Happening], heard: list[Heard]) -> int:
    """Put each event behind the nearest line that it explains; returns how many explain none."""
    further = 0
    for each in heard:
        name = each.get("Event")
        fitting = [
            line
            for line in happenings
            if name in BEHIND.get(line.what, ()) and abs(line.at - each.at) <= NEAR_S and _names(each, line)
        ]
        if fitting:
            min(fitting, key=lambda line: abs(line.at - each.at)).events.append(each)
        else:
            further += 1
    return further


def in_order(happenings: list[Happening]) -> list[Happening]:
    """By time; at the same moment, the end of a call last."""
    return sorted(happenings, key=lambda line: (line.at, line.what == "ended"))


def _names(heard: Heard, line: Happening) -> bool:
    """Whether the event speaks of the line's seat or queue, or of its channel."""
    if line.about is None and line.uniqueid is None:
        return True
    if line.uniqueid is not None and any(
        value == line.uniqueid for key, value in heard.headers if key.endswith("niqueid")
    ):
        return line.what not in ("joined queue", "left queue") or heard.get("Queue") in ("", line.about)
    about = (line.about or "\0").removesuffix("/n")
    return any(
        value == line.about or value.removesuffix("/n") == about or value.startswith((about + "-", about + "/"))
        for key, value in heard.headers
        if key in ("Interface", "Queue", "Channel", "DestChannel", "DialString")
    )


def _mark(found: list[Happening], count: int, reconstructed: bool) -> None:
    for line in found[-count:]:
        line.reconstructed = reconstructed
