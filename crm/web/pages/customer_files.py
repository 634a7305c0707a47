"""Files of customers from the browser: a dry run first, its faults by line, then the good lines made customers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile

from crm.deeds import import_customers
from crm.deeds.import_customers import Counts, Faulty
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.tables.imports import CustomerImport
from crm.web.errors import NotThere
from crm.web.headers import LARGEST_FILE
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me
from crm.web.uploads import Uploads

from .show import show

router = APIRouter(prefix="/customers/import")

Importer = Annotated[Me, allowed("customer.import")]
FAULTS_SHOWN = 20
LAST_SHOWN = 10
DRY_RUN_HOLDS = timedelta(hours=1)
"""People change: an older dry run says nothing of who is there by now."""


@router.get("")
async def page(request: Request, me: Importer, session: Reading) -> Response:
    """The place to drop a file, and the last imports."""
    return await _page(request, session, me)


@router.post("")
async def upload(request: Request, me: Importer) -> Response:
    """Take a file and begin its dry run. Given again after it was cut, it goes on where it stopped."""
    uploads, settings = _uploads(request), _settings(request)
    file = (await request.form()).get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise Refusal("choose a file first")
        begun = await uploads.check(file.file, file.filename, country=settings.country, by=me.login)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        async with request.app.state.database.reading() as session:
            return await _page(request, session, me, notice=str(refused))
    finally:
        await request.close()
    return RedirectResponse(f"/customers/import/{begun}", status_code=303)


@router.get("/{import_id}")
async def one(request: Request, import_id: UUID, me: Importer, session: Reading) -> Response:
    """One import: how far it is, what its dry run found. Fetched again and again while it goes on."""
    return await _one(request, session, me, import_id)


@router.post("/{import_id}/apply")
async def apply(request: Request, import_id: UUID, me: Importer, session: Reading) -> Response:
    """Make customers of the good lines; one that was cut goes on."""
    row = await _there(session, import_id)
    if row.state == "checked" and datetime.now(UTC) - row.began_at > DRY_RUN_HOLDS:
        told = "this dry run is more than an hour old, and people change: give the file again"
        return await _one(request, session, me, import_id, notice=told)
    if row.state in ("checked", "applying"):
        _uploads(request).apply(import_id)
    return RedirectResponse(f"/customers/import/{import_id}", status_code=303)


def _uploads(request: Request) -> Uploads:
    found: Uploads = request.app.state.uploads
    return found


def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


async def _there(session: AsyncSession, import_id: UUID) -> CustomerImport:
    row = await session.get(CustomerImport, import_id)
    if row is None:
        raise NotThere("there is no such import")
    return row


async def _one(request: Request, session: AsyncSession, me: Me, import_id: UUID, notice: str | None = None) -> Response:
    uploads = _uploads(request)
    going_on = uploads.going_on(import_id)  # before the row is read: it may end in between, and the page looks again
    row = await _there(session, import_id)
    await session.refresh(row)
    counts, faults = Counts(), list[Faulty]()
    if row.state in ("checked", "applying", "done"):
        counts = await import_customers.counts_of(session, import_id)
    if row.state in ("checked", "done") and not going_on:
        async for each in import_customers.faults_of(session, import_id):
            faults.append(each)
            if len(faults) == FAULTS_SHOWN:
                break
    context: dict[str, Any] = {
        "one": row,
        "going_on": going_on,
        "fault": uploads.fault(import_id),
        "counts": counts,
        "faults": faults,
        "notice": notice,
        "now": datetime.now(UTC),
    }
    scripted = "hx-request" in request.headers
    return show(request, "customers/import.html" if scripted else "customers_import_one.html", me, **context)


async def _page(request: Request, session: AsyncSession, me: Me, notice: str | None = None) -> Response:
    rows = select(CustomerImport).order_by(CustomerImport.began_at.desc()).limit(LAST_SHOWN)
    last = list(await session.scalars(rows))
    context: dict[str, Any] = {"last": last, "notice": notice, "now": datetime.now(UTC), "largest": LARGEST_FILE}
    return show(request, "customers_import.html", me, **context)
