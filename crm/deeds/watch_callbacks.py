"""Tell supervisors of promises that will hardly be kept, before they break: once for each window, by the wallboard's
lane and to whoever subscribed. Called by the worker, again and again; killed anywhere, the next round goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from crm import callback_risks, callbacks, routing
from crm.announcements import announce
from crm.database import Database
from crm.hints import hint_live
from crm.rules import callback_policy as policy
from crm.settings import Settings
from crm.tables.callbacks import Callback

AT_ONCE = 200
FORETOLD = timedelta(hours=1)
"""A window that ends later is not judged by the floor as it is now."""


async def run(database: Database, settings: Settings) -> None:
    """One round."""
    async with database.transaction() as session:
        await watch(session, settings)


async def watch(session: AsyncSession, settings: Settings, now: datetime | None = None) -> int:
    """Note which promises are at risk and which are not any more; how many were told."""
    now = now or datetime.now(UTC)
    soon = timedelta(minutes=settings.callback_risk_minutes)
    promises = await callback_risks.undialled(session, now + max(soon, FORETOLD), limit=AT_ONCE)
    expected = await _expected(session, promises, now)
    told = 0
    for promise in promises:
        expected_at = expected.get(str(promise.id))
        why = policy.risk(promise.window_end, now, soon, expected_at)
        if why == promise.at_risk_why:
            continue
        if why is not None and promise.at_risk_since is None:
            await _tell(session, promise, why, expected_at)
            told += 1
        promise.at_risk_why = why
        promise.at_risk_since = promise.at_risk_since or now
        await hint_live(session, promise.node, queues=[promise.queue])
    await session.flush()
    return told


async def _expected(session: AsyncSession, promises: Sequence[Callback], now: datetime) -> dict[str, datetime]:
    """By id, the earliest that the wait foretold allows for those that are due."""
    due = [each for each in promises if each.due_at <= now]
    found: dict[str, datetime] = {}
    for node, queue in {(each.node, each.queue) for each in due}:
        theirs = [each for each in due if (each.node, each.queue) == (node, queue)]
        places = [each.place_at.timestamp() for each in theirs]
        for promise, foretold in zip(theirs, await routing.foretell_places(session, node, queue, places), strict=True):
            if foretold.low_s is not None:
                found[str(promise.id)] = now + timedelta(seconds=foretold.low_s)
    return found


async def _tell(session: AsyncSession, promise: Callback, why: str, expected_at: datetime | None) -> None:
    known = await callbacks.find(session, promise.id)
    said = {
        "id": promise.id,
        "queue": promise.queue,
        "window_begin": promise.window_begin,
        "window_end": promise.window_end,
        "why": why,
        "expected_at": expected_at if why == "forecast" else None,
        "owner": known.owner if known else None,
    }
    once = uuid5(promise.id, promise.window_end.isoformat())
    await announce(session, "callback.at_risk", key=str(promise.id), data=said, source_id=once)
