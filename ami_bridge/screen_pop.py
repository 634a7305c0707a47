"""Which change puts whose card on whose screen, keeps it there, and takes it away.

One card for each conversation, seat and offer: put at the ring, kept while talking (and while the seat consults a
colleague), taken away when the ring ends unanswered or the call is over. Called by watch.py for each change. Pure: no
clock, no I/O.
"""

from __future__ import annotations

from ami_bridge.changes import (
    AgentRung,
    Change,
    ConsultEnded,
    ConversationEnded,
    RingEnded,
    SeatLetGo,
    TalkBegan,
    TalkEnded,
)
from ami_bridge.floor.ids import pop_id
from crm.ledger.conversations import Offer, Segment
from crm.ledger.pops import Pop

POPPING: frozenset[type[Change]] = frozenset(
    {AgentRung, TalkBegan, RingEnded, TalkEnded, SeatLetGo, ConsultEnded, ConversationEnded}
)
"""Changes that put a card on a screen, keep it there or take it away."""


class Screens:
    """The cards now on screens: at most one for a seat and a conversation. A Pop row is changed in place until it is
    taken away."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str], Pop] = {}

    def recall(self, pops: list[Pop]) -> None:
        """Load the cards that an earlier bridge left on screens, before the first change."""
        self._shown.update(((pop.conversation_id, pop.seat), pop) for pop in pops)

    def pop_for(self, change: Change, heard_at: float) -> Pop | None:
        """The pop that this change made dirty, or None. heard_at: the bridge's clock when the bytes were read."""
        if isinstance(change, AgentRung):
            return self._put(change.offer, heard_at)
        if isinstance(change, TalkBegan):
            return self._keep(change, heard_at)
        if isinstance(change, RingEnded):
            return self._ring_ended(change.offer)
        if isinstance(change, TalkEnded):
            return None if change.stays else self._call_ended(change.segment, change.segment.ended_at)
        if isinstance(change, SeatLetGo):
            return self._call_ended(change.segment, change.at)
        if isinstance(change, ConsultEnded):
            return self._consult_ended(change)
        if isinstance(change, ConversationEnded):
            return self._conversation_ended(change)
        return None

    def _put(self, offer: Offer, heard_at: float) -> Pop:
        """While the seat talks, another ring for the same caller is the same card: who takes back the caller whom they
        parked may be heard talking before it is said that they rang."""
        key, pop_of_offer = (offer.conversation_id, offer.seat), pop_id(offer.id)
        pop = self._shown.get(key)
        if pop is None or (pop.id != pop_of_offer and pop.answered_at is None):
            pop = self._shown[key] = Pop(
                pop_of_offer,
                offer.node,
                offer.seat,
                offer.conversation_id,
                offer.wait_id,
                offer.started_at,
                heard_at,
            )
        return pop

    def _keep(self, talk: TalkBegan, heard_at: float) -> Pop | None:
        """Also after a consult that let the card go: the same card comes back."""
        if talk.offer is None:
            return None
        pop = self._put(talk.offer, heard_at)
        pop.answered_at = pop.answered_at or talk.segment.started_at
        return pop

    def _ring_ended(self, offer: Offer) -> Pop | None:
        """Said again when a better reason is known: then the card is gone already, or answered already."""
        pop = self._shown.get((offer.conversation_id, offer.seat))
        if pop is None or pop.answered_at is not None or pop.id != pop_id(offer.id):
            return None
        if offer.outcome == "answered":
            pop.answered_at = offer.ended_at
            return pop
        return self._take(pop, offer.ended_at, "ring_ended")

    def _call_ended(self, segment: Segment, at: float | None) -> Pop | None:
        pop = self._shown.get((segment.conversation_id, segment.seat))
        return self._take(pop, at, "call_ended") if pop is not None else None

    def _consult_ended(self, ended: ConsultEnded) -> Pop | None:
        pop = self._shown.get((ended.offer.conversation_id, ended.offer.seat))
        return self._take(pop, ended.at, "call_ended") if pop is not None and pop.id == pop_id(ended.offer.id) else None

    def _conversation_ended(self, ended: ConversationEnded) -> Pop | None:
        """A ring that was answered for a caller who left in that instant has no talk whose end takes the card away."""
        for pop in self._shown.values():
            if pop.conversation_id == ended.conversation.id:
                return self._take(pop, ended.conversation.ended_at, "call_ended")
        return None

    def _take(self, pop: Pop, at: float | None, ending: str) -> Pop:
        del self._shown[pop.conversation_id, pop.seat]
        pop.taken_at, pop.ending = at, ending
        return pop
