"""The ranking of a million customers: how long a night takes, and whether anybody who works meanwhile waits for it.

The first night writes everybody; the second, a day later, whom a day has changed. While each goes on, an editor changes
one random customer's note twenty times a second and a caller's orders are read as often: what they wait is held against
what they wait on a quiet evening before.

    python tests/benchmarks/value_segments.py [--scale 1.0]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvloop
from many_customers import Crowd, arguments, many_customers
from sqlalchemy import text

from crm.database import Database
from crm.deeds.rank_customers import Ranked, rank
from crm.settings import Settings

TARGET_S = 60.0
RATE = 20
QUIET_S = 5.0

_EDIT = text("UPDATE customer SET note = :note WHERE code = :code")
_LOOK = text(
    "SELECT o.* FROM customer_order o JOIN customer c ON c.id = o.customer_id WHERE c.code = :code "
    "ORDER BY placed_at DESC LIMIT 5"
)


class Working:
    """Somebody who goes on working, and how long each of their deeds took."""

    def __init__(self, database: Database, crowd: Crowd) -> None:
        self._database = database
        self._crowd = crowd
        self._dice = random.Random(20260304)
        self.edits: list[float] = []
        self.looks: list[float] = []

    async def work(self) -> None:
        """RATE deeds of each kind a second, until cancelled."""
        began, number = time.perf_counter(), 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            code = f"K-{self._dice.randint(1, self._crowd.customers)}"
            at = time.perf_counter()
            async with self._database.transaction() as session:
                await session.execute(_EDIT, {"note": f"seen {number}", "code": code})
            between = time.perf_counter()
            async with self._database.reading() as session:
                (await session.execute(_LOOK, {"code": code})).all()
            self.edits.append((between - at) * 1000)
            self.looks.append((time.perf_counter() - between) * 1000)


async def beside(working: Working, night: asyncio.Task[Ranked] | asyncio.Task[None]) -> None:
    """Work until the night is over."""
    worker = asyncio.create_task(working.work())
    try:
        await night
    finally:
        worker.cancel()


def told(what: str, working: Working) -> None:
    """One line: what editors and callers waited."""
    parts = []
    for name, found in (("edit", working.edits), ("look", working.looks)):
        ordered = sorted(found)
        p99 = ordered[int(0.99 * (len(ordered) - 1))]
        parts.append(f"{name} p50 {statistics.median(ordered):6.1f}  p99 {p99:7.1f}  most {ordered[-1]:7.1f}")
    print(f"{what:14} {'   '.join(parts)}   ms of {len(working.edits)}")


async def measure(crowd: Crowd, scale: float) -> bool:
    """Two nights, with somebody at work."""
    database = Database(crowd.url, application_name="kefu-bench")
    settings, now = Settings(), datetime.now(UTC)
    quiet = Working(database, crowd)
    await beside(quiet, asyncio.create_task(asyncio.sleep(QUIET_S)))
    took: list[float] = []
    for number, as_of in enumerate((now, now + timedelta(days=1)), 1):
        working = Working(database, crowd)
        began = time.perf_counter()
        night = asyncio.create_task(rank(database, settings, as_of=as_of))
        await beside(working, night)
        took.append(time.perf_counter() - began)
        done = night.result()
        print(
            f"night {number}: {done.customers} customers in {took[-1]:.1f} s (gathered {done.gathered_s:.1f}, written "
            f"{done.written_s:.1f}), {done.customers / took[-1]:.0f} a second, {done.moved} tiers moved"
        )
        if number == 1:
            told("quiet", quiet)
        told(f"night {number}", working)
    await database.close()
    target_s = TARGET_S * max(scale, 0.05)
    kept = max(took) <= target_s
    print(f"the longer night: {max(took):.1f} s of at most {target_s:.1f}: {'kept' if kept else 'NOT KEPT'}")
    return kept


def main() -> None:
    """Measure on a copy of the crowd."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(asked)
    said = asked.parse_args()
    with many_customers(said.scale, said.contacts, copied=True) as crowd:
        uvloop.run(measure(crowd, said.scale))


if __name__ == "__main__":
    main()
