"""Tries to keep promises, as rows: claimed in the order of places, written before anything is sent, settled once.

Called by the deeds of callbacks alone; the bridge asks through those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from msgspec import Struct, json
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.callbacks import Callback, CallbackAttempt

# In the order of their places. Where all places of a queue are taken, only who comes before the last of them.
_DUE = text(
    """
SELECT c.id FROM callback c
 WHERE c.node = :node AND c.state = 'waiting' AND c.due_at <= clock_timestamp()
   AND NOT EXISTS (SELECT FROM jsonb_each_text(CAST(:full AS jsonb)) f
                    WHERE f.key = c.queue AND c.place_at >= CAST(f.value AS timestamptz))
   AND NOT EXISTS (SELECT FROM callback_halt h WHERE h.queue IN ('', c.queue))
   AND EXISTS (SELECT FROM node n WHERE n.name = :node AND n.fence = :fence)
 ORDER BY c.place_at, c.id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
)
_TAKEN = text(
    """
SELECT a.queue, count(*) AS taken, max(c.place_at) AS last_at
  FROM callback_attempt a JOIN callback c ON c.id = a.callback_id
 WHERE a.node = :node AND a.settled_at IS NULL AND a.dialled_at IS NULL GROUP BY a.queue
"""
)


class Standing(Struct):
    """The places of one queue that stand in it now: how many, and the last of them in the order."""

    taken: int
    last_at: datetime


async def claim(
    session: AsyncSession, node: str, fence: int, *, full: Mapping[str, datetime], limit: int
) -> list[Callback]:
    """Promises that are due, in the order of their places, locked; none for a bridge that has lost its lease. full:
    queues of which only who comes before that place is wanted."""
    told = {queue: at.isoformat() for queue, at in full.items()}
    asked = {"node": node, "fence": fence, "full": json.encode(told).decode(), "limit": limit}
    ids = (await session.execute(_DUE, asked)).scalars().all()
    rows = await session.scalars(select(Callback).where(Callback.id.in_(ids)).order_by(Callback.place_at, Callback.id))
    return list(rows)


async def places_taken(session: AsyncSession, node: str) -> dict[str, Standing]:
    """By queue, what stands in it and has not been dialled yet."""
    return {row.queue: Standing(row.taken, row.last_at) for row in await session.execute(_TAKEN, {"node": node})}


async def write_attempt(
    session: AsyncSession, promise: Callback, fence: int, *, kind: str = "agent_first", seat: str | None = None
) -> UUID:
    """The row of a try, before anything is sent. Its id will be the channel's."""
    promise.tries += 1
    promise.state = "placed"
    attempt = CallbackAttempt(
        id=uuid4(),
        callback_id=promise.id,
        number=promise.tries,
        node=promise.node,
        queue=promise.queue,
        fence=fence,
        kind=kind,
        seat=seat,
    )
    session.add(attempt)
    await session.flush()
    return attempt.id


async def unsettled(session: AsyncSession, node: str) -> list[CallbackAttempt]:
    """Tries whose promise has not moved on by them yet, the oldest first."""
    rows = select(CallbackAttempt).where(CallbackAttempt.node == node, CallbackAttempt.settled_at.is_(None))
    return list(await session.scalars(rows.order_by(CallbackAttempt.claimed_at)))


async def locked_attempt(session: AsyncSession, attempt_id: UUID) -> CallbackAttempt | None:
    """A try that is not settled, for whoever settles it."""
    rows = select(CallbackAttempt).where(CallbackAttempt.id == attempt_id, CallbackAttempt.settled_at.is_(None))
    found: CallbackAttempt | None = await session.scalar(
        rows.with_for_update().execution_options(populate_existing=True)
    )
    return found


async def open_attempt(session: AsyncSession, callback_id: UUID) -> CallbackAttempt | None:
    """The try that goes on now."""
    rows = select(CallbackAttempt).where(
        CallbackAttempt.callback_id == callback_id, CallbackAttempt.settled_at.is_(None)
    )
    found: CallbackAttempt | None = await session.scalar(
        rows.with_for_update().execution_options(populate_existing=True)
    )
    return found


async def not_open(session: AsyncSession, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these tries are settled, or were never ours."""
    rows = select(CallbackAttempt.id).where(CallbackAttempt.id.in_(ids), CallbackAttempt.settled_at.is_(None))
    return set(ids) - set(await session.scalars(rows))
