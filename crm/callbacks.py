"""Promises to call back and the tries to keep them, as rows: listed, written once, claimed in order, moved on.

Who may be rung and when, and what follows a try, is decided by deeds with crm.rules; here is what the rows say. Called
by the deeds of callbacks, pages and the command line; the bridge claims through those deeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct
from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.callbacks import AT_RISK, Callback, CallbackAttempt, CallbackHalt

ALL = ""
LISTS = ("open", "due", "at_risk", "late", "done", "all")
SOON_S = 300.0
"""A window that ends within so long, and nobody was rung: the promise is at risk."""

_LIST = text(
    f"""
SELECT c.id, c.node, c.queue, c.number_e164, c.language, c.about, c.source, c.mode, c.booked_by, c.asked_at,
       c.joined_at, c.credit_s, c.window_begin, c.window_end, c.due_at, c.zone, c.wish, c.state, c.dials, c.tries,
       c.outcome, c.not_now, c.not_now_why, c.at_risk_since, c.at_risk_why, c.kept, c.closed_at, c.closed_by,
       c.linkedid,
       customer.code AS customer_code, customer.name AS customer_name, owner.login AS owner,
       queue.title_en, queue.title_zh
  FROM callback c
  LEFT JOIN customer ON customer.id = c.customer_id
  LEFT JOIN agent owner ON owner.id = c.owner_id
  LEFT JOIN queue ON queue.name = c.queue
 WHERE (CAST(:id AS uuid) IS NULL OR c.id = :id)
   AND (CAST(:queue AS text) IS NULL OR c.queue = :queue)
   AND (CAST(:queues AS text[]) IS NULL OR c.queue = ANY(:queues))
   AND (CAST(:customer_id AS uuid) IS NULL OR c.customer_id = :customer_id)
   AND CASE CAST(:list AS text)
       WHEN 'open' THEN c.state IN ('waiting', 'placed')
       WHEN 'due' THEN c.state IN ('waiting', 'placed') AND c.due_at <= clock_timestamp()
       WHEN 'at_risk' THEN {AT_RISK}
       WHEN 'late' THEN c.state IN ('waiting', 'placed') AND c.window_end < clock_timestamp() AND c.dials = 0
       WHEN 'done' THEN c.state NOT IN ('waiting', 'placed')
       ELSE true END
 ORDER BY CASE WHEN c.closed_at IS NULL THEN 0 ELSE 1 END, c.closed_at DESC, c.place_at, c.id LIMIT :limit
"""  # noqa: S608 - a part of our own
)

_WORKING = text(
    """
SELECT count(*) FROM membership m JOIN posture p ON p.node = m.node AND p.seat = m.seat
 WHERE m.node = :node AND m.queue = :queue AND m.left_at IS NULL
   AND (p.word IN ('ready', 'ringing', 'talking', 'wrapping_up') OR p.pause_reason = 'RESERVED')
"""
)
_FIGURES = text(
    f"""
SELECT count(*) AS promised,
       count(*) FILTER (WHERE state IN ('waiting', 'placed')) AS open,
       count(*) FILTER (WHERE state IN ('waiting', 'placed') AND due_at <= clock_timestamp()) AS due,
       count(*) FILTER (WHERE {AT_RISK}) AS at_risk,
       count(*) FILTER (WHERE kept) AS kept, count(*) FILTER (WHERE kept IS NOT NULL) AS judged,
       count(*) FILTER (WHERE state = 'reached') AS reached, count(*) FILTER (WHERE dials > 0) AS dialled,
       count(*) FILTER (WHERE state = 'attached') AS attached, count(*) FILTER (WHERE state = 'given_up') AS given_up,
       count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
       coalesce(sum(dials), 0)::int AS dials,
       coalesce(sum(extract(epoch FROM t.talked_at - c.joined_at)) FILTER (WHERE state = 'reached'), 0)::float8
           AS wait_saved_s
  FROM callback c
  LEFT JOIN LATERAL (SELECT talked_at FROM callback_attempt a WHERE a.callback_id = c.id AND a.talked_at IS NOT NULL
                      ORDER BY a.number DESC LIMIT 1) AS t ON true
 WHERE (CAST(:since AS timestamptz) IS NULL OR c.asked_at >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR c.asked_at < :until)
   AND (CAST(:queue AS text) IS NULL OR c.queue = :queue)
"""  # noqa: S608 - a part of our own
)


class Promise(Struct, frozen=True):
    """One promise, as it is shown. `kept`: the phone rang in its window; None: not known yet, or by the
    customer's own doing."""

    id: UUID
    node: str
    queue: str
    number_e164: str
    language: str
    about: str
    source: str
    mode: str
    booked_by: str
    asked_at: datetime
    joined_at: datetime
    credit_s: int
    window_begin: datetime
    window_end: datetime
    due_at: datetime
    zone: str | None
    wish: str | None
    state: str
    dials: int
    tries: int
    outcome: str | None
    not_now: str | None
    not_now_why: str | None
    at_risk_since: datetime | None
    at_risk_why: str | None
    kept: bool | None
    closed_at: datetime | None
    closed_by: str | None
    linkedid: str | None
    customer_code: str | None
    customer_name: str | None
    owner: str | None
    title_en: str | None
    title_zh: str | None


class Attempt(Struct, frozen=True):
    """One try of a promise."""

    id: UUID
    number: int
    kind: str
    seat: str | None
    claimed_at: datetime
    seen_at: datetime | None
    dialled_at: datetime | None
    chose: str | None
    queued_at: datetime | None
    talked_at: datetime | None
    ended_at: datetime | None
    dial_status: str | None
    cause: int | None
    settled_at: datetime | None
    outcome: str | None
    why: str | None


class Figures(Struct, frozen=True):
    """`kept` of `judged` promises; `reached` of `dialled`. `wait_saved_s`: waiting done off the line."""

    promised: int
    open: int
    due: int
    at_risk: int
    kept: int
    judged: int
    reached: int
    dialled: int
    attached: int
    given_up: int
    cancelled: int
    dials: int
    wait_saved_s: float


async def listed(
    session: AsyncSession,
    which: str = "open",
    *,
    queue: str | None = None,
    queues: Sequence[str] | None = None,
    customer_id: UUID | None = None,
    limit: int = 200,
    soon_s: float = SOON_S,
) -> list[Promise]:
    """Promises: open ones in the order of their places, then closed ones, the last first."""
    asked = {"id": None, "list": which, "queue": queue, "queues": None if queues is None else list(queues)}
    rows = await session.execute(_LIST, {**asked, "customer_id": customer_id, "limit": limit, "soon_s": soon_s})
    return [Promise(**row) for row in rows.mappings()]


async def find(session: AsyncSession, callback_id: UUID) -> Promise | None:
    """One promise."""
    asked = {"id": callback_id, "list": "all", "queue": None, "queues": None, "customer_id": None, "limit": 1}
    row = (await session.execute(_LIST, {**asked, "soon_s": SOON_S})).mappings().one_or_none()
    return Promise(**row) if row else None


async def attempts_of(session: AsyncSession, callback_id: UUID) -> list[Attempt]:
    """The tries of a promise in order."""
    chosen = [getattr(CallbackAttempt, name) for name in Attempt.__struct_fields__]
    rows = select(*chosen).where(CallbackAttempt.callback_id == callback_id).order_by(CallbackAttempt.number)
    return [Attempt(*row) for row in await session.execute(rows)]


async def locked(session: AsyncSession, callback_id: UUID) -> Callback | None:
    """The row itself, for whoever changes it: nobody else does until the end of the transaction."""
    rows = select(Callback).where(Callback.id == callback_id).with_for_update()
    found: Callback | None = await session.scalar(rows.execution_options(populate_existing=True))
    return found


async def open_one(
    session: AsyncSession, queue: str | None, number_e164: str | None, customer_id: UUID | None
) -> Callback | None:
    """The open promise to this number or customer; of that queue (None: of any, the earliest)."""
    theirs = [Callback.number_e164 == number_e164] if number_e164 else []
    theirs += [Callback.customer_id == customer_id] if customer_id else []
    if not theirs:
        return None
    whose = or_(*theirs)
    rows = select(Callback).where(whose, Callback.state.in_(("waiting", "placed")))
    if queue is not None:
        rows = rows.where(Callback.queue == queue)
    found: Callback | None = await session.scalar(rows.order_by(Callback.place_at).limit(1))
    return found


async def write(session: AsyncSession, values: dict[str, Any]) -> UUID | None:
    """A new promise; None when one of this number or customer is open in this queue."""
    row = insert(Callback).values(id=uuid4(), **values).on_conflict_do_nothing().returning(Callback.id)
    found: UUID | None = await session.scalar(row)
    return found


async def count_open(session: AsyncSession, source: str) -> int:
    """How many promises of this origin are open."""
    rows = select(func.count()).where(Callback.state.in_(("waiting", "placed")), Callback.source == source)
    return int(await session.scalar(rows) or 0)


async def working_seats(session: AsyncSession, node: str, queue: str) -> int:
    """How many seats work in this queue now."""
    return int(await session.scalar(_WORKING, {"node": node, "queue": queue}) or 0)


async def slots_held(session: AsyncSession, node: str, queue: str) -> None:
    """Nobody else promises a slot of this queue until the end of the transaction: what is free stays free."""
    key = func.hashtextextended(f"callback slots {node} {queue}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def taken_slots(session: AsyncSession, node: str, queue: str, since: datetime) -> dict[datetime, int]:
    """Open promises by the beginning of their window."""
    rows = await session.execute(
        text(
            "SELECT window_begin, count(*) FROM callback WHERE node = :node AND queue = :queue "
            "AND state IN ('waiting', 'placed') AND window_begin >= :since GROUP BY window_begin"
        ),
        {"node": node, "queue": queue, "since": since},
    )
    return {row[0]: row[1] for row in rows}


# ---- halting, figures


async def halt(session: AsyncSession, queue: str, *, by: str, reason: str) -> None:
    """Place no callback of this queue ('' for all) until `resume`."""
    row = insert(CallbackHalt).values(queue=queue, by=by, reason=reason)
    await session.execute(row.on_conflict_do_update(index_elements=["queue"], set_={"by": by, "reason": reason}))


async def resume(session: AsyncSession, queue: str) -> bool:
    """Place them again; '' ends every halt. False when nothing was halted."""
    gone = delete(CallbackHalt).returning(CallbackHalt.queue)
    if queue != ALL:
        gone = gone.where(CallbackHalt.queue == queue)
    return bool((await session.execute(gone)).scalars().all())


async def halts(session: AsyncSession) -> list[CallbackHalt]:
    """What is halted, and by whom."""
    return list(await session.scalars(select(CallbackHalt).order_by(CallbackHalt.queue)))


async def open_now(session: AsyncSession) -> int:
    """How many promises are not kept, nor closed otherwise."""
    rows = select(func.count()).where(Callback.closed_at.is_(None))
    return int(await session.scalar(rows) or 0)


async def figures(
    session: AsyncSession,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    queue: str | None = None,
    soon_s: float = SOON_S,
) -> Figures:
    """Promises asked for in a span of time, and what became of them."""
    asked = {"since": since, "until": until, "queue": queue, "soon_s": soon_s}
    return Figures(**(await session.execute(_FIGURES, asked)).mappings().one())
