"""The end of a case: solved, checked, closed; and what happens when it comes back.

A case is closed by its owner (or a supervisor), only with a solution, when no department owes an answer, no promised
call is left, the customer was told, and what its category demands was affirmed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases, work_orders
from crm.cases import categories, clocks, tellings
from crm.refusals import Refusal
from crm.rules.escalation import on_reopening
from crm.rules.rights import may
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import Case

from .case_news import hint_agents, site_hours, tell_of
from .escalate_case import lift

SHORTEST_SOLUTION = 3


class Checks(Struct, frozen=True):
    """What stands between a case and its end."""

    solution: bool
    orders_answered: bool
    calls_made: bool
    customer_told: bool

    @property
    def missing(self) -> list[str]:
        """One sentence for each that is not fulfilled."""
        sentences = {
            "solution": "write down the solution first",
            "orders_answered": "a department still owes an answer: withdraw its work order, or wait for it",
            "calls_made": "a call to the customer was promised and is not made",
            "customer_told": "the customer was not told of the solution: tell them, or say that they know",
        }
        return [sentences[name] for name in self.__struct_fields__ if not getattr(self, name)]


async def checks_of(session: AsyncSession, case: Case) -> Checks:
    """How the case stands."""
    told = [
        telling
        for telling in await tellings.of_case(session, case.id)
        if telling.state in ("told", "sent") and case.solved_at and (telling.done_at or telling.at) >= case.solved_at
    ]
    return Checks(
        solution=bool(case.solution),
        orders_answered=not await work_orders.pending_of(session, case.id),
        calls_made=not await tellings.calls_to_make(session, case.id),
        customer_told=bool(told),
    )


async def solve(
    session: AsyncSession, settings: Settings, number: str, *, agent: Agent, solution: str, version: int | None = None
) -> Case:
    """Write down the solution: its clocks stand, the checks are left."""
    case = await cases.take_turn(session, number, version=version)
    await _solve(session, settings, case, agent, solution)
    return case


async def close(
    session: AsyncSession,
    settings: Settings,
    number: str,
    *,
    agent: Agent,
    solution: str = "",
    customer_knows: bool = False,
    affirmed: bool = False,
    version: int | None = None,
) -> Case:
    """Close it, with a solution written now if it has none. `customer_knows`: told otherwise than by a telling, and
    agrees; `affirmed`: what the category demands is so."""
    case = await cases.take_turn(session, number, version=version)
    if case.state == "closed":
        raise Refusal(f"case {case.number} is closed already: {case.closed_by} closed it")
    if case.owner_id != agent.id and not may(agent.role, "case.assign"):
        owner = await session.get_one(Agent, case.owner_id)
        raise Refusal(f"case {case.number} is {owner.name}'s: its owner closes it, or a supervisor")
    if solution.strip() and solution.strip() != case.solution:
        await _solve(session, settings, case, agent, solution)
    missing = (await checks_of(session, case)).missing
    if customer_knows:
        missing = [each for each in missing if not each.startswith("the customer was not told")]
    kind = await categories.find(session, case.category, active=False)
    demanded = kind.check_en or kind.check_zh
    if demanded and not affirmed:
        missing.append(f"affirm first: {demanded}")
    if missing:
        raise Refusal(f"case {case.number} cannot be closed: {missing[0]}")
    said = "the customer knows" if customer_knows else ""
    now = datetime.now(UTC)
    await cases.change(
        session, case, by=agent.login, did="closed", said=said, state="closed", closed_at=now, closed_by=agent.login
    )
    await clocks.stand(session, case.id, now, await site_hours(session, settings, case))
    await tell_of(session, case, "closed", by=agent.login)
    return case


async def reopen(
    session: AsyncSession, settings: Settings, number: str, *, agent: Agent, why: str, version: int | None = None
) -> Case:
    """It comes back: to its owner, counted; the clock to solve it runs on. By its category's rule it goes a tier up."""
    case = await cases.take_turn(session, number, version=version)
    if case.state not in ("solved", "closed"):
        raise Refusal(f"case {case.number} is {case.state}: there is nothing to reopen")
    if not why.strip():
        raise Refusal("say why the case is reopened")
    await cases.change(
        session,
        case,
        by=agent.login,
        did="reopened",
        said=why,
        state="open",
        handler_id=case.owner_id,
        reopened=case.reopened + 1,
        solved_at=None,
        closed_at=None,
        closed_by=None,
    )
    site = await site_hours(session, settings, case)
    await clocks.run_on(session, case, datetime.now(UTC), site)
    await tell_of(session, case, "reopened", by=agent.login, detail={"reopened": case.reopened})
    kind = await categories.find(session, case.category, active=False)
    lifted = on_reopening(case.tier, reopened=case.reopened, after=kind.escalate_reopened)
    if lifted is not None:
        await lift(session, case, lifted.to, site, by="kefu", why=lifted.why)
    await hint_agents(session, [case.owner_id])
    return case


async def _solve(session: AsyncSession, settings: Settings, case: Case, agent: Agent, solution: str) -> None:
    if case.state == "closed":
        raise Refusal(f"case {case.number} is closed: reopen it first")
    words = cases.writing.long_text(solution, "solution")
    if len(words) < SHORTEST_SOLUTION:
        raise Refusal("write down the solution: the next person must understand what was done")
    now = datetime.now(UTC)
    at = case.solved_at or now
    if await cases.change(session, case, by=agent.login, did="solved", state="solved", solution=words, solved_at=at):
        await clocks.stand(session, case.id, now, await site_hours(session, settings, case))
        await tell_of(session, case, "solved", by=agent.login)
