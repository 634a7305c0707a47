"""Promises of which nobody was rung yet, for who looks whether they will be kept. Called by a deed of the worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.callbacks import Callback

_UNDIALLED = text(
    """
SELECT c.id FROM callback c
 WHERE c.state IN ('waiting', 'placed') AND c.dials = 0
   AND (c.window_end < :before OR c.at_risk_why IS NOT NULL)
   AND (c.at_risk_why IS NULL OR c.at_risk_why = 'forecast')
   AND NOT EXISTS (SELECT FROM callback_attempt a WHERE a.callback_id = c.id AND a.dialled_at IS NOT NULL)
 ORDER BY c.window_end LIMIT :limit FOR UPDATE SKIP LOCKED
"""
)


async def undialled(session: AsyncSession, before: datetime, *, limit: int) -> Sequence[Callback]:
    """Promises whose window ends before, and those that a forecast put at risk; locked, the most urgent first. What
    somebody moves just now is left out."""
    ids: Sequence[UUID] = (await session.execute(_UNDIALLED, {"before": before, "limit": limit})).scalars().all()
    if not ids:
        return ()
    rows = select(Callback).where(Callback.id.in_(ids)).order_by(Callback.window_end)
    return (await session.scalars(rows.execution_options(populate_existing=True))).all()
