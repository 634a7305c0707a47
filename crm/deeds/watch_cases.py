"""What the worker does about cases, again and again: clocks that are over, reminders that are due, late work orders.

A broken clock is noted once, lifts its case by the category's rule in the same transaction, and is looked at case by
case: one that somebody is working at just now is left for the next round. Killed anywhere, the next round goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases, work_orders
from crm.cases import categories, clocks, reminders
from crm.cases.clocks import SiteHours
from crm.database import Database
from crm.rules.escalation import on_breach
from crm.settings import Settings
from crm.tables.cases import Case, CaseClock

from .case_news import hint_agents, site_hours, tell_of
from .escalate_case import lift

AT_ONCE = 200
BY = "kefu"


async def run(database: Database, settings: Settings) -> None:
    """One round."""
    async with database.reading() as session:
        due = await _due(session)
    for case_id in due:
        async with database.transaction() as session:
            await _look_at(session, settings, case_id)
    async with database.transaction() as session:
        await _late_orders(session)
    async with database.transaction() as session:
        await hint_agents(session, await reminders.fire(session))


async def _due(session: AsyncSession) -> list[UUID]:
    """Cases with a clock that is over, or nearly."""
    now = func.clock_timestamp()
    over = (CaseClock.breached_at.is_(None)) & (CaseClock.due_at <= now)
    soon = (CaseClock.warned_at.is_(None)) & (CaseClock.warn_at <= now)
    rows = select(CaseClock.case_id).where(CaseClock.running_since.is_not(None), or_(over, soon)).distinct()
    return list(await session.scalars(rows.limit(AT_ONCE)))


async def _look_at(session: AsyncSession, settings: Settings, case_id: UUID) -> None:
    case: Case | None = await session.scalar(
        select(Case).where(Case.id == case_id).with_for_update(skip_locked=True),
        execution_options={"populate_existing": True},
    )
    if case is None:
        return
    site = await site_hours(session, settings, case)
    for row in await clocks.of_case(session, case.id):
        if row.running_since is None:
            continue
        clocks.reckon(row, site)  # a holiday may have been added since
        now = datetime.now(UTC)
        if row.breached_at is None and row.due_at is not None and row.due_at <= now:
            row.breached_at = row.due_at
            row.warned_at = row.warned_at or now
            await session.flush()
            await _broken(session, case, row, site)
        elif row.warned_at is None and row.warn_at is not None and row.warn_at <= now:
            row.warned_at = now
            await _warn(session, case, row)
    await session.flush()


async def _broken(session: AsyncSession, case: Case, row: CaseClock, site: SiteHours) -> None:
    await cases.change(session, case, by=BY, did="breached", said=row.kind)
    await tell_of(session, case, "breached", by=BY, detail={"clock": row.kind})
    kind = await categories.find(session, case.category, active=False)
    lifted = on_breach(case.tier, wanted=kind.escalate_on_breach)
    if lifted is not None and case.state == "open":
        await lift(session, case, lifted.to, site, by=BY, why=lifted.why)
    await hint_agents(session, [each for each in (case.owner_id, case.handler_id) if each])


async def _warn(session: AsyncSession, case: Case, row: CaseClock) -> None:
    about = "case_due_soon" if row.kind == "solve" else "case_not_taken"
    for agent_id in dict.fromkeys(each for each in (case.owner_id, case.handler_id) if each):
        await reminders.remind(
            session, case_id=case.id, agent_id=agent_id, due_at=datetime.now(UTC), about=about, by=BY
        )


async def _late_orders(session: AsyncSession) -> None:
    """Who asked is reminded, once."""
    now = datetime.now(UTC)
    for order in await work_orders.overdue(session, limit=AT_ONCE):
        order.overdue_at = now
        await reminders.remind(
            session,
            case_id=order.case_id,
            agent_id=order.asked_by,
            due_at=now - timedelta(seconds=1),
            about="work_order_late",
            by=BY,
        )
