"""What people asked to be reminded of, and what the clocks remind them of."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.tables.cases import CaseReminder

from .writing import line

_OPEN = text(
    """
SELECT r.id, c.number, c.subject, r.due_at, r.about, r.made_by, r.due_at <= clock_timestamp() AS due
  FROM case_reminder r JOIN customer_case c ON c.id = r.case_id
 WHERE r.agent_id = :agent_id AND r.done_at IS NULL
   AND (CAST(:case_id AS uuid) IS NULL OR r.case_id = :case_id)
 ORDER BY r.due_at LIMIT :limit
"""
)


class Reminder(Struct, frozen=True):
    """One that is not ticked off."""

    id: UUID
    number: str
    subject: str
    due_at: datetime
    about: str
    made_by: str
    due: bool


async def remind(
    session: AsyncSession, *, case_id: UUID, agent_id: UUID, due_at: datetime, about: str, by: str
) -> CaseReminder:
    """Remind somebody of a case at a time. What they are to be reminded of then already is said once."""
    about = line(about, "reminder")
    if not about:
        raise Refusal("say what the reminder is about")
    same = select(CaseReminder).filter_by(case_id=case_id, agent_id=agent_id, due_at=due_at, about=about, done_at=None)
    there: CaseReminder | None = await session.scalar(same.limit(1))
    if there is not None:
        return there
    row = CaseReminder(case_id=case_id, agent_id=agent_id, due_at=due_at, about=about, made_by=by)
    session.add(row)
    await session.flush()
    return row


async def open_of(
    session: AsyncSession, agent_id: UUID, *, case_id: UUID | None = None, limit: int = 50
) -> list[Reminder]:
    """What this agent is to be reminded of, the soonest first."""
    asked = {"agent_id": agent_id, "case_id": case_id, "limit": limit}
    return [Reminder(**row) for row in (await session.execute(_OPEN, asked)).mappings()]


async def tick_off(session: AsyncSession, reminder_id: UUID, agent_id: UUID) -> bool:
    """It is done; False when it was, or is somebody else's."""
    mine = (CaseReminder.id == reminder_id, CaseReminder.agent_id == agent_id, CaseReminder.done_at.is_(None))
    done = update(CaseReminder).where(*mine).values(done_at=func.clock_timestamp())
    return (await session.execute(done.returning(CaseReminder.id))).first() is not None


async def fire(session: AsyncSession, *, limit: int = 500) -> list[UUID]:
    """Note that what is due was shown; the agents whom it concerns."""
    due = (
        select(CaseReminder.id)
        .where(
            CaseReminder.due_at <= func.clock_timestamp(),
            CaseReminder.fired_at.is_(None),
            CaseReminder.done_at.is_(None),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    fired = update(CaseReminder).where(CaseReminder.id.in_(due)).values(fired_at=func.clock_timestamp())
    return list(dict.fromkeys(await session.scalars(fired.returning(CaseReminder.agent_id))))
