"""The journal's days, kept by the bridge: made ahead and dropped each hour. Runs beside the mirror, never in its way.

What Postgres refuses (no right to make tables, a lock held by traffic) is said once and tried again; blocks go to the
undated partition meanwhile, so nothing is lost. Called by bridge.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError

from crm import journal
from crm.database import CrmUnavailable, Database

EVERY_S = 3600.0
AGAIN_S = 60.0


async def keep_days(database: Database, kept_days: int, say: Callable[[str], None]) -> None:
    """Until cancelled."""
    said: set[str] = set()
    while True:
        pause_s = EVERY_S
        try:
            kept = await journal.keep(database, kept_days, datetime.now(UTC))
            if kept.dropped:
                say(f"the journal's days {kept.dropped[0]} to {kept.dropped[-1]} were dropped (journal_days)")
        except (CrmUnavailable, DBAPIError) as refused:
            pause_s = AGAIN_S
            reason = str(getattr(refused, "orig", refused)).splitlines()[0]
            if reason not in said:
                said.add(reason)
                say(f"the journal's days cannot be kept now ({reason}); its blocks are kept undated until then")
        await asyncio.sleep(pause_s)
