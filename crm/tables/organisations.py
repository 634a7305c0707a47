"""Households, companies, dealers, distributors, service partners, offices: their numbers, their people. Written by the
web and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from .customers import PHONE_KINDS, VALIDITIES
from .declaration import Id, Table, one_of

ORGANISATION_KINDS = ("household", "company", "dealer", "distributor", "service_partner", "office")

organisation_code = Sequence("organisation_code", metadata=Table.metadata)
"""Counts the codes of organisations that were given none."""


class Organisation(Table):
    """People who belong together and may share a telephone. `version` counts the changes, as a customer's does."""

    __tablename__ = "organisation"
    __table_args__ = (
        one_of("kind", ORGANISATION_KINDS),
        Index(
            "ix_organisation_name_key",
            literal_column("lower(name)").label("key"),
            postgresql_ops={"key": "text_pattern_ops"},
        ),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    note: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    version: Mapped[int] = mapped_column(server_default=text("1"))


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
