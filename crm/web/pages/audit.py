"""Who did what: the audit read and filtered, its chain reckoned anew, and written out for whoever keeps a copy."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit
from crm.database import Database
from crm.deeds.export_customers import safe
from crm.settings import Settings
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/audit")

Auditor = Annotated[Me, allowed("audit.read")]
SHOWN = 100
WRITTEN_AT_ONCE = 2000
COLUMNS = ("number", "at", "by", "did", "subject", "subject_id", "detail")


class Wanted(msgspec.Struct, frozen=True):
    """What is looked for; empty: anything. Days are of the center's own time zone, both included."""

    by: str
    did: str
    subject: str
    subject_id: str
    since: date | None
    until: date | None

    def asked(self, settings: Settings) -> dict[str, Any]:
        """As audit.listed takes it."""
        words = {name: getattr(self, name).strip() or None for name in ("by", "did", "subject", "subject_id")}
        until = self.until + timedelta(days=1) if self.until and self.until < date.max else None
        return {**words, "since": _begin(self.since, settings), "until": _begin(until, settings)}


Text = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


def wanted(
    by: Text = "",
    did: Text = "",
    subject: Text = "",
    subject_id: Annotated[str, Query(alias="id", max_length=200, pattern=r"^[^\x00]*$")] = "",
    since: Annotated[str, Query(max_length=20)] = "",
    until: Annotated[str, Query(max_length=20)] = "",
) -> Wanted:
    """The filters of the address. A day that is none is left out."""
    return Wanted(by, did, subject, subject_id, _day(since), _day(until))


Filters = Annotated[Wanted, Depends(wanted)]
Before = Annotated[int | None, Query(ge=1, le=2**62)]


@router.get("")
async def page(request: Request, me: Auditor, session: Reading, filters: Filters, before: Before = None) -> Response:
    """The newest deeds first; `before`: those older than this row."""
    return await _show(request, session, me, filters, before)


@router.post("/verify")
async def verify(request: Request, me: Auditor, session: Reading) -> Response:
    """Reckon the chain from the first row on, and name the first broken one."""
    return await _show(request, session, me, wanted(), None, verified=await audit.verify(session))


@router.get("/audit.csv")
async def export(request: Request, me: Auditor, filters: Filters) -> Response:
    """All rows that fit, the newest first; written while they are read. That it was done is noted."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    async with database.transaction() as session:
        filled = [name for name in msgspec.structs.asdict(filters) if getattr(filters, name)]
        detail = {"filters": filled}
        await audit.note(session, by=me.login, did="audit.export", subject="audit", subject_id="", detail=detail)
    return StreamingResponse(
        _written(database, filters.asked(settings)),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="audit.csv"'},
    )


async def _written(database: Database, asked: dict[str, Any]) -> AsyncIterator[bytes]:
    before: int | None = None
    yield "\ufeff".encode() + _lines([COLUMNS])
    while True:
        async with database.reading() as session:
            rows = await audit.listed(session, **asked, before=before, limit=WRITTEN_AT_ONCE)
        yield _lines([_row(each) for each in rows])
        if len(rows) < WRITTEN_AT_ONCE:
            return
        before = rows[-1].number


def _row(noted: audit.Noted) -> tuple[str, ...]:
    words = (noted.by, noted.did, noted.subject, noted.subject_id, msgspec.json.encode(noted.detail).decode())
    return (str(noted.number), noted.at.astimezone(UTC).isoformat(), *(safe(word) for word in words))


def _lines(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _begin(day: date | None, settings: Settings) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=settings.zone) if day else None


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


async def _show(
    request: Request, session: AsyncSession, me: Me, filters: Wanted, before: int | None, **more: Any
) -> Response:
    found = await audit.listed(session, **filters.asked(request.app.state.settings), before=before, limit=SHOWN + 1)
    last = found[SHOWN - 1].number if len(found) > SHOWN else None
    said = {"by": filters.by, "did": filters.did, "subject": filters.subject, "id": filters.subject_id}
    said |= {"since": str(filters.since or ""), "until": str(filters.until or "")}
    context = {"rows": found[:SHOWN], "older": last, "filters": said, "verified": None, "now": datetime.now(UTC)}
    return show(request, "audit.html", me, **(context | more))
