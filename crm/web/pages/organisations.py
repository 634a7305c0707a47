"""Households, companies, dealers, distributors, service partners, offices: each with its numbers and its people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customers, duplicates, organisations
from crm.database import Database
from crm.deeds import keep_organisation as deeds
from crm.deeds import merge_organisations
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.tables.organisations import ORGANISATION_KINDS, Organisation
from crm.web.errors import NotThere
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/organisations")

Reader = Annotated[Me, allowed("customer.read")]
Editor = Annotated[Me, allowed("customer.edit")]
Merger = Annotated[Me, allowed("customer.merge")]
Text = Annotated[str, Form(max_length=8000)]
SHOWN = 100
Deed = Callable[[AsyncSession], Awaitable[None]]


@router.get("")
async def page(
    request: Request, me: Reader, session: Reading, typed: Annotated[str, Query(alias="q", max_length=200)] = ""
) -> Response:
    """All by name, those whose name holds what is typed; and a form for a new one."""
    return await _list(request, me, session, typed)


@router.post("")
async def create(request: Request, me: Editor, name: Text = "", kind: Text = "company", phone: Text = "") -> Response:
    """A new one."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    phones = [phone] if phone.strip() else []
    try:
        async with database.transaction() as session:
            made = await deeds.create(
                session, by=me.login, name=name, kind=kind, country=settings.country, phones=phones
            )
    except CrmUnavailable:
        raise
    except Refusal as refused:
        async with database.reading() as session:
            return await _list(request, me, session, "", notice=str(refused))
    return RedirectResponse(f"/organisations/{made.id}", status_code=303)


@router.get("/duplicates")
async def report(request: Request, me: Merger, session: Reading) -> Response:
    """Which may be one, the surest first."""
    pairs = await duplicates.organisation_pairs(session, limit=SHOWN)
    return show(request, "organisations_duplicates.html", me, pairs=pairs)


@router.get("/{organisation_id}")
async def record(request: Request, organisation_id: UUID, me: Reader, session: Reading) -> Response:
    """One of them. The address of one that was merged leads to the one it was merged into."""
    made = await session.get(Organisation, organisation_id)
    if made is not None and made.merged_into is not None:
        return RedirectResponse(f"/organisations/{made.merged_into}", status_code=303)
    return await _record(request, me, session, organisation_id)


@router.post("/{organisation_id}")
async def edit(
    request: Request,
    organisation_id: UUID,
    me: Editor,
    version: Annotated[int, Form(ge=1)],
    name: Text = "",
    kind: Text = "",
    note: Text = "",
) -> Response:
    """Save its fields; whoever was slower is told and keeps what they typed."""

    async def work(session: AsyncSession) -> None:
        await deeds.edit(session, organisation_id, by=me.login, seen=version, name=name, kind=kind, note=note)

    return await _do(request, me, organisation_id, work, said={"name": name, "kind": kind, "note": note})


@router.post("/{organisation_id}/phones")
async def add_phone(
    request: Request, organisation_id: UUID, me: Editor, phone: Text = "", country: Text = ""
) -> Response:
    """A number of all of them."""
    settings: Settings = request.app.state.settings

    async def work(session: AsyncSession) -> None:
        read_from = customers.read_country(country) if country.strip() else settings.country
        await deeds.add_phone(session, organisation_id, phone, country=read_from, by=me.login)

    return await _do(request, me, organisation_id, work)


@router.post("/{organisation_id}/phones/{phone_id}/remove")
async def remove_phone(request: Request, organisation_id: UUID, phone_id: UUID, me: Editor) -> Response:
    """A number less."""

    async def work(session: AsyncSession) -> None:
        await deeds.remove_phone(session, organisation_id, phone_id, by=me.login)

    return await _do(request, me, organisation_id, work)


@router.post("/{organisation_id}/people")
async def add_person(request: Request, organisation_id: UUID, me: Editor, code: Text = "", role: Text = "") -> Response:
    """A customer, by the code, belongs to it."""

    async def work(session: AsyncSession) -> None:
        await deeds.add_person(session, organisation_id, code=code, role=role, by=me.login)

    return await _do(request, me, organisation_id, work)


@router.post("/{organisation_id}/people/{customer_id}/remove")
async def remove_person(request: Request, organisation_id: UUID, customer_id: UUID, me: Editor) -> Response:
    """A customer belongs to it no more."""

    async def work(session: AsyncSession) -> None:
        await deeds.remove_person(session, organisation_id, customer_id, by=me.login)

    return await _do(request, me, organisation_id, work)


@router.post("/{organisation_id}/merge")
async def merge(request: Request, organisation_id: UUID, me: Merger, merged: Annotated[UUID, Form()]) -> Response:
    """Make another organisation a part of this one."""

    async def work(session: AsyncSession) -> None:
        await merge_organisations.merge(session, kept_id=organisation_id, merged_id=merged, by=me.login)

    return await _do(request, me, organisation_id, work)


@router.post("/{organisation_id}/unmerge")
async def unmerge(
    request: Request, organisation_id: UUID, me: Merger, merge_id: Annotated[UUID, Form(alias="merge")]
) -> Response:
    """Part them again."""

    async def work(session: AsyncSession) -> None:
        await merge_organisations.unmerge(session, merge_id, by=me.login)

    return await _do(request, me, organisation_id, work)


async def _do(
    request: Request, me: Me, organisation_id: UUID, deed: Deed, said: dict[str, str] | None = None
) -> Response:
    database: Database = request.app.state.database
    try:
        async with database.transaction() as session:
            await deed(session)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        async with database.reading() as session:
            return await _record(request, me, session, organisation_id, notice=str(refused), said=said)
    return RedirectResponse(f"/organisations/{organisation_id}", status_code=303)


async def _record(
    request: Request,
    me: Me,
    session: AsyncSession,
    organisation_id: UUID,
    notice: str | None = None,
    said: dict[str, str] | None = None,
) -> Response:
    made = await session.get(Organisation, organisation_id)
    if made is None:
        raise NotThere("there is no such organisation")
    context: dict[str, Any] = {
        "organisation": made,
        "said": said or {"name": made.name, "kind": made.kind, "note": made.note},
        "phones": await organisations.phones_of(session, made.id),
        "people": await organisations.people_of(session, made.id),
        "alike": await duplicates.organisations_like(session, made.id),
        "merges": await merge_organisations.merges_of(session, made.id),
        "now": datetime.now(UTC),
        "kinds": ORGANISATION_KINDS,
        "home": request.app.state.settings.country,
        "notice": notice,
    }
    return show(request, "organisation.html", me, **context)


async def _list(request: Request, me: Me, session: AsyncSession, typed: str, notice: str | None = None) -> Response:
    rows = await organisations.listed(session, typed=typed, limit=SHOWN)
    return show(request, "organisations.html", me, rows=rows, typed=typed, kinds=ORGANISATION_KINDS, notice=notice)
