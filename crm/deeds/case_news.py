"""What every deed at a case ends with: the world is told, the audit notes it. And the hours its clocks run in.

Called by the deeds that change cases, inside their transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, hours
from crm.announcements import announce
from crm.cases import clocks
from crm.cases.clocks import SiteHours
from crm.hints import hint_live
from crm.settings import Settings
from crm.tables.agents import Agent, SeatSession
from crm.tables.cases import Case
from crm.tables.customers import Customer

_ANNOUNCED = {"opened": "case.opened", "escalated": "case.escalated", "closed": "case.closed"}


async def tell_of(
    session: AsyncSession, case: Case, did: str, *, by: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Announce what was done to a case, and note it."""
    owner = await session.get_one(Agent, case.owner_id)
    code = None
    if case.customer_id is not None:
        code = await session.scalar(select(Customer.code).where(Customer.id == case.customer_id))
    now = {
        "id": case.id,
        "number": case.number,
        "state": case.state,
        "tier": case.tier,
        "category": case.category,
        "owner": owner.login,
        "customer_code": code,
        "version": case.version,
    }
    await announce(session, _ANNOUNCED.get(did, "case.changed"), key=str(case.id), data=now)
    noted = {"version": case.version, "state": case.state, "tier": case.tier, **(detail or {})}
    await audit.note(session, by=by, did=f"case.{did}", subject="case", subject_id=case.number, detail=noted)


async def site_hours(session: AsyncSession, settings: Settings, case: Case | None = None) -> SiteHours:
    """The site's hours with its one-off days, as of now; with those that this case's clocks have run through."""
    since = await clocks.running_since(session, case.id) if case is not None else None
    openings = await hours.read(session, hours.by_settings(settings), since=since)
    return SiteHours(*openings.of())


async def hint_agents(session: AsyncSession, agent_ids: list[Any]) -> None:
    """Let the desks of these agents look again at commit."""
    rows = await session.execute(
        select(SeatSession.node, SeatSession.seat).where(
            SeatSession.agent_id.in_(agent_ids), SeatSession.signed_out_at.is_(None)
        )
    )
    for row in rows:
        await hint_live(session, row.node, seats=[row.seat])
