"""Cards on screens: which are up for a seat, and the browsers' word that they painted them.

The bridge writes the pops; `mark_shown` is the pages' own row beside them.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Float, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.pops import Pop, PopShown


async def open_for_seat(session: AsyncSession, node: str, seat: str) -> list[Pop]:
    """The cards that belong on the screen of this seat now, oldest ring first."""
    rows = select(Pop).where(Pop.node == node, Pop.seat == seat, Pop.taken_at.is_(None)).order_by(Pop.rung_at, Pop.id)
    return list(await session.scalars(rows))


async def mark_shown(
    session: AsyncSession, *, pop_id: UUID, agent_id: UUID, node: str, seat: str, hint_ms: float | None = None
) -> float | None:
    """Store that the agent at this seat sees the card; return its latency in ms, ring to now.

    Only the first word counts (a second tab, a reload). None when the card is not this seat's.
    """
    since_ring_ms = func.extract("epoch", func.clock_timestamp() - Pop.rung_at) * 1000.0
    mine = select(Pop.id, literal(agent_id), literal(hint_ms, Float), since_ring_ms).where(
        Pop.id == pop_id, Pop.node == node, Pop.seat == seat
    )
    row = insert(PopShown).from_select(["pop_id", "agent_id", "hint_ms", "latency_ms"], mine)
    await session.execute(row.on_conflict_do_nothing())
    latency: float | None = await session.scalar(
        select(PopShown.latency_ms).where(PopShown.pop_id == pop_id, PopShown.agent_id == agent_id)
    )
    return latency
