"""Live rows: what each seat does now, and which queues it stands in. Written by the bridge alone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table, one_of

POSTURES = ("unseen", "offline", "wrapping_up", "paused", "talking", "ringing", "ready")


class Posture(Table):
    """One seat of one node. `word` is computed from facts by the floor; `offer_id`/`segment_id`/`conversation_id`
    name what it rings or talks for, and stay set during after-call work (the conversation being wrapped up)."""

    __tablename__ = "posture"
    __table_args__ = (one_of("word", POSTURES),)

    node: Mapped[str] = mapped_column(primary_key=True)
    seat: Mapped[str] = mapped_column(primary_key=True)
    word: Mapped[str]
    since: Mapped[datetime]
    device_state: Mapped[str | None]
    paused: Mapped[bool] = mapped_column(default=False)
    pause_reason: Mapped[str | None]
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
