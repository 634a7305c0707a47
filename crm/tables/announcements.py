"""What happened, told to the world outside. Written by deeds through crm.announcements, numbered by the worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table


class Announcement(Table):
    """One thing that happened, of a kind of the event catalogue. `key`: things of one key are told in their order.

    `number` is given after the commit, by one hand, so that whoever has read up to a number has missed nothing below
    it. `source_id`: the ledger's row that was read (each kind of it is announced once); null for what a deed did.
    `queues`: those that have seen what it is about, as known when it was numbered.
    """

    __tablename__ = "announcement"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("kind", "source_id"),
        Index("ix_announcement_unnumbered", "id", postgresql_where=text("number IS NULL")),
        Index("ix_announcement_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    number: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str]
    key: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    source_id: Mapped[UUID | None]
    queues: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ConversationWatch(Table):
    """A call whose beginning was announced and whose end was not yet. Written by the worker."""

    __tablename__ = "conversation_watch"

    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
