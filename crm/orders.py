"""Orders, as the IVR speaks of them and the card shows them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.orders import ORDER_STATES, Order


async def latest_of(session: AsyncSession, customer_id: UUID) -> Order | None:
    """The customer's newest order."""
    found = await newest_of(session, customer_id, limit=1)
    return found[0] if found else None


async def newest_of(session: AsyncSession, customer_id: UUID, *, limit: int) -> list[Order]:
    """The customer's last orders, newest first."""
    mine = select(Order).where(Order.customer_id == customer_id)
    return list(await session.scalars(mine.order_by(Order.placed_at.desc(), Order.number).limit(limit)))


async def find(session: AsyncSession, number: str, *, customer_id: UUID | None = None) -> Order | None:
    """The order with this printed number; with `customer_id` only if it is that customer's."""
    wanted = select(Order).where(Order.number == number)
    if customer_id is not None:
        wanted = wanted.where(Order.customer_id == customer_id)
    found: Order | None = await session.scalar(wanted)
    return found


async def owed_by(session: AsyncSession, customer_id: UUID) -> tuple[Decimal, str] | None:
    """What the customer still has to pay for orders received, in the currency that most of it is in.

    Nothing owed is an amount of 0; None: no order at all, so nothing is known.
    """
    amount = func.coalesce(func.sum(Order.amount).filter(Order.state == "received"), 0)
    rows = select(amount, Order.currency).where(Order.customer_id == customer_id).group_by(Order.currency)
    row = (await session.execute(rows.order_by(amount.desc()).limit(1))).first()
    return (row[0], row[1]) if row is not None else None


async def place(
    session: AsyncSession,
    *,
    customer_id: UUID,
    number: str,
    item: str,
    amount: Decimal,
    placed_at: datetime,
    state: str = "received",
    currency: str = "CNY",
    expected_on: datetime | None = None,
) -> Order:
    """A new order. Refusal for an unknown state."""
    if state not in ORDER_STATES:
        raise Refusal(f"order state {state!r} is unknown: it is one of {', '.join(ORDER_STATES)}")
    order = Order(
        customer_id=customer_id,
        number=number,
        state=state,
        item=item,
        amount=amount,
        currency=currency,
        placed_at=placed_at,
        expected_on=expected_on,
    )
    session.add(order)
    await session.flush()
    return order
