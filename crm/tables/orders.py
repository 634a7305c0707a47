"""Orders that the IVR and the card speak of. Written by the web, the command line and feeds."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from .declaration import Id, Table, one_of

ORDER_STATES = ("received", "paid", "packed", "shipped", "delivered", "cancelled")


class Order(Table):
    """One order: `number` is what the customer reads from the confirmation. `source`: the feed or person it came from;
    `changed_at`: when it became so by that source's own clock, where it says so; `learnt_at`: when we wrote it."""

    __tablename__ = "customer_order"
    __table_args__ = (
        one_of("state", ORDER_STATES),
        Index("ix_customer_order_customer_id", "customer_id", "placed_at"),
    )

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    state: Mapped[str]
    item: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    currency: Mapped[str] = mapped_column(default="CNY")
    placed_at: Mapped[datetime]
    expected_on: Mapped[datetime | None]
    source: Mapped[str] = mapped_column(server_default=text("''"))
    changed_at: Mapped[datetime | None]
    learnt_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
