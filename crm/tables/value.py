"""What customers are worth: figures, scores, segments, how they came about. Written by the nightly ranking, and by
whoever sets a tier by hand."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Numeric, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

STANDINGS = ("active", "at_risk", "lapsed")
RUN_STATES = ("running", "done", "failed")


class ValueRule(Table):
    """One threshold or weight that somebody changed; one without a row has the value of rules/value_segments."""

    __tablename__ = "value_rule"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Decimal] = mapped_column(Numeric(14, 4))
    changed_by: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class ValueRun(Table):
    """One ranking of all customers. `bounds`: the quintile bounds that it found; `rules`: those it went by;
    `left_out`: orders in currencies without a rate."""

    __tablename__ = "value_run"
    __table_args__ = (one_of("state", RUN_STATES), Index("ix_value_run_began_at", "began_at"))

    id: Mapped[Id]
    began_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    ended_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default=text("'running'"))
    as_of: Mapped[datetime]
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    bounds: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    customers: Mapped[int] = mapped_column(server_default=text("0"))
    moved: Mapped[int] = mapped_column(server_default=text("0"))
    left_out: Mapped[int] = mapped_column(server_default=text("0"))


class ValueFigure(Table):
    """The sums of a ranking under way: emptied at its start, not logged, read by nobody else. `n` cuts it into
    batches."""

    __tablename__ = "value_figure"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    n: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    customer_id: Mapped[UUID]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    orders_ever: Mapped[int]
    orders: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(Numeric(16, 2))


class CustomerValue(Table):
    """What one customer's orders say, as of `ranked_at`. `segment` is what the rules say, `applied` the tier that the
    ranking wrote last: a tier that differs from it was set by hand, and stays (`held_by`, `held_why`).

    Figures are null for a customer whose tier was set by hand and who never ordered.
    """

    __tablename__ = "customer_value"
    __table_args__ = (
        one_of("segment", ("key", "main", "ordinary", "small")),
        one_of("standing", STANDINGS),
        Index("ix_customer_value_standing", "standing", "amount", postgresql_where=text("standing <> 'active'")),
    )

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True)
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    orders_ever: Mapped[int] = mapped_column(server_default=text("0"))
    orders: Mapped[int] = mapped_column(server_default=text("0"))
    amount: Mapped[Decimal] = mapped_column(Numeric(16, 2), server_default=text("0"))
    recency: Mapped[int | None]
    frequency: Mapped[int | None]
    money: Mapped[int | None]
    score: Mapped[float | None]
    segment: Mapped[str | None]
    standing: Mapped[str | None]
    applied: Mapped[str | None]
    held_by: Mapped[str | None]
    held_at: Mapped[datetime | None]
    held_why: Mapped[str | None]
    run_id: Mapped[UUID | None]
    ranked_at: Mapped[datetime | None]


class TierChange(Table):
    """One step of a customer's tier. `by`: a login, or `kefu` for the ranking."""

    __tablename__ = "tier_change"
    __table_args__ = (Index("ix_tier_change_customer_id", "customer_id", "at"),)

    id: Mapped[Id] = mapped_column(server_default=text("gen_random_uuid()"))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    from_tier: Mapped[str | None]
    to_tier: Mapped[str]
    by: Mapped[str]
    why: Mapped[str]
