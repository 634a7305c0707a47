"""Tasks that are cancelled end, also where a library loses the cancellation."""

from __future__ import annotations

import asyncio

from crm.cancelling import cancelled


async def test_a_task_that_lost_the_first_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def works_on() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    async def fails() -> None:
        raise RuntimeError("before")

    tasks = [asyncio.create_task(works_on()), asyncio.create_task(fails())]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await cancelled(*tasks)
    assert lost == 2
    assert all(task.done() for task in tasks)


async def test_nothing_to_cancel_is_no_wait() -> None:
    await cancelled()
    await cancelled(asyncio.create_task(asyncio.sleep(0)))
