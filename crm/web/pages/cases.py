"""Cases as people work at them: lists, one to open, one with everything on it.

Forms only, no script: each says which version of the case it was shown, and when somebody was faster the page comes
back with what was typed and who was there meanwhile. What can be done to one case is in case_deeds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases, customers
from crm.cases import calls, categories, reminders
from crm.cases.writing import SUBJECT_CHARACTERS, TEXT_CHARACTERS
from crm.database import Database
from crm.deeds.open_case import open_case
from crm.deeds.work_case import customer_of
from crm.refusals import CrmUnavailable, Refusal
from crm.rules.case_numbers import read_number
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.customers import Customer
from crm.web.due_times import due
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/cases")

Reader = Annotated[Me, allowed("case.read")]
Editor = Annotated[Me, allowed("case.edit")]
DAYS_WITHOUT = 7


@router.get("")
async def page(
    request: Request,
    me: Reader,
    session: Reading,
    which: Annotated[str, Query(alias="list", max_length=10)] = "mine",
    q: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """A list, and what this agent is to be reminded of."""
    settings: Settings = request.app.state.settings
    which = which if which in cases.reading.LISTS else "mine"
    found = await cases.listed(session, which, agent_id=me.agent_id, search=q)
    if q.strip() and len(found) == 1 and read_number(q) == found[0].number:
        return RedirectResponse(f"/cases/{found[0].number}", status_code=303)
    now = datetime.now(settings.zone)
    context: dict[str, Any] = {
        "cases": [(each, due(each.due_at, now, over=each.overdue)) for each in found],
        "which": which,
        "lists": cases.reading.LISTS,
        "q": q,
        "now": now,
        "counts": await cases.counts(session, me.agent_id),
        "reminders": await reminders.open_of(session, me.agent_id),
    }
    return show(request, "cases.html", me, **context)


@router.post("/reminders/{reminder_id}/done")
async def reminded(request: Request, me: Editor, reminder_id: UUID) -> Response:
    """Tick a reminder off; it goes back to where the browser was."""
    database: Database = request.app.state.database
    async with database.transaction() as session:
        await reminders.tick_off(session, reminder_id, me.agent_id)
    return RedirectResponse("/cases", status_code=303)


@router.get("/without")
async def without(request: Request, me: Annotated[Me, allowed("report.read")], session: Reading) -> Response:
    """Answered calls of the last days that have neither a case nor a stated reason; who is bound to queues sees those
    that came to them, and their own."""
    settings: Settings = request.app.state.settings
    now = datetime.now(settings.zone)
    since = days_ago(now, DAYS_WITHOUT)
    found = await calls.without(session, since, now, queues=me.queues, viewer=me.agent_id)
    return show(request, "cases_without.html", me, calls=found, now=now, days=DAYS_WITHOUT)


@router.get("/new")
async def blank(
    request: Request, me: Editor, session: Reading, customer: Annotated[str, Query(max_length=60)] = ""
) -> Response:
    """An empty case, perhaps of a customer already known."""
    return await _form(request, session, me, {"customer": customer, "key": str(uuid4())})


@router.post("")
async def create(
    request: Request,
    me: Editor,
    category: Annotated[str, Form(max_length=40)] = "",
    subject: Annotated[str, Form(max_length=2 * SUBJECT_CHARACTERS)] = "",
    description: Annotated[str, Form(max_length=2 * TEXT_CHARACTERS)] = "",
    customer: Annotated[str, Form(max_length=60)] = "",
    key: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Open it; sent twice it is one case."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    typed = {"category": category, "subject": subject, "description": description, "customer": customer, "key": key}
    try:
        async with database.transaction() as session:
            case = await open_case(
                session,
                settings,
                owner=await session.get_one(Agent, me.agent_id),
                by=me.login,
                category=category,
                subject=subject,
                description=description,
                customer_id=await customer_of(session, customer),
                opening_key=f"page {me.login} {key}" if key else None,
            )
    except CrmUnavailable:
        raise
    except Refusal as refused:
        async with database.reading() as session:
            return await _form(request, session, me, typed, notice=str(refused))
    return RedirectResponse(f"/cases/{case.number}", status_code=303)


def days_ago(now: datetime, days: int) -> datetime:
    """Midnight so many days before."""
    return (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def listing(which: str, q: str = "") -> str:
    """Where a list is."""
    return "/cases?" + urlencode({"list": which, "q": q})


async def _form(
    request: Request, session: AsyncSession, me: Me, typed: dict[str, str], notice: str | None = None
) -> Response:
    known: Customer | None = await customers.find(session, typed["customer"]) if typed["customer"] else None
    kept = {"category": "", "subject": "", "description": "", "customer": "", "key": "", **typed}
    context: dict[str, Any] = {
        "categories": await categories.of_all(session),
        "typed": kept,
        "known": known,
        "notice": notice,
    }
    return show(request, "case_new.html", me, **context)
