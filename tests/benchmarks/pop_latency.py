"""How long it takes from Asterisk ringing a seat to the card painted on that agent's screen, stage by stage.

The whole center on real parts: private Asterisk, simulated callers through the front desk into the queue, `kefu` as its
own processes, a durable Postgres, one Chromium with a desk for each seat. Every caller leaves before anybody answers,
so seats are free again at once. All clocks are this machine's.

    python tests/benchmarks/pop_latency.py [--rate 5] [--seconds 30] [--seats 12]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "browser")]

from center import KEFU, Center
from desk_in_chromium import QUIET
from playwright.async_api import Browser, Page, Request, async_playwright, expect
from sqlalchemy import text

from crm import agents, queues
from crm.database import Database
from crm.demo import people
from crm.demo.callers import Person
from crm.embedded import EmbeddedPostgres
from crm.migrations import upgrade
from crm.pbx.asterisk_root import cache_folder
from crm.pbx.sandbox_calls import CallFile

TARGET_MS = 100
PASSWORD = "kefu-benchmark"
SEAT = "Local/{}@sandbox-agents/n"
# A known customer presses 2 until the welcome is over; after so many tries (0.82 s each) the phone has rung a while.
TRIES, AFTER_S, STAY_S = 8, 1.5, 0.5

_POPS = text(
    """
SELECT p.id::text, extract(epoch FROM p.rung_at)::float8, extract(epoch FROM p.heard_at)::float8,
       extract(epoch FROM p.written_at)::float8, s.hint_ms, extract(epoch FROM s.shown_at)::float8
  FROM pop p LEFT JOIN pop_shown s ON s.pop_id = p.id ORDER BY p.rung_at
"""
)


def main() -> int:
    """Print the table; 0 when there was something to measure."""
    reader = argparse.ArgumentParser(description="Pop latency, from AgentCalled to painted and acknowledged.")
    reader.add_argument("--rate", type=float, default=5.0, help="calls a second")
    reader.add_argument("--seconds", type=float, default=30.0)
    reader.add_argument("--seats", type=int, default=12)
    said = reader.parse_args()
    prompts = cache_folder() / "prompts"
    subprocess.run([KEFU, "prompts", "build", "--to", str(prompts)], check=True, capture_output=True)
    folder = Path(tempfile.mkdtemp(prefix="kefu-bench-"))
    folder.chmod(0o711)  # Postgres runs as another account
    try:
        with EmbeddedPostgres(folder / "postgres") as server:
            upgrade(server.url)
            return asyncio.run(
                _measure(Center(folder, server.url, prompts=prompts), said.rate, said.seconds, said.seats)
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(center: Center, rate: float, seconds: float, seats: int) -> int:
    database = Database(center.database_url, pool_size=2)
    painted: dict[str, float] = {}
    try:
        callers = await _invite(database, seats)
        async with center, async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            for number in range(seats):
                await _desk(chromium, center, number, painted)
            await _ring_in(center, callers, rate, seconds)
            pops = await _pops(database)
            await chromium.close()
    finally:
        await database.close()
    return _report(pops, painted, rate, seconds)


async def _invite(database: Database, seats: int) -> list[Person]:
    async with database.transaction() as session:
        await people.load(session, country="CN")
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        for number in range(seats):
            agent = await agents.create(session, login=f"agent{number}", name=f"Agent {number}", password=PASSWORD)
            await agents.serve(session, agent.id, "support")
        return await people.who_may_call(session)


async def _desk(chromium: Browser, center: Center, number: int, painted: dict[str, float]) -> Page:
    """One agent's own browser profile, signed in and ready; notes when each acknowledgement left the browser."""
    context = await chromium.new_context(locale="en-GB")
    page = await context.new_page()

    def finished(request: Request) -> None:
        if request.url.endswith("/shown"):  # sent in the frame after the card's own
            painted[request.url.split("/")[-2]] = request.timing["startTime"] / 1000

    page.on("requestfinished", finished)
    await page.goto(f"{center.web}/sign-in")
    await page.get_by_label("Login").fill(f"agent{number}")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.locator("input[name=typed]").fill(SEAT.format(3001 + number))
    await page.get_by_role("button", name="Sit down").click()
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready", timeout=10_000)
    return page


async def _ring_in(center: Center, callers: Sequence[Person], rate: float, seconds: float) -> None:
    """`rate` callers a second for `seconds`, then until the last one has left."""
    began = time.monotonic()
    for number in range(round(rate * seconds)):
        who = callers[number % len(callers)]
        center.sandbox.originate_local(
            CallFile(
                number=who.number,
                name=who.name,
                keys="w".join("2" * TRIES),
                keys_after_s=AFTER_S,
                stay_s=STAY_S,
                variables={"__SANDBOX_RING_S": "60"},
            )
        )
        await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
    await asyncio.sleep(AFTER_S + TRIES * 0.82 + STAY_S + 2)


async def _pops(database: Database) -> list[tuple[Any, ...]]:
    async with database.reading() as session:
        return [tuple(row) for row in await session.execute(_POPS)]


def _report(pops: list[tuple[Any, ...]], painted: dict[str, float], rate: float, seconds: float) -> int:
    told = [pop for pop in pops if pop[5] is not None and pop[4] is not None and pop[0] in painted]
    stages: dict[str, list[float]] = {
        "Asterisk rings the seat → bridge has read it": [heard - rung for _, rung, heard, *_ in told],
        "read → row in Postgres": [written - heard for _, _, heard, written, *_ in told],
        "row → hint in the browser": [painted[i] - hint / 1000 - written for i, _, _, written, hint, _ in told],
        "hint → painted": [hint / 1000 for *_, hint, _ in told],
        "painted → acknowledgement stored": [shown - painted[i] for i, *_, shown in told],
        "in all: ring → painted": [painted[i] - rung for i, rung, *_ in told],
        "in all: ring → acknowledgement stored": [shown - rung for _, rung, *_, shown in told],
    }
    print(f"{rate:g} calls/s for {seconds:g} s: {len(pops)} pops, {len(told)} painted by a hint and acknowledged\n")
    print(f"{'milliseconds':<46}{'p50':>8}{'p95':>8}{'max':>8}")
    for name, spans in stages.items():
        print(f"{name:<46}{_at(spans, 0.5):>8.1f}{_at(spans, 0.95):>8.1f}{_at(spans, 1):>8.1f}")
    p95 = _at(stages["in all: ring → acknowledgement stored"], 0.95)
    met = p95 <= TARGET_MS and bool(told)
    print(f"\ntarget: p95 ≤ {TARGET_MS} ms from the ring to the stored acknowledgement: {'met' if met else 'MISSED'}")
    missing = len(pops) - len(told)
    if missing:
        print(f"{missing} pops were not painted by a hint (taken away before, or shown by another fetch)")
    return 0 if told else 1


def _at(spans: list[float], share: float) -> float:
    """A percentile in ms, by rank."""
    ranked = sorted(spans)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] * 1000 if ranked else float("nan")


if __name__ == "__main__":
    sys.exit(main())
