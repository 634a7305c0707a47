"""Work orders as the people of a department see them, and as those who gave them do: lists, one, answer, rate.

Who only answers for a department sees its orders and nothing else; which that is, the directory says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import directory, work_orders
from crm.database import Database
from crm.deeds import order_work
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.work_orders import WorkOrder
from crm.web.carried_out import carry_out
from crm.web.due_times import due
from crm.web.errors import NotThere
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me
from crm.work_orders import PENDING, TEXT_CHARACTERS, NoSuchOrder

from .show import show

router = APIRouter(prefix="/work-orders")

Reader = Annotated[Me, allowed("workorder.read")]
Words = Annotated[str, Form(max_length=2 * TEXT_CHARACTERS)]
Rating = Annotated[str, Form(max_length=2)]
Deed = Callable[[AsyncSession, Agent], Awaitable[WorkOrder]]


@router.get("")
async def page(
    request: Request,
    me: Reader,
    session: Reading,
    which: Annotated[str, Query(alias="list", max_length=10)] = "open",
    department: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """A list, of the departments that this agent may see."""
    settings: Settings = request.app.state.settings
    which = which if which in work_orders.LISTS else "open"
    scope = await order_work.scope_of(session, await session.get_one(Agent, me.agent_id))
    known = [each for each in await directory.departments(session) if scope is None or each.code in scope]
    wanted = [department] if department and department in {each.code for each in known} else scope
    found = await work_orders.listed(session, which, departments=wanted)
    now = datetime.now(settings.zone)
    context: dict[str, Any] = {
        "orders": [(each, _due(each, now)) for each in found],
        "which": which,
        "lists": work_orders.LISTS,
        "department": department,
        "departments": known,
        "now": now,
    }
    return show(request, "work_orders.html", me, **context)


@router.get("/{number}")
async def one(request: Request, number: str, me: Reader, session: Reading) -> Response:
    """One order."""
    return await _show(request, session, me, number, {}, None)


@router.post("/{number}/take")
async def take(
    request: Request,
    number: str,
    me: Annotated[Me, allowed("workorder.read")],
    version: Annotated[int, Form(ge=1)],
) -> Response:
    """Work at it: for people of its department."""

    async def deed(session: AsyncSession, agent: Agent) -> WorkOrder:
        return await order_work.take_order(session, number, agent=agent, version=version)

    return await _do(request, me, number, deed, {})


@router.post("/{number}/answer")
async def answer(
    request: Request,
    number: str,
    me: Annotated[Me, allowed("workorder.read")],
    version: Annotated[int, Form(ge=1)],
    answer: Words = "",
    refused: Rating = "",
    rating: Rating = "",
    remark: Words = "",
) -> Response:
    """The department's answer and its rating of the request."""

    async def deed(session: AsyncSession, agent: Agent) -> WorkOrder:
        return await order_work.answer_order(
            session,
            number,
            agent=agent,
            answer=answer,
            refused=bool(refused),
            rating=_rating(rating),
            remark=remark,
            version=version,
        )

    return await _do(request, me, number, deed, {"answer": answer, "remark": remark})


@router.post("/{number}/withdraw")
async def withdraw(request: Request, number: str, me: Annotated[Me, allowed("case.edit")], why: Words = "") -> Response:
    """The case needs it no longer."""

    async def deed(session: AsyncSession, agent: Agent) -> WorkOrder:
        return await order_work.withdraw_order(session, number, agent=agent, why=why)

    return await _do(request, me, number, deed, {"why": why})


@router.post("/{number}/rate")
async def rate(
    request: Request,
    number: str,
    me: Annotated[Me, allowed("case.edit")],
    rating: Rating = "",
    remark: Words = "",
) -> Response:
    """How good the answer was."""

    async def deed(session: AsyncSession, agent: Agent) -> WorkOrder:
        return await order_work.rate_answer(session, number, agent=agent, rating=_rating(rating), remark=remark)

    return await _do(request, me, number, deed, {"rate_remark": remark})


def _rating(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _due(order: work_orders.Listed, now: datetime) -> Any:
    pending = order.state in PENDING
    return due(order.due_at if pending else None, now, over=order.overdue)


async def _do(request: Request, me: Me, number: str, deed: Deed, typed: dict[str, str]) -> Response:
    """Carry out one deed, then show the order; a refusal is shown on it beside what was typed."""
    database: Database = request.app.state.database

    async def work(session: AsyncSession) -> None:
        await deed(session, await session.get_one(Agent, me.agent_id))

    if refused := await carry_out(database, work):
        async with database.reading() as session:
            return await _show(request, session, me, number, typed, refused)
    return RedirectResponse(f"/work-orders/{number}", status_code=303)


async def _show(
    request: Request, session: AsyncSession, me: Me, number: str, typed: dict[str, str], notice: str | None
) -> Response:
    settings: Settings = request.app.state.settings
    agent = await session.get_one(Agent, me.agent_id)
    try:
        found = await work_orders.find(session, number, departments=await order_work.scope_of(session, agent))
    except NoSuchOrder as refused:
        raise NotThere(str(refused)) from None
    now = datetime.now(settings.zone)
    answers = me.may("case.assign") or found.department in await directory.departments_of(session, me.agent_id)
    context: dict[str, Any] = {
        "order": found,
        "due": _due(found, now),
        "now": now,
        "notice": notice,
        "typed": dict.fromkeys(("answer", "remark", "why", "rate_remark"), "") | typed,
        "pending": found.state in PENDING,
        "answers": answers,
    }
    return show(request, "work_order.html", me, **context)
