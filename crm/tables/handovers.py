"""What agents tell those who help them with a call: the note for the next agent, and a raised hand. Written by the web
and the command line.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class HandoverNote(Table):
    """What one agent says of a call to whoever takes it next: shown on their card before they answer."""

    __tablename__ = "handover_note"

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    body: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class RaisedHand(Table):
    """An agent asks for a supervisor. `seen_by`: the login of who came; `lowered_at`: it is over, one way or the other.
    One open an agent."""

    __tablename__ = "raised_hand"
    __table_args__ = (
        Index("uq_raised_hand_open", "agent_id", unique=True, postgresql_where=text("lowered_at IS NULL")),
        Index("ix_raised_hand_conversation_id", "conversation_id"),
    )

    id: Mapped[Id]
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    node: Mapped[str]
    seat: Mapped[str]
    conversation_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id", ondelete="SET NULL"))
    about: Mapped[str] = mapped_column(server_default=text("''"))
    raised_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    seen_by: Mapped[str | None]
    lowered_at: Mapped[datetime | None]
