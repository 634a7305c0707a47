"""What is due by time, each second: pauses that end by themselves, after-call work beyond its limit, agents who leave.

Asked of Postgres under the lease's fence while Asterisk is in sight; what comes of it are wishes like all others, so a
kill between two of them repeats none. A task of bridge.py; never speaks to Asterisk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from crm.database import CrmUnavailable, Database
from crm.deeds.end_by_time import end_by_time
from crm.deeds.leave_by_time import leave_by_time
from crm.refusals import Refusal
from crm.settings import Settings

from .lease import Lease

EVERY_S = 1.0


class Duties:
    """One node's. in_sight: whether what the postures say is live."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        settings: Settings,
        *,
        in_sight: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        self._database = database
        self._lease = lease
        self._policy = settings.missed_call_policy
        self._expiry_s = settings.wish_expiry_seconds
        self._seat_lease_s = settings.seat_lease_minutes * 60
        self._in_sight = in_sight
        self._say = say
        self._said: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            if self._in_sight():
                await self._look()

    async def _look(self) -> None:
        node, fence, expiry_s = self._lease.node, self._lease.fence, self._expiry_s
        try:
            async with self._database.transaction() as session:
                await end_by_time(session, node=node, fence=fence, policy=self._policy, expiry_s=expiry_s)
            async with self._database.transaction() as session:
                await leave_by_time(session, node=node, fence=fence, lease_s=self._seat_lease_s, expiry_s=expiry_s)
        except (CrmUnavailable, Refusal):
            return  # the writer says it; whose phone rings in this very moment does not leave
        except SQLAlchemyError as refused:
            sentence = f"Postgres refuses what is due by time ({refused.args[0]}): pauses do not end by themselves"
            if sentence != self._said:
                self._said = sentence
                self._say(sentence)
