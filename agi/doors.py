"""Which queues let callers in now: what the database last said of hours and notices, kept where every call can ask it.

`follow` reads anew at each hint and now and then without one. A caller never waits for this reading, and with the
database away the last word stands: a queue that was closed stays closed until the time that was said with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import structlog

from crm import hours
from crm.cancelling import cancelled
from crm.database import Database
from crm.hints import HOURS
from crm.hours import Openings, QueueNow
from crm.refusals import CrmUnavailable

from .endings import Ending, Voicemail
from .leaving import Met, joined
from .visit_notes import now

READ_EVERY_S = 30.0
_log = structlog.get_logger("agi.doors")


class Doors:
    """The doors of all queues, as last known."""

    def __init__(self, by_settings: Openings, clock: Callable[[], datetime] = now) -> None:
        self._by_settings = by_settings
        self._clock = clock
        self.openings = by_settings

    def closed_why(self) -> str | None:
        """Why the whole site is closed now; None when it is open."""
        return self.openings.site_closed_why(self._clock())

    def queue(self, queue: str) -> QueueNow:
        """What a caller who asks for this queue meets."""
        return self.openings.now(queue, self._clock())

    def met(self, ending: Ending) -> Met:
        """Whoever asks for a queue that is closed hears so and may leave a message; an announcement is heard first.

        One person of a closed queue is not rung either: who does not reach them would wait where nobody comes."""
        join = joined(ending)
        if join is None:
            return Met(ending)
        found = self.queue(join.queue)
        return Met(ending if found.is_open else Voicemail(join.queue), found.prompts, found.why)

    async def follow(self, database: Database) -> None:
        """Keep up with the database until cancelled."""
        async with database.listening(HOURS) as hints:
            told = asyncio.create_task(self._read_at_hints(database, hints))
            try:
                while True:
                    await asyncio.sleep(READ_EVERY_S)
                    await self._read(database)
            finally:
                await cancelled(told)

    async def _read_at_hints(self, database: Database, hints: AsyncIterator[str | None]) -> None:
        async for _hint in hints:
            await self._read(database)

    async def _read(self, database: Database) -> None:
        try:
            async with database.reading() as session:
                self.openings = await hours.read(session, self._by_settings)
        except CrmUnavailable as away:
            _log.warning("hours stay as they were until the database answers", why=str(away))
        except Exception:  # noqa: BLE001 - our bug must not end the following
            _log.exception("hours could not be read: they stay as they were")
