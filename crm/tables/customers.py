"""Customers and their numbers. Written by the web and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .declaration import Id, Table, one_of

TIERS = ("key", "main", "ordinary", "small")
LANGUAGES = ("en", "zh")


class Customer(Table):
    """A person or company that calls. `code` is the human-readable number printed on orders and letters."""

    __tablename__ = "customer"
    __table_args__ = (one_of("tier", TIERS), one_of("language", LANGUAGES))

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    company: Mapped[str | None]
    tier: Mapped[str] = mapped_column(default="ordinary")
    language: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    phones: Mapped[list[CustomerPhone]] = relationship(lazy="raise", cascade="all, delete-orphan")


class CustomerPhone(Table):
    """One number of a customer: as typed, and in E.164 with the country used to read it (null: not dialable)."""

    __tablename__ = "customer_phone"
    __table_args__ = (
        UniqueConstraint("customer_id", "e164"),
        Index("ix_customer_phone_e164", "e164"),
    )

    id: Mapped[Id]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    raw: Mapped[str]
    e164: Mapped[str | None]
    country: Mapped[str]
