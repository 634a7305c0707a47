"""Tasks that are to end."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.5


async def cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancel these and return when all have ended, however they did.

    Asked again and again: before Python 3.12 asyncio.wait_for, which the pool of connections uses, loses a cancellation
    that comes just as what it waits for is there.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
