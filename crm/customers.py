"""Customers and their numbers: found by the number that calls, created with numbers in one spelling, edited by several
people at once without loss.

Called by the IVR (who calls?), by deeds, pages and the command line. A number may belong to several customers (a
company's switchboard, a family): all are found, the likeliest first, and who calls is never guessed beyond that. One
that was merged into another is found by nobody but by its code, which leads to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import DateTime, bindparam, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .printed_codes import CUSTOMERS, next_free
from .questions import Asked, Question
from .refusals import Refusal
from .rules.customer_fields import FieldFault, clean
from .rules.phone_numbers import LONGEST_RAW, is_country, read_number
from .tables.customers import LANGUAGES, TIERS, Customer, CustomerChange, CustomerPhone
from .tables.organisations import OrganisationPhone
from .tables.visits import CallerFacts

FIELDS = ("code", "name", "company", "tier", "language", "note")
_now = func.clock_timestamp(type_=DateTime(timezone=True))
_EMPTY_IS_NONE = frozenset({"company", "language"})


# Whose is this number? Written once: a caller waits for the answer, and writing it anew took longer than the answer.
_OWNERS = (
    select(Customer)
    .where(
        Customer.id.in_(select(CustomerPhone.customer_id).where(CustomerPhone.e164 == bindparam("number"))),
        Customer.merged_into.is_(None),
    )
    .order_by(
        select(func.max(CallerFacts.learnt_at))
        .where(CallerFacts.customer_id == Customer.id, CallerFacts.number_e164 == bindparam("number"))
        .scalar_subquery()
        .desc()
        .nulls_last(),
        case({tier: place for place, tier in enumerate(TIERS)}, value=Customer.tier),
        Customer.code,
    )
    .limit(bindparam("most"))
)


class Owner(Struct, frozen=True):
    """What a call has to know of the customer whose number it comes from."""

    id: UUID
    code: str
    name: str
    tier: str
    language: str | None


# Of several owners none is taken, so nobody ranks them, and two are as good as all.
_ONLY_OWNER = Question(
    """
SELECT c.id, c.code, c.name, c.tier, c.language FROM customer c
 WHERE c.id IN (SELECT customer_id FROM customer_phone WHERE e164 = CAST(:number AS text)) AND c.merged_into IS NULL
 LIMIT 2
""",
    Owner,
)


class Change(Struct, frozen=True):
    """What made one version: each field before and after."""

    version: int
    at: datetime
    by: str
    changes: dict[str, list[Any]]


async def find_by_number(session: AsyncSession, number_e164: str, *, limit: int = 5) -> list[Customer]:
    """The customers who own this number: who called from it last, then by worth, then by code."""
    return list(await session.scalars(_OWNERS, {"number": number_e164, "most": limit}))


def owners_of(number_e164: str) -> Asked[Owner]:
    """Whose number is this? Two rows stand for any number of owners. To be asked together with other questions."""
    return _ONLY_OWNER.with_(number=number_e164)


async def find(session: AsyncSession, code: str) -> Customer | None:
    """The customer with this printed number; of one that was merged, whom it was merged into."""
    found: Customer | None = await session.scalar(select(Customer).where(Customer.code == code.replace("\x00", "")))
    return await session.get(Customer, found.merged_into) if found and found.merged_into else found


async def current(session: AsyncSession, customer_id: UUID, *, writing: bool = False) -> Customer | None:
    """The customer of this id as it is now, whom it was merged into if it was. `writing`: nobody else changes or merges
    it until the end of the transaction."""
    while True:
        wanted = select(Customer).where(Customer.id == customer_id).execution_options(populate_existing=True)
        found: Customer | None = await session.scalar(wanted.with_for_update() if writing else wanted)
        if found is None or found.merged_into is None:
            return found
        customer_id = found.merged_into


async def phones_of(session: AsyncSession, customer_id: UUID) -> list[CustomerPhone]:
    """All numbers of a customer."""
    return (await phones_of_each(session, [customer_id])).get(customer_id, [])


async def phones_of_each(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, list[CustomerPhone]]:
    """All numbers of these customers, in one question; who has none is left out."""
    found: dict[UUID, list[CustomerPhone]] = {}
    rows = select(CustomerPhone).where(CustomerPhone.customer_id.in_(list(ids))).order_by(CustomerPhone.raw)
    for phone in await session.scalars(rows):
        found.setdefault(phone.customer_id, []).append(phone)
    return found


async def changes_of(session: AsyncSession, customer_id: UUID, *, since: int = 0, limit: int = 50) -> list[Change]:
    """What was changed after version `since`, the newest first."""
    rows = (
        select(CustomerChange)
        .where(CustomerChange.customer_id == customer_id, CustomerChange.version > since)
        .order_by(CustomerChange.version.desc())
        .limit(limit)
    )
    return [Change(row.version, row.at, row.by, row.changes) for row in await session.scalars(rows)]


async def create(
    session: AsyncSession,
    *,
    customer_id: UUID | None = None,
    code: str | None = None,
    name: str,
    phones: Iterable[str] = (),
    country: str,
    company: str | None = None,
    tier: str = "ordinary",
    language: str | None = None,
    note: str = "",
) -> Customer:
    """A new customer; without a code it is given the next one. Refusal when the code is taken, or a field cannot be."""
    said = {"name": name, "company": company, "tier": tier, "language": language, "note": note}
    values = {field: cleaned(field, value) for field, value in said.items()}
    while True:
        values["code"] = cleaned("code", code) if code is not None else await next_free(session, CUSTOMERS)
        row = insert(Customer).values(id=customer_id or func.gen_random_uuid(), **values)
        added = row.on_conflict_do_nothing(index_elements=["code"]).returning(Customer)
        customer: Customer | None = await session.scalar(added)
        if customer is not None:
            break
        if code is not None:
            raise Refusal(f"a customer with the code {code!r} exists already")
    for raw in phones:
        await add_phone(session, customer.id, raw, country=country)
    return customer


async def note_change(session: AsyncSession, customer: Customer, by: str, changes: Mapping[str, list[Any]]) -> None:
    """Count one more version, and keep what made it."""
    customer.version += 1
    session.add(CustomerChange(customer_id=customer.id, version=customer.version, by=by, changes=dict(changes)))
    await session.flush()


async def add_phone(
    session: AsyncSession, customer_id: UUID, raw: str, *, country: str, by: str | None = None
) -> CustomerPhone:
    """Note a number as typed, and its E.164 as read from `country`; one that cannot be dialled is kept all the same.
    `by`: who adds it to a customer of long standing, for the record of changes."""
    number = read_number(raw, country)
    if not number.raw or len(number.raw) > LONGEST_RAW:
        raise Refusal(f"phone: a number of 1 to {LONGEST_RAW} characters is needed: write it as it is dialled")
    same = CustomerPhone.e164 == number.e164 if number.e164 else CustomerPhone.raw == number.raw
    customer = await held(session, customer_id) if by else None
    known: CustomerPhone | None = await session.scalar(
        select(CustomerPhone).where(CustomerPhone.customer_id == customer_id, same)
    )
    if known is not None:
        return known
    phone = CustomerPhone(
        customer_id=customer_id,
        raw=number.raw,
        e164=number.e164,
        country=country,
        validity=number.validity,
        kind=number.kind,
        do_not_call=False,
    )
    session.add(phone)
    await session.flush()
    if customer and by:
        await note_change(session, customer, by, {"phone": [None, number.e164 or number.raw]})
    return phone


async def remove_phone(session: AsyncSession, customer_id: UUID, phone_id: UUID, *, by: str) -> None:
    """Take a number from its customer; what it was stays in the record of changes."""
    customer = await held(session, customer_id)
    phone = await _phone(session, customer_id, phone_id)
    await session.delete(phone)
    await note_change(session, customer, by, {"phone": [phone.e164 or phone.raw, None]})


async def set_do_not_call(
    session: AsyncSession, customer_id: UUID, phone_id: UUID, wanted: bool, *, by: str
) -> CustomerPhone:
    """Note that nobody may call this number for us any more, or that one may again."""
    customer = await held(session, customer_id)
    phone = await _phone(session, customer_id, phone_id)
    if phone.do_not_call != wanted:
        since = await session.scalar(select(_now)) if wanted else None
        phone.do_not_call, phone.do_not_call_since = wanted, since
        phone.do_not_call_by = by if wanted else None
        number = phone.e164 or phone.raw
        before, after = (number, f"{number} (do not call)")
        await note_change(session, customer, by, {"phone": [before, after] if wanted else [after, before]})
    return phone


def read_country(typed: str) -> str:
    """Two letters as typed. Refusal for what is no country."""
    country = typed.strip().upper()
    if not is_country(country):
        raise Refusal(f"country {typed.strip()!r} is none: write two letters, such as CN")
    return country


async def is_do_not_call(session: AsyncSession, number_e164: str) -> bool:
    """Whether anybody who has this number asked not to be called: it is the telephone that would ring."""
    ours = exists().where(CustomerPhone.e164 == number_e164, CustomerPhone.do_not_call)
    shared = exists().where(OrganisationPhone.e164 == number_e164, OrganisationPhone.do_not_call)
    return bool(await session.scalar(select(or_(ours, shared))))


async def held(session: AsyncSession, customer_id: UUID) -> Customer:
    """The customer, whom nobody else changes until the end of the transaction."""
    wanted = select(Customer).where(Customer.id == customer_id).with_for_update()
    customer: Customer | None = await session.scalar(wanted.execution_options(populate_existing=True))
    if customer is None:
        raise Refusal("there is no such customer any more: look for them anew")
    if customer.merged_into is not None:
        kept = await session.get_one(Customer, customer.merged_into)
        raise Refusal(f"{customer.code} was merged into {kept.code}: change that one")
    return customer


async def _phone(session: AsyncSession, customer_id: UUID, phone_id: UUID) -> CustomerPhone:
    phone = await session.get(CustomerPhone, phone_id, populate_existing=True)
    if phone is None or phone.customer_id != customer_id:
        raise Refusal("this number is there no more: look at the customer anew")
    return phone


def cleaned(field: str, value: str | None, *, old: bool = False) -> str | None:
    """The value as the table keeps it. `old`: it is only compared, so nothing is refused."""
    if field in _EMPTY_IS_NONE and not (value or "").strip():
        return None
    text_ = value or ""
    if field in ("tier", "language"):
        words = TIERS if field == "tier" else LANGUAGES
        if text_ not in words and not old:
            raise Refusal(f"{field} {text_!r} is unknown: it is one of {', '.join(words)}")
        return text_
    try:
        return clean(field, text_)
    except FieldFault as fault:
        if old:
            return text_
        raise Refusal(str(fault)) from None
