"""What people change in the value of customers: a rule, or one customer's tier; noted in the audit in the same breath.

Called by pages and the command line.
"""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, value
from crm.tables.customers import Customer


async def change_rule(session: AsyncSession, name: str, number: Decimal | None, *, by: str) -> dict[str, Decimal]:
    """Give a rule another value, or (None) its own again. Refusal where that makes no sense."""
    rules = await value.change_rule(session, name, number, by=by)
    said = {"value": str(number) if number is not None else None}
    await audit.note(session, by=by, did="value.rule", subject="value_rule", subject_id=name, detail=said)
    return rules


async def hold_tier(session: AsyncSession, customer: Customer, tier: str, *, by: str, why: str) -> None:
    """Set a tier by hand; the ranking leaves it alone from here on."""
    said = {"from": customer.tier, "to": tier}
    await value.hold(session, customer, tier, by=by, why=why)
    await audit.note(session, by=by, did="value.tier", subject="customer", subject_id=str(customer.id), detail=said)


async def release_tier(session: AsyncSession, customer: Customer, *, by: str) -> str:
    """Let the ranking decide this customer's tier again; returns the one it had found."""
    said = {"from": customer.tier}
    tier = await value.release(session, customer, by=by)
    await audit.note(
        session,
        by=by,
        did="value.release",
        subject="customer",
        subject_id=str(customer.id),
        detail={**said, "to": tier},
    )
    return tier
