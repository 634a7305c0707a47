"""How long to wait before the next attempt: longer each time, never alike for two bridges, never beyond a bound."""

from __future__ import annotations

import asyncio
import random


class Backoff:
    """Waits `first_s`, twice as long each time, at most `at_most_s`; up to half of it is left to chance."""

    def __init__(self, first_s: float, at_most_s: float) -> None:
        self._first_s = first_s
        self._at_most_s = at_most_s
        self._failures = 0

    def forget(self) -> None:
        """It went well: the next failure is the first."""
        self._failures = 0

    def next_s(self) -> float:
        """Seconds to wait now, one failure later."""
        self._failures += 1
        wait_s = min(self._at_most_s, self._first_s * 2.0 ** min(self._failures, 20))
        return wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    async def wait(self) -> None:
        """Wait that long."""
        await asyncio.sleep(self.next_s())
