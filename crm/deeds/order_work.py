"""Work orders between a case and another department: given, taken, answered or refused, withdrawn, rated both ways.

Who answers is known by the directory: an account that is an entry's belongs to its department. A supervisor may act for
any. Each change is told in the case's history, too.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, cases, directory, hours, work_orders
from crm.refusals import Refusal
from crm.rules.rights import may
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import Case
from crm.tables.work_orders import WorkOrder
from crm.work_orders import PENDING, words

from .case_news import hint_agents, tell_of

RATINGS = range(1, 6)


async def give_work_order(
    session: AsyncSession,
    settings: Settings,
    number: str,
    *,
    agent: Agent,
    department: str,
    wanted: str,
    due_at: datetime | None = None,
    version: int | None = None,
) -> WorkOrder:
    """Ask a department for something, by a time (none: by its own usual one, in open minutes)."""
    case = await cases.take_turn(session, number, version=version)
    if case.state == "closed":
        raise Refusal(f"case {case.number} is closed: reopen it first")
    of = await directory.department(session, department)
    if due_at is None:
        openings = await hours.read(session, hours.by_settings(settings))
        due_at = openings.due(None, datetime.now(UTC), of.answer_minutes)
        if due_at is None:
            raise Refusal("the site is not open for so long: say by when the work is due")
    order = await work_orders.give(
        session,
        case_id=case.id,
        case_number=case.number,
        department=of.code,
        wanted=wanted,
        asked_by=agent.id,
        due_at=due_at,
    )
    await _tell(session, case, order, "work_ordered", agent.login, was=None, said=order.wanted)
    return order


async def scope_of(session: AsyncSession, agent: Agent) -> list[str] | None:
    """The departments whose orders this agent may see and answer; None: all (those who work at cases)."""
    if may(agent.role, "case.read"):
        return None
    return await directory.departments_of(session, agent.id)


async def take_order(session: AsyncSession, number: str, *, agent: Agent, version: int | None = None) -> WorkOrder:
    """Somebody of the department works at it."""
    case, order = await _turn(session, number, agent, version)
    await _must_answer(session, order, agent)
    if order.state not in PENDING:
        raise Refusal(f"work order {order.number} is {order.state}")
    if order.taken_by == agent.id:
        return order
    before = order.state
    await work_orders.change(session, order, state="taken", taken_by=agent.id, taken_at=datetime.now(UTC))
    await _tell(session, case, order, "work_taken", agent.login, was=before)
    return order


async def answer_order(
    session: AsyncSession,
    number: str,
    *,
    agent: Agent,
    answer: str,
    refused: bool = False,
    rating: int | None = None,
    remark: str = "",
    version: int | None = None,
) -> WorkOrder:
    """The department's answer, with its rating of the request. `refused`: it cannot be done; the answer says why."""
    case, order = await _turn(session, number, agent, version)
    await _must_answer(session, order, agent)
    if order.state not in PENDING:
        raise Refusal(f"work order {order.number} is {order.state} already")
    told = words(answer, "answer")
    if not told:
        raise Refusal("write the answer: the case's owner must know what was done")
    before, now = order.state, datetime.now(UTC)
    await work_orders.change(
        session,
        order,
        state="refused" if refused else "answered",
        answer=told,
        answered_by=agent.id,
        answered_at=now,
        taken_by=order.taken_by or agent.id,
        taken_at=order.taken_at or now,
        request_rating=_rating(rating),
        request_remark=words(remark, "remark"),
    )
    await _tell(session, case, order, "work_answered", agent.login, was=before, said=told)
    return order


async def withdraw_order(session: AsyncSession, number: str, *, agent: Agent, why: str) -> WorkOrder:
    """The case needs it no longer."""
    case, order = await _turn(session, number, agent, None)
    if order.state not in PENDING:
        raise Refusal(f"work order {order.number} is {order.state} already")
    before = order.state
    await work_orders.change(session, order, state="withdrawn")
    await _tell(session, case, order, "work_withdrawn", agent.login, was=before, said=why)
    return order


async def rate_answer(
    session: AsyncSession,
    number: str,
    *,
    agent: Agent,
    rating: int | None,
    remark: str = "",
    version: int | None = None,
) -> WorkOrder:
    """The case's side says how good the answer was."""
    case, order = await _turn(session, number, agent, version)
    if order.state not in ("answered", "refused"):
        raise Refusal(f"work order {order.number} is {order.state}: it is rated when it is answered")
    given = _rating(rating)
    if given is None:
        raise Refusal("a rating is a number from 1 to 5")
    await work_orders.change(session, order, answer_rating=given, answer_remark=words(remark, "remark"))
    await _tell(session, case, order, "work_rated", agent.login, was=order.state, said=f"{given}/5 {remark}".strip())
    return order


async def _turn(session: AsyncSession, number: str, agent: Agent, version: int | None) -> tuple[Case, WorkOrder]:
    """The case first, then the order: always in this order, so that nobody waits for each other."""
    scope = await scope_of(session, agent)
    case = await cases.take_turn(session, number.rpartition("-")[0])
    return case, await work_orders.take_turn(session, number, version=version, departments=scope)


async def _must_answer(session: AsyncSession, order: WorkOrder, agent: Agent) -> None:
    if may(agent.role, "case.assign") or order.department in await directory.departments_of(session, agent.id):
        return
    raise Refusal(f"work order {order.number} is for people of {order.department}")


def _rating(rating: int | None) -> int | None:
    if rating is not None and rating not in RATINGS:
        raise Refusal("a rating is a number from 1 to 5")
    return rating


async def _tell(
    session: AsyncSession, case: Case, order: WorkOrder, did: str, by: str, *, was: str | None, said: str = ""
) -> None:
    told = f"{order.number} ({order.department}): {was or '–'} → {order.state}" + (f"\n{said}" if said else "")
    await cases.change(session, case, by=by, did=did, said=told)
    await tell_of(session, case, did, by=by, detail={"order": order.number, "department": order.department})
    await audit.note(session, by=by, did=f"workorder.{did}", subject="work_order", subject_id=order.number)
    await hint_agents(session, [order.asked_by, case.owner_id])
