"""How often a password may be guessed, by login and by address. In memory: a restart forgives, a second process counts
for itself. Pure: the time is an argument. Called by the sign-in page.
"""

from __future__ import annotations

from collections import OrderedDict, deque

REMEMBERED = 10_000
"""Most keys kept; the longest untouched is forgotten first, so that guessing names cannot fill the memory."""


class Throttle:
    """At most `allowed` failures of one key within `window_s`."""

    def __init__(self, *, allowed: int, window_s: float) -> None:
        self._allowed = allowed
        self._window_s = window_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str, now: float) -> float:
        """Seconds until this key may try again; 0 when it may now."""
        failures = self._failures.get(key)
        while failures and failures[0] <= now - self._window_s:
            failures.popleft()
        if not failures or len(failures) < self._allowed:
            return 0.0
        return failures[0] + self._window_s - now

    def failed(self, key: str, now: float) -> None:
        """Count one failure of a key."""
        self._failures.setdefault(key, deque(maxlen=self._allowed)).append(now)
        self._failures.move_to_end(key)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Forget the failures of a key that has got it right."""
        self._failures.pop(key, None)
