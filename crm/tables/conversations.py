"""The ledger of calls: conversation, wait, offer, segment, transfer. Written by the bridge alone.

Ids derive from node, Uniqueid, queue and join time, so that a replay writes the same rows.
A null `ended_at`/`left_at` means it still goes on.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table, one_of

DIRECTIONS = ("inbound", "outbound", "internal")
CONVERSATION_OUTCOMES = (
    "answered",
    "abandoned",
    "no_answer",
    "busy",
    "rejected",
    "cancelled",
    "self_served",
    "callback_booked",
    "voicemail",
    "failed",
    "lost_sight",
)
ENDED_BY = ("caller", "agent", "system", "unknown")
WAIT_OUTCOMES = (
    "answered",
    "abandoned",
    "timeout",
    "full",
    "join_empty",
    "leave_empty",
    "withdrawn",
    "key_exit",
    "continued",
    "lost_sight",
)
OFFER_OUTCOMES = (
    "answered",
    "no_answer",
    "rejected",
    "busy",
    "device_gone",
    "caller_left",
    "taken_elsewhere",
    "lost_sight",
)
TRANSFER_KINDS = ("blind", "attended", "blonde")
CALLER_WAITS = "NOT (length(caller_uniqueid) = 38 AND right(caller_uniqueid, 2) = ';2')"
"""Of waits: a person is on that line. A promised callback's place is the second half of a channel with a try's id."""


class Conversation(Table):
    """One caller's matter from first ring to last goodbye, through transfers and queues."""

    __tablename__ = "conversation"
    __table_args__ = (
        one_of("direction", DIRECTIONS),
        one_of("outcome", CONVERSATION_OUTCOMES),
        one_of("ended_by", ENDED_BY),
        Index("ix_conversation_started_at", "started_at"),
        Index("ix_conversation_open", "node", postgresql_where=text("ended_at IS NULL")),
        Index("ix_conversation_caller", "caller", "started_at"),
        Index("ix_conversation_called", "dialled", "started_at", postgresql_where=text("direction = 'outbound'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    linkedid: Mapped[str]
    direction: Mapped[str]
    caller: Mapped[str | None]
    caller_name: Mapped[str | None]
    dialled: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    ended_by: Mapped[str | None]
    hangup_cause: Mapped[int | None]
    reconstructed: Mapped[bool] = mapped_column(default=False)


class Wait(Table):
    """One stay in one queue."""

    __tablename__ = "wait"
    __table_args__ = (
        one_of("outcome", WAIT_OUTCOMES),
        Index("ix_wait_conversation_id", "conversation_id"),
        Index("ix_wait_queue_entered_at", "queue", "entered_at"),
        Index("ix_wait_open", "node", postgresql_where=text("left_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    node: Mapped[str]
    queue: Mapped[str]
    caller_uniqueid: Mapped[str]
    position: Mapped[int | None]
    entered_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    reconstructed: Mapped[bool] = mapped_column(default=False)


class Offer(Table):
    """One ringing of one agent for one waiting caller. `agent_id` is who sat at the seat when it rang."""

    __tablename__ = "offer"
    __table_args__ = (
        one_of("outcome", OFFER_OUTCOMES),
        Index("ix_offer_conversation_id", "conversation_id"),
        Index("ix_offer_seat_started_at", "node", "seat", "started_at"),
        Index("ix_offer_open", "node", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    wait_id: Mapped[UUID | None] = mapped_column(ForeignKey("wait.id", ondelete="CASCADE"))
    node: Mapped[str]
    queue: Mapped[str | None]
    seat: Mapped[str]
    agent_id: Mapped[UUID | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    reconstructed: Mapped[bool] = mapped_column(default=False)


class Segment(Table):
    """One talk of one agent with the caller. `hold_s` is seconds on hold inside it; talk = length − hold."""

    __tablename__ = "segment"
    __table_args__ = (
        Index("ix_segment_conversation_id", "conversation_id"),
        Index("ix_segment_seat_started_at", "node", "seat", "started_at"),
        Index("ix_segment_open", "node", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    node: Mapped[str]
    queue: Mapped[str | None]
    seat: Mapped[str]
    agent_id: Mapped[UUID | None]
    caller_uniqueid: Mapped[str]
    seat_uniqueid: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    hold_s: Mapped[float] = mapped_column(default=0.0)
    reconstructed: Mapped[bool] = mapped_column(default=False)


class Transfer(Table):
    """One handing-over of the caller by a seat. `outcome` is Asterisk's own word, lower case."""

    __tablename__ = "transfer"
    __table_args__ = (one_of("kind", TRANSFER_KINDS), Index("ix_transfer_conversation_id", "conversation_id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    node: Mapped[str]
    kind: Mapped[str]
    from_seat: Mapped[str | None]
    to: Mapped[str | None]
    at: Mapped[datetime]
    outcome: Mapped[str]
