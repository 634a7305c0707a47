"""The declarative base of all tables: naming convention and the column types used everywhere.

Every table module imports it; nothing here knows a subject. Times are `timestamptz`, ids are UUIDs,
words with a closed list of values are text with a CHECK (a new word is one migration, never a type change).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from sqlalchemy import DDL, CheckConstraint, DateTime, MetaData, Uuid, event
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """Base of every mapped table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True), UUID: Uuid(as_uuid=True)}  # noqa: RUF012


# Trigrams, by which texts are searched; whoever makes the tables without the migrations needs them, too.
_TRIGRAMS = DDL("CREATE EXTENSION IF NOT EXISTS pg_trgm")  # type: ignore[no-untyped-call]
event.listen(Table.metadata, "before_create", _TRIGRAMS)

Id = Annotated[UUID, mapped_column(primary_key=True, default=uuid4)]


def one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    """A CHECK that holds `column` to a closed list of words."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
