"""Screen-pops. `pop` is written by the bridge alone, `pop_shown` by the web alone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table, one_of

POP_ENDINGS = ("answered", "ring_ended", "call_ended")


class Pop(Table):
    """A caller's card put on the screen of a seat: one per conversation, seat and offer.

    `rung_at` is Asterisk's own clock at AgentCalled, `heard_at` the bridge's when the bytes were read,
    `written_at` Postgres'. `answered_at` keeps the card on the screen; `taken_at` takes it away.
    """

    __tablename__ = "pop"
    __table_args__ = (
        one_of("ending", POP_ENDINGS),
        Index("ix_pop_seat", "node", "seat", "rung_at"),
        Index("ix_pop_conversation_id", "conversation_id"),
        Index("ix_pop_open", "node", "seat", postgresql_where=text("taken_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    node: Mapped[str]
    seat: Mapped[str]
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    wait_id: Mapped[UUID | None]
    rung_at: Mapped[datetime]
    heard_at: Mapped[datetime]
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    answered_at: Mapped[datetime | None]
    taken_at: Mapped[datetime | None]
    ending: Mapped[str | None]


class PopShown(Table):
    """A browser's word that it painted the card. `hint_ms`: hint received → painted, on the browser's own clock;
    `latency_ms`: rung_at → this row, on the server's."""

    __tablename__ = "pop_shown"

    pop_id: Mapped[UUID] = mapped_column(ForeignKey("pop.id", ondelete="CASCADE"), primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    shown_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    hint_ms: Mapped[float | None]
    latency_ms: Mapped[float]
