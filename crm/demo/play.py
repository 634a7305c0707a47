"""The demo in progress: services up, agents at their seats, callers ringing in, until enough have called or somebody
says stop. Ends in order: callers first, so that no conversation is left open in the ledger. Called by `kefu demo`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Protocol

from sqlalchemy import func, select

from crm.cancelling import cancelled
from crm.database import Database
from crm.refusals import CrmUnavailable
from crm.tables.conversations import Conversation
from crm.tables.nodes import Node
from crm.tables.postures import Membership

from . import people
from .callers import callers
from .ground import NODE, DemoRefused
from .staff import Staff
from .stage import Say, Stage

USUAL_PACE_S = 4.0
SERVICES_READY_WITHIN_S = 60.0
SEATED_WITHIN_S = 20.0
LAST_CALL_WITHIN_S = 600.0
GOODBYE_WITHIN_S = 5.0


class Services(Protocol):
    """The processes that serve the demo. `failures`: how often each has ended unasked."""

    failures: dict[str, int]

    async def run(self) -> None:
        """Return once stopped."""

    def stop(self) -> None:
        """Ask them to finish."""


class Play:
    """One run. `doors`: where services answer for their health, host and port. `calls`: how many ring in before it
    ends by itself; `duration_s`: for how long (None: without end)."""

    def __init__(
        self,
        stage: Stage,
        services: Services,
        doors: Sequence[tuple[str, int]],
        *,
        calls: int | None,
        duration_s: float | None,
    ) -> None:
        self._stage = stage
        self._services = services
        self._doors = doors
        self._calls = calls
        self._duration_s = duration_s
        self._database = Database(stage.database_url, application_name="kefu-demo", pool_size=3)
        self._dice = Random()  # noqa: S311 - who rings next is no secret
        self._began_at = datetime.now(UTC)
        self._stopping = asyncio.Event()
        self.rung_in = 0

    def stop(self) -> None:
        """End it in order. A second time: at once."""
        if self._stopping.is_set():
            self._services.stop()
        self._stopping.set()

    async def run(self, say: Say, on_ready: Callable[[], None]) -> Mapping[str, int]:
        """Until the end; how many conversations ended how."""
        serving = asyncio.create_task(self._services.run())
        try:
            say("starting the bridge, the voice menus and the pages")
            if not await self._unless_stopped(self._services_ready(serving)):
                return {}
            say("the agents sit down")
            staff = Staff(
                self._database, NODE, people.STAFF_SEATS | {people.NEWCOMER: people.NEWCOMER_SEAT}, self._dice,
                guest=people.NEWCOMER,
            )  # fmt: skip
            await staff.sit_down()
            if not await self._unless_stopped(self._seated()):
                return {}
            on_ready()
            working = asyncio.create_task(staff.work())
            try:
                await self._unless_stopped(self._ring_in())
            finally:
                await cancelled(working)
            say("saying goodbye")
            await self._goodbye()
            return await self.outcomes()
        finally:
            self._services.stop()
            await serving
            await self._database.close()

    async def outcomes(self) -> dict[str, int]:
        """Conversations of this run by outcome; `now` for those that still go on."""
        async with self._database.reading() as session:
            rows = await session.execute(
                select(func.coalesce(Conversation.outcome, "now"), func.count())
                .where(Conversation.node == NODE, Conversation.started_at >= self._began_at)
                .group_by(Conversation.outcome)
            )
            found: Counter[str] = Counter()
            for outcome, count in rows:
                found[outcome] += count
        return dict(found)

    # ---- from dark to light

    async def _services_ready(self, serving: asyncio.Task[None]) -> None:
        """All doors open, and Asterisk in the bridge's sight."""
        until = time.monotonic() + SERVICES_READY_WITHIN_S
        while not (all([await _is_open(*door) for door in self._doors]) and await self._in_sight()):
            broken = next((name for name, times in self._services.failures.items() if times), None)
            if broken is not None:
                raise DemoRefused(f"the service {broken} did not start: {self._stage.last_words(broken)}")
            if serving.done() or time.monotonic() > until:
                raise DemoRefused(f"a service did not become ready: see {self._stage.log_folder}")
            await asyncio.sleep(0.1)

    async def _in_sight(self) -> bool:
        async with self._database.reading() as session:
            node = await session.get(Node, NODE)
        return (
            node is not None and node.lost_at is None and node.heard_at is not None and node.heard_at > self._began_at
        )

    async def _seated(self) -> None:
        """Each agent stands in a queue, by Asterisk's word."""
        wanted = {*people.STAFF_SEATS.values(), people.NEWCOMER_SEAT}
        until = time.monotonic() + SEATED_WITHIN_S
        while True:
            async with self._database.reading() as session:
                standing = set(
                    await session.scalars(
                        select(Membership.seat).where(Membership.node == NODE, Membership.left_at.is_(None))
                    )
                )
            if wanted <= standing:
                return
            if time.monotonic() > until:
                raise DemoRefused(f"the agents' seats did not get into their queues: see {self._stage.log_folder}")
            await asyncio.sleep(0.1)

    # ---- callers

    async def _ring_in(self) -> None:
        """Drop one caller after another into the private Asterisk; then wait for the last one to be served."""
        began = time.monotonic()
        each = callers(self._stage.customers, self._dice)
        while (self._calls is None or self.rung_in < self._calls) and not self._is_over(began):
            self._stage.sandbox.originate_local(next(each))
            self.rung_in += 1
            await asyncio.sleep(self._pause_s(began))
        if self._calls is not None:
            await self._last_call(began)

    def _is_over(self, began: float) -> bool:
        # Of a number of calls spread over a time, the number decides: none is left out for a clock's sake.
        return self._calls is None and self._duration_s is not None and time.monotonic() - began >= self._duration_s

    def _pause_s(self, began: float) -> float:
        if self._calls is not None and self._duration_s is not None:
            return max(0.0, began + self.rung_in * self._duration_s / self._calls - time.monotonic())
        pause_s = min(self._dice.expovariate(1 / USUAL_PACE_S), 3 * USUAL_PACE_S)
        if self._calls is None and self._duration_s is not None:
            return max(0.0, min(pause_s, began + self._duration_s - time.monotonic()))
        return pause_s

    async def _last_call(self, began: float) -> None:
        until = time.monotonic() + LAST_CALL_WITHIN_S
        while time.monotonic() < until:
            with suppress(CrmUnavailable):
                found = await self.outcomes()
                if sum(found.values()) >= self.rung_in and "now" not in found:
                    return
            await asyncio.sleep(0.5)

    async def _goodbye(self) -> None:
        """Hang up on everybody and wait until the ledger has it."""
        with suppress(OSError):
            await asyncio.to_thread(self._stage.sandbox.cli, "channel request hangup all")
        until = time.monotonic() + GOODBYE_WITHIN_S
        with suppress(CrmUnavailable):
            while "now" in await self.outcomes() and time.monotonic() < until:  # noqa: ASYNC110 - rows tell nobody
                await asyncio.sleep(0.1)

    async def _unless_stopped(self, work: Awaitable[None]) -> bool:
        """Do the work; False when somebody said stop in the middle of it."""
        working = asyncio.ensure_future(work)
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            return not self._stopping.is_set()
        finally:
            await cancelled(working, stopped)


async def _is_open(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
