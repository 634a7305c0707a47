"""Customers and their numbers, who changed what of them, and whom agents picked among several. Written by the web and
the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, func, literal_column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .declaration import Id, Table, one_of

TIERS = ("key", "main", "ordinary", "small")
LANGUAGES = ("en", "zh")
PHONE_KINDS = (
    *("mobile", "fixed", "fixed_or_mobile", "toll_free", "premium", "shared_cost", "voip", "personal", "pager"),
    *("company", "voicemail", "unknown"),
)
VALIDITIES = ("valid", "possible", "unreadable")

# Chinese is searched by single characters: between spaces each is a word, of which pg_trgm makes trigrams. With as many
# brackets as Postgres writes when asked, so that alembic finds what it finds there to be the same.
SEARCHED = (
    "regexp_replace(lower((((name || ' ') || coalesce(company, '')) || ' ') || code), "
    r"'([⺀-鿿])', ' \1 ', 'g')"
)
NAME_KEY = "lower(name)"

customer_code = Sequence("customer_code", metadata=Table.metadata)
"""Counts the codes of customers who were given none."""


class Customer(Table):
    """A person or company that calls. `code` is the human-readable number printed on orders and letters.

    `version` counts the changes: who saves names the one they saw. `merged_into`: this one turned out to be that one;
    the row stays, so that a merge can be undone, and is found by nobody.
    """

    __tablename__ = "customer"
    __table_args__ = (
        one_of("tier", TIERS),
        one_of("language", LANGUAGES),
        Index(
            "ix_customer_searched",
            literal_column(f"({SEARCHED})").label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
        ),
        Index(
            "ix_customer_name_key", literal_column(NAME_KEY).label("key"), postgresql_ops={"key": "text_pattern_ops"}
        ),
        Index("ix_customer_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    company: Mapped[str | None]
    tier: Mapped[str] = mapped_column(default="ordinary")
    language: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(server_default=text("1"))
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))

    phones: Mapped[list[CustomerPhone]] = relationship(lazy="raise", cascade="all, delete-orphan")


class CustomerPhone(Table):
    """One number of a customer: as typed, and in E.164 with the country used to read it (null: not dialable).

    `validity`: valid (of a range in use), possible (of a right length only), unreadable. `do_not_call`: nobody calls it
    for us, since when and at whose word; incoming calls are answered as ever.
    """

    __tablename__ = "customer_phone"
    __table_args__ = (
        UniqueConstraint("customer_id", "e164"),
        one_of("validity", VALIDITIES),
        one_of("kind", PHONE_KINDS),
        CheckConstraint("do_not_call = (do_not_call_since IS NOT NULL)", name="do_not_call"),
        Index("ix_customer_phone_e164", "e164"),
        Index(
            "ix_customer_phone_backwards",
            literal_column("reverse(e164)").label("end"),
            postgresql_ops={"end": "text_pattern_ops"},
        ),
        Index("ix_customer_phone_do_not_call", "e164", postgresql_where=text("do_not_call")),
    )

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    raw: Mapped[str]
    e164: Mapped[str | None]
    country: Mapped[str]
    validity: Mapped[str] = mapped_column(server_default=text("'possible'"))
    kind: Mapped[str] = mapped_column(server_default=text("'unknown'"))
    do_not_call: Mapped[bool] = mapped_column(server_default=text("false"))
    do_not_call_since: Mapped[datetime | None]
    do_not_call_by: Mapped[str | None]


class CustomerChange(Table):
    """What made a customer's `version`: each field before and after, by a login or by what wrote it."""

    __tablename__ = "customer_change"

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    by: Mapped[str]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CallerPick(Table):
    """Whom an agent said a caller is. Counts for the conversation, and is the first guess when the number calls again;
    so it outlasts the conversation. `number_e164` null: the caller hid it."""

    __tablename__ = "caller_pick"
    __table_args__ = (
        UniqueConstraint("conversation_id"),
        Index("ix_caller_pick_number", "number_e164", "picked_at"),
        Index("ix_caller_pick_customer_id", "customer_id"),
    )

    id: Mapped[Id]
    conversation_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id", ondelete="SET NULL"))
    number_e164: Mapped[str | None]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    picked_by: Mapped[str]
    picked_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class CustomerMerge(Table):
    """One customer found to be another, and all that is needed to part them again.

    `moved`: table → the keys of the rows that went over, without the customer's own; `filled`: fields of the kept one
    that were empty → [before, after].
    """

    __tablename__ = "customer_merge"
    __table_args__ = (
        Index("ix_customer_merge_kept_id", "kept_id"),
        Index("uq_customer_merge_standing", "merged_id", unique=True, postgresql_where=text("undone_at IS NULL")),
    )

    id: Mapped[Id]
    kept_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    merged_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    by: Mapped[str]
    moved: Mapped[dict[str, Any]] = mapped_column(JSONB)
    filled: Mapped[dict[str, Any]] = mapped_column(JSONB)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
