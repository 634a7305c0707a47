"""What other systems say of a customer, and which of their files were read. Written by feeds and the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

FEED_KINDS = ("orders", "facts")
FEED_STATES = ("reading", "done", "refused")


class CustomerFact(Table):
    """One fact as it stands: `balance`, `128.50`, `CNY`. `as_of` is the other system's own time: what is older never
    overwrites what is newer."""

    __tablename__ = "customer_fact"

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    unit: Mapped[str] = mapped_column(server_default=text("''"))
    as_of: Mapped[datetime]
    source: Mapped[str]
    learnt_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class FeedFile(Table):
    """One file of one content (`digest`: SHA-256), and how far it was read. `rows_done` moves in the transaction that
    writes those rows, so a reading that was cut goes on where it stopped. `faults` are the first of `faulty`."""

    __tablename__ = "feed_file"
    __table_args__ = (one_of("kind", FEED_KINDS), one_of("state", FEED_STATES))

    id: Mapped[Id]
    kind: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    source: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'reading'"))
    rows_done: Mapped[int] = mapped_column(server_default=text("0"))
    added: Mapped[int] = mapped_column(server_default=text("0"))
    changed: Mapped[int] = mapped_column(server_default=text("0"))
    same: Mapped[int] = mapped_column(server_default=text("0"))
    faulty: Mapped[int] = mapped_column(server_default=text("0"))
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    began_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    ended_at: Mapped[datetime | None]
