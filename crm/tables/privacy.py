"""Persons whose data must stay, and persons whose data went. Written by the command line and the worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table


class LegalHold(Table):
    """Nothing of this person is erased or grows too old while `released_at` is null. `numbers` in E.164."""

    __tablename__ = "legal_hold"
    __table_args__ = (Index("ix_legal_hold_open", "customer_id", postgresql_where=text("released_at IS NULL")),)

    id: Mapped[Id]
    customer_id: Mapped[UUID | None]
    numbers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reason: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]


class Erasure(Table):
    """One person erased. `work`: whom it is about, so that it goes on after a fall; null as soon as all is done.
    `counts`: rows by table, so far. `certificate`: what was signed at the end."""

    __tablename__ = "erasure"
    __table_args__ = (Index("ix_erasure_open", "began_at", postgresql_where=text("finished_at IS NULL")),)

    id: Mapped[Id]
    by: Mapped[str]
    began_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    finished_at: Mapped[datetime | None]
    work: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    counts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    certificate: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
