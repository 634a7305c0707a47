"""What can change on the floor, in call-center words.

`Floor.apply` returns these; `screen_pop` turns some into pops, `mirror` writes their rows, reflexes act on them.
A change names the ledger rows it touched: rows are the floor's own mutable facts, so the mirror must turn them into
JSON before it awaits anything. Pure: no clock, no I/O.
"""

from __future__ import annotations

from msgspec import Struct

from crm.ledger.callbacks import AttemptFacts
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.postures import Membership, Posture, Sight
from crm.ledger.statement import Row
from crm.ledger.voicemails import Voicemail


class Change(Struct, frozen=True, eq=False):
    """Base of all changes. `urgent` ones are written at once, others may linger some milliseconds."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The ledger rows this change made dirty, parents before children."""
        return tuple(row for name in self.__struct_fields__ if isinstance(row := getattr(self, name), Row))

    @property
    def urgent(self) -> bool:
        return isinstance(self, URGENT)


class CallerArrived(Change, frozen=True, eq=False):
    """A conversation began, or more is known of its caller."""

    conversation: Conversation


class CallerJoinedQueue(Change, frozen=True, eq=False):
    conversation: Conversation
    wait: Wait


class CallerLeftQueue(Change, frozen=True, eq=False):
    """The wait ended, or its true outcome became known (Asterisk says 'abandon' for five different ends)."""

    wait: Wait


class AgentRung(Change, frozen=True, eq=False):
    """A seat is being rung for a caller: the moment of the screen-pop."""

    conversation: Conversation
    wait: Wait | None
    offer: Offer


class RingEnded(Change, frozen=True, eq=False):
    """The ring ended; `offer.outcome` says how. When answered, TalkBegan follows or came before."""

    offer: Offer


class TalkBegan(Change, frozen=True, eq=False):
    """A seat and the caller hang together. `offer` is the ring that led to it, if there was one."""

    conversation: Conversation
    segment: Segment
    offer: Offer | None


class TalkChanged(Change, frozen=True, eq=False):
    """Hold began or ended inside a talk."""

    segment: Segment


class TalkEnded(Change, frozen=True, eq=False):
    """Seat and caller no longer hang together. `stays`: the seat keeps the call (it consults a colleague while the
    caller hears music) until SeatLetGo, or until they talk again."""

    segment: Segment
    offer: Offer | None
    stays: bool = False


class SeatLetGo(Change, frozen=True, eq=False):
    """A seat that kept the call after its talk (`segment`) is out of it now."""

    segment: Segment
    at: float


class ConsultEnded(Change, frozen=True, eq=False):
    """A seat that answered its ring hung up without having talked with the caller: a colleague had asked it."""

    offer: Offer
    at: float


class AskedInVain(Change, frozen=True, eq=False):
    """The way to whom a seat asked by keys is gone (`number`: what was typed), with Asterisk's cause."""

    conversation_id: str
    number: str
    cause: int
    at: float


class CallHandled(Change, frozen=True, eq=False):
    """AgentComplete: the queue is done with this seat and caller. The after-call work pause leaves on this.

    `conversation_id` is None when we were attached too late to know it.
    """

    seat: str
    conversation_id: str | None
    at: float


class LegGone(Change, frozen=True, eq=False):
    """A leg of a seat is gone, whatever it was for."""

    seat: str
    uniqueid: str
    at: float


class Originated(Change, frozen=True, eq=False):
    """What became of a phone that was asked to ring so that it may dial. `asked`: the id of the wish; `reason`: 3 it
    rang and nobody answered, 4 answered, 5 busy, 8 refused or away."""

    asked: str
    success: bool
    reason: int
    at: float


class CallerParked(Change, frozen=True, eq=False):
    """A caller hears music in this parking space until a seat takes them from it."""

    conversation_id: str
    space: str
    at: float


class CallerTransferred(Change, frozen=True, eq=False):
    transfer: Transfer


class MessageLeft(Change, frozen=True, eq=False):
    """A caller left a recorded message."""

    voicemail: Voicemail


class SeatCodeDialled(Change, frozen=True, eq=False):
    """An agent dialled a code about their own seat."""

    seat: str
    code: str
    at: float


class PlaceChanged(Change, frozen=True, eq=False):
    """More is known of a promised callback that stands in a queue, or is dialled."""

    place: AttemptFacts


class ConversationEnded(Change, frozen=True, eq=False):
    conversation: Conversation


class PostureChanged(Change, frozen=True, eq=False):
    posture: Posture


class MembershipChanged(Change, frozen=True, eq=False):
    membership: Membership


class PauseSeen(Change, frozen=True, eq=False):
    """Asterisk's own word that a seat is (un)paused: settles wishes."""

    seat: str
    paused: bool
    reason: str | None
    at: float


class MemberSeen(Change, frozen=True, eq=False):
    """Asterisk's own word that a seat stands (or no longer stands) in a queue: settles wishes."""

    seat: str
    queue: str
    present: bool
    at: float


class SightChanged(Change, frozen=True, eq=False):
    """Asterisk was lost from sight or found again."""

    sight: Sight


class Corrected(Change, frozen=True, eq=False):
    """A snapshot contradicted the floor: counted as drift. `what` says in one sentence what was mended."""

    what: str


URGENT = (AgentRung, RingEnded, TalkBegan, CallHandled, PauseSeen, MemberSeen, SightChanged)
