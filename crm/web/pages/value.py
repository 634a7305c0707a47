"""What customers are worth: the pyramid, its thresholds, who may be lost, and why one customer stands where they do."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import value
from crm.database import Database
from crm.deeds.change_value import change_rule, hold_tier, release_tier
from crm.refusals import CrmUnavailable, Refusal
from crm.reports.value_explained import customer_of, explain
from crm.rules.value_segments import RATE, RULES
from crm.settings import Settings
from crm.tables.customers import TIERS
from crm.web.errors import NotThere
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/value")

LOSING_SHOWN = 100
Reader = Annotated[Me, allowed("value.read")]
Editor = Annotated[Me, allowed("value.edit")]


@router.get("")
async def page(
    request: Request, me: Reader, session: Reading, of: Annotated[str, Query(max_length=10)] = "at_risk"
) -> Response:
    """The pyramid, the thresholds, and a list of customers who may be lost."""
    return await _page(request, session, me, of)


@router.post("/rules")
async def rule(
    request: Request,
    me: Editor,
    name: Annotated[str, Form(max_length=40)],
    number: Annotated[str, Form(max_length=30)],
) -> Response:
    """Change one threshold; empty gives it its own value back. It counts from the next ranking on."""
    database: Database = request.app.state.database
    try:
        said = Decimal(number) if number.strip() else None
        async with database.transaction() as session:
            await change_rule(session, name, said, by=me.login)
    except CrmUnavailable:
        raise
    except (Refusal, InvalidOperation) as refused:
        notice = str(refused) if isinstance(refused, Refusal) else "write a number, such as 14 or 0.5"
        async with database.reading() as session:
            return await _page(request, session, me, "at_risk", notice)
    return RedirectResponse("/value", status_code=303)


@router.get("/customer/{code}")
async def explained(request: Request, code: str, me: Reader, session: Reading) -> Response:
    """Every figure behind one customer's tier."""
    return await _explained(request, session, me, code)


@router.post("/customer/{code}/tier")
async def tier(
    request: Request,
    code: str,
    me: Editor,
    tier: Annotated[str, Form(max_length=20)],
    why: Annotated[str, Form(max_length=600)] = "",
) -> Response:
    """Set a tier by hand, or (auto) let the ranking decide again."""
    database: Database = request.app.state.database
    try:
        async with database.transaction() as session:
            customer = await customer_of(session, code)
            if tier == "auto":
                await release_tier(session, customer, by=me.login)
            else:
                await hold_tier(session, customer, tier, by=me.login, why=why)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        async with database.reading() as session:
            return await _explained(request, session, me, code, str(refused))
    return RedirectResponse(f"/value/customer/{customer.code}", status_code=303)


async def _page(request: Request, session: AsyncSession, me: Me, of: str, notice: str | None = None) -> Response:
    settings: Settings = request.app.state.settings
    of = of if of in ("at_risk", "lapsed") else "at_risk"
    now_in_force = await value.rules(session)
    levels = await value.pyramid(session)
    context: dict[str, Any] = {
        "levels": levels,
        "customers": sum(level.customers for level in levels),
        "run": await value.last_run(session),
        "rules": {name: f"{rule.normalize():f}" for name, rule in now_in_force.items()},
        "own": {name: f"{limit.value:f}" for name, limit in RULES.items()},
        "changed": {each.name: each for each in await value.changed_rules(session)},
        "rate": RATE,
        "of": of,
        "losing": await value.losing(session, of, limit=LOSING_SHOWN),
        "currency": settings.value_currency,
        "notice": notice,
    }
    return show(request, "value/page.html", me, now=datetime.now(settings.zone), **context)


async def _explained(request: Request, session: AsyncSession, me: Me, code: str, notice: str | None = None) -> Response:
    settings: Settings = request.app.state.settings
    try:
        customer = await customer_of(session, code.replace("\x00", ""))
    except Refusal as refused:
        raise NotThere(str(refused)) from None
    told = await explain(session, customer, currency=settings.value_currency)
    now = datetime.now(settings.zone)
    return show(request, "value/customer.html", me, now=now, told=told, customer=customer, tiers=TIERS, notice=notice)
