"""What cases are about, who works at which tier, and by what words customers are told: set by supervisors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, directory
from crm.cases import categories, tellings
from crm.database import Database
from crm.refusals import Refusal
from crm.tables.agents import Agent
from crm.tables.cases import CASE_TIERS
from crm.web.carried_out import Deed, carry_out
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/cases/settings")

Keeper = Annotated[Me, allowed("category.edit")]
Line = Annotated[str, Form(max_length=200)]
Minutes = Annotated[int, Form(ge=0, le=1_000_000)]


@router.get("")
async def page(request: Request, me: Keeper, session: Reading) -> Response:
    """All of it."""
    return await _show(request, session, me, None)


@router.post("/category")
async def category(
    request: Request,
    me: Keeper,
    code: Line,
    title_en: Line,
    title_zh: Line,
    starts_at: Line,
    respond_minutes: Minutes,
    solve_minutes: Minutes,
    escalate_reopened: Minutes = 0,
    escalate_on_breach: Line = "",
    active: Line = "",
    check_en: Line = "",
    check_zh: Line = "",
) -> Response:
    """Make or change a kind of case."""

    async def deed(session: AsyncSession) -> None:
        await categories.define(
            session,
            code.strip(),
            title_en=title_en.strip(),
            title_zh=title_zh.strip(),
            starts_at=starts_at,
            respond_minutes=respond_minutes,
            solve_minutes=solve_minutes,
            escalate_reopened=escalate_reopened,
            escalate_on_breach=bool(escalate_on_breach),
            active=bool(active),
            check_en=check_en.strip(),
            check_zh=check_zh.strip(),
        )

    return await _do(request, me, deed)


@router.post("/team")
async def team(request: Request, me: Keeper, tier: Line, login: Line, leave: Line = "") -> Response:
    """Somebody works at a tier, or no longer does."""

    async def deed(session: AsyncSession) -> None:
        agent = await agents.find(session, login)
        if agent is None:
            raise Refusal(f"there is no agent {login[:40]!r}")
        await (categories.leave_team if leave else categories.join_team)(session, tier, agent.id)

    return await _do(request, me, deed)


@router.post("/template")
async def template(
    request: Request,
    me: Keeper,
    code: Line,
    language: Line,
    title: Line,
    body: Annotated[str, Form(max_length=4000)],
) -> Response:
    """Make or change a text to customers."""

    async def deed(session: AsyncSession) -> None:
        await tellings.define_template(session, code.strip(), language, title, body.strip())

    return await _do(request, me, deed)


@router.post("/department")
async def department(
    request: Request, me: Keeper, code: Line, name_en: Line, name_zh: Line, answer_minutes: Minutes
) -> Response:
    """Make or change a department."""

    async def deed(session: AsyncSession) -> None:
        await directory.define_department(
            session, code.strip(), name_en=name_en, name_zh=name_zh, answer_minutes=answer_minutes
        )

    return await _do(request, me, deed)


async def _do(request: Request, me: Me, deed: Deed) -> Response:
    database: Database = request.app.state.database
    if refused := await carry_out(database, deed):
        async with database.reading() as session:
            return await _show(request, session, me, refused)
    return RedirectResponse("/cases/settings", status_code=303)


async def _show(request: Request, session: AsyncSession, me: Me, notice: str | None) -> Response:
    people = await session.scalars(select(Agent).where(Agent.active).order_by(Agent.name))
    context: dict[str, Any] = {
        "categories": await categories.of_all(session, active=False),
        "team": await categories.team(session),
        "templates": await tellings.templates(session),
        "departments": await directory.departments(session),
        "people": list(people),
        "tiers": CASE_TIERS,
        "notice": notice,
    }
    return show(request, "case_settings.html", me, **context)
