"""What is left in the ledger when calls are over: nothing open, and each seat standing as Asterisk says it does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from four_callers import FourCallers
from kept_center import KeptCenter
from ledger_rows import rows, seen

OPEN = " UNION ALL ".join(
    f"SELECT '{table}', count(*) FROM {table} WHERE {end} IS NULL HAVING count(*) > 0"  # noqa: S608 - our own names
    for table, end in (
        ("conversation", "ended_at"),
        ("wait", "left_at"),
        ("offer", "ended_at"),
        ("segment", "ended_at"),
        ("pop", "taken_at"),
        ("visit", "ended_at"),
    )
)
SETTLED_WITHIN_S = 20.0
UNFIT = "SELECT count(*) FROM set_aside"


async def nothing_open(center: KeptCenter) -> None:
    """Return once no conversation, wait, offer, segment, pop or visit is open, and every posture is Asterisk's own."""
    await seen(center.database_url, OPEN, [], SETTLED_WITHIN_S)
    await seen(center.database_url, UNFIT, [(0,)])
    await _postures_are_asterisks(center)


async def _postures_are_asterisks(center: KeptCenter) -> None:
    until = time.monotonic() + SETTLED_WITHIN_S
    while True:
        told = await asyncio.to_thread(_as_asterisk_says, center)
        written = dict(await asyncio.to_thread(rows, center.database_url, _POSTURES))
        here = {seat: written.get(seat) for seat in told}
        if here == told:
            return
        assert time.monotonic() < until, f"Asterisk says {told}, the rows {here}"
        await asyncio.sleep(0.05)


_POSTURES = "SELECT seat, word FROM posture"


def _as_asterisk_says(center: KeptCenter) -> dict[str, str]:
    """The posture of each queue member with no call on, by Asterisk's list."""
    with center.sandbox.ami() as probe:
        listed = probe.ask_list({"Action": "QueueStatus", "Queue": "reception"})
    members = [row for row in listed if row["Event"] == "QueueMember"]
    return {row["Location"]: _word(row["Paused"], row["PausedReason"], row["Status"]) for row in members}


def _word(paused: str, reason: str, status: str) -> str:
    if paused == "1":
        return "wrapping_up" if reason == "ACW" else "paused"
    return {"1": "ready", "2": "talking", "6": "ringing", "7": "talking"}.get(status, f"status {status}")


async def told(center: KeptCenter, calls: FourCallers, outcomes: Collection[str]) -> dict[str, str]:
    """Stage → outcome, where each caller has one conversation with an outcome among `outcomes`, as true as it is whole.

    Whoever is said to have talked talked with that seat by Asterisk's word. All were answered, so nothing else may be
    said of them than that, or that they were lost from sight.
    """
    said: dict[str, str] = {}
    newest = await center.kefu("conversation", "list", "--limit", "40")
    for stage, number in calls.numbers.items():
        listed = [call for call in newest if call["caller"] == number]
        said[stage] = ", ".join(call["outcome"] for call in listed) or "never seen"
        assert said[stage] in outcomes, f"{stage}: {listed}"
        for call in listed:
            talked = {segment["seat"] for segment in call["segments"]}
            assert talked <= {calls.connected[stage]["Interface"]}, f"{stage} talked with {talked}: {call}"
            assert len(call["segments"]) <= 1, call
            if outcomes == WHOLE:
                assert (len(call["waits"]), len(call["offers"]), len(call["segments"])) == (1, 1, 1), call
                assert not call["reconstructed"], call
    return said


WHOLE = frozenset({"answered"})
BLIND = frozenset({"answered", "lost_sight"})
BLIND_FOR_LONG = frozenset({"answered", "lost_sight", "never seen"})
