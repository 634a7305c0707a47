"""What agents may pause for, and how much longer they asked to work after a call. Written by web and command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class PauseReason(Table):
    """A reason that an agent may choose. `name` is what Asterisk is told; `budget_min`: how long a day it may last in
    all; `auto_end_min`: after how long one pause ends by itself; `place`: its order on the screen."""

    __tablename__ = "pause_reason"

    name: Mapped[str] = mapped_column(primary_key=True)
    title_en: Mapped[str]
    title_zh: Mapped[str]
    paid: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    budget_min: Mapped[int | None]
    auto_end_min: Mapped[int | None]
    place: Mapped[int] = mapped_column(default=100, server_default=text("100"))


class AfterCallExtension(Table):
    """An agent needs longer after one call: so many seconds more, and why (one of our own words)."""

    __tablename__ = "after_call_extension"
    __table_args__ = (Index("ix_after_call_extension_seat", "node", "seat", "asked_at"),)

    id: Mapped[Id]
    node: Mapped[str]
    seat: Mapped[str]
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID | None]
    extra_s: Mapped[int]
    reason: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
