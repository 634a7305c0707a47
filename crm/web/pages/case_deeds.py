"""One case with everything on it, and who works at it. How it ends and what is told of it is in case_endings.

A refusal brings the page back with what was typed; nothing of the deed is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, cases, directory, work_orders
from crm.cases import NoSuchCase, categories, reminders, tellings
from crm.cases.writing import SUBJECT_CHARACTERS, TEXT_CHARACTERS
from crm.database import Database
from crm.deeds import close_case, work_case
from crm.deeds.escalate_case import escalate as lift
from crm.refusals import CrmUnavailable, Refusal
from crm.rules.escalation import NEXT_TIER
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import CASE_TIERS, Case
from crm.tables.tellings import CHANNELS
from crm.web.due_times import due
from crm.web.errors import NotThere
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/cases")

Reader = Annotated[Me, allowed("case.read")]
Editor = Annotated[Me, allowed("case.edit")]
Version = Annotated[int, Form(ge=1)]
Words = Annotated[str, Form(max_length=2 * TEXT_CHARACTERS)]
Line = Annotated[str, Form(max_length=2 * SUBJECT_CHARACTERS)]
Login = Annotated[str, Form(max_length=80)]
Deed = Callable[[AsyncSession, Settings, Agent], Awaitable[Any]]
FIELDS = (
    "about",
    "affirmed",
    "assign_to",
    "assign_why",
    "at",
    "body",
    "category",
    "channel",
    "customer",
    "department",
    "description",
    "escalate_to",
    "escalate_why",
    "knows",
    "note",
    "order_by",
    "owner_to",
    "owner_why",
    "recipient",
    "reopen_why",
    "solution",
    "subject",
    "tier",
    "wait_why",
    "wanted",
)
"""What the forms hold beside the case itself."""


@router.get("/{number}")
async def page(request: Request, number: str, me: Reader, session: Reading) -> Response:
    """The case, its history, its work orders, what its customer was told."""
    return await _show(request, session, me, number, {}, None)


@router.post("/{number}/note")
async def note(request: Request, number: str, me: Editor, note: Words = "") -> Response:
    """Write something down: no version is asked for, a note undoes nobody's work. Sent twice it is written once."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        case = await cases.take_turn(session, number)
        if await cases.noted_last(session, case, by=agent.login, note=note):
            return case
        return await work_case.add_note(session, number, agent=agent, note=note)

    return await carry_out(request, me, number, deed, {"note": note})


@router.post("/{number}/edit")
async def edit(
    request: Request,
    number: str,
    me: Editor,
    version: Version,
    subject: Line = "",
    description: Words = "",
    category: Login = "",
    customer: Login = "",
) -> Response:
    """Change what the case says of itself."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        said: dict[str, Any] = {"subject": subject, "description": description, "category": category}
        said["customer_id"] = await work_case.customer_of(session, customer)
        return await work_case.edit(session, settings, number, agent=agent, version=version, **said)

    typed = {"subject": subject, "description": description, "category": category, "customer": customer}
    return await carry_out(request, me, number, deed, typed)


@router.post("/{number}/take")
async def take(request: Request, number: str, me: Editor, version: Version) -> Response:
    """Work at it from now on."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        return await work_case.take(session, settings, number, agent=agent, version=version)

    return await carry_out(request, me, number, deed, {})


@router.post("/{number}/assign")
async def assign(
    request: Request, number: str, me: Editor, version: Version, to: Login = "", why: Words = ""
) -> Response:
    """Hand it on; its owner stays responsible."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        other = await _agent(session, to)
        return await work_case.assign(session, settings, number, agent=agent, to=other, note=why, version=version)

    return await carry_out(request, me, number, deed, {"assign_why": why, "assign_to": to})


@router.post("/{number}/owner")
async def owner(
    request: Request,
    number: str,
    me: Annotated[Me, allowed("case.assign")],
    version: Version,
    to: Login = "",
    why: Words = "",
) -> Response:
    """Another owner, with a reason."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        other = await _agent(session, to)
        return await work_case.give_owner(session, number, agent=agent, to=other, why=why, version=version)

    return await carry_out(request, me, number, deed, {"owner_why": why, "owner_to": to})


@router.post("/{number}/escalate")
async def escalate(
    request: Request,
    number: str,
    me: Annotated[Me, allowed("case.escalate")],
    version: Version,
    why: Words = "",
    tier: Login = "",
    to: Login = "",
) -> Response:
    """Lift it to a higher tier."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        handler = await _agent(session, to) if to else None
        return await lift(
            session, settings, number, agent=agent, why=why, to=tier or None, handler=handler, version=version
        )

    return await carry_out(request, me, number, deed, {"escalate_why": why, "escalate_to": to, "tier": tier})


@router.post("/{number}/wait")
async def wait(request: Request, number: str, me: Editor, version: Version, why: Words = "") -> Response:
    """It waits for the customer."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        return await work_case.wait(session, settings, number, agent=agent, why=why, version=version)

    return await carry_out(request, me, number, deed, {"wait_why": why})


@router.post("/{number}/go-on")
async def go_on(request: Request, number: str, me: Editor, version: Version, why: Words = "") -> Response:
    """The answer has come."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        return await work_case.go_on(session, settings, number, agent=agent, note=why, version=version)

    return await carry_out(request, me, number, deed, {"wait_why": why})


async def _agent(session: AsyncSession, login: str) -> Agent:
    found = await agents.find(session, login)
    if found is None:
        raise Refusal(f"there is no agent {login[:40]!r}")
    return found


async def carry_out(request: Request, me: Me, number: str, deed: Deed, typed: dict[str, str]) -> Response:
    """Carry out one deed, then show the case; a refusal is shown on it beside what was typed."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    try:
        async with database.transaction() as session:
            await deed(session, settings, await session.get_one(Agent, me.agent_id))
    except CrmUnavailable:
        raise
    except NoSuchCase as refused:
        raise NotThere(str(refused)) from None
    except Refusal as refused:
        async with database.reading() as session:
            return await _show(request, session, me, number, typed, str(refused))
    return RedirectResponse(f"/cases/{number}", status_code=303)


async def _show(
    request: Request, session: AsyncSession, me: Me, number: str, typed: dict[str, str], notice: str | None
) -> Response:
    settings: Settings = request.app.state.settings
    found = await cases.find(session, number)
    if found is None:
        raise NotThere(f"there is no case {number[:40]}")
    now = datetime.now(settings.zone)
    row = await session.get_one(Case, found.id)
    people = list(await session.scalars(select(Agent).where(Agent.active).order_by(Agent.name)))
    higher = CASE_TIERS[CASE_TIERS.index(found.tier) + 1 :]
    context: dict[str, Any] = {
        "case": found,
        "due": due(found.due_at, now, over=found.overdue),
        "now": now,
        "notice": notice,
        "typed": dict.fromkeys(FIELDS, "") | typed,
        "open_parts": set(typed),
        "history": await cases.history(session, found.id),
        "checks": await close_case.checks_of(session, row),
        "orders": await work_orders.listed(session, "all", case_id=found.id),
        "tellings": await tellings.of_case(session, found.id),
        "templates": [each for each in await tellings.templates(session) if each.language == me.language],
        "reminders": await reminders.open_of(session, me.agent_id, case_id=found.id),
        "categories": await categories.of_all(session),
        "departments": await directory.departments(session),
        "people": [each for each in people if each.role in ("agent", "supervisor", "admin")],
        "higher": higher,
        "next_tier": NEXT_TIER.get(found.tier),
        "channels": CHANNELS,
    }
    return show(request, "case.html", me, **context)
