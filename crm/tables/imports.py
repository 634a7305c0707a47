"""Files of customers on their way in: how far each was read, and its lines until they are customers. Written by the
import."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

IMPORT_STATES = ("reading", "checked", "applying", "done", "left")
LINE_STATES = ("valid", "invalid", "duplicate")


class CustomerImport(Table):
    """One reading of one file (`digest`: SHA-256 of it and of how it is read). `lines_read` and `applied_to` move in
    the transactions that write those lines: an import that was cut goes on where it stopped.

    reading → checked (the dry run is over) → applying → done; left: a newer reading of the file took its place.
    """

    __tablename__ = "customer_import"
    __table_args__ = (one_of("state", IMPORT_STATES), Index("ix_customer_import_digest", "digest", "began_at"))

    id: Mapped[Id]
    digest: Mapped[str]
    file_name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'reading'"))
    by: Mapped[str]
    began_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    ended_at: Mapped[datetime | None]
    lines_read: Mapped[int] = mapped_column(server_default=text("0"))
    last_line: Mapped[int] = mapped_column(server_default=text("0"))
    applied_to: Mapped[int] = mapped_column(server_default=text("0"))
    counts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class ImportedLine(Table):
    """One line of the file. `fault`: what is wrong with it and how to mend it, or of whom it is a duplicate."""

    __tablename__ = "customer_import_line"
    __table_args__ = (
        one_of("state", LINE_STATES),
        Index("ix_customer_import_line_code", "import_id", "code"),
        Index("ix_customer_import_line_fault", "import_id", "line", postgresql_where=text("state <> 'valid'")),
    )

    import_id: Mapped[UUID] = mapped_column(ForeignKey("customer_import.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    fault: Mapped[str | None]
    customer_id: Mapped[UUID]
    code: Mapped[str | None]
    name: Mapped[str]
    company: Mapped[str | None]
    tier: Mapped[str]
    language: Mapped[str | None]
    note: Mapped[str]
    organisation: Mapped[str | None]
    organisation_kind: Mapped[str | None]


class ImportedNumber(Table):
    """One number of a line, as it will be the customer's."""

    __tablename__ = "customer_import_number"
    __table_args__ = (Index("ix_customer_import_number_e164", "import_id", "e164"),)

    import_id: Mapped[UUID] = mapped_column(ForeignKey("customer_import.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    raw: Mapped[str]
    e164: Mapped[str | None]
    country: Mapped[str]
    validity: Mapped[str]
    kind: Mapped[str]
    do_not_call: Mapped[bool]
