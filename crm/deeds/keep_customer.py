"""Customers made and changed by people, with the audit of it. What is written to the audit names fields, never values.

Called by the pages and the command line; imports of files and merges are deeds of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, customer_editing, customers
from crm.customers import Change
from crm.tables.customers import Customer, CustomerPhone

from .customer_news import tell_changed


async def create(
    session: AsyncSession,
    *,
    by: str,
    country: str,
    name: str,
    phones: Iterable[tuple[str, str | None]] = (),
    **fields: Any,
) -> Customer:
    """A new customer. `phones`: each as typed, and the country to read it from (None: `country`)."""
    customer = await customers.create(session, name=name, country=country, **fields)
    for raw, read_from in phones:
        await customers.add_phone(session, customer.id, raw, country=read_from or country)
    await _told(session, by, "customer.create", customer.id)
    return customer


async def edit(
    session: AsyncSession,
    customer_id: UUID,
    fields: Mapping[str, str | None],
    *,
    by: str,
    seen: int,
    was: Mapping[str, str | None] | None = None,
) -> tuple[Customer, list[Change]]:
    """As customer_editing.edit."""
    customer, meanwhile = await customer_editing.edit(session, customer_id, fields, by=by, seen=seen, was=was)
    await _told(session, by, "customer.edit", customer_id, fields=sorted(fields))
    return customer, meanwhile


async def add_phone(session: AsyncSession, customer_id: UUID, raw: str, *, country: str, by: str) -> CustomerPhone:
    """One more number."""
    phone = await customers.add_phone(session, customer_id, raw, country=country, by=by)
    await _told(session, by, "customer.edit", customer_id, fields=["phone"])
    return phone


async def remove_phone(session: AsyncSession, customer_id: UUID, phone_id: UUID, *, by: str) -> None:
    """One number less."""
    await customers.remove_phone(session, customer_id, phone_id, by=by)
    await _told(session, by, "customer.edit", customer_id, fields=["phone"])


async def set_do_not_call(session: AsyncSession, customer_id: UUID, phone_id: UUID, wanted: bool, *, by: str) -> None:
    """Nobody calls this number for us any more, or one may again."""
    await customers.set_do_not_call(session, customer_id, phone_id, wanted, by=by)
    await _told(session, by, "customer.do_not_call", customer_id, wanted=wanted)


async def _told(session: AsyncSession, by: str, did: str, customer_id: UUID, **detail: Any) -> None:
    await audit.note(session, by=by, did=did, subject="customer", subject_id=str(customer_id), detail=detail)
    await tell_changed(session, customer_id)
