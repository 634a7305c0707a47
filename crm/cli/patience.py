"""How long a process has been silent through its own fault: time in which it, or we, waited for a processor is not.

On a machine that is too busy a service is late, and killing it would make the machine busier still. A frozen one does
not wait for a processor, and one in an endless loop has it. Used by the supervisor alone. Reads /proc; where there is
none, all time counts.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

AT_MOST_S = 30.0
"""Whoever is silent for so long is given up, whatever the reason."""
STARVED_BELOW = 0.5
"""Ready to run, and running for less than this share of the time: it waits for others."""


class Patience:
    """Of one process, from `begin` on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.begin()

    def begin(self) -> None:
        """It was heard just now."""
        self._at = time.monotonic()
        self._ran_s, self._waited_s = _spent(self._pid)
        self._we_waited_s = _spent(os.getpid())[1]

    def silent_s(self) -> float:
        """Seconds of silence that count."""
        silent_s = time.monotonic() - self._at
        if silent_s > AT_MOST_S:
            return silent_s
        ran_s, waited_s = _spent(self._pid)
        silent_s -= max(0.0, waited_s - self._waited_s) + max(0.0, _spent(os.getpid())[1] - self._we_waited_s)
        # The time of a wait is told only when it is over.
        waits_now = _is_ready_to_run(self._pid) and ran_s - self._ran_s < STARVED_BELOW * silent_s
        return 0.0 if waits_now else max(0.0, silent_s)


def _spent(pid: int) -> tuple[float, float]:
    """Seconds for which the process ran, and for which it waited to run, since its start."""
    try:
        ran_ns, waited_ns = Path(f"/proc/{pid}/schedstat").read_text().split()[:2]
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(ran_ns) / 1e9, int(waited_ns) / 1e9


def _is_ready_to_run(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):
        return False
