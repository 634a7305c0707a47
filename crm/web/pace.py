"""How often somebody may ask: a bucket that holds a minute's worth and fills steadily. In memory: a restart forgives, a
second process counts for itself. Pure: the time is an argument. Called by the REST door.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

REMEMBERED = 10_000


class Pace:
    """Buckets by key."""

    def __init__(self) -> None:
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now: float, *, a_minute: int) -> float:
        """Take one; 0 when there was one, else the seconds until there is."""
        left, at = self._left.get(key, (float(a_minute), now))
        left = min(float(a_minute), left + (now - at) * a_minute / 60.0)
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) * 60.0 / a_minute
        self._left[key] = (left - 1.0 if not wait_s else left, now)
        self._left.move_to_end(key)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return wait_s
