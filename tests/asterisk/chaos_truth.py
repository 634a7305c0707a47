"""The ledger of a chaos run against its script, and against Asterisk's own files. Called by prove_chaos.py.

A call that Asterisk's own end met may read in any way that closes it; every other one must read as it was played,
whether the bridge saw it or reconstructed it. Where Asterisk itself did not carry the script out (a talk lasted longer,
keys were not understood) its own files must say the same as the ledger; such calls are counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chaos_faults import ChaosCenter
from chaos_script import Planned
from chaos_street import MEMBERS, Street
from ledger_rows import rows, seen
from what_is_left import OPEN, UNREAD

TALK_S = 1.5
"""What a talk may be longer or shorter than the script's: Asterisk is busy."""
AROUND_S = 1.0
SHOWN = 5
_DIGITS = 11
FILLED_WITHIN_S = 240.0
CLOSED_WITHIN_S = 60.0
_MISSED = ("no_answer", "rejected", "busy", "device_gone")
_WISHES = "SELECT count(*) FROM pbx_request WHERE state IN ('wanted', 'sent')"
_UNFIT = "SELECT count(*) FROM set_aside"
_WINDOWS = "SELECT extract(epoch FROM from_at)::float, extract(epoch FROM to_at)::float FROM blind_window"


@dataclass(slots=True)
class Verdict:
    """`wrong`: number → what the ledger says otherwise. Counts: (sight, kind or outcome) → calls."""

    wrong: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    by_kind: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    expected: Counter[tuple[str, str]] = field(default_factory=Counter)
    conversations: dict[str, str] = field(default_factory=dict)
    not_carried_out: list[str] = field(default_factory=list)


async def settled(center: ChaosCenter) -> list[str]:
    """Wait until all is closed, filled and settled; what is not, in sentences."""
    complaints = []
    url = center.database_url
    for what, query, expected, deadline_s in (
        ("left open", OPEN, [], CLOSED_WITHIN_S),
        ("blind windows not filled", UNREAD, [(0,)], FILLED_WITHIN_S),
        ("left open after the back-fill", OPEN, [], 5.0),
        ("wishes not settled", _WISHES, [(0,)], 30.0),
        ("rows set aside", _UNFIT, [(0,)], 1.0),
    ):
        try:
            await seen(url, query, expected, deadline_s)
        except AssertionError:
            complaints.append(f"{what}: {await asyncio.to_thread(rows, url, query)}")
    return complaints


async def postures(center: ChaosCenter) -> list[str]:
    """Seats that the rows call otherwise than Asterisk does, when nobody calls any more."""
    for last in (False,) * 10 + (True,):
        said = await asyncio.to_thread(_as_asterisk_says, center)
        written = dict(await asyncio.to_thread(rows, center.database_url, "SELECT seat, word FROM posture"))
        wrong = [f"{seat} is {word}, the row says {written.get(seat)}" for seat, word in said.items()]
        wrong = [each for each, (seat, word) in zip(wrong, said.items(), strict=True) if written.get(seat) != word]
        if not wrong or last:
            return wrong
        await asyncio.sleep(1)
    return []


def _as_asterisk_says(center: ChaosCenter) -> dict[str, str]:
    with center.sandbox.ami() as probe:
        rows_ = [row for queue in MEMBERS for row in probe.ask_list({"Action": "QueueStatus", "Queue": queue})]
    members = [row for row in rows_ if row["Event"] == "QueueMember"]
    return {row["Location"]: _word(row["Paused"], row["PausedReason"], row["Status"]) for row in members}


def _word(paused: str, reason: str, status: str) -> str:
    if paused == "1":
        return "wrapping_up" if reason == "ACW" else "paused"
    return {"1": "ready"}.get(status, f"status {status}")


async def judged(center: ChaosCenter, street: Street, plan: list[Planned], unexplained: set[str]) -> Verdict:
    """Each call of the plan against the ledger. unexplained: ids of conversations that Asterisk's files contradict."""
    listed = await center.kefu("conversation", "list")
    windows = await asyncio.to_thread(rows, center.database_url, _WINDOWS)
    found: dict[str, list[dict[str, Any]]] = {}
    for call in listed:
        dialled = call["dialled"] or ""
        number = dialled[-_DIGITS:] if len(dialled) > _DIGITS else call["caller"]
        found.setdefault(number, []).append(call)
    verdict = Verdict()
    for planned in plan:
        calls = found.pop(planned.number, [])
        sight = _sight(planned, calls, street, windows)
        verdict.by_kind[sight, planned.kind] += 1
        verdict.expected[sight, planned.expected.outcome] += 1
        verdict.outcomes.update((sight, call["outcome"] or "open") for call in calls)
        wrong = [] if sight == "Asterisk fell" else _wrong(planned, calls)
        late = [] if sight == "Asterisk fell" or wrong else _late(planned, calls[0])
        unplayed = bool(planned.expected.transfers) and planned.number not in street.handed and len(calls) == 1
        if (late or (wrong and unplayed)) and calls[0]["id"] not in unexplained:
            verdict.not_carried_out.append(f"{planned.number} ({planned.kind}): {'; '.join([*wrong, *late])}")
            wrong, late = [], []
        wrong += late
        if calls:
            verdict.conversations[planned.number] = calls[0]["id"]
        if sight == "Asterisk fell" and any(call["ended_at"] is None for call in calls):
            wrong.append("never ended")
        if wrong:
            verdict.wrong[planned.number] = [f"{planned.kind}, {sight}", *wrong]
        else:
            verdict.right[sight, planned.kind] += 1
    # Who was ringing in as Asterisk fell may have told it nothing but that.
    strangers = [call for calls in found.values() for call in calls if not _fell(call, street)]
    verdict.failures += [f"a conversation that nobody played: {call}" for call in strangers[:SHOWN]]
    return verdict


def _sight(planned: Planned, calls: list[dict[str, Any]], street: Street, windows: list[tuple[Any, ...]]) -> str:
    """Whether the bridge looked all the time while this call went on; `Asterisk fell` in the middle of it."""
    begin = street.dropped[planned.number]
    end = max((_epoch(call["ended_at"]) for call in calls), default=begin)
    if any(begin <= back and fell - AROUND_S <= end for fell, back in street.falls):
        return "Asterisk fell"
    if any(call["reconstructed"] for call in calls):
        return "in the blind"
    return "in the blind" if any(first <= end and begin <= (last or end) for first, last in windows) else "in sight"


def _fell(call: dict[str, Any], street: Street) -> bool:
    return any(fell - AROUND_S <= _epoch(call["ended_at"]) <= back + AROUND_S for fell, back in street.falls)


def _epoch(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else float("inf")


def _wrong(planned: Planned, calls: list[dict[str, Any]]) -> list[str]:
    expected = planned.expected
    if len(calls) != 1:
        return [f"{len(calls)} conversations instead of one"]
    (call,) = calls
    said = {
        "outcome": (expected.outcome, call["outcome"]),
        "ended by": (expected.ended_by, call["ended_by"]),
        "waits": (list(expected.waits), [wait["outcome"] for wait in call["waits"]]),
        "talks": (len(expected.talks), len(call["segments"])),
        "transfers": (list(expected.transfers), [each["kind"] for each in call["transfers"]]),
        "rings missed": (expected.missed, sum(ring["outcome"] in _MISSED for ring in call["offers"])),
    }
    return [
        f"{what}: {played} was played, the ledger says {told}"
        for what, (played, told) in said.items()
        if played != told
    ]


def _late(planned: Planned, call: dict[str, Any]) -> list[str]:
    """Talks of another length than the script's. Where queue_log and CEL say the same, it was Asterisk, too busy."""
    return [
        f"talk of {talk['seat']}: {planned_s:.1f} s were to be played, the ledger says {talk['talk_s']}"
        for planned_s, talk in zip(planned.expected.talks, call["segments"], strict=True)
        if planned_s is not None and abs((talk["talk_s"] or 0.0) - planned_s) > TALK_S
    ]
