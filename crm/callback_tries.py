"""Tries to keep promises, as rows: claimed in the order of places, written before anything is sent, settled once.

Called by the deeds of callbacks alone; the bridge asks through those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from msgspec import Struct, json
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.callbacks import DIALS_CUSTOMER, Callback, CallbackAttempt

_IS_DUE = """c.node = :node AND c.state = 'waiting' AND c.due_at <= clock_timestamp()
   AND NOT EXISTS (SELECT FROM callback_halt h WHERE h.queue IN ('', c.queue))
   AND EXISTS (SELECT FROM node n WHERE n.name = :node AND n.fence = :fence)"""
# Who is promised an agent that sits at a seat is rung by that agent, whatever the queue does.
_OWNER_SITS = """EXISTS (
       SELECT FROM seat_session s WHERE s.agent_id = c.owner_id AND s.node = c.node AND s.signed_out_at IS NULL)"""
# In the order of their places. Where all places of a queue are taken, only who comes before the last of them.
_DUE = text(
    f"""
SELECT c.id FROM callback c
 WHERE {_IS_DUE}
   AND NOT EXISTS (SELECT FROM jsonb_each_text(CAST(:full AS jsonb)) f
                    WHERE f.key = c.queue AND c.place_at >= CAST(f.value AS timestamptz))
   AND ({_OWNER_SITS} OR NOT EXISTS (
        SELECT FROM queue q WHERE q.name = c.queue AND q.callback_dialling = 'customer_first'))
 ORDER BY c.place_at, c.id LIMIT :limit FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - constants
)
_TRY = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
# Those whose customer is dialled first, of each queue the first few, and none behind somebody who waits in it now: the
# next free agent is theirs. A caller's place is the first join of the call, less the credit.
_DUE_CUSTOMER_FIRST = text(
    f"""
WITH stands AS MATERIALIZED (
  SELECT w.queue, min(coalesce(
           (SELECT p.place_at FROM callback_attempt a JOIN callback p ON p.id = a.callback_id
             WHERE a.id = CASE WHEN v.linkedid ~ '{_TRY}' THEN CAST(v.linkedid AS uuid) END),
           (SELECT min(f.entered_at) FROM wait f WHERE f.conversation_id = v.id)
           - make_interval(secs => coalesce((SELECT r.credit_s FROM routing r WHERE r.node = v.node
               AND r.linkedid = v.linkedid ORDER BY r.decided_at DESC LIMIT 1), 0)))) AS place_at
    FROM wait w JOIN conversation v ON v.id = w.conversation_id
   WHERE w.node = :node AND w.left_at IS NULL GROUP BY w.queue),
dialled AS (
  SELECT queue, count(*) AS number FROM callback_attempt WHERE node = :node AND {DIALS_CUSTOMER} GROUP BY queue)
SELECT due.id
  FROM queue q LEFT JOIN stands ON stands.queue = q.name LEFT JOIN dialled ON dialled.queue = q.name
 CROSS JOIN LATERAL (
       SELECT c.id FROM callback c
        WHERE {_IS_DUE} AND c.queue = q.name AND c.place_at <= coalesce(stands.place_at, 'infinity')
          AND NOT {_OWNER_SITS}
        ORDER BY c.place_at, c.id LIMIT greatest(0, least(
              :most - coalesce(dialled.number, 0),
              coalesce(CAST(CAST(:first AS jsonb) ->> q.name AS integer), :others)))
       ) AS due
 WHERE q.callback_dialling = 'customer_first'
"""  # noqa: S608 - constants
)
# By Asterisk's word as it is written, and for nobody else who is being dialled.
_KEPT_FREE = text(
    f"""
SELECT p.seat FROM posture p
 WHERE p.node = :node AND p.seat = ANY(:seats) AND p.paused AND p.pause_reason = 'RESERVED'
   AND NOT EXISTS (SELECT FROM callback_attempt a WHERE a.node = p.node AND a.seat = p.seat AND {DIALS_CUSTOMER})
"""  # noqa: S608 - constants
)
_BEYOND = text(
    f"""
SELECT count(*) AS dials, count(*) FILTER (WHERE p.paused AND p.pause_reason = 'RESERVED') AS kept_free
  FROM callback_attempt a LEFT JOIN posture p ON p.node = a.node AND p.seat = a.seat
 WHERE {DIALS_CUSTOMER} AND (CAST(:queue AS text) IS NULL OR a.queue = :queue)
"""  # noqa: S608 - constants
)
_TAKEN = text(
    """
SELECT a.queue, count(*) AS taken, max(c.place_at) AS last_at
  FROM callback_attempt a JOIN callback c ON c.id = a.callback_id
 WHERE a.node = :node AND a.kind = 'agent_first' AND a.settled_at IS NULL AND a.dialled_at IS NULL GROUP BY a.queue
"""
)


class Dialling(Struct, frozen=True):
    """Customers who are dialled first now, and for how many of them a seat is kept free: for all."""

    dials: int
    kept_free: int


class Standing(Struct):
    """The places of one queue that stand in it now: how many, and the last of them in the order."""

    taken: int
    last_at: datetime


async def claim(
    session: AsyncSession, node: str, fence: int, *, full: Mapping[str, datetime], limit: int
) -> list[Callback]:
    """Promises that are due and whose agent is rung first, in the order of their places, locked; none for a bridge that
    has lost its lease. full: queues of which only who comes before that place is wanted."""
    told = {queue: at.isoformat() for queue, at in full.items()}
    asked = {"node": node, "fence": fence, "full": json.encode(told).decode(), "limit": limit}
    ids = (await session.execute(_DUE, asked)).scalars().all()
    rows = await session.scalars(select(Callback).where(Callback.id.in_(ids)).order_by(Callback.place_at, Callback.id))
    return list(rows)


async def claim_customer_first(
    session: AsyncSession, node: str, fence: int, *, most: int, first: Mapping[str, int], others: int
) -> list[Callback]:
    """Promises that are due, whose customer is dialled first, and before whom nobody waits, in the order of their
    places, locked. most: dials of one queue at a time; first: by queue, how many are wanted now;
    others: of every other queue."""
    told = json.encode(first).decode()
    asked = {"node": node, "fence": fence, "most": most, "first": told, "others": others}
    ids = (await session.execute(_DUE_CUSTOMER_FIRST, asked)).scalars().all()
    if not ids:
        return []
    rows = select(Callback).where(Callback.id.in_(ids), Callback.state == "waiting")
    locked = rows.order_by(Callback.place_at, Callback.id).with_for_update(skip_locked=True)
    return list(await session.scalars(locked))


async def kept_free(session: AsyncSession, node: str, seats: Collection[str]) -> set[str]:
    """Which of these seats are paused as reserved, with no customer being dialled for them."""
    if not seats:
        return set()
    return set((await session.execute(_KEPT_FREE, {"node": node, "seats": list(seats)})).scalars())


async def dialling_now(session: AsyncSession, queue: str | None = None) -> Dialling:
    """The live check that nobody is dialled without a seat that is kept free."""
    return Dialling(**(await session.execute(_BEYOND, {"queue": queue})).mappings().one())


async def places_taken(session: AsyncSession, node: str) -> dict[str, Standing]:
    """By queue, what stands in it and has not been dialled yet."""
    return {row.queue: Standing(row.taken, row.last_at) for row in await session.execute(_TAKEN, {"node": node})}


async def write_attempt(
    session: AsyncSession, promise: Callback, fence: int, *, kind: str = "agent_first", seat: str | None = None
) -> UUID:
    """The row of a try, before anything is sent. Its id will be the channel's."""
    promise.tries += 1
    promise.state, promise.mode = "placed", kind
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
