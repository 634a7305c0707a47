"""Events of unknown names: the first of them go to the journal, the rest are counted.

A module of a stranger may send a thousand a second: what is kept of them must not push the calls out of the journal.
Asked by watch.py, in the stream's own time, so that a replay keeps the same ones. Pure: no clock, no socket.
"""

from __future__ import annotations

KEPT_A_MINUTE = 30
KEPT_OF_ONE_NAME = 5
NAMES_AT_MOST = 100
OTHERS = "others"


class Strangers:
    """One stream's. `counted`: how many came, by name; beyond a hundred names, under `OTHERS`."""

    def __init__(self) -> None:
        self.counted: dict[str, int] = {}
        self._minute = 0
        self._kept: dict[str, int] = {}
        self._kept_in_all = 0

    def meet(self, name: str, at: float) -> bool:
        """Count one; whether it is to be kept, too. at: epoch seconds."""
        counted = self.counted
        if name not in counted and len(counted) >= NAMES_AT_MOST:
            name = OTHERS
        counted[name] = counted.get(name, 0) + 1
        minute = int(at // 60)
        if minute != self._minute:
            self._minute, self._kept, self._kept_in_all = minute, {}, 0
        kept = self._kept.get(name, 0)
        if kept >= KEPT_OF_ONE_NAME or self._kept_in_all >= KEPT_A_MINUTE:
            return False
        self._kept[name] = kept + 1
        self._kept_in_all += 1
        return True

    @property
    def total(self) -> int:
        return sum(self.counted.values())
