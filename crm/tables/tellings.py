"""What customers were told of their cases, and the texts it is made of. Written by the web and the command line.

A text for SMS or e-mail is a row in state `written`: an outbox that no gateway takes from yet. A call is `to_call`
until somebody says that it was made.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

CHANNELS = ("call", "sms", "email")
TELLING_STATES = ("to_call", "told", "written", "sent", "failed")


class TellingTemplate(Table):
    """A text in one language, with places such as {number} and {name}."""

    __tablename__ = "telling_template"

    code: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str]


class Telling(Table):
    """One text to a customer, as it was filled in."""

    __tablename__ = "telling"
    __table_args__ = (
        one_of("channel", CHANNELS),
        one_of("state", TELLING_STATES),
        Index("ix_telling_case_id", "case_id", "at"),
        Index("ix_telling_outbox", "at", postgresql_where=text("state = 'written'")),
    )

    id: Mapped[Id]
    case_id: Mapped[UUID] = mapped_column(ForeignKey("customer_case.id", ondelete="CASCADE"))
    channel: Mapped[str]
    recipient: Mapped[str]
    template: Mapped[str | None]
    language: Mapped[str]
    body: Mapped[str]
    state: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
