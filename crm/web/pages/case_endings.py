"""How a case comes to its end, what its customer is told meanwhile, and what others are asked for it.

Each act shows the case after it, as those of case_deeds do; a refusal brings back what was typed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases
from crm.cases import reminders
from crm.deeds import close_case, order_work, tell_customer
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import Case
from crm.web.rights import allowed
from crm.web.sign_in import Me

from .case_deeds import Editor, Line, Login, Version, Words, carry_out

router = APIRouter(prefix="/cases")


@router.post("/{number}/solve")
async def solve(request: Request, number: str, me: Editor, version: Version, solution: Words = "") -> Response:
    """Write down the solution."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        return await close_case.solve(session, settings, number, agent=agent, solution=solution, version=version)

    return await carry_out(request, me, number, deed, {"solution": solution})


@router.post("/{number}/close")
async def close(
    request: Request,
    number: str,
    me: Annotated[Me, allowed("case.close")],
    version: Version,
    solution: Words = "",
    knows: Login = "",
    affirmed: Login = "",
) -> Response:
    """Close it, if all checks hold."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        return await close_case.close(
            session,
            settings,
            number,
            agent=agent,
            solution=solution,
            customer_knows=bool(knows),
            affirmed=bool(affirmed),
            version=version,
        )

    return await carry_out(request, me, number, deed, {"solution": solution, "knows": knows, "affirmed": affirmed})


@router.post("/{number}/reopen")
async def reopen(request: Request, number: str, me: Editor, version: Version, why: Words = "") -> Response:
    """It comes back."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        return await close_case.reopen(session, settings, number, agent=agent, why=why, version=version)

    return await carry_out(request, me, number, deed, {"reopen_why": why})


@router.post("/{number}/tell")
async def tell(
    request: Request,
    number: str,
    me: Editor,
    version: Version,
    channel: Login = "call",
    template: Login = "",
    body: Words = "",
    recipient: Line = "",
    told: Login = "",
) -> Response:
    """Tell the customer."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> object:
        return await tell_customer.tell(
            session,
            number,
            agent=agent,
            channel=channel,
            template=template or None,
            body=body,
            recipient=recipient,
            told_already=bool(told),
            version=version,
        )

    return await carry_out(request, me, number, deed, {"body": body, "recipient": recipient, "channel": channel})


@router.post("/{number}/tellings/{telling_id}/called")
async def called(request: Request, number: str, telling_id: UUID, me: Editor) -> Response:
    """The promised call was made."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> Case:
        return await tell_customer.called(session, number, telling_id, agent=agent)

    return await carry_out(request, me, number, deed, {})


@router.post("/{number}/remind")
async def remind(
    request: Request, number: str, me: Editor, about: Line = "", at: Annotated[str, Form(max_length=30)] = ""
) -> Response:
    """Remind oneself of it at a time."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> object:
        case = await cases.take_turn(session, number)
        due_at = local_time(at, settings)
        if due_at is None:
            raise Refusal("a reminder needs a day and a time")
        return await reminders.remind(
            session, case_id=case.id, agent_id=agent.id, due_at=due_at, about=about, by=agent.login
        )

    return await carry_out(request, me, number, deed, {"about": about, "at": at})


@router.post("/{number}/work-order")
async def work_order(
    request: Request,
    number: str,
    me: Editor,
    version: Version,
    department: Login = "",
    wanted: Words = "",
    by: Annotated[str, Form(max_length=30)] = "",
) -> Response:
    """Ask a department for something."""

    async def deed(session: AsyncSession, settings: Settings, agent: Agent) -> object:
        return await order_work.give_work_order(
            session,
            settings,
            number,
            agent=agent,
            department=department,
            wanted=wanted,
            due_at=local_time(by, settings),
            version=version,
        )

    return await carry_out(request, me, number, deed, {"wanted": wanted, "department": department, "order_by": by})


def local_time(text: str, settings: Settings) -> datetime | None:
    """What a browser's field for day and time says, in the site's zone; None: nothing, or nothing readable."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=settings.zone)
