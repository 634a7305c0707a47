"""Periodic work is done by one of all workers, again after a failure, and tells how it ended."""

from __future__ import annotations

import asyncio
from collections import Counter

from sqlalchemy import text

from crm.database import Database
from crm.jobs import Jobs, Periodic
from crm.settings import Settings

EVERY_SECOND = "* * * * * *"


async def test_of_two_workers_one_does_each_turn(database: Database) -> None:
    done, at_once = Counter[str](), Counter[str]()

    async def work(_: Database, __: Settings) -> None:
        at_once["now"] += 1
        at_once["most"] = max(at_once["most"], at_once["now"])
        await asyncio.sleep(0.2)
        at_once["now"] -= 1
        done["work"] += 1

    periodic = [Periodic("work", EVERY_SECOND, work)]
    workers = [Jobs(database, Settings(), periodic=periodic) for _ in range(2)]
    async with workers[0].opened(), workers[1].opened():
        running = [asyncio.create_task(each.run()) for each in workers]
        async with asyncio.timeout(20):
            while done["work"] < 3:  # noqa: ASYNC110 - the library tells nobody
                await asyncio.sleep(0.02)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert at_once["most"] == 1
    async with database.reading() as session:
        deferred = await session.scalar(text("SELECT count(*) FROM procrastinate.procrastinate_jobs"))
    assert deferred is not None
    assert deferred <= 1, "what was done is not kept"


async def test_what_failed_is_tried_again(database: Database) -> None:
    tries = list[str]()

    async def fails_once(_: Database, __: Settings, argument: str) -> None:
        tries.append(argument)
        if len(tries) == 1:
            raise RuntimeError("a bad day")

    jobs = Jobs(database, Settings(), drain=fails_once, periodic=())
    async with jobs.opened():
        running = asyncio.create_task(jobs.run())
        await jobs.soon("a")
        async with asyncio.timeout(20):
            while len(tries) < 2:  # noqa: ASYNC110 - the library tells nobody
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert tries == ["a", "a"]
