"""Live rows: what each seat does now, and which queues it stands in. Written by the bridge alone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table, one_of

POSTURES = ("unseen", "offline", "wrapping_up", "paused", "talking", "ringing", "ready")
CAUSES = ("wish", "call", "device", "pause", "sight", "time")
"""A wish that came true, a call, the phone itself, a pause that nobody here asked for, our own sight, time alone."""


class Posture(Table):
    """One seat of one node. `word` is computed from facts by the floor; `offer_id`/`segment_id`/`conversation_id`
    name what it rings or talks for, and stay set during after-call work (the conversation being wrapped up).
    `next_reason`: the pause that follows the after-call work."""

    __tablename__ = "posture"
    __table_args__ = (one_of("word", POSTURES),)

    node: Mapped[str] = mapped_column(primary_key=True)
    seat: Mapped[str] = mapped_column(primary_key=True)
    word: Mapped[str]
    since: Mapped[datetime]
    device_state: Mapped[str | None]
    paused: Mapped[bool] = mapped_column(default=False)
    pause_reason: Mapped[str | None]
    next_reason: Mapped[str | None]
    conversation_id: Mapped[UUID | None]
    offer_id: Mapped[UUID | None]
    segment_id: Mapped[UUID | None]


class Membership(Table):
    """A seat standing in a queue, as Asterisk lists it. `left_at` null while it stands there."""

    __tablename__ = "membership"

    node: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(primary_key=True)
    seat: Mapped[str] = mapped_column(primary_key=True)
    penalty: Mapped[int] = mapped_column(default=0)
    paused: Mapped[bool] = mapped_column(default=False)
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


class PostureChange(Table):
    """One step of a seat from one state to the next, as it was seen live: `word`, `reason` and `next_reason` from `at`
    on. `cause` is a kind of cause, `actor` who brought it about, `event` the event of Asterisk that said so."""

    __tablename__ = "posture_change"
    __table_args__ = (
        one_of("word", POSTURES),
        one_of("cause", CAUSES),
        Index("ix_posture_change_agent", "agent_id", "at"),
        Index("ix_posture_change_at", "at"),
    )

    node: Mapped[str] = mapped_column(primary_key=True)
    seat: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str | None]
    next_reason: Mapped[str | None]
    conversation_id: Mapped[UUID | None]
    agent_id: Mapped[UUID | None]
    cause: Mapped[str]
    actor: Mapped[str]
    event: Mapped[str]
