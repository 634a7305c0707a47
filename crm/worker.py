"""The service `kefu worker`: periodic work, the numbering of announcements, webhooks. Any number may run: each thing is
done by one of them at a time.

Speaks to no Asterisk. Loops beside the jobs: the ledger is read for what the bridge wrote, announcements are numbered,
and subscribers with something due get their draining job; each at a hint, and once a second whatever the hints say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from . import announcements, webhooks
from .cancelling import cancelled
from .database import CrmUnavailable, Database
from .deeds.announce_ledger import AT_A_TIME, QUICK, THOROUGH, announce_ledger
from .deeds.deliver_webhooks import deliver
from .health import HealthServer
from .hints import ANNOUNCED, LIVE
from .jobs import Jobs
from .settings import Settings

NET_S = 1.0
"""The poll below the hints."""
AGAIN_S = 1.0
GAP_S = 0.05
"""Least time between two looks at the ledger: a busy bridge hints many times a second."""
THOROUGH_EVERY_S = 60.0

log = structlog.get_logger(__name__)


class Worker:
    """`await Worker(settings, database).run(stop)`."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._jobs = Jobs(database, settings, drain=deliver)
        self._thorough_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._away = {"postgres": "it has not begun"}  # by part: what it waits for

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Waits for Postgres while it is away."""
        async with self._answering_for_health(), asyncio.TaskGroup() as all_work:
            working = all_work.create_task(self._work())
            await stop.wait()
            await cancelled(working)

    async def _work(self) -> None:
        await self._wait_for_postgres()
        async with self._jobs.opened():
            loops = (
                self._jobs.run(),
                self._jobs.take_over(),
                self._whenever(LIVE, self._read_ledger),
                self._whenever(ANNOUNCED, self._tell),
            )
            self._tasks = [asyncio.create_task(loop) for loop in loops]
            try:
                await asyncio.gather(*self._tasks)
            finally:
                await cancelled(*self._tasks)

    async def _read_ledger(self) -> None:
        clock = asyncio.get_running_loop().time
        thorough = clock() >= self._thorough_at
        while await announce_ledger(self._database, back=THOROUGH if thorough else QUICK) >= AT_A_TIME:
            pass
        if thorough:
            self._thorough_at = clock() + THOROUGH_EVERY_S
        await asyncio.sleep(GAP_S)

    async def _tell(self) -> None:
        numbered = 1
        while numbered:
            async with self._database.transaction() as session:
                numbered = await announcements.number_new(session)
        async with self._database.reading() as session:
            waiting = await webhooks.with_work(session)
        for webhook_id in waiting:
            await self._jobs.soon(str(webhook_id))

    async def _wait_for_postgres(self) -> None:
        while True:
            try:
                await self._database.ping()
            except CrmUnavailable as away:
                self._note_away("postgres", str(away))
                await asyncio.sleep(AGAIN_S)
            else:
                self._note_away("postgres", None)
                return

    async def _whenever(self, channel: str, act: Callable[[], Awaitable[None]]) -> None:
        """Act at each hint, and after a second without one. Hints that come meanwhile are one hint."""
        rung = asyncio.Event()
        async with _listening(self._database, channel, rung):
            while True:
                try:
                    await act()
                except CrmUnavailable as away:
                    self._note_away(channel, str(away))
                    await asyncio.sleep(AGAIN_S)
                except Exception as failed:  # one bad row must not end what the others wait for
                    log.exception("worker_failed", channel=channel)
                    self._note_away(channel, f"{channel} fails: {type(failed).__name__}")
                    await asyncio.sleep(AGAIN_S)
                else:
                    self._note_away(channel, None)
                try:
                    async with asyncio.timeout(NET_S):
                        await rung.wait()
                except TimeoutError:
                    pass
                rung.clear()

    def _note_away(self, part: str, why: str | None) -> None:
        if why is None:
            self._away.pop(part, None)
            return
        if self._away.get(part) != why:
            log.warning("worker_waits", why=why)
        self._away[part] = why

    @asynccontextmanager
    async def _answering_for_health(self) -> AsyncIterator[None]:
        if not self._settings.worker_health_port:
            yield
            return
        async with HealthServer(
            "worker",
            host=self._settings.health_host,
            port=self._settings.worker_health_port,
            ill=lambda: "a part of it has ended" if any(task.done() for task in self._tasks) else None,
            not_ready=lambda: next(iter(self._away.values()), None),
        ):
            yield


@asynccontextmanager
async def _listening(database: Database, channel: str, rung: asyncio.Event) -> AsyncIterator[None]:
    async def listen() -> None:
        async with database.listening(channel) as hints:
            async for _ in hints:
                rung.set()

    task = asyncio.create_task(listen())
    try:
        yield
    finally:
        await cancelled(task)
