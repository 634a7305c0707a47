"""Why a customer is in the segment they are in: every figure, the bounds it was held against, the rule, the history.

Reckoned once more from the orders as they are now, by the pure rule, so that what the ranking wrote can be held against
it. Called by `kefu customer explain` and the page.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import value
from crm.refusals import Refusal
from crm.rules.value_segments import RATE, Bounds, Figures, Worth, worth
from crm.tables.customers import Customer
from crm.tables.value import CustomerValue, TierChange, ValueRun

_FIGURES = text(
    """
WITH rate AS (SELECT key AS currency, value::numeric AS worth FROM jsonb_each_text(CAST(:rates AS jsonb)))
SELECT min(placed_at) AS first_at, max(placed_at) AS last_at, count(*) AS orders_ever,
       count(*) FILTER (WHERE placed_at > :since AND worth IS NOT NULL) AS orders,
       coalesce(sum(amount * worth) FILTER (WHERE placed_at > :since AND worth IS NOT NULL), 0) AS amount,
       count(*) FILTER (WHERE placed_at > :since AND worth IS NULL) AS left_out
  FROM customer_order LEFT JOIN rate USING (currency)
 WHERE customer_id = :customer_id AND state <> 'cancelled' AND placed_at <= :as_of
"""
)
# By whom a tier was set that the ranking only found.
_SET_BY = text(
    """
SELECT by, at FROM customer_change WHERE customer_id = :customer_id AND changes ? 'tier' ORDER BY version DESC LIMIT 1
"""
)


class Explained(Struct, frozen=True):
    """`figures`, `bounds`, `worth`: as of the last ranking, with the rules it went by; None: never ordered, or never
    ranked. `agrees`: the ranking wrote the same."""

    code: str
    name: str
    tier: str
    run: ValueRun | None
    rules: dict[str, Decimal]
    bounds: Bounds | None
    figures: Figures | None
    first_at: datetime | None
    last_at: datetime | None
    left_out: int
    worth: Worth | None
    written: CustomerValue | None
    agrees: bool
    held_by: str | None
    held_at: datetime | None
    held_why: str | None
    history: list[TierChange]
    currency: str


async def explain(session: AsyncSession, customer: Customer, *, currency: str) -> Explained:
    """All that decides a customer's tier. `currency`: the one that all is counted in."""
    run = await value.last_run(session)
    written = await value.of(session, customer.id)
    held_by, held_at, held_why = await _held(session, customer, written)
    said: dict[str, Any] = {
        "code": customer.code,
        "name": customer.name,
        "tier": customer.tier,
        "run": run,
        "rules": await value.rules(session),
        "written": written,
        "held_by": held_by,
        "held_at": held_at,
        "held_why": held_why,
        "history": list(await value.tier_changes(session, customer.id)),
        "currency": currency,
    }
    nothing: dict[str, Any] = dict.fromkeys(("bounds", "figures", "first_at", "last_at", "worth")) | {"left_out": 0}
    if run is None:
        return Explained(**said, **nothing, agrees=True)
    rules = {name: Decimal(rule) for name, rule in run.rules.items()}
    said["rules"] = rules
    row = await _figures(session, customer.id, run, rules, currency)
    if not row["orders_ever"]:
        return Explained(**said, **nothing, agrees=written is None or written.last_at is None)
    figures = figures_of(row, run.as_of)
    bounds = Bounds(*(tuple(run.bounds[name]) for name in ("recency", "frequency", "money")))
    found = worth(figures, bounds, rules)
    return Explained(
        **said,
        bounds=bounds,
        figures=figures,
        first_at=row["first_at"],
        last_at=row["last_at"],
        left_out=row["left_out"],
        worth=found,
        agrees=written is not None and _same(written, found),
    )


def figures_of(row: Any, as_of: datetime) -> Figures:
    """The figures of a customer's sums."""
    day = timedelta(days=1)
    several = row["orders_ever"] > 1
    usual = (row["last_at"] - row["first_at"]) / day / (row["orders_ever"] - 1) if several else None
    return Figures((as_of - row["last_at"]) / day, row["orders"], row["amount"], row["orders_ever"], usual)


async def customer_of(session: AsyncSession, word: str) -> Customer:
    """The customer of a printed number or an id; who was found to be somebody else is that one. Refusal for nobody."""
    try:
        mine = Customer.id == UUID(word)
    except ValueError:
        mine = Customer.code == word
    found: Customer | None = await session.scalar(select(Customer).where(mine))
    while found is not None and found.merged_into is not None:
        found = await session.get(Customer, found.merged_into)
    if found is None:
        raise Refusal(f"there is no customer {word!r}")
    return found


async def _figures(
    session: AsyncSession, customer_id: UUID, run: ValueRun, rules: dict[str, Decimal], currency: str
) -> Any:
    rates = {name.removeprefix(RATE): str(rate) for name, rate in rules.items() if name.startswith(RATE)}
    asked = {
        "customer_id": customer_id,
        "as_of": run.as_of,
        "since": run.as_of - timedelta(days=float(rules["window_days"])),
        "rates": msgspec.json.encode({**rates, currency: "1"}).decode(),
    }
    return (await session.execute(_FIGURES, asked)).mappings().one()


def _same(written: CustomerValue, found: Worth) -> bool:
    return (written.recency, written.frequency, written.money) == (
        found.recency,
        found.frequency,
        found.money,
    ) and (written.segment, written.standing) == (found.segment, found.standing)


async def _held(
    session: AsyncSession, customer: Customer, written: CustomerValue | None
) -> tuple[str | None, datetime | None, str | None]:
    """By whom, when and why the tier was set by hand; all None when the ranking decides it."""
    if written is None:
        by_hand = customer.tier != "ordinary"
    else:
        by_hand = written.held_by is not None or (written.applied is not None and written.applied != customer.tier)
    if not by_hand:
        return None, None, None
    if written is not None and written.held_by:
        return written.held_by, written.held_at, written.held_why
    row = (await session.execute(_SET_BY, {"customer_id": customer.id})).first()
    if row is not None:
        return row.by, row.at, "set in the customer's record"
    return "", customer.created_at, "given when the customer was entered"
