"""Days on which agents mean to come back to a call's matter: planned with its outcome, ticked off on the own day.

Written by the web. Callbacks that a caller was promised are crm.callbacks' business; these are the agent's own.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

from msgspec import Struct
from sqlalchemy import func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.own_day import FollowUp

DAYS_AHEAD = 366
SHOWN = 20
ABOUT_CHARACTERS = 200

_OPEN = text(
    """
SELECT f.id, f.due_on, f.about, f.customer_id, customer.name AS who, c.caller, f.due_on < :today AS late
  FROM follow_up f
  LEFT JOIN conversation c ON c.id = f.conversation_id
  LEFT JOIN customer ON customer.id = f.customer_id
 WHERE f.agent_id = :agent_id AND f.done_at IS NULL AND f.due_on <= :today
 ORDER BY f.due_on, f.made_at LIMIT :shown
"""
)


class Due(Struct, frozen=True):
    """One that is to be done today, or was to be done before."""

    id: UUID
    due_on: date
    about: str
    customer_id: UUID | None
    who: str | None
    caller: str | None
    late: bool


async def plan(
    session: AsyncSession,
    *,
    agent_id: UUID,
    conversation_id: UUID,
    due_on: date,
    today: date,
    about: str = "",
    customer_id: UUID | None = None,
) -> None:
    """Put it on that day; said again for the same call, the last word counts. Refusal for a day that cannot be."""
    if not today <= due_on <= today + timedelta(days=DAYS_AHEAD):
        raise Refusal(f"a follow-up is today or within {DAYS_AHEAD} days, not on {due_on}")
    about = " ".join(about.replace("\x00", "").split())[:ABOUT_CHARACTERS]
    said = {"due_on": due_on, "about": about, "customer_id": customer_id, "done_at": None}
    row = insert(FollowUp).values(id=uuid4(), agent_id=agent_id, conversation_id=conversation_id, **said)
    await session.execute(row.on_conflict_do_update(index_elements=["agent_id", "conversation_id"], set_=said))


async def due(session: AsyncSession, agent_id: UUID, today: date) -> list[Due]:
    """What is to be done today, the oldest first."""
    asked = {"agent_id": agent_id, "today": today, "shown": SHOWN}
    return [Due(**row) for row in (await session.execute(_OPEN, asked)).mappings()]


async def tick_off(session: AsyncSession, follow_up_id: UUID, agent_id: UUID) -> bool:
    """It is done; False when it was, or is somebody else's."""
    mine = (FollowUp.id == follow_up_id, FollowUp.agent_id == agent_id, FollowUp.done_at.is_(None))
    done = update(FollowUp).where(*mine).values(done_at=func.clock_timestamp()).returning(FollowUp.id)
    return (await session.execute(done)).first() is not None
