"""Households, companies, dealers, distributors, service partners, offices: their numbers, their people. Written by the
web and the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, literal_column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .customers import PHONE_KINDS, VALIDITIES
from .declaration import Id, Table, one_of

ORGANISATION_KINDS = ("household", "company", "dealer", "distributor", "service_partner", "office")

organisation_code = Sequence("organisation_code", metadata=Table.metadata)
"""Counts the codes of organisations that were given none."""


class Organisation(Table):
    """People who belong together and may share a telephone. `version` counts the changes, as a customer's does;
    `merged_into`: the one that it was found to be, and then it is out of sight."""

    __tablename__ = "organisation"
    __table_args__ = (
        one_of("kind", ORGANISATION_KINDS),
        Index(
            "ix_organisation_name_key",
            literal_column("lower(name)").label("key"),
            postgresql_ops={"key": "text_pattern_ops"},
        ),
        Index("ix_organisation_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    note: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))


class OrganisationPhone(Table):
    """A number that is nobody's own: a switchboard, a household's line. Columns as a customer's number has them."""

    __tablename__ = "organisation_phone"
    __table_args__ = (
        UniqueConstraint("organisation_id", "e164"),
        one_of("validity", VALIDITIES),
        one_of("kind", PHONE_KINDS),
        CheckConstraint("do_not_call = (do_not_call_since IS NOT NULL)", name="do_not_call"),
        Index("ix_organisation_phone_e164", "e164"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))
    raw: Mapped[str]
    e164: Mapped[str | None]
    country: Mapped[str]
    validity: Mapped[str] = mapped_column(server_default=text("'possible'"))
    kind: Mapped[str] = mapped_column(server_default=text("'unknown'"))
    do_not_call: Mapped[bool] = mapped_column(server_default=text("false"))
    do_not_call_since: Mapped[datetime | None]
    do_not_call_by: Mapped[str | None]


class OrganisationMember(Table):
    """Who belongs to it, and as what: the mother, the buyer, the foreman."""

    __tablename__ = "organisation_member"
    __table_args__ = (Index("ix_organisation_member_customer_id", "customer_id"),)

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(server_default=text("''"))
    since: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class OrganisationMerge(Table):
    """One organisation found to be another, and all that is needed to part them again: as CustomerMerge."""

    __tablename__ = "organisation_merge"
    __table_args__ = (
        Index("ix_organisation_merge_kept_id", "kept_id"),
        Index("uq_organisation_merge_standing", "merged_id", unique=True, postgresql_where=text("undone_at IS NULL")),
    )

    id: Mapped[Id]
    kept_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))
    merged_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    by: Mapped[str]
    moved: Mapped[dict[str, Any]] = mapped_column(JSONB)
    filled: Mapped[dict[str, Any]] = mapped_column(JSONB)
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
