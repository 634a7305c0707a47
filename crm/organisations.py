"""Households, companies, dealers, distributors, service partners, offices: their numbers and their people.

A number of an organisation is nobody's own: who calls from it may be any of its people. Called by pages, the command
line and the import.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .printed_codes import ORGANISATIONS, next_free
from .refusals import Refusal
from .rules.customer_fields import FieldFault, clean
from .rules.phone_numbers import LONGEST_RAW, read_number
from .tables.customers import Customer
from .tables.organisations import (
    ORGANISATION_KINDS,
    Organisation,
    OrganisationMember,
    OrganisationPhone,
)


class Listed(msgspec.Struct, frozen=True):
    """One organisation of a list."""

    id: UUID
    code: str
    name: str
    kind: str
    people: int
    phones: list[str]


class Person(msgspec.Struct, frozen=True):
    """One of its people."""

    id: UUID
    code: str
    name: str
    role: str


_LISTED = text(
    """
SELECT o.id, o.code, o.name, o.kind,
       (SELECT count(*) FROM organisation_member m WHERE m.organisation_id = o.id) AS people,
       (SELECT coalesce(array_agg(coalesce(e164, raw) ORDER BY raw), '{}') FROM organisation_phone p
         WHERE p.organisation_id = o.id) AS phones
  FROM organisation o
 WHERE o.merged_into IS NULL
   AND (CAST(:typed AS text) IS NULL OR strpos(lower(o.name), lower(:typed)) > 0 OR o.code = :typed)
 ORDER BY lower(o.name), o.code LIMIT :limit
"""
)


async def listed(session: AsyncSession, *, typed: str = "", limit: int = 50) -> list[Listed]:
    """By name, those whose name holds what is typed."""
    asked = {"typed": typed.replace("\x00", "").strip() or None, "limit": limit}
    return [Listed(**row) for row in (await session.execute(_LISTED, asked)).mappings()]


async def find(session: AsyncSession, code: str) -> Organisation | None:
    """The organisation with this code; of one that was merged, the one it was merged into."""
    found: Organisation | None = await session.scalar(
        select(Organisation).where(Organisation.code == code.replace("\x00", ""))
    )
    return await session.get(Organisation, found.merged_into) if found and found.merged_into else found


async def create(
    session: AsyncSession,
    *,
    name: str,
    kind: str,
    country: str,
    phones: Iterable[str] = (),
    code: str | None = None,
    note: str = "",
) -> Organisation:
    """A new one; without a code it is given the next."""
    values = {"name": _clean("name", name), "kind": _kind(kind), "note": _clean("note", note)}
    while True:
        given = _clean("code", code) if code is not None else await next_free(session, ORGANISATIONS)
        row = insert(Organisation).values(id=func.gen_random_uuid(), code=given, **values)
        made: Organisation | None = await session.scalar(
            row.on_conflict_do_nothing(index_elements=["code"]).returning(Organisation)
        )
        if made is not None:
            break
        if code is not None:
            raise Refusal(f"an organisation with the code {code!r} exists already")
    for raw in phones:
        await add_phone(session, made.id, raw, country=country)
    return made


async def edit(
    session: AsyncSession, organisation_id: UUID, *, seen: int, name: str, kind: str, note: str
) -> Organisation:
    """Change it as the editor saw it at version `seen`; Refusal when somebody was quicker."""
    made = await _held(session, organisation_id)
    if made.version != seen:
        raise Refusal("somebody else has changed this organisation meanwhile: look at it, then save again")
    made.name, made.kind, made.note = _clean("name", name), _kind(kind), _clean("note", note)
    made.version += 1
    await session.flush()
    return made


async def add_phone(session: AsyncSession, organisation_id: UUID, raw: str, *, country: str) -> OrganisationPhone:
    """Note a number of all of them, as a customer's is noted."""
    number = read_number(raw, country)
    if not number.raw or len(number.raw) > LONGEST_RAW:
        raise Refusal(f"phone: a number of 1 to {LONGEST_RAW} characters is needed: write it as it is dialled")
    await _held(session, organisation_id)
    same = OrganisationPhone.e164 == number.e164 if number.e164 else OrganisationPhone.raw == number.raw
    known: OrganisationPhone | None = await session.scalar(
        select(OrganisationPhone).where(OrganisationPhone.organisation_id == organisation_id, same)
    )
    if known is not None:
        return known
    phone = OrganisationPhone(
        organisation_id=organisation_id,
        raw=number.raw,
        e164=number.e164,
        country=country,
        validity=number.validity,
        kind=number.kind,
        do_not_call=False,
    )
    session.add(phone)
    await session.flush()
    return phone


async def remove_phone(session: AsyncSession, organisation_id: UUID, phone_id: UUID) -> None:
    """Take a number from it."""
    phone = await session.get(OrganisationPhone, phone_id)
    if phone is not None and phone.organisation_id == organisation_id:
        await session.delete(phone)


async def add_person(session: AsyncSession, organisation_id: UUID, customer_id: UUID, *, role: str = "") -> None:
    """A customer belongs to it, as what; said again, the last word counts."""
    row = insert(OrganisationMember).values(
        organisation_id=organisation_id, customer_id=customer_id, role=_clean("role", role)
    )
    changed = {"role": row.excluded.role}
    await session.execute(row.on_conflict_do_update(index_elements=["organisation_id", "customer_id"], set_=changed))


async def remove_person(session: AsyncSession, organisation_id: UUID, customer_id: UUID) -> None:
    """A customer belongs to it no more."""
    member = await session.get(OrganisationMember, (organisation_id, customer_id))
    if member is not None:
        await session.delete(member)


async def phones_of(session: AsyncSession, organisation_id: UUID) -> list[OrganisationPhone]:
    """All its numbers."""
    rows = select(OrganisationPhone).where(OrganisationPhone.organisation_id == organisation_id)
    return list(await session.scalars(rows.order_by(OrganisationPhone.raw)))


async def people_of(session: AsyncSession, organisation_id: UUID, *, limit: int = 200) -> list[Person]:
    """Its people by name."""
    rows = (
        select(Customer.id, Customer.code, Customer.name, OrganisationMember.role)
        .join(OrganisationMember, OrganisationMember.customer_id == Customer.id)
        .where(OrganisationMember.organisation_id == organisation_id, Customer.merged_into.is_(None))
        .order_by(Customer.name, Customer.code)
        .limit(limit)
    )
    return [Person(*row) for row in (await session.execute(rows)).all()]


async def of_customer(session: AsyncSession, customer_id: UUID) -> list[tuple[Organisation, str]]:
    """Where a customer belongs, and as what."""
    rows = (
        select(Organisation, OrganisationMember.role)
        .join(OrganisationMember, OrganisationMember.organisation_id == Organisation.id)
        .where(OrganisationMember.customer_id == customer_id, Organisation.merged_into.is_(None))
        .order_by(Organisation.name)
    )
    return [(row[0], row[1]) for row in (await session.execute(rows)).all()]


async def _held(session: AsyncSession, organisation_id: UUID) -> Organisation:
    wanted = select(Organisation).where(Organisation.id == organisation_id).with_for_update()
    made: Organisation | None = await session.scalar(wanted.execution_options(populate_existing=True))
    if made is None:
        raise Refusal("there is no such organisation any more: look for it anew")
    if made.merged_into is not None:
        kept = await session.get_one(Organisation, made.merged_into)
        raise Refusal(f"{made.code} was merged into {kept.code}: change that one")
    return made


def _kind(kind: str) -> str:
    if kind not in ORGANISATION_KINDS:
        raise Refusal(f"kind {kind!r} is unknown: it is one of {', '.join(ORGANISATION_KINDS)}")
    return kind


def _clean(field: str, value: str) -> str:
    try:
        return clean(field, value)
    except FieldFault as fault:
        raise Refusal(str(fault)) from None
