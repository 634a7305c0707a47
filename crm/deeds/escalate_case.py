"""A case goes to a higher tier, by hand or by its category's rules. The owner stays; a handler is added, or it lies in
the tier's queue with a clock until somebody takes it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases
from crm.cases import categories, clocks
from crm.cases.clocks import SiteHours
from crm.refusals import Refusal
from crm.rules.escalation import NEXT_TIER
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.cases import CASE_TIERS, Case

from .case_news import hint_agents, site_hours, tell_of


async def escalate(
    session: AsyncSession,
    settings: Settings,
    number: str,
    *,
    agent: Agent,
    why: str,
    to: str | None = None,
    handler: Agent | None = None,
    version: int | None = None,
) -> Case:
    """Lift it to a tier (default: the next), to somebody or to whoever takes it. Why must be said."""
    case = await cases.take_turn(session, number, version=version)
    if case.state not in ("open", "waiting"):
        raise Refusal(f"case {case.number} is {case.state}: reopen it first")
    tier = to or NEXT_TIER.get(case.tier)
    if tier is None or tier not in CASE_TIERS or CASE_TIERS.index(tier) <= CASE_TIERS.index(case.tier):
        raise Refusal(f"case {case.number} cannot be lifted from {case.tier} to {tier or 'anything higher'}")
    if not why.strip():
        raise Refusal("say why the case is escalated")
    if handler is not None and not handler.active:
        raise Refusal(f"{handler.name} does not work here any more: choose somebody else")
    await lift(session, case, tier, await site_hours(session, settings, case), by=agent.login, why=why, handler=handler)
    return case


async def lift(
    session: AsyncSession,
    case: Case,
    tier: str,
    site: SiteHours,
    *,
    by: str,
    why: str,
    handler: Agent | None = None,
) -> None:
    """Lift a case whose turn was taken."""
    now = datetime.now(UTC)
    handler_id = handler.id if handler else None
    await cases.change(session, case, by=by, did="escalated", said=why, tier=tier, handler_id=handler_id)
    if handler is None:
        kind = await categories.find(session, case.category, active=False)
        await clocks.begin(session, case.id, "respond", kind.respond_minutes, now, site)
    if handler is not None or case.state != "open":
        await clocks.stand(session, case.id, now, site, "respond")
    await tell_of(session, case, "escalated", by=by, detail={"to": tier})
    told = [agent.id for name, agent in await categories.team(session) if name == tier]
    await hint_agents(session, [*told, case.owner_id])
