"""What an agent said of a call after it: outcome and note. Written by the web."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table


class WrapUp(Table):
    """One agent's outcome of one conversation; saving it ends the after-call work. `outcome` is the code of a row of
    `outcome`, which may be retired since."""

    __tablename__ = "wrap_up"

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True)
    outcome: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    saved_at: Mapped[datetime] = mapped_column(server_default=func.now())
