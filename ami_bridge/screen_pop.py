"""Which change puts whose card on whose screen, keeps it there, and takes it away.

One card for each conversation, seat and offer: put at the ring, kept while talking, taken away when the ring ends
unanswered or the talk is over. Called by mirror.py for each change. Pure: no clock, no I/O.
"""

from __future__ import annotations

from ami_bridge.changes import AgentRung, Change, ConversationEnded, RingEnded, SeatLetGo, TalkBegan, TalkEnded
from ami_bridge.floor.ids import pop_id
from crm.ledger.conversations import Offer
from crm.ledger.pops import Pop


class Screens:
    """The cards now on screens, by offer. The same Pop row is changed in place until it is taken away."""

    def __init__(self) -> None:
        self._shown: dict[str, Pop] = {}

    def recall(self, pops: list[Pop], offers: dict[str, str]) -> None:
        """Load open pops of an earlier bridge. offers: pop id → offer id, by `floor.ids.pop_id`."""
        self._shown.update((offers[pop.id], pop) for pop in pops if pop.id in offers)

    def pop_for(self, change: Change, heard_at: float) -> Pop | None:
        """The pop that this change made dirty, or None. heard_at: the bridge's clock when the bytes were read."""
        if isinstance(change, AgentRung):
            return self._put(change.offer, heard_at)
        if isinstance(change, TalkBegan):
            return self._keep(change, heard_at)
        if isinstance(change, RingEnded):
            return self._ring_ended(change.offer)
        if isinstance(change, TalkEnded):
            if change.offer is None or change.stays:
                return None
            return self._take(change.offer.id, change.segment.ended_at, "call_ended")
        if isinstance(change, SeatLetGo):
            return self._take(change.offer.id, change.at, "call_ended")
        if isinstance(change, ConversationEnded):
            return self._conversation_ended(change)
        return None

    def _put(self, offer: Offer, heard_at: float) -> Pop:
        pop = self._shown.get(offer.id)
        if pop is None:
            pop = self._shown[offer.id] = Pop(
                pop_id(offer.id),
                offer.node,
                offer.seat,
                offer.conversation_id,
                offer.wait_id,
                offer.started_at,
                heard_at,
            )
        return pop

    def _keep(self, talk: TalkBegan, heard_at: float) -> Pop | None:
        """Also after a consult: the same card comes back."""
        if talk.offer is None:
            return None
        pop = self._put(talk.offer, heard_at)
        pop.answered_at = pop.answered_at or talk.segment.started_at
        return pop

    def _ring_ended(self, offer: Offer) -> Pop | None:
        if offer.outcome == "answered":
            pop = self._shown.get(offer.id)
            if pop is not None and pop.answered_at is None:
                pop.answered_at = offer.ended_at
                return pop
            return None
        return self._take(offer.id, offer.ended_at, "ring_ended")

    def _conversation_ended(self, ended: ConversationEnded) -> Pop | None:
        """A ring that was answered for a caller who left in that instant has no talk whose end takes the card away."""
        for offer, pop in self._shown.items():
            if pop.conversation_id == ended.conversation.id:
                return self._take(offer, ended.conversation.ended_at, "call_ended")
        return None

    def _take(self, offer: str, at: float | None, ending: str) -> Pop | None:
        pop = self._shown.pop(offer, None)
        if pop is not None:
            pop.taken_at, pop.ending = at, ending
        return pop
