"""What customers are worth, as the last ranking found it: the rules it goes by, each customer's figures, tiers by hand.

The ranking itself is deeds/rank_customers. Called by pages, the command line and explanations.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .rules.value_segments import in_force, refusal_of
from .tables.customers import TIERS, Customer
from .tables.value import CustomerValue, TierChange, ValueRule, ValueRun

RANKING = "kefu"
"""Who the ranking is in a tier's history."""

_PYRAMID = text(
    """
SELECT c.tier, count(*) AS customers, coalesce(sum(v.amount), 0) AS amount,
       count(*) FILTER (WHERE v.held_by IS NOT NULL) AS held,
       count(*) FILTER (WHERE v.standing = 'at_risk') AS at_risk,
       count(*) FILTER (WHERE v.standing = 'lapsed') AS lapsed
  FROM customer_value v JOIN customer c ON c.id = v.customer_id GROUP BY c.tier
"""
)
_LISTED = text(
    """
SELECT c.id, c.code, c.name, c.company, c.tier, v.segment, v.standing, v.last_at, v.first_at, v.orders_ever, v.amount,
       v.held_by
  FROM customer_value v JOIN customer c ON c.id = v.customer_id
 WHERE v.standing = :standing AND v.standing <> 'active'
 ORDER BY v.amount DESC, c.code LIMIT :limit OFFSET :skip
"""
)


class Level(Struct, frozen=True):
    """One level of the pyramid. `amount`: the money of the window; `held`: tiers set by hand."""

    tier: str
    customers: int = 0
    amount: Decimal = Decimal(0)
    held: int = 0
    at_risk: int = 0
    lapsed: int = 0


class Losing(Struct, frozen=True):
    """A customer who may be lost, or is."""

    id: UUID
    code: str
    name: str
    company: str | None
    tier: str
    segment: str | None
    standing: str
    last_at: datetime | None
    first_at: datetime | None
    orders_ever: int
    amount: Decimal
    held_by: str | None


async def rules(session: AsyncSession) -> dict[str, Decimal]:
    """All rules as they are in force."""
    changed = await session.execute(select(ValueRule.name, ValueRule.value))
    return in_force({row.name: row.value for row in changed})


async def changed_rules(session: AsyncSession) -> list[ValueRule]:
    """Those that somebody changed, with who and when."""
    return list(await session.scalars(select(ValueRule).order_by(ValueRule.name)))


async def change_rule(session: AsyncSession, name: str, value: Decimal | None, *, by: str) -> dict[str, Decimal]:
    """Give a rule another value, or (None) its own again; it counts from the next ranking on. Returns all rules.

    Refusal for a rule that is none, or a value that makes no sense beside the others.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('value rules', 0))"))
    found = {rule.name: rule.value for rule in await changed_rules(session)}
    after = {key: old for key, old in found.items() if key != name} | ({name: value} if value is not None else {})
    refused = refusal_of(name, value if value is not None else in_force({}).get(name, Decimal(1)), in_force(after))
    if refused:
        raise Refusal(refused)
    if value is None:
        row = await session.get(ValueRule, name)
        if row is not None:
            await session.delete(row)
    else:
        said = {"name": name, "value": value, "changed_by": by, "changed_at": func.clock_timestamp()}
        put = insert(ValueRule).values(said)
        await session.execute(put.on_conflict_do_update(index_elements=["name"], set_=said))
    return in_force(after)


async def last_run(session: AsyncSession) -> ValueRun | None:
    """The last ranking that came to its end."""
    rows = select(ValueRun).where(ValueRun.state == "done").order_by(ValueRun.began_at.desc()).limit(1)
    found: ValueRun | None = await session.scalar(rows)
    return found


async def pyramid(session: AsyncSession) -> list[Level]:
    """The four levels from the top, of all customers who ever ordered."""
    found: dict[str, Any] = {row["tier"]: row for row in (await session.execute(_PYRAMID)).mappings()}
    return [Level(**found[tier]) if tier in found else Level(tier) for tier in TIERS]


async def losing(session: AsyncSession, standing: str, *, skip: int = 0, limit: int = 100) -> list[Losing]:
    """Customers who are at_risk or lapsed, those of the most money first."""
    asked = {"standing": standing, "limit": limit, "skip": skip}
    return [Losing(**row) for row in (await session.execute(_LISTED, asked)).mappings()]


async def of(session: AsyncSession, customer_id: UUID) -> CustomerValue | None:
    """One customer's figures; None: never ordered, and no tier by hand."""
    return await session.get(CustomerValue, customer_id)


async def tier_changes(session: AsyncSession, customer_id: UUID, *, limit: int = 50) -> Sequence[TierChange]:
    """The steps of a customer's tier, the newest first."""
    mine = select(TierChange).where(TierChange.customer_id == customer_id)
    return (await session.scalars(mine.order_by(TierChange.at.desc(), TierChange.id).limit(limit))).all()


async def hold(session: AsyncSession, customer: Customer, tier: str, *, by: str, why: str) -> None:
    """Set a tier by hand: it stays, whatever the ranking finds. Refusal for an unknown tier, or without a reason."""
    if tier not in TIERS:
        raise Refusal(f"tier {tier!r} is unknown: it is one of {', '.join(TIERS)}")
    why = why.strip()
    if not why or len(why) > 300 or not why.isprintable():
        raise Refusal("a tier by hand needs a reason of 1 to 300 printable characters")
    said = {"held_by": by, "held_at": func.clock_timestamp(), "held_why": why, "applied": tier}
    put = insert(CustomerValue).values(customer_id=customer.id, **said)
    await session.execute(put.on_conflict_do_update(index_elements=["customer_id"], set_=said))
    await _move(session, customer, tier, by=by, why=why)


async def release(session: AsyncSession, customer: Customer, *, by: str) -> str:
    """Let the ranking decide again; returns the tier that it had found, which counts from now."""
    value = await session.get(CustomerValue, customer.id, with_for_update=True, populate_existing=True)
    if value is None or (value.held_by is None and value.applied in (None, customer.tier)):
        raise Refusal(f"the tier of {customer.code} was not set by hand")
    tier = value.segment or "ordinary"
    value.held_by = value.held_at = value.held_why = None
    value.applied = tier
    await _move(session, customer, tier, by=by, why="no longer set by hand")
    return tier


async def _move(session: AsyncSession, customer: Customer, tier: str, *, by: str, why: str) -> None:
    step = TierChange(customer_id=customer.id, from_tier=customer.tier, to_tier=tier, by=by, why=why)
    session.add(step)
    customer.tier = tier
    await session.flush()
