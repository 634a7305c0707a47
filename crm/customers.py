"""Customers and their numbers: found by the number that calls, created with numbers in one spelling.

Called by the IVR (who calls?), pages and the command line. A number may belong to several customers (a company's
switchboard, a family): all are found, the likeliest first, and who calls is never guessed beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .rules.phone_numbers import to_e164
from .tables.customers import LANGUAGES, TIERS, Customer, CustomerPhone
from .tables.visits import CallerFacts


async def find_by_number(session: AsyncSession, number_e164: str, *, limit: int = 5) -> list[Customer]:
    """The customers who own this number: who called from it last, then by worth, then by code."""
    last_call = (
        select(func.max(CallerFacts.learnt_at))
        .where(CallerFacts.customer_id == Customer.id, CallerFacts.number_e164 == number_e164)
        .scalar_subquery()
    )
    worth = case({tier: place for place, tier in enumerate(TIERS)}, value=Customer.tier)
    owners = select(CustomerPhone.customer_id).where(CustomerPhone.e164 == number_e164)
    rows = (
        select(Customer)
        .where(Customer.id.in_(owners))
        .order_by(last_call.desc().nulls_last(), worth, Customer.code)
        .limit(limit)
    )
    return list(await session.scalars(rows))


async def find(session: AsyncSession, code: str) -> Customer | None:
    """The customer with this printed number."""
    found: Customer | None = await session.scalar(select(Customer).where(Customer.code == code))
    return found


async def phones_of(session: AsyncSession, customer_id: UUID) -> list[CustomerPhone]:
    """All numbers of a customer."""
    rows = select(CustomerPhone).where(CustomerPhone.customer_id == customer_id).order_by(CustomerPhone.raw)
    return list(await session.scalars(rows))


async def create(
    session: AsyncSession,
    *,
    code: str,
    name: str,
    phones: Iterable[str] = (),
    country: str,
    company: str | None = None,
    tier: str = "ordinary",
    language: str | None = None,
    note: str = "",
) -> Customer:
    """A new customer. Refusal when the code is taken, or a tier or language is unknown."""
    if tier not in TIERS:
        raise Refusal(f"tier {tier!r} is unknown: it is one of {', '.join(TIERS)}")
    if language is not None and language not in LANGUAGES:
        raise Refusal(f"language {language!r} is unknown: it is one of {', '.join(LANGUAGES)}")
    values = {"code": code, "name": name, "company": company, "tier": tier, "language": language, "note": note}
    row = insert(Customer).values(id=func.gen_random_uuid(), **values)
    added = row.on_conflict_do_nothing(index_elements=["code"]).returning(Customer)
    customer: Customer | None = await session.scalar(added)
    if customer is None:
        raise Refusal(f"a customer with the code {code!r} exists already")
    for raw in phones:
        await add_phone(session, customer.id, raw, country=country)
    return customer


async def add_phone(session: AsyncSession, customer_id: UUID, raw: str, *, country: str) -> CustomerPhone:
    """Note a number as typed, and its E.164 as read from `country`; one that cannot be dialled is kept all the same."""
    raw = raw.replace("\x00", "").strip()
    e164 = to_e164(raw, country)
    known: CustomerPhone | None = await session.scalar(
        select(CustomerPhone).where(
            CustomerPhone.customer_id == customer_id,
            CustomerPhone.e164 == e164 if e164 else CustomerPhone.raw == raw,
        )
    )
    if known is not None:
        return known
    phone = CustomerPhone(customer_id=customer_id, raw=raw, e164=e164, country=country)
    session.add(phone)
    await session.flush()
    return phone
