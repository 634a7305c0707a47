"""The raw conversation with Asterisk, one compressed block a batch. Written by the bridge alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Table


class JournalBlock(Table):
    """The AMI messages of one batch: `block` is zlib of the message blocks as they came, blank line after each.

    `unreadable` counts messages of the block that no reader understood. One partition a day of `first_at` (UTC), in the
    schema journal_days; crm/journal.py makes and drops them.
    """

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_first_at", "node", "first_at"),
        {"postgresql_partition_by": "RANGE (first_at)"},
    )

    node: Mapped[str] = mapped_column(primary_key=True)
    fence: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    first_at: Mapped[datetime] = mapped_column(primary_key=True)
    last_at: Mapped[datetime]
    messages: Mapped[int]
    unreadable: Mapped[int] = mapped_column(default=0)
    linkedids: Mapped[list[str]] = mapped_column(ARRAY(Text))
    block: Mapped[bytes] = mapped_column(LargeBinary)


class SetAside(Table):
    """A ledger row that Postgres refused, kept whole with the reason, so that no batch stops for it."""

    __tablename__ = "set_aside"

    node: Mapped[str] = mapped_column(primary_key=True)
    fence: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str]
    row: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]
