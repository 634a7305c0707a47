"""What is left in the ledger when calls are over: nothing open, and each seat standing as Asterisk says it does."""

from __future__ import annotations

import asyncio
import time

from four_callers import LATE, FourCallers
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
UNREAD = "SELECT count(*) FROM blind_window WHERE backfilled_at IS NULL OR calls_pending > 0"
BACKFILLED_WITHIN_S = 60.0


async def nothing_open(center: KeptCenter) -> None:
    """Return once no conversation, wait, offer, segment, pop or visit is open, and every posture is Asterisk's own."""
    await seen(center.database_url, OPEN, [], SETTLED_WITHIN_S)
    await seen(center.database_url, UNFIT, [(0,)])
    await _postures_are_asterisks(center)


async def filled_in(center: KeptCenter) -> None:
    """Return once Asterisk's own files were read for all that nobody saw."""
    await seen(center.database_url, UNREAD, [(0,)], BACKFILLED_WITHIN_S)


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


async def told(center: KeptCenter, calls: FourCallers, *, blind: bool = False) -> dict[str, str]:
    """Stage → outcome, where the ledger says of each caller what Asterisk did: answered, once, by that seat.

    `blind`: the bridge was away for a while, so rows may be reconstructed from Asterisk's own files; nothing else of
    them may differ. Call it when those were read.
    """
    said: dict[str, str] = {}
    newest = await center.kefu("conversation", "list", "--limit", "40")
    for stage, number in calls.numbers.items():
        listed = [call for call in newest if call["caller"] == number]
        assert len(listed) == 1, f"{stage}: {listed}"
        (call,) = listed
        said[stage] = call["outcome"]
        assert call["outcome"] == "answered", f"{stage}: {call}"
        seats = [segment["seat"] for segment in call["segments"]]
        assert seats == [calls.connected[stage]["Interface"]], f"{stage} talked with {seats}: {call}"
        waits = [(wait["queue"], wait["outcome"]) for wait in call["waits"]]
        # A key meant for a menu that fell is heard by the queue: out and in again, the place is kept.
        pressed = waits[:-1].count(("reception", "key_exit"))
        assert waits == [("reception", "key_exit")] * pressed + [("reception", "answered")], f"{stage} waited {waits}"
        assert pressed <= (stage in ("menu", LATE)), f"{stage} waited {waits}: {call}"
        assert blind or not call["reconstructed"], call
        rung = [offer["outcome"] for offer in call["offers"]]
        assert blind or rung in (["answered"], ["caller_left", "answered"][1 - pressed :]), call
    return said
