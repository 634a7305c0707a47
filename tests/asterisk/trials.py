"""One trial each: callers at their stages, a fault, and what it cost them. Raises AssertionError where it cost a call.

Used by `test_survival.py`, once each, and by `prove_survival.py`, again and again. Times are seconds from the fault.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass

from four_callers import LATE, FourCallers, Pace
from kept_center import SERVICES, KeptCenter
from ledger_rows import seen
from what_is_left import filled_in, nothing_open, told

FAULTS = {"killed": signal.SIGKILL, "frozen": signal.SIGSTOP}
STEP_BUDGET_S = 0.8
QUEUE_WITHIN_S = {"killed": 3.0, "frozen": STEP_BUDGET_S + 5.0}


@dataclass(frozen=True, slots=True)
class Trial:
    """`back_s`: until the service said again that it is ready. `queue_s`: until those whom the fault met outside the
    queue came into it, from the fault for who was in the menu, from their ringing in for who came later; None where the
    menus went on as usual. `said`: what the ledger says became of each."""

    what: str
    back_s: float
    queue_s: dict[str, float] | None
    said: dict[str, str]

    def __str__(self) -> str:
        queue = "".join(f", {stage} in the queue after {s:.1f} s" for stage, s in (self.queue_s or {}).items())
        said = ", ".join(f"{stage} {outcome}" for stage, outcome in self.said.items())
        return f"{self.what}: back after {self.back_s:.1f} s{queue}; {said or 'nothing left open'}"


async def service_falls(center: KeptCenter, pace: Pace, *, name: str, fault: str) -> Trial:
    """One service killed or frozen; `kefu up` alone brings it back."""
    async with FourCallers(center, pace) as calls:
        fell_at, fell = time.time(), time.monotonic()
        before = center.signal(name, FAULTS[fault])
        serving = asyncio.create_task(calls.served())
        try:
            back_s = await center.back(name, before) - fell
        finally:
            await serving
        queue_s = _queue_s(calls, fell_at, fault) if name == "ivr" else None
        await nothing_open(center)
        if name == "bridge":
            await filled_in(center)
        said = await told(center, calls, blind=name == "bridge")
    return Trial(f"{name} {fault}", back_s, queue_s, said)


async def everything_falls(center: KeptCenter, pace: Pace) -> Trial:
    """Every process of Kefu killed, and nobody starts one until all callers were served."""
    async with FourCallers(center, pace) as calls:
        fell_at = time.time()
        center.kill_everything()
        try:
            await calls.served()
            queue_s = _queue_s(calls, fell_at, "killed")
        finally:  # the next trial wants it
            began = time.monotonic()
            await center.start_again()
            back_s = time.monotonic() - began
        await nothing_open(center)
        await filled_in(center)
        said = await told(center, calls, blind=True)
    return Trial("everything killed", back_s, queue_s, said)


async def postgres_falls(center: KeptCenter, pace: Pace) -> Trial:
    """Postgres killed, and kept away until a caller who rang in meanwhile has come through the menu into the queue."""
    async with FourCallers(center, pace) as calls:
        with center.postgres_away():
            serving = asyncio.create_task(calls.served())
            await calls.has_joined(LATE)
        began = time.monotonic()
        for name in SERVICES:
            await center.back(name, 0)
        back_s = time.monotonic() - began
        await serving
        await nothing_open(center)
        said = await told(center, calls)
    return Trial("Postgres killed", back_s, None, said)


async def asterisk_falls(center: KeptCenter, pace: Pace, *, kill: bool) -> Trial:
    """Asterisk ends in the middle of it all, and its calls with it; the rows must know."""
    async with FourCallers(center, pace):
        fell = time.monotonic()
        await asyncio.to_thread(center.sandbox.restart, kill=kill)
        await seen(
            center.database_url, "SELECT lost_at IS NULL AND heard_at > now() - interval '3 s' FROM node", [(True,)]
        )
        back_s = time.monotonic() - fell
        await nothing_open(center)
    return Trial(f"Asterisk {'killed' if kill else 'restarted'}", back_s, None, {})


def _queue_s(calls: FourCallers, fell_at: float, fault: str) -> dict[str, float]:
    met_at = {"menu": fell_at, LATE: max(fell_at, calls.came_at(LATE))}
    queue_s = {stage: calls.joined[stage] - at for stage, at in met_at.items()}
    assert max(queue_s.values()) <= QUEUE_WITHIN_S[fault], queue_s
    return queue_s
