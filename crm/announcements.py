"""What happened, for the world outside: written with the deed itself, told in order, readable later by a cursor.

`announce` puts a row into the caller's own transaction, so that a deed and its announcement are one. The worker numbers
what was committed (`number_new`): numbers are given by one hand after the commit, so no reader of a cursor ever passes
a row that was still being written. With it is written which queues have seen what it is about. Each subscriber gets a
row of its own with the number. NOTIFY is a hint.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import json
from sqlalchemy import or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from . import queue_sight
from .hints import hint_announced
from .rules.event_catalogue import checked
from .tables.announcements import Announcement

AT_A_TIME = 500

_MY_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('announcements', 0))")
_FRESH = text("SELECT id, kind, data FROM announcement WHERE number IS NULL ORDER BY id LIMIT :at_a_time")
_NUMBER_NEW = text(
    """
WITH fresh AS (
  SELECT * FROM jsonb_to_recordset(CAST(:fresh AS jsonb)) AS f(id bigint, queues text[])
), numbered AS (
  UPDATE announcement a SET number = n.number, queues = n.queues
    FROM (SELECT id, queues,
                 (SELECT coalesce(max(number), 0) FROM announcement) + row_number() OVER (ORDER BY id) AS number
            FROM fresh) n
   WHERE a.id = n.id RETURNING a.id, a.number, a.kind, a.key, a.queues
), told AS (
  INSERT INTO webhook_delivery (id, webhook_id, announcement_id, number, key)
  SELECT gen_random_uuid(), w.id, n.id, n.number, n.key
    FROM numbered n JOIN webhook w ON w.active
     AND (w.kinds = '{}' OR n.kind = ANY (w.kinds) OR split_part(n.kind, '.', 1) || '.*' = ANY (w.kinds))
     AND (w.queues IS NULL OR n.queues && w.queues OR n.kind = ANY (CAST(:to_all AS text[])))
  RETURNING 1
)
SELECT (SELECT count(*) FROM numbered), (SELECT count(*) FROM told)
"""
)
_WHOSE_ORDERS = text("SELECT number, customer_id FROM customer_order WHERE number = ANY(CAST(:numbers AS text[]))")
TO_ALL = ("customer.erased",)
"""What whoever is bound to queues is told, too: an id alone, so that no copy outlives whom it is of."""
# The newest numbered row stays for ever: the next number is one above it.
_FORGET = text(
    "DELETE FROM announcement WHERE at < :before AND number < (SELECT max(number) FROM announcement) "
    "AND NOT EXISTS ("
    "SELECT FROM webhook_delivery d WHERE d.announcement_id = announcement.id AND d.state <> 'delivered')"
)


async def announce(
    session: AsyncSession, kind: str, *, key: str, data: Mapping[str, Any], source_id: UUID | None = None
) -> None:
    """Say in this transaction that something happened. `kind` and the shape of `data` are in the event catalogue
    (ValueError for others: it is our own fault); `key`: whose things are told in their order, such as the id of the
    case. Lock or write the thing itself first: then the order of two deeds is the order of their announcements.

    `source_id`: a row of the ledger, which is announced once however often it is read.
    """
    row = insert(Announcement).values(kind=kind, key=key, data=checked(kind, data), source_id=source_id)
    await session.execute(row.on_conflict_do_nothing(index_elements=["kind", "source_id"]))
    await hint_announced(session)


async def number_new(session: AsyncSession) -> int:
    """Give committed announcements their numbers and each subscriber its rows; return how many were numbered.

    0 also while another worker does the same.
    """
    if not (await session.execute(_MY_TURN)).scalar_one():
        return 0
    fresh = (await session.execute(_FRESH, {"at_a_time": AT_A_TIME})).all()
    if not fresh:
        return 0
    seen = await _seen_by(session, fresh)
    rows = json.encode([{"id": row.id, "queues": seen.get(row.id)} for row in fresh]).decode()
    numbered, _ = (await session.execute(_NUMBER_NEW, {"fresh": rows, "to_all": list(TO_ALL)})).one()
    return int(numbered)


async def since(
    session: AsyncSession,
    number: int,
    *,
    limit: int,
    kinds: list[str] | None = None,
    queues: Collection[str] | None = None,
) -> list[Announcement]:
    """Announcements after this number, in order. Nothing below the last one returned can still appear. `queues`: only
    what these have seen."""
    rows = select(Announcement).where(Announcement.number > number).order_by(Announcement.number).limit(limit)
    if kinds:
        rows = rows.where(Announcement.kind.in_(kinds))
    if queues is not None:
        rows = rows.where(or_(Announcement.queues.overlap(list(queues)), Announcement.kind.in_(TO_ALL)))
    return list(await session.scalars(rows))


async def forget(session: AsyncSession, *, before: datetime) -> int:
    """Drop what is older and was told to everybody who was to be told; return how many."""
    gone: Any = await session.execute(_FORGET, {"before": before})
    return int(gone.rowcount)


async def _seen_by(session: AsyncSession, fresh: Sequence[Any]) -> dict[int, list[str]]:
    """By announcement, the queues that have seen what it is about: a card's, a message's and a promise's own, those
    that an ended call came to, those of a case's calls, those that a customer's calls came to. Of a call that begins,
    none yet."""
    things: dict[int, list[UUID]] = {}
    ordered = {row.data["number"]: row.id for row in fresh if row.kind == "order.changed"}
    for order in await session.execute(_WHOSE_ORDERS, {"numbers": list(ordered)}) if ordered else ():
        things[ordered[order.number]] = [order.customer_id]
    found: dict[int, list[str]] = {}
    for row in fresh:
        family, _, what = row.kind.partition(".")
        if row.kind in ("pop.shown", "voicemail.left", "callback.at_risk"):
            found[row.id] = [queue] if (queue := row.data.get("queue") or row.data.get("box")) else []
        elif row.kind == "conversation.ended":
            things[row.id] = [UUID(row.data["conversation_id"])]
        elif family in ("customer", "case") and what != "erased":
            things[row.id] = [UUID(row.data[name]) for name in ("id", "merged_id") if row.data.get(name)]
    ways = {
        "conversation": queue_sight.queues_of_calls,
        "case": queue_sight.queues_of_cases,
        "customer": queue_sight.queues_of_customers,
        "order": queue_sight.queues_of_customers,
    }
    for family, way in ways.items():
        mine = [row.id for row in fresh if row.id in things and row.kind.partition(".")[0] == family]
        saw = await way(session, {thing for each in mine for thing in things[each]})
        found |= {each: sorted({queue for thing in things[each] for queue in saw.get(thing, ())}) for each in mine}
    return found
