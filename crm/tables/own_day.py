"""What an agent's own day is made of beside the ledger: follow-ups, messages of supervisors, targets of figures.

Follow-ups are written by the web (crm.follow_ups), messages and targets by the web and the command line
(crm.desk_messages, crm.figure_targets).
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class FollowUp(Table):
    """A day on which an agent meant to come back to a call's matter. One an agent and conversation."""

    __tablename__ = "follow_up"
    __table_args__ = (
        UniqueConstraint("agent_id", "conversation_id"),
        Index("ix_follow_up_open", "agent_id", "due_on", postgresql_where=text("done_at IS NULL")),
        Index("ix_follow_up_conversation_id", "conversation_id"),
    )

    id: Mapped[Id]
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="SET NULL"))
    due_on: Mapped[date]
    about: Mapped[str] = mapped_column(server_default=text("''"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]


class DeskMessage(Table):
    """What a supervisor tells one agent, those who serve one queue, or (both empty) everybody. `until_at`: shown until
    then at most."""

    __tablename__ = "desk_message"
    __table_args__ = (Index("ix_desk_message_sent_at", "sent_at"),)

    id: Mapped[Id]
    by: Mapped[str]
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    queue: Mapped[str | None] = mapped_column(ForeignKey("queue.name", ondelete="CASCADE"))
    body: Mapped[str]
    sent_at: Mapped[datetime] = mapped_column(server_default=func.now())
    until_at: Mapped[datetime | None]


class DeskMessageRead(Table):
    """An agent has said that they read a message."""

    __tablename__ = "desk_message_read"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("desk_message.id", ondelete="CASCADE"), primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FigureTarget(Table):
    """From where on a figure of the own day is green and where it is red; between the two it is yellow. Whether more
    or less is better follows from which of them is the greater."""

    __tablename__ = "figure_target"

    figure: Mapped[str] = mapped_column(primary_key=True)
    green: Mapped[float]
    red: Mapped[float]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
