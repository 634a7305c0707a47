"""What cases are about, how soon each kind is to be solved, and who works at which tier. Edited by supervisors."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.tables.agents import Agent
from crm.tables.cases import CASE_TIERS, CaseCategory, CaseTeam

MINUTES_AT_MOST = 20_000
"""Some forty working days: clocks are reckoned for the next ninety days."""
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TITLE_CHARACTERS = 80


async def of_all(session: AsyncSession, *, active: bool = True) -> list[CaseCategory]:
    """All categories in their order; `active`: those that new cases may have."""
    rows = select(CaseCategory).order_by(CaseCategory.place, CaseCategory.code)
    return list(await session.scalars(rows.where(CaseCategory.active) if active else rows))


async def find(session: AsyncSession, code: str, *, active: bool = True) -> CaseCategory:
    """One category. Refusal when there is none, or it is no longer used."""
    found = await session.get(CaseCategory, code) if _CODE.fullmatch(code) else None
    if found is None or (active and not found.active):
        known = ", ".join(each.code for each in await of_all(session))
        raise Refusal(f"category {code[:40]!r} is unknown: it is one of {known}")
    return found


async def define(session: AsyncSession, code: str, **said: Any) -> CaseCategory:
    """Make a category, or change what is said of one. Refusal for words and times that cannot be."""
    if not _CODE.fullmatch(code):
        raise Refusal(f"{code[:40]!r} is no code: write small letters, digits and '_', a letter first")
    _check(said)
    row = await session.get(CaseCategory, code, with_for_update=True)
    if row is None:
        row = CaseCategory(
            code=code, title_en=code, title_zh=code, respond_minutes=60, solve_minutes=1440, place=100,
            active=True, starts_at="first_line", escalate_on_breach=True, escalate_reopened=2, check_en="", check_zh="",
        )  # fmt: skip
        session.add(row)
    for name, value in said.items():
        if value is not None:
            setattr(row, name, value)
    await session.flush()
    return row


def _check(said: dict[str, Any]) -> None:
    for name in ("respond_minutes", "solve_minutes"):
        minutes = said.get(name)
        if minutes is not None and not 1 <= minutes <= MINUTES_AT_MOST:
            raise Refusal(f"{minutes} open minutes cannot be promised: 1 to {MINUTES_AT_MOST}")
    for name in ("title_en", "title_zh"):
        title = said.get(name)
        if title is not None and not (title.strip() and title.isprintable() and len(title) <= _TITLE_CHARACTERS):
            raise Refusal(f"a title has 1 to {_TITLE_CHARACTERS} printable characters")
    if said.get("starts_at") not in (None, *CASE_TIERS):
        raise Refusal(f"tier {said['starts_at']!r} is unknown: it is one of {', '.join(CASE_TIERS)}")
    if not 0 <= (said.get("escalate_reopened") or 0) <= 100:
        raise Refusal("a case is lifted after 1 to 100 reopenings; 0: never")


async def team(session: AsyncSession) -> list[tuple[str, Agent]]:
    """Who works at which tier."""
    rows = select(CaseTeam.tier, Agent).join(Agent, Agent.id == CaseTeam.agent_id).order_by(CaseTeam.tier, Agent.login)
    return [(tier, agent) for tier, agent in (await session.execute(rows)).all()]


async def tiers_of(session: AsyncSession, agent_id: UUID) -> list[str]:
    """The tiers whose queues are this agent's."""
    return list(await session.scalars(select(CaseTeam.tier).where(CaseTeam.agent_id == agent_id)))


async def join_team(session: AsyncSession, tier: str, agent_id: UUID) -> None:
    """Let an agent work at a tier."""
    if tier not in CASE_TIERS:
        raise Refusal(f"tier {tier[:40]!r} is unknown: it is one of {', '.join(CASE_TIERS)}")
    await session.execute(insert(CaseTeam).values(tier=tier, agent_id=agent_id).on_conflict_do_nothing())


async def leave_team(session: AsyncSession, tier: str, agent_id: UUID) -> None:
    """No longer."""
    await session.execute(delete(CaseTeam).where(CaseTeam.tier == tier, CaseTeam.agent_id == agent_id))
