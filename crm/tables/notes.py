"""What people wrote about a customer outside a call's outcome. Written by the web and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class CustomerNote(Table):
    """One note of the timeline. `conversation_id`: the call it was written in; no key holds it there, a call may be
    erased while what was written stays. `author`: a login, or the name of what wrote it."""

    __tablename__ = "customer_note"
    __table_args__ = (Index("ix_customer_note_customer_id", "customer_id", "at"),)

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    conversation_id: Mapped[UUID | None]
    author: Mapped[str]
    body: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
