"""Organisations made and changed by people, with the audit of it. Called by the pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, customers, organisations
from crm.refusals import Refusal
from crm.tables.organisations import Organisation


async def create(
    session: AsyncSession, *, by: str, name: str, kind: str, country: str, phones: Iterable[str] = ()
) -> Organisation:
    """A new one."""
    made = await organisations.create(session, name=name, kind=kind, country=country, phones=phones)
    await _told(session, by, "organisation.create", made.id)
    return made


async def edit(
    session: AsyncSession, organisation_id: UUID, *, by: str, seen: int, name: str, kind: str, note: str
) -> None:
    """As organisations.edit."""
    await organisations.edit(session, organisation_id, seen=seen, name=name, kind=kind, note=note)
    await _told(session, by, "organisation.edit", organisation_id, fields=["name", "kind", "note"])


async def add_phone(session: AsyncSession, organisation_id: UUID, raw: str, *, country: str, by: str) -> None:
    """A number of all of them."""
    await organisations.add_phone(session, organisation_id, raw, country=country)
    await _told(session, by, "organisation.edit", organisation_id, fields=["phone"])


async def remove_phone(session: AsyncSession, organisation_id: UUID, phone_id: UUID, *, by: str) -> None:
    """A number less."""
    await organisations.remove_phone(session, organisation_id, phone_id)
    await _told(session, by, "organisation.edit", organisation_id, fields=["phone"])


async def add_person(session: AsyncSession, organisation_id: UUID, *, code: str, role: str, by: str) -> None:
    """The customer of this code belongs to it. Refusal for a code that nobody has."""
    customer = await customers.find(session, code.strip())
    if customer is None:
        raise Refusal(f"there is no customer {code.strip()!r}: look for the code in the list of customers")
    await organisations.add_person(session, organisation_id, customer.id, role=role)
    await _told(session, by, "organisation.edit", organisation_id, customer=str(customer.id))


async def remove_person(session: AsyncSession, organisation_id: UUID, customer_id: UUID, *, by: str) -> None:
    """A customer belongs to it no more."""
    await organisations.remove_person(session, organisation_id, customer_id)
    await _told(session, by, "organisation.edit", organisation_id, customer=str(customer_id))


async def _told(session: AsyncSession, by: str, did: str, organisation_id: UUID, **detail: Any) -> None:
    await audit.note(session, by=by, did=did, subject="organisation", subject_id=str(organisation_id), detail=detail)
