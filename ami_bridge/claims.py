"""Wishes as Postgres has them: claimed for this node, recalled after a fall, given up when their time is long over.

A claim is committed before a byte leaves. Postgres being away or refusing is waited out, said once. Called by outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from crm.database import CrmUnavailable, Database
from crm.hints import WISHES, hint_live
from crm.ledger.requests import CLAIM, GIVE_UP, STILL_SENT, Wish
from crm.rules.wish_time import longer_s

from .lease import Lease

POLL_S = 1.0
# Time for the settlement's own batch before a look into Postgres gives a sent wish up.
_BEYOND_S = 5.0


class Claims:
    """One node's wishes under its lease. `woken` is set at each hint."""

    def __init__(self, database: Database, lease: Lease, expiry_s: float, say: Callable[[str], None]) -> None:
        self.woken = asyncio.Event()
        self._database = database
        self._lease = lease
        self._expiry_s = expiry_s
        self._say = say
        self._said: str | None = None

    async def listen(self) -> None:
        """Until cancelled."""
        async with self._database.listening(WISHES) as hints:
            async for node in hints:
                if node is None or node == self._lease.node:
                    self.woken.set()

    async def until_well(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Do it, again and again while Postgres is away."""
        while True:
            try:
                await work()
            except CrmUnavailable:
                await asyncio.sleep(POLL_S)  # the writer says it
            except SQLAlchemyError as refused:
                sentence = f"Postgres refuses the wishes ({refused.args[0]}): they wait"
                if sentence != self._said:
                    self._said = sentence
                    self._say(sentence)
                await asyncio.sleep(POLL_S)
            else:
                self._said = None
                return

    async def still_sent(self) -> list[Wish]:
        """What an earlier bridge sent, or claimed and never sent."""
        async with self._database.reading() as session:
            connection = await session.connection()
            return _wishes((await connection.exec_driver_sql(STILL_SENT, self._parameters)).all())

    async def take(self) -> list[Wish]:
        """Wanted ones, now sent."""
        async with self._database.transaction() as session:
            connection = await session.connection()
            return _wishes((await connection.exec_driver_sql(CLAIM, self._parameters)).all())

    async def give_up(self) -> None:
        """Unsent ones past their time, sent ones long past it."""
        async with self._database.transaction() as session:
            connection = await session.connection()
            seats = (await connection.exec_driver_sql(GIVE_UP, self._parameters)).scalars().all()
            if seats:
                await hint_live(session, self._lease.node, seats=seats)

    @property
    def _parameters(self) -> dict[str, Any]:
        lease = self._lease
        times = {"expiry_s": self._expiry_s + _BEYOND_S, "dial_longer_s": longer_s("dial")}
        return {"node": lease.node, "fence": lease.fence, **times}


def _wishes(rows: Iterable[Any]) -> list[Wish]:
    return [Wish(*row) for row in rows]
