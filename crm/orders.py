"""Orders, as the IVR speaks of them and the card shows them; taken in from feeds, as many at once as there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.customers import Customer
from .tables.orders import ORDER_STATES, Order

# Of one number told twice the later telling counts, by its source's clock where there is one. What is older than what
# we know, or says nothing new, writes nothing.
_GIVEN = """
WITH given AS (
  SELECT DISTINCT ON (number) * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g(place int, number text,
         customer_id uuid, state text, item text, amount numeric, currency text, placed_at timestamptz,
         expected_on timestamptz, changed_at timestamptz)
   ORDER BY number, changed_at DESC NULLS LAST, place DESC)
"""
_PUT = text(
    f"""{_GIVEN}
INSERT INTO customer_order AS o (id, number, customer_id, state, item, amount, currency, placed_at, expected_on,
                                 changed_at, source)
SELECT gen_random_uuid(), number, customer_id, state, item, amount, currency, placed_at, expected_on, changed_at,
       :source FROM given ORDER BY number
    ON CONFLICT (number) DO UPDATE SET customer_id = EXCLUDED.customer_id, state = EXCLUDED.state,
       item = EXCLUDED.item, amount = EXCLUDED.amount, currency = EXCLUDED.currency, placed_at = EXCLUDED.placed_at,
       expected_on = EXCLUDED.expected_on, changed_at = coalesce(EXCLUDED.changed_at, o.changed_at),
       source = EXCLUDED.source, learnt_at = now()
     WHERE (o.customer_id, o.state, o.item, o.amount, o.currency, o.placed_at, o.expected_on)
           IS DISTINCT FROM (EXCLUDED.customer_id, EXCLUDED.state, EXCLUDED.item, EXCLUDED.amount, EXCLUDED.currency,
                             EXCLUDED.placed_at, EXCLUDED.expected_on)
       AND coalesce(EXCLUDED.changed_at >= o.changed_at, true)
RETURNING number, state, customer_id, xmax = 0 AS added
"""  # noqa: S608 - a part of our own
)
# Told later without a change, an order is as new as that: what was told in between, and comes late, is older. _PUT has
# locked these rows, in one order for all.
_SAME_BUT_LATER = text(
    f"""{_GIVEN}
UPDATE customer_order o SET changed_at = g.changed_at FROM given g
 WHERE o.number = g.number AND (g.changed_at > o.changed_at OR (g.changed_at IS NOT NULL AND o.changed_at IS NULL))
   AND (o.customer_id, o.state, o.item, o.amount, o.currency, o.placed_at, o.expected_on) IS NOT DISTINCT FROM
       (g.customer_id, g.state, g.item, g.amount, g.currency, g.placed_at, g.expected_on)
"""  # noqa: S608 - a part of our own
)


class Given(Struct, frozen=True):
    """An order as a feed tells it, of a customer we know. `place`: its place in the telling."""

    place: int
    number: str
    customer_id: UUID
    state: str
    item: str
    amount: Decimal
    currency: str
    placed_at: datetime
    expected_on: datetime | None = None
    changed_at: datetime | None = None


class Written(Struct, frozen=True):
    """An order that was written: new, or changed."""

    number: str
    state: str
    customer_id: UUID
    added: bool


async def put(session: AsyncSession, given: Sequence[Given], *, source: str) -> list[Written]:
    """Write what is new in these orders; told again, nothing is. Returns those that were written."""
    if not given:
        return []
    rows = msgspec.json.encode(given).decode()
    found = (await session.execute(_PUT, {"rows": rows, "source": source})).mappings().all()
    await session.execute(_SAME_BUT_LATER, {"rows": rows})
    return [Written(**row) for row in found]


async def latest_of(session: AsyncSession, customer_id: UUID) -> Order | None:
    """The customer's newest order."""
    found = await newest_of(session, customer_id, limit=1)
    return found[0] if found else None


async def newest_of(session: AsyncSession, customer_id: UUID, *, limit: int) -> list[Order]:
    """The customer's last orders, newest first."""
    mine = select(Order).where(Order.customer_id == customer_id)
    return list(await session.scalars(mine.order_by(Order.placed_at.desc(), Order.number).limit(limit)))


async def listed(
    session: AsyncSession,
    *,
    customer_id: UUID | None = None,
    state: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 100,
) -> list[Order]:
    """Orders, the newest first. `after`: the moment and id of the last one seen."""
    rows = select(Order).order_by(Order.placed_at.desc(), Order.id.desc()).limit(limit)
    if customer_id is not None:
        rows = rows.where(Order.customer_id == customer_id)
    if state is not None:
        rows = rows.where(Order.state == state)
    if after is not None:
        rows = rows.where(tuple_(Order.placed_at, Order.id) < after)
    return list(await session.scalars(rows))


async def codes_of(session: AsyncSession, found: Sequence[Order]) -> dict[UUID, str]:
    """The printed numbers of the customers of these orders."""
    whose = select(Customer.id, Customer.code).where(Customer.id.in_({order.customer_id for order in found}))
    return {row.id: row.code for row in await session.execute(whose)}


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
