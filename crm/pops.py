"""Cards on screens: which are up for a seat, and the browsers' word that they painted them.

The bridge writes the pops; `mark_shown` is the pages' own row beside them.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.pops import Pop

# A crash of the machine may take an acknowledgement away, which is one figure less: its commit waits for no disk.
_SHOW = text(
    """
INSERT INTO pop_shown (pop_id, agent_id, hint_ms, latency_ms)
SELECT id, :agent_id, CAST(:hint_ms AS float8), extract(epoch FROM clock_timestamp() - rung_at) * 1000
  FROM pop WHERE id = :pop_id AND node = :node AND seat = :seat
    ON CONFLICT DO NOTHING RETURNING latency_ms, set_config('synchronous_commit', 'off', true)
"""
)
_SHOWN = text("SELECT latency_ms FROM pop_shown WHERE pop_id = :pop_id AND agent_id = :agent_id")


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
    said = {"pop_id": pop_id, "agent_id": agent_id, "node": node, "seat": seat, "hint_ms": hint_ms}
    latency: float | None = await session.scalar(_SHOW, said)
    if latency is None:
        latency = await session.scalar(_SHOWN, {"pop_id": pop_id, "agent_id": agent_id})
    return latency
