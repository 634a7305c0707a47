"""Codes that agents dial at their seats, carried out as the deeds of the desk.

The watch hears them and never waits; a task of bridge.py writes the wishes. A code that is lost with a killed bridge
did nothing, and the phone's tone has said so. Called by bridge.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from sqlalchemy.exc import SQLAlchemyError

from crm.database import CrmUnavailable, Database
from crm.deeds.do_by_phone import do_by_phone
from crm.ledger.statement import Row
from crm.refusals import Refusal

from .changes import Change, SeatCodeDialled

WAITING_AT_MOST = 1000


class SeatCodes:
    """Of one node. `dialled` belongs into the watch; `run` is a task."""

    def __init__(self, database: Database, node: str, expiry_s: float, *, say: Callable[[str], None]) -> None:
        self._database = database
        self._node = node
        self._expiry_s = expiry_s
        self._say = say
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def dialled(self, change: Change, now: float) -> Iterable[Row]:
        """Somebody dialled a code at a seat."""
        assert isinstance(change, SeatCodeDialled)
        if self._waiting.qsize() < WAITING_AT_MOST:
            self._waiting.put_nowait((change.seat, change.code))
        return ()

    async def run(self) -> None:
        """One after another, until cancelled."""
        while True:
            seat, code = await self._waiting.get()
            try:
                async with self._database.transaction() as session:
                    await do_by_phone(session, node=self._node, seat=seat, code=code, expiry_s=self._expiry_s)
            except CrmUnavailable:
                continue  # the writer says it; the tone at the phone says that nothing was done
            except (Refusal, SQLAlchemyError) as refused:
                self._say(f"code *{code} of {seat} did nothing: {refused}")
