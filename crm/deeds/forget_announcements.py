"""Drops announcements that are old and were told, and the kept answers of the REST door. Nightly, by the worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm import announcements, api_tokens
from crm.database import Database
from crm.settings import Settings

from .announce_ledger import THOROUGH

ANSWERS_KEPT = timedelta(days=2)


async def forget_announcements(database: Database, settings: Settings) -> int:
    """Return how many announcements were dropped. What waits or was given up for somebody stays."""
    now = datetime.now(UTC)
    # What the ledger is still looked through for would be told anew, under other ids.
    kept = max(timedelta(days=settings.announcement_days), THOROUGH + timedelta(days=1))
    async with database.transaction() as session:
        await api_tokens.forget_answers(session, before=now - ANSWERS_KEPT)
        return await announcements.forget(session, before=now - kept)
