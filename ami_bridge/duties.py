"""What is due by time, each second: pauses that end by themselves, after-call work beyond its limit.

Asked of Postgres under the lease's fence while Asterisk is in sight; what comes of it are wishes like all others, so a
kill between two of them repeats none. A task of bridge.py; never speaks to Asterisk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from crm.database import CrmUnavailable, Database
from crm.deeds.end_by_time import end_by_time
from crm.rules.ring_no_answer import Policy

from .lease import Lease

EVERY_S = 1.0


class Duties:
    """One node's. in_sight: whether what the postures say is live."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        policy: Policy,
        *,
        expiry_s: float,
        in_sight: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        self._database = database
        self._lease = lease
        self._policy = policy
        self._expiry_s = expiry_s
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
        try:
            async with self._database.transaction() as session:
                await end_by_time(
                    session,
                    node=self._lease.node,
                    fence=self._lease.fence,
                    policy=self._policy,
                    expiry_s=self._expiry_s,
                )
        except CrmUnavailable:
            return  # the writer says it
        except SQLAlchemyError as refused:
            sentence = f"Postgres refuses what is due by time ({refused.args[0]}): pauses do not end by themselves"
            if sentence != self._said:
                self._said = sentence
                self._say(sentence)
