"""The floor. (Signatures first; the rules follow.)"""

from __future__ import annotations

from ami_bridge.changes import Change
from ami_bridge.events import Event
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.postures import Membership, Posture


class Floor:
    """One node's floor. `now` is the bridge's clock in epoch seconds; an event's own Timestamp goes before it."""

    def __init__(self, node: str) -> None:
        self.node = node

    def recall(
        self,
        conversations: list[Conversation],
        waits: list[Wait],
        offers: list[Offer],
        segments: list[Segment],
        memberships: list[Membership],
        postures: list[Posture],
    ) -> None:
        """Load the open rows of the ledger before the first snapshot, which then un-marks or ends them."""

    def apply(self, event: Event, now: float) -> list[Change]:
        """Take in one event; what it changed, in order."""
        raise NotImplementedError

    def tick(self, now: float) -> list[Change]:
        """Call each second: settles what waits for silence. Never changes what is written, only when."""
        raise NotImplementedError

    def sight_found(self, now: float, asterisk_version: str | None) -> list[Change]:
        """Connected and logged in; a snapshot must be asked for next (actions.snapshot)."""
        raise NotImplementedError

    def sight_lost(self, now: float) -> list[Change]:
        """The connection ended: what happens from now on is unseen."""
        raise NotImplementedError
