"""What was not seen, noted while it happens: windows without sight, and corrections that a look brought.

watch.py asks; the rows ride in the next batch. Asterisk's own files fill a window later (backfill). Pure: no clock.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from crm.ledger.postures import Sight
from crm.ledger.sight import BlindWindow, Correction

HEALING_S = 10.0
"""What a look mends so soon after sight was found happened unseen; later, the mirror had been wrong: drift."""

_CORRECTIONS = UUID("2f1ad4b8-6c47-5d0e-9a53-0d6c1f3b7e21")


class Blindness:
    """One node's windows. `why` of the next loss is set by whoever knows it."""

    def __init__(self, node: str) -> None:
        self.why = "Asterisk went down"
        self._node = node
        self._window: BlindWindow | None = None
        self._found_at: float | None = None
        self._last: tuple[float, str] | None = None
        self._same = 0

    def resume(self, window: BlindWindow) -> None:
        """An earlier life of the bridge opened this window, and nobody has closed it."""
        self._window = window

    def sight_changed(self, sight: Sight, now: float) -> BlindWindow | None:
        """The window that this opens or closes."""
        if sight.lost_at is None:
            self._found_at = now
            window, self._window = self._window, None
            if window is not None:
                window.to_at = max(now, window.from_at)
            return window
        if self._window is None:
            # Lost is what was not heard since; that nothing more comes is noticed only later.
            heard = sight.heard_at
            since = heard if heard is not None and heard <= sight.lost_at else sight.lost_at
            self._window = BlindWindow(self._node, since, self.why)
        return self._window

    def corrected(self, what: str, now: float) -> Correction:
        """The row of one correction. A stream heard twice gives the same ones."""
        self._same = self._same + 1 if self._last == (now, what) else 0
        self._last = (now, what)
        name = "\0".join((self._node, f"{now:.6f}", what, str(self._same)))
        drift = self._found_at is None or now - self._found_at > HEALING_S
        return Correction(str(uuid5(_CORRECTIONS, name)), self._node, now, what, drift)
