"""The clocks of a case: begun, standing, running on. The hours come from whoever calls.

`solve` runs while the case is open; `respond` runs while nobody has taken it: a case that was lifted to a tier must not
lie there.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm.rules import sla
from crm.rules.opening_hours import OpeningHours, Specials
from crm.tables.cases import Case, CaseClock

WARN_SHARE = 0.8
"""So much of the time spent, a reminder comes."""


class SiteHours(Struct, frozen=True):
    """The hours in which clocks run."""

    hours: OpeningHours
    specials: Specials


async def begin(
    session: AsyncSession, case_id: UUID, kind: str, minutes: float, at: datetime, site: SiteHours
) -> CaseClock:
    """Start a clock, from nothing: also one that has run before (the case went to another tier)."""
    row = await session.get(CaseClock, (case_id, kind))
    if row is None:
        row = CaseClock(case_id=case_id, kind=kind)
        session.add(row)
    row.target_s, row.warned_at, row.breached_at = minutes * 60, None, None
    _keep(row, sla.begun(minutes * 60, at), site)
    await session.flush()
    return row


async def stand(session: AsyncSession, case_id: UUID, at: datetime, site: SiteHours, *kinds: str) -> None:
    """Let these clocks stand (none named: all). One that was over by then is noted as broken."""
    for row in await of_case(session, case_id):
        if kinds and row.kind not in kinds:
            continue
        clock = sla.paused(_clock(row), at, site.hours, site.specials)
        if row.breached_at is None and row.running_since is not None and clock.spent_s >= row.target_s:
            row.breached_at = row.due_at or at
        _keep(row, clock, site)
    await session.flush()


async def run_on(session: AsyncSession, case: Case, at: datetime, site: SiteHours) -> None:
    """Let the clocks of an open case run: `solve`, and `respond` where nobody has taken it."""
    for row in await of_case(session, case.id):
        if row.kind == "solve" or case.handler_id is None:
            _keep(row, sla.resumed(_clock(row), at), site)
    await session.flush()


async def of_case(session: AsyncSession, case_id: UUID) -> list[CaseClock]:
    """All clocks of a case."""
    return list(await session.scalars(select(CaseClock).where(CaseClock.case_id == case_id).order_by(CaseClock.kind)))


async def running_since(session: AsyncSession, case_id: UUID) -> datetime | None:
    """Since when the first of the running clocks of a case runs; None: all stand."""
    found: datetime | None = await session.scalar(
        select(func.min(CaseClock.running_since)).where(CaseClock.case_id == case_id)
    )
    return found


def reckon(row: CaseClock, site: SiteHours) -> None:
    """Reckon its end anew: hours may have changed since it began to run."""
    _keep(row, _clock(row), site)


def _clock(row: CaseClock) -> sla.Clock:
    return sla.Clock(row.target_s, row.spent_s or 0.0, row.running_since)


def _keep(row: CaseClock, clock: sla.Clock, site: SiteHours) -> None:
    row.spent_s, row.running_since = clock.spent_s, clock.running_since
    row.due_at = sla.due_at(clock, site.hours, site.specials)
    row.warn_at = sla.due_at(clock, site.hours, site.specials, share=WARN_SHARE)
