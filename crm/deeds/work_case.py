"""Work at a case: notes, who works at it, whose it is, waiting for the customer and going on.

Handing on gives it another handler and leaves the owner responsible; only a supervisor gives it another owner, and says
why. Each deed takes the case's turn, so two who press at once come one after the other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases
from crm.cases import categories, clocks
from crm.refusals import Refusal
from crm.rules.rights import may
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import Case

from .case_news import hint_agents, site_hours, tell_of


async def add_note(session: AsyncSession, number: str, *, agent: Agent, note: str, version: int | None = None) -> Case:
    """Write something down at a case, also at a closed one."""
    case = await cases.take_turn(session, number, version=version)
    if not await cases.change(session, case, by=agent.login, did="noted", said=note):
        raise Refusal("the note is empty")
    await tell_of(session, case, "noted", by=agent.login)
    return case


async def take(
    session: AsyncSession, settings: Settings, number: str, *, agent: Agent, version: int | None = None
) -> Case:
    """Work at it from now on. Taken twice by the same agent it stays theirs."""
    return await assign(session, settings, number, agent=agent, to=agent, version=version)


async def assign(
    session: AsyncSession,
    settings: Settings,
    number: str,
    *,
    agent: Agent,
    to: Agent,
    note: str = "",
    version: int | None = None,
) -> Case:
    """Give it to a handler; the owner stays responsible."""
    case = await cases.take_turn(session, number, version=version)
    _not_closed(case)
    if not to.active:
        raise Refusal(f"{to.name} does not work here any more: choose somebody else")
    did = "taken" if to.id == agent.id else "handed_on"
    if await cases.change(session, case, by=agent.login, did=did, said=note, handler_id=to.id):
        await clocks.stand(session, case.id, datetime.now(UTC), await site_hours(session, settings, case), "respond")
        await tell_of(session, case, did, by=agent.login, detail={"handler": to.login})
        await hint_agents(session, [to.id])
    return case


async def give_owner(
    session: AsyncSession, number: str, *, agent: Agent, to: Agent, why: str, version: int | None = None
) -> Case:
    """Another owner, for those whose owner left: by a supervisor, with a reason."""
    case = await cases.take_turn(session, number, version=version)
    if not may(agent.role, "case.assign"):
        raise Refusal("only a supervisor gives a case another owner: hand it on, and it stays yours")
    if not why.strip():
        raise Refusal("say why the case gets another owner")
    if not to.active:
        raise Refusal(f"{to.name} does not work here any more: choose somebody else")
    if await cases.change(session, case, by=agent.login, did="given", said=why, owner_id=to.id):
        await tell_of(session, case, "given", by=agent.login, detail={"owner": to.login})
        await hint_agents(session, [to.id])
    return case


async def edit(
    session: AsyncSession, settings: Settings, number: str, *, agent: Agent, version: int | None, **said: Any
) -> Case:
    """Change subject, description, category or customer. Another category begins its own time to solve it, from now."""
    case = await cases.take_turn(session, number, version=version)
    _not_closed(case)
    fields: dict[str, Any] = {}
    if "subject" in said:
        fields["subject"] = cases.writing.line(said["subject"], "subject")
        if not fields["subject"]:
            raise Refusal("a case needs a subject: say in a few words what it is about")
    if "description" in said:
        fields["description"] = cases.writing.long_text(said["description"], "description")
    if "customer_id" in said:
        fields["customer_id"] = said["customer_id"]
    before = case.category
    if said.get("category") not in (None, before):
        fields["category"] = (await categories.find(session, said["category"])).code
    if not await cases.change(session, case, by=agent.login, did="edited", **fields):
        return case
    if case.category != before and case.state == "open":
        kind = await categories.find(session, case.category)
        site = await site_hours(session, settings, case)
        await clocks.begin(session, case.id, "solve", kind.solve_minutes, datetime.now(UTC), site)
    await tell_of(session, case, "edited", by=agent.login, detail={"fields": sorted(fields)})
    return case


async def wait(
    session: AsyncSession,
    settings: Settings,
    number: str,
    *,
    agent: Agent,
    why: str,
    version: int | None = None,
) -> Case:
    """It waits for the customer's answer: its clocks stand. What is waited for must be said."""
    case = await cases.take_turn(session, number, version=version)
    if case.state != "open":
        raise Refusal(f"case {case.number} is {case.state}: only an open one can wait")
    if not why.strip():
        raise Refusal("say what the case waits for")
    await cases.change(session, case, by=agent.login, did="waits", said=why, state="waiting")
    await clocks.stand(session, case.id, datetime.now(UTC), await site_hours(session, settings, case))
    await tell_of(session, case, "waits", by=agent.login)
    return case


async def go_on(
    session: AsyncSession, settings: Settings, number: str, *, agent: Agent, note: str = "", version: int | None = None
) -> Case:
    """The answer has come: its clocks run on from where they stood."""
    case = await cases.take_turn(session, number, version=version)
    if case.state != "waiting":
        raise Refusal(f"case {case.number} is {case.state}: it does not wait for anybody")
    await cases.change(session, case, by=agent.login, did="goes_on", said=note, state="open")
    await clocks.run_on(session, case, datetime.now(UTC), await site_hours(session, settings, case))
    await tell_of(session, case, "goes_on", by=agent.login)
    return case


async def customer_of(session: AsyncSession, code: str) -> UUID | None:
    """The customer with this printed number; None for an empty one."""
    from crm import customers

    if not code.strip():
        return None
    found = await customers.find(session, code.strip())
    if found is None:
        raise Refusal(f"there is no customer with the number {code.strip()[:40]}")
    return found.id


def _not_closed(case: Case) -> None:
    if case.state == "closed":
        raise Refusal(f"case {case.number} is closed: reopen it first")
