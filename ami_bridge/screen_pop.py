"""Which change puts whose card on whose screen, keeps it there, and takes it away.

Called by mirror.py for each change. Pure: no clock, no I/O.
"""

from __future__ import annotations

from ami_bridge.changes import Change
from crm.ledger.pops import Pop


class Screens:
    """The cards now on screens; the same Pop row is changed in place until it is taken away."""

    def pop_for(self, change: Change, heard_at: float) -> Pop | None:
        """The pop this change made dirty, or None. heard_at: the bridge's clock when the bytes were read."""
        raise NotImplementedError
