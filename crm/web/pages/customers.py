"""Customers: the list that is searched while one types, the record with its edits guarded by version, new ones.

Numbers, merges and duplicates of a record are in customer_acts. What was saved by somebody else meanwhile is told here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import customer_search, customers, duplicates, organisations
from crm.customer_editing import ChangedMeanwhile
from crm.database import Database
from crm.deeds import keep_customer, merge_customers
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.tables.customers import LANGUAGES, TIERS, Customer
from crm.web.errors import NotThere
from crm.web.headers import LARGEST_FILE
from crm.web.rights import allowed
from crm.web.sent_once import fresh_key, id_made
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/customers")

Reader = Annotated[Me, allowed("customer.read")]
Editor = Annotated[Me, allowed("customer.edit")]
Typed = Annotated[str, Query(alias="q", max_length=200)]
Text = Annotated[str, Form(max_length=8000)]
SHOWN = 50
FORM = ("name", "company", "tier", "language", "note")


@router.get("")
async def page(request: Request, me: Reader, session: Reading, typed: Typed = "") -> Response:
    """The list and what it is searched by."""
    return await _list(request, me, session, typed, "customers.html")


@router.get("/found")
async def found(request: Request, me: Reader, session: Reading, typed: Typed = "") -> Response:
    """The rows alone. Fetched while one types."""
    return await _list(request, me, session, typed, "customers/found.html")


@router.get("/new")
async def new(request: Request, me: Editor) -> Response:
    """An empty record."""
    return _new(request, me, dict.fromkeys((*FORM, "phone", "code"), "") | {"tier": "ordinary", "key": fresh_key()})


@router.post("/new")
async def create(
    request: Request,
    me: Editor,
    name: Text = "",
    company: Text = "",
    tier: Text = "ordinary",
    language: Text = "",
    note: Text = "",
    code: Text = "",
    phone: Annotated[list[str] | None, Form(max_length=300)] = None,
    country: Annotated[list[str] | None, Form(max_length=300)] = None,
    key: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Make a customer of what was typed; each number is read from the country that stands at its place, if any. Sent
    twice it is one customer."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    places = country or []
    numbers = [
        (raw, customers.read_country(places[at]) if at < len(places) and places[at].strip() else None)
        for at, raw in enumerate(phone or [])
        if raw.strip()
    ]
    said = {"name": name, "company": company, "tier": tier, "language": language or None, "note": note}
    try:
        async with database.transaction() as session:
            made = await id_made(session, me.agent_id, key)
            if await session.get(Customer, made) is None:
                await keep_customer.create(
                    session,
                    by=me.login,
                    customer_id=made,
                    country=settings.country,
                    code=code.strip() or None,
                    phones=numbers,
                    **said,  # type: ignore[arg-type]
                )
    except CrmUnavailable:
        raise
    except Refusal as refused:
        return _new(request, me, said | {"code": code, "phone": (phone or [""])[0], "key": key}, notice=str(refused))
    return RedirectResponse(f"/customers/{made}", status_code=303)


@router.get("/{customer_id}")
async def record(request: Request, customer_id: UUID, me: Reader, session: Reading) -> Response:
    """One customer. The address of one who was merged leads to whom they were merged into."""
    customer = await there(session, customer_id)
    if customer.id != customer_id:
        return RedirectResponse(f"/customers/{customer.id}", status_code=303)
    return await show_record(request, me, session, customer)


@router.post("/{customer_id}")
async def edit(
    request: Request,
    customer_id: UUID,
    me: Editor,
    version: Annotated[int, Form(ge=1)],
    name: Text = "",
    company: Text = "",
    tier: Text = "",
    language: Text = "",
    note: Text = "",
    was_name: Text = "",
    was_company: Text = "",
    was_tier: Text = "",
    was_language: Text = "",
    was_note: Text = "",
) -> Response:
    """Save what was changed. Where somebody else changed the same field meanwhile, they are named, and what was typed
    stays in the form, to be saved over theirs or not."""
    database: Database = request.app.state.database
    said = {"name": name, "company": company, "tier": tier, "language": language, "note": note}
    was = {"name": was_name, "company": was_company, "tier": was_tier, "language": was_language, "note": was_note}
    context: dict[str, Any]
    try:
        async with database.transaction() as session:
            _, meanwhile = await keep_customer.edit(session, customer_id, said, by=me.login, seen=version, was=was)
        context = {"saved": True, "meanwhile": meanwhile}
    except CrmUnavailable:
        raise
    except ChangedMeanwhile as clash:
        context = {
            "typed": {field: said[field] for field in FORM if said[field] != was[field]},
            "clashes": clash.fields,
        }
    except Refusal as refused:
        context = {"typed": said, "was": was, "notice": str(refused), "version": version}
    scripted = "hx-request" in request.headers
    if context.get("saved") and not context["meanwhile"] and not scripted:
        return RedirectResponse(f"/customers/{customer_id}", status_code=303)
    async with database.reading() as session:
        return await show_record(request, me, session, await there(session, customer_id), **context)


async def there(session: AsyncSession, customer_id: UUID) -> Customer:
    """The customer, or whom they were merged into."""
    customer = await customers.current(session, customer_id)
    if customer is None:
        raise NotThere("there is no such customer")
    return customer


async def show_record(
    request: Request,
    me: Me,
    session: AsyncSession,
    customer: Customer,
    typed: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """The record as it is now, with what there is to say of an act. `typed`: what stands in the form unsaved."""
    now = datetime.now(request.app.state.settings.zone)
    fields = {field: getattr(customer, field) or "" for field in FORM}
    context: dict[str, Any] = {
        "customer": customer,
        "fields": fields,
        "said": fields,
        "typed": typed or {},
        "was": fields,
        "version": customer.version,
        "phones": await customers.phones_of(session, customer.id),
        "organisations": await organisations.of_customer(session, customer.id),
        "alike": await duplicates.like(session, customer.id),
        "merges": await merge_customers.merges_of(session, customer.id),
        "changes": await customers.changes_of(session, customer.id, limit=20),
        "home": request.app.state.settings.country,
        "tiers": TIERS,
        "spoken": LANGUAGES,
        "now": now,
        "notice": None,
        "saved": False,
        "meanwhile": [],
        "clashes": [],
    }
    scripted = "hx-request" in request.headers
    template = "customers/record.html" if scripted else "customer.html"
    return show(request, template, me, **(context | more))


async def _list(request: Request, me: Me, session: AsyncSession, typed: str, template: str) -> Response:
    country = request.app.state.settings.country
    rows = await customer_search.search(session, typed, country=country, limit=SHOWN + 1)
    return show(
        request, template, me, rows=rows[:SHOWN], more=len(rows) > SHOWN, typed=typed, shown=SHOWN, largest=LARGEST_FILE
    )


def _new(request: Request, me: Me, typed: dict[str, Any], notice: str | None = None) -> Response:
    home = request.app.state.settings.country
    return show(request, "customer_new.html", me, typed=typed, notice=notice, tiers=TIERS, spoken=LANGUAGES, home=home)
