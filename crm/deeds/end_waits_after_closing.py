"""Callers who still wait when their queue has been closed for a while are led to voicemail, by a wish each.

Until then they are served as before: closing time is for new callers. The wish withdraws the caller from the queue, and
the dialplan does the rest (dialplan/queues.conf, `moved`). A callback for tomorrow will be offered here once there are
callbacks. Called now and then by the worker; of several, one does it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import hours, wishes
from crm.database import Database
from crm.hours import Openings
from crm.rules.personal_queues import is_personal
from crm.settings import Settings

VOICEMAIL = "voicemail"
"""What the dialplan understands as WithdrawInfo."""
ASKED_BY = "closing time"

_WAITING = text(
    """
SELECT node, queue, caller_uniqueid, conversation_id, entered_at, clock_timestamp() AS now
  FROM wait WHERE left_at IS NULL ORDER BY entered_at
"""
)
_MY_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('closing time', 0))")


async def end_waits_after_closing(database: Database, settings: Settings) -> int:
    """Write the wishes that are due; return how many callers they are about."""
    async with database.reading() as session:
        waiting = (await session.execute(_WAITING)).all()
        if not waiting:
            return 0
        openings = await hours.read(session, hours.by_settings(settings))
    grace = timedelta(minutes=settings.closing_grace_minutes)
    due = [row for row in waiting if _is_over(openings, row.queue, row.entered_at, row.now, grace)]
    if not due:
        return 0
    async with database.transaction() as session:
        if not (await session.execute(_MY_TURN)).scalar_one():
            return 0
        for row in due:
            await _withdraw(session, row.node, row.queue, row.caller_uniqueid, row.conversation_id, settings)
    return len(due)


def _is_over(openings: Openings, queue: str, entered_at: datetime, now: datetime, grace: timedelta) -> bool:
    """Whether this caller has waited for the whole grace in a queue that is closed."""
    found = openings.now(queue, now)
    if found.is_open or is_personal(queue):
        return False
    since = entered_at if found.since is None else max(found.since, entered_at)
    return now - since >= grace


async def _withdraw(
    session: AsyncSession, node: str, queue: str, uniqueid: str, conversation_id: UUID, settings: Settings
) -> None:
    await wishes.take_turn(session, node, uniqueid)
    await wishes.ask(
        session,
        node=node,
        seat=uniqueid,
        kind="withdraw",
        queue=queue,
        reason=VOICEMAIL,
        asked_by=ASKED_BY,
        expiry_s=settings.wish_expiry_seconds,
        conversation_id=conversation_id,
    )
