"""What happened, for the world outside: written with the deed itself, told in order, readable later by a cursor.

`announce` puts a row into the caller's own transaction, so that a deed and its announcement are one. The worker numbers
what was committed (`number_new`): numbers are given by one hand after the commit, so no reader of a cursor ever passes
a row that was still being written. Each subscriber gets a row of its own with the number. NOTIFY is a hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .hints import hint_announced
from .rules.event_catalogue import checked
from .tables.announcements import Announcement

AT_A_TIME = 500

_MY_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('announcements', 0))")
_NUMBER_NEW = text(
    """
WITH fresh AS (
  SELECT id FROM announcement WHERE number IS NULL ORDER BY id LIMIT :at_a_time
), numbered AS (
  UPDATE announcement a SET number = n.number
    FROM (SELECT id, (SELECT coalesce(max(number), 0) FROM announcement) + row_number() OVER (ORDER BY id) AS number
            FROM fresh) n
   WHERE a.id = n.id RETURNING a.id, a.number, a.kind, a.key
), told AS (
  INSERT INTO webhook_delivery (id, webhook_id, announcement_id, number, key)
  SELECT gen_random_uuid(), w.id, n.id, n.number, n.key
    FROM numbered n JOIN webhook w ON w.active
     AND (w.kinds = '{}' OR n.kind = ANY (w.kinds) OR split_part(n.kind, '.', 1) || '.*' = ANY (w.kinds))
  RETURNING 1
)
SELECT (SELECT count(*) FROM numbered), (SELECT count(*) FROM told)
"""
)
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
    numbered, _ = (await session.execute(_NUMBER_NEW, {"at_a_time": AT_A_TIME})).one()
    return int(numbered)


async def since(
    session: AsyncSession, number: int, *, limit: int, kinds: list[str] | None = None
) -> list[Announcement]:
    """Announcements after this number, in order. Nothing below the last one returned can still appear."""
    rows = select(Announcement).where(Announcement.number > number).order_by(Announcement.number).limit(limit)
    if kinds:
        rows = rows.where(Announcement.kind.in_(kinds))
    return list(await session.scalars(rows))


async def forget(session: AsyncSession, *, before: datetime) -> int:
    """Drop what is older and was told to everybody who was to be told; return how many."""
    gone: Any = await session.execute(_FORGET, {"before": before})
    return int(gone.rowcount)
