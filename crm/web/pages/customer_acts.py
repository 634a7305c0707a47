"""What is done to a customer's record beside its fields: numbers, merges; and the report of those who may be one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customers, duplicates
from crm.database import Database
from crm.deeds import keep_customer, merge_customers
from crm.settings import Settings
from crm.web.carried_out import Deed, carry_out
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .customers import Editor, show_record, there
from .show import show

router = APIRouter(prefix="/customers")

Merger = Annotated[Me, allowed("customer.merge")]
PAIRS_SHOWN = 100


@router.get("/duplicates")
async def report(request: Request, me: Merger, session: Reading) -> Response:
    """Who may be one, the surest first."""
    pairs = await duplicates.pairs(session, limit=PAIRS_SHOWN)
    return show(request, "customers_duplicates.html", me, pairs=pairs, shown=PAIRS_SHOWN)


@router.post("/{customer_id}/phones")
async def add_phone(
    request: Request,
    customer_id: UUID,
    me: Editor,
    phone: Annotated[str, Form(max_length=200)] = "",
    country: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """One more number."""
    settings: Settings = request.app.state.settings

    async def add(session: AsyncSession) -> None:
        read_from = customers.read_country(country) if country.strip() else settings.country
        await keep_customer.add_phone(session, customer_id, phone, country=read_from, by=me.login)

    return await _do(request, me, customer_id, add)


@router.post("/{customer_id}/phones/{phone_id}/remove")
async def remove_phone(request: Request, customer_id: UUID, phone_id: UUID, me: Editor) -> Response:
    """One number less."""

    async def remove(session: AsyncSession) -> None:
        await keep_customer.remove_phone(session, customer_id, phone_id, by=me.login)

    return await _do(request, me, customer_id, remove)


@router.post("/{customer_id}/phones/{phone_id}/do-not-call")
async def silence(
    request: Request, customer_id: UUID, phone_id: UUID, me: Editor, wanted: Annotated[bool, Form()] = True
) -> Response:
    """Nobody calls this number for us any more, or one may again."""

    async def wish(session: AsyncSession) -> None:
        await keep_customer.set_do_not_call(session, customer_id, phone_id, wanted, by=me.login)

    return await _do(request, me, customer_id, wish)


@router.post("/{customer_id}/merge")
async def merge(request: Request, customer_id: UUID, me: Merger, merged: Annotated[UUID, Form()]) -> Response:
    """Make another customer a part of this one."""

    async def work(session: AsyncSession) -> None:
        await merge_customers.merge(session, kept_id=customer_id, merged_id=merged, by=me.login)

    return await _do(request, me, customer_id, work)


@router.post("/{customer_id}/unmerge")
async def unmerge(
    request: Request, customer_id: UUID, me: Merger, merge_id: Annotated[UUID, Form(alias="merge")]
) -> Response:
    """Part them again."""

    async def work(session: AsyncSession) -> None:
        await merge_customers.unmerge(session, merge_id, by=me.login)

    return await _do(request, me, customer_id, work)


async def _do(request: Request, me: Me, customer_id: UUID, deed: Deed) -> Response:
    """Do it and show the record; a refusal is shown on it, and nothing was done."""
    database: Database = request.app.state.database
    notice = await carry_out(database, deed)
    if notice is None and "hx-request" not in request.headers:
        return RedirectResponse(f"/customers/{customer_id}", status_code=303)
    async with database.reading() as session:
        return await show_record(request, me, session, await there(session, customer_id), notice=notice)
