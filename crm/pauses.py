"""What agents may pause for, and how much of it they have used. Written by the command line, read by desks and deeds.

What was used is counted from the changes of state that the bridge saw (`posture_change`), never from wishes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .questions import Question, Where
from .refusals import Refusal
from .rules.pause_steps import KEPT
from .tables.pauses import PauseReason

NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
MINUTES_AT_MOST = 24 * 60
TITLE_CHARACTERS = 40

_BUDGETS_ASKED = """
SELECT r.name, r.title_en, r.title_zh, r.paid, r.budget_min, r.auto_end_min, coalesce(used.seconds, 0) AS used_s
  FROM pause_reason r
  LEFT JOIN (
       SELECT c.reason, sum(extract(epoch FROM coalesce(later.at, clock_timestamp())
                                               - greatest(c.at, CAST(:since AS timestamptz))))::float8 AS seconds
         FROM posture_change c
         LEFT JOIN LATERAL (SELECT n.at FROM posture_change n WHERE n.node = c.node AND n.seat = c.seat AND n.at > c.at
                             ORDER BY n.at LIMIT 1) AS later ON true
        WHERE c.agent_id = :agent_id AND c.at > CAST(:since AS timestamptz) - interval '12 hours' AND c.word = 'paused'
          AND coalesce(later.at, clock_timestamp()) > CAST(:since AS timestamptz)
        GROUP BY c.reason) AS used ON used.reason = r.name
 ORDER BY r.place, r.name
"""


class Budget(Struct, frozen=True):
    """One reason with what an agent has used of it. `budget_min` None: as long as they like."""

    name: str
    title_en: str
    title_zh: str
    paid: bool
    budget_min: int | None
    auto_end_min: int | None
    used_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds left, below zero when too many were used; None without a budget."""
        return None if self.budget_min is None else self.budget_min * 60 - self.used_s

    def title(self, language: str) -> str:
        return self.title_zh if language == "zh" else self.title_en


BUDGETS = Question(_BUDGETS_ASKED, Budget)
"""Asked with `agent_id` and `since`; `budgets` answers it."""


async def listed(session: AsyncSession) -> list[PauseReason]:
    """All reasons in their order."""
    return list(await session.scalars(select(PauseReason).order_by(PauseReason.place, PauseReason.name)))


async def budgets(where: Where, agent_id: UUID, since: datetime) -> list[Budget]:
    """All reasons in their order, with what this agent has used since then (the begin of their day)."""
    return await BUDGETS.rows(where, agent_id=agent_id, since=since)


async def require(session: AsyncSession, name: str) -> PauseReason:
    """The reason of this name. Refusal when there is none, or it is one that begins and ends by itself."""
    if name.upper() in KEPT:
        raise Refusal(f"{name.upper()} begins and ends by itself: give another reason")
    found = await session.get(PauseReason, name)
    if found is None:
        known = ", ".join(reason.name for reason in await listed(session)) or "none yet: see kefu pause-reason set"
        raise Refusal(f"there is no pause reason {name!r}: it is one of {known}")
    return found


async def define(
    session: AsyncSession,
    name: str,
    *,
    title_en: str | None = None,
    title_zh: str | None = None,
    paid: bool | None = None,
    budget_min: int | None = None,
    auto_end_min: int | None = None,
    place: int | None = None,
) -> None:
    """Add a reason or change it: what is not given stays. 0 minutes: no budget, no end by itself."""
    if not NAME.fullmatch(name):
        raise Refusal(f"pause reason {name!r} cannot be: write 1 to 40 letters, digits, '_' and '-'")
    if name.upper() in KEPT:
        raise Refusal(f"{name.upper()} begins and ends by itself: give another name")
    for title in (title_en, title_zh):
        if title is not None and not (title.isprintable() and 0 < len(title.strip()) <= TITLE_CHARACTERS):
            raise Refusal(f"the title of {name!r} must have 1 to {TITLE_CHARACTERS} printable characters")
    minutes = {"budget_min": budget_min, "auto_end_min": auto_end_min}
    for value in minutes.values():
        if value is not None and not 0 <= value <= MINUTES_AT_MOST:
            raise Refusal(f"{value} minutes cannot be: 0 (none) to {MINUTES_AT_MOST}")
    said = {"title_en": title_en, "title_zh": title_zh, "paid": paid, "place": place}
    given: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    given |= {key: value or None for key, value in minutes.items() if value is not None}
    row = insert(PauseReason).values(name=name, **{"title_en": name, "title_zh": title_en or name, **given})
    there = row.on_conflict_do_update(index_elements=["name"], set_=given) if given else row.on_conflict_do_nothing()
    await session.execute(there)


async def remove(session: AsyncSession, name: str) -> None:
    """Nobody may choose it any more; who pauses for it stays paused."""
    gone = await session.scalar(delete(PauseReason).where(PauseReason.name == name).returning(PauseReason.name))
    if gone is None:
        raise Refusal(f"there is no pause reason {name!r}: see `kefu pause-reason list`")
