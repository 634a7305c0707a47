"""Tries to keep promises, as rows: claimed in the order of places, written before anything is sent, settled once.

Called by the deeds of callbacks alone; the bridge asks through those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct, json
from sqlalchemy import ARRAY, Boolean, ColumnClause, DateTime, Integer, Text, column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.callbacks import DIALS_CUSTOMER, Callback, CallbackAttempt

_IS_DUE = """c.node = :node AND c.state = 'waiting' AND c.due_at <= clock_timestamp()
   AND NOT EXISTS (SELECT FROM callback_halt h WHERE h.queue IN ('', c.queue))
   AND EXISTS (SELECT FROM node n WHERE n.name = :node AND n.fence = :fence)"""
# Who is promised an agent that sits at a seat is rung by that agent, whatever the queue does.
_OWNER_SITS = """EXISTS (
       SELECT FROM seat_session s WHERE s.agent_id = c.owner_id AND s.node = c.node AND s.signed_out_at IS NULL)"""
# What decides about each that is due, in the same look; locked, in the order of places.
# Named one by one: a table grows at its end, the class where its words belong.
_COLUMNS = ", ".join(f"c.{each.name}" for each in Callback.__table__.columns)
_TOLD = f"""
SELECT {_COLUMNS}, coalesce(standing.seats, 0) AS seats, u.tier, u.name AS customer_name,
       EXISTS (SELECT FROM customer_phone f WHERE f.e164 = c.number_e164 AND f.do_not_call)
       OR EXISTS (SELECT FROM organisation_phone o WHERE o.e164 = c.number_e164 AND o.do_not_call) AS silenced,
       (SELECT s.seat FROM seat_session s
         WHERE s.agent_id = c.owner_id AND s.node = c.node AND s.signed_out_at IS NULL LIMIT 1) AS owner_seat"""  # noqa: S608 - constants
_FROM = """
  FROM callback c LEFT JOIN customer u ON u.id = c.customer_id
  LEFT JOIN (SELECT m.queue, count(*) AS seats FROM membership m
              WHERE m.node = :node AND m.left_at IS NULL GROUP BY m.queue) AS standing ON standing.queue = c.queue"""
# What was moved on or put off between the look and the lock is left alone.
_LOCKED = (
    "AND c.state = 'waiting' AND c.due_at <= clock_timestamp() ORDER BY c.place_at, c.id FOR UPDATE OF c SKIP LOCKED"
)
_PLACES = """
SELECT a.queue, count(*) AS number, max(p.place_at) AS last_at
  FROM callback_attempt a JOIN callback p ON p.id = a.callback_id
 WHERE a.node = :node AND a.kind = 'agent_first' AND a.settled_at IS NULL AND a.dialled_at IS NULL GROUP BY a.queue"""
_TAKEN = text(_PLACES)
_BEFORE = "CASE WHEN coalesce(taken.number, 0) < :most THEN 'infinity' ELSE taken.last_at END"
# Of each queue the first few. Where all its places are taken, only who comes before the last of them.
_DUE = f"""
WITH taken AS MATERIALIZED ({_PLACES}),
due AS (
  SELECT first.id, first.place_at
    FROM queue q LEFT JOIN taken ON taken.queue = q.name
   CROSS JOIN LATERAL (
         SELECT c.id, c.place_at FROM callback c
          WHERE {_IS_DUE} AND c.queue = q.name
            AND c.place_at < {_BEFORE}
          ORDER BY c.place_at, c.id LIMIT :limit) AS first
   WHERE q.callback_dialling <> 'customer_first'
   UNION ALL
  SELECT c.id, c.place_at
    FROM callback c JOIN queue q ON q.name = c.queue LEFT JOIN taken ON taken.queue = c.queue
   WHERE {_IS_DUE} AND c.owner_id IS NOT NULL AND {_OWNER_SITS} AND q.callback_dialling = 'customer_first'
     AND c.place_at < {_BEFORE})
{_TOLD}, coalesce(taken.number, 0) AS places, coalesce(taken.last_at, c.place_at) AS last_at
{_FROM} LEFT JOIN taken ON taken.queue = c.queue
 WHERE c.id = ANY(ARRAY(SELECT due.id FROM due ORDER BY due.place_at, due.id LIMIT :limit)) {_LOCKED}
"""  # noqa: S608 - constants
# Those whose customer is dialled first, of each queue the first few, and none behind somebody who waits in it now: the
# next free agent is theirs. A caller's place is the first join of the call, less the credit. Free are seats that are
# kept by Asterisk's word as it is written, and for nobody else who is being dialled.
_DUE_CUSTOMER_FIRST = f"""
WITH ours AS MATERIALIZED (
  SELECT CAST(a.id AS text) AS linkedid, p.place_at
    FROM callback_attempt a JOIN callback p ON p.id = a.callback_id WHERE a.node = :node AND a.settled_at IS NULL),
stands AS MATERIALIZED (
  SELECT w.queue, min(coalesce(
           ours.place_at,
           (SELECT min(f.entered_at) FROM wait f WHERE f.conversation_id = v.id)
           - make_interval(secs => coalesce((SELECT r.credit_s FROM routing r WHERE r.node = v.node
               AND r.linkedid = v.linkedid ORDER BY r.decided_at DESC LIMIT 1), 0)))) AS place_at
    FROM wait w JOIN queue q ON q.name = w.queue AND q.callback_dialling = 'customer_first'
    JOIN conversation v ON v.id = w.conversation_id LEFT JOIN ours ON ours.linkedid = v.linkedid
   WHERE w.node = :node AND w.left_at IS NULL GROUP BY w.queue),
dialled AS (
  SELECT queue, count(*) AS number FROM callback_attempt WHERE node = :node AND {DIALS_CUSTOMER} GROUP BY queue),
due AS (
  SELECT first.id
    FROM queue q LEFT JOIN stands ON stands.queue = q.name LEFT JOIN dialled ON dialled.queue = q.name
   CROSS JOIN LATERAL (
         SELECT c.id FROM callback c
          WHERE {_IS_DUE} AND c.queue = q.name AND c.place_at <= coalesce(stands.place_at, 'infinity')
            AND NOT {_OWNER_SITS}
          ORDER BY c.place_at, c.id LIMIT greatest(0, least(
                :most - coalesce(dialled.number, 0),
                coalesce(CAST(CAST(:first AS jsonb) ->> q.name AS integer), :others)))) AS first
   WHERE q.callback_dialling = 'customer_first')
{_TOLD}, ARRAY(
         SELECT p.seat FROM posture p
          WHERE p.node = :node AND p.seat = ANY(CAST(:seats AS text[])) AND p.paused AND p.pause_reason = 'RESERVED'
            AND NOT EXISTS (SELECT FROM callback_attempt a
                             WHERE a.node = p.node AND a.seat = p.seat AND {DIALS_CUSTOMER})) AS free
{_FROM}
 WHERE c.id = ANY(ARRAY(SELECT due.id FROM due)) {_LOCKED}
"""  # noqa: S608 - constants
_BEYOND = text(
    f"""
SELECT count(*) AS dials, count(*) FILTER (WHERE p.paused AND p.pause_reason = 'RESERVED') AS kept_free
  FROM callback_attempt a LEFT JOIN posture p ON p.node = a.node AND p.seat = a.seat
 WHERE {DIALS_CUSTOMER} AND (CAST(:queue AS text) IS NULL OR a.queue = :queue)
"""  # noqa: S608 - constants
)
_DECIDES = (
    column("seats", Integer), column("tier", Text), column("customer_name", Text), column("silenced", Boolean),
    column("owner_seat", Text),
)  # fmt: skip
_OF_PLACES = (column("places", Integer), column("last_at", DateTime(timezone=True)))
_FREE = column("free", ARRAY(Text))


def _asked(statement: str, *more: ColumnClause[Any]) -> Any:
    known = text(statement).columns(*Callback.__table__.columns, *_DECIDES, *more)
    return select(Callback, *_DECIDES, *more).from_statement(known)


_ASK_DUE = _asked(_DUE, *_OF_PLACES)
_ASK_CUSTOMER_FIRST = _asked(_DUE_CUSTOMER_FIRST, _FREE)


class Dialling(Struct, frozen=True):
    """Customers who are dialled first now, and for how many of them a seat is kept free: for all."""

    dials: int
    kept_free: int


class Standing(Struct):
    """The places of one queue that stand in it now and have not been dialled: how many, and the last in the order."""

    taken: int
    last_at: datetime


class Due(Struct):
    """A promise that may be next, locked, with what decides about it. `seats`: how many stand in its queue, at work or
    not; `silenced`: the number asked not to be called; `owner_seat`: where its owner sits now."""

    promise: Callback
    seats: int
    silenced: bool
    owner_seat: str | None
    tier: str | None
    customer_name: str | None


async def claim(
    session: AsyncSession, node: str, fence: int, *, most: int, limit: int
) -> tuple[list[Due], dict[str, Standing]]:
    """Promises that are due and whose agent is rung first, in the order of their places; none for a bridge that has
    lost its lease. most: places a queue may have, beyond which only who comes before the last of them is wanted. And
    by queue, what stands in it."""
    asked = {"node": node, "fence": fence, "most": most, "limit": limit}
    rows = (await session.execute(_ASK_DUE, asked)).all()
    taken: dict[str, Standing] = {}
    for row in rows:
        taken.setdefault(row.Callback.queue, Standing(row.places, row.last_at))
    return [_due(row) for row in rows], taken


async def claim_customer_first(
    session: AsyncSession,
    node: str,
    fence: int,
    *,
    most: int,
    first: Mapping[str, int],
    others: int,
    kept: Collection[str],
) -> tuple[list[Due], set[str]]:
    """Promises that are due, whose customer is dialled first, and before whom nobody waits, in the order of their
    places. most: dials of one queue at a time; first: by queue, how many are wanted now; others: of every other queue.
    And which of the seats `kept` are paused as reserved, with no customer being dialled for them."""
    told = json.encode(first).decode()
    asked = {"node": node, "fence": fence, "most": most, "first": told, "others": others, "seats": list(kept)}
    rows = (await session.execute(_ASK_CUSTOMER_FIRST, asked)).all()
    return [_due(row) for row in rows], set(rows[0].free) if rows else set()


def _due(row: Any) -> Due:
    return Due(row.Callback, row.seats, row.silenced, row.owner_seat, row.tier, row.customer_name)


async def places_taken(session: AsyncSession, node: str) -> dict[str, Standing]:
    """By queue, what stands in it and has not been dialled yet."""
    return {row.queue: Standing(row.number, row.last_at) for row in await session.execute(_TAKEN, {"node": node})}


async def dialling_now(session: AsyncSession, queue: str | None = None) -> Dialling:
    """The live check that nobody is dialled without a seat that is kept free."""
    return Dialling(**(await session.execute(_BEYOND, {"queue": queue})).mappings().one())


def write_attempt(
    session: AsyncSession, promise: Callback, fence: int, *, kind: str = "agent_first", seat: str | None = None
) -> UUID:
    """The row of a try, with the next flush and before anything is sent. Its id will be the channel's."""
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
