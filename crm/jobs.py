"""Work that is done later or again and again, on Postgres by procrastinate: this file alone imports it.

`PERIODIC` is the table of it: a name, when, and what. A job is at least once: it runs again after kill -9 of its
worker, so it writes rows that may be written twice, and speaks to nobody but those who were promised that (webhooks).
One job of a name runs at a time, whatever the number of workers. Called by crm.worker.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import DeleteJobCondition, Status
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from . import metrics, retention
from .database import Database
from .deeds import (
    erase_person,
    feed_files,
    merge_customers,
    merge_organisations,
    rank_customers,
    watch_callbacks,
    watch_cases,
)
from .deeds.end_waits_after_closing import end_waits_after_closing
from .deeds.forget_announcements import forget_announcements
from .refusals import CrmUnavailable
from .settings import Settings

SCHEMA = "procrastinate"
POLL_S = 1.0
CONCURRENCY = 4
BEAT_S = 2.0
STALLED_AFTER_S = 10.0
"""A worker that has not beaten for so long is dead: its jobs are run again."""
AGAIN_S = 1.0
DRAIN_S = 10.0
KEPT_FAILED_H = 7 * 24
TRIES = 5

Run = Callable[[Database, Settings], Awaitable[object]]
Drain = Callable[[Database, Settings, str], Awaitable[object]]

log = structlog.get_logger(__name__)


class Periodic(NamedTuple):
    """`when`: a cron line in UTC (a sixth field is seconds), or an hour of the day in the settings' time zone."""

    name: str
    when: str | time
    run: Run


PERIODIC: tuple[Periodic, ...] = (
    Periodic("closing-time", "* * * * * */5", end_waits_after_closing),
    Periodic("feed-files", "* * * * *", feed_files.run),
    Periodic("case-clocks", "* * * * * */15", watch_cases.run),
    Periodic("callback-risks", "* * * * * */10", watch_callbacks.run),
    Periodic("left-behind", "*/10 * * * *", merge_customers.gather_left_behind),
    Periodic("organisations-left-behind", "*/10 * * * *", merge_organisations.gather_left_behind),
    Periodic("value-ranking", time(3, 30), rank_customers.run),
    Periodic("forget-announcements", time(3, 40), forget_announcements),
    Periodic("retention", time(3, 50), retention.run),
    Periodic("erasures", "*/10 * * * *", erase_person.take_up),
)


class Jobs:
    """All jobs of this process. `async with jobs.opened(): await jobs.run()`."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        drain: Drain | None = None,
        periodic: Sequence[Periodic] = PERIODIC,
    ) -> None:
        """`drain`: what `soon` runs, with its argument."""
        self._database = database
        self._settings = settings
        self._app = App(
            connector=PsycopgConnector(
                conninfo=database.conninfo, min_size=1, max_size=CONCURRENCY + 2, timeout=5.0, configure=_find_schema
            )
        )
        for each in periodic:
            self._define(each)
        if drain is not None:
            self._define_drain(drain)
        self._counted = metrics.worker()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """With a pool of its own; CrmUnavailable when Postgres does not answer."""
        try:
            async with self._app.open_async():
                yield
        except (ConnectorException, PoolTimeout) as away:
            raise CrmUnavailable(f"Postgres at {self._database.where} does not answer") from away

    async def run(self) -> None:
        """Do what is due, for ever; a fall of Postgres is waited out. Cancelled: what runs may finish."""
        while True:
            try:
                await self._app.run_worker_async(
                    name="kefu",
                    concurrency=CONCURRENCY,
                    fetch_job_polling_interval=POLL_S,
                    shutdown_graceful_timeout=DRAIN_S,
                    delete_jobs=DeleteJobCondition.SUCCESSFUL,
                    install_signal_handlers=False,
                    update_heartbeat_interval=BEAT_S,
                    stalled_worker_timeout=STALLED_AFTER_S,
                )
            except (ConnectorException, PoolTimeout) as away:
                log.warning("jobs_wait", why=str(away) or type(away).__name__)
            await asyncio.sleep(AGAIN_S)

    async def take_over(self) -> None:
        """Give the jobs of dead workers to the living, for ever, and forget what failed long ago."""
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                manager = self._app.job_manager
                for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
                    log.warning("job_taken_over", job=job.task_name)
                    try:
                        await manager.retry_job(job)
                    except UniqueViolation:  # the same is queued already, and waits for this one's end
                        await manager.finish_job(job, status=Status.ABORTED, delete_job=True)
                await manager.delete_old_jobs(nb_hours=KEPT_FAILED_H, include_failed=True, include_aborted=True)
            except (ConnectorException, PoolTimeout) as away:
                log.warning("jobs_wait", why=str(away) or type(away).__name__)

    async def soon(self, argument: str) -> None:
        """Have `drain` run with this argument; when it is to run anyway, nothing more is asked."""
        deferrer = self._app.configure_task("drain", queueing_lock=f"drain {argument}", lock=f"drain {argument}")
        try:
            await deferrer.defer_async(argument=argument)
        except AlreadyEnqueued:
            return
        except (ConnectorException, PoolTimeout) as away:
            raise CrmUnavailable(f"Postgres at {self._database.where} does not answer") from away

    def _define(self, each: Periodic) -> None:
        async def perform(timestamp: int) -> None:
            await self._perform(each.name, each.run(self._database, self._settings))

        task = self._app.task(name=each.name, retry=_RETRY, queueing_lock=each.name, lock=each.name)(perform)
        self._app.periodic(cron=cron_line(each.when, self._settings.zone, datetime.now(UTC)))(task)

    def _define_drain(self, drain: Drain) -> None:
        async def perform(argument: str) -> None:
            await self._perform("drain", drain(self._database, self._settings, argument))

        self._app.task(name="drain", retry=_RETRY)(perform)

    async def _perform(self, name: str, work: Awaitable[object]) -> None:
        try:
            await work
        except CrmUnavailable as away:
            self._counted.jobs.labels(name, "unavailable").inc()
            log.warning("job_waits", job=name, why=str(away))
            raise
        except Exception:
            self._counted.jobs.labels(name, "failed").inc()
            log.exception("job_failed", job=name)
            raise
        self._counted.jobs.labels(name, "done").inc()


_RETRY = RetryStrategy(max_attempts=TRIES, exponential_wait=3)


def cron_line(when: str | time, zone: ZoneInfo, now: datetime) -> str:
    """A cron line in UTC. An hour of the day becomes one by the zone's distance today: a clock change while a worker
    runs moves nightly work by an hour until it is started again."""
    if isinstance(when, str):
        return when
    there = now.astimezone(zone).replace(hour=when.hour, minute=when.minute, second=0, microsecond=0)
    at = there.astimezone(UTC)
    return f"{at.minute} {at.hour} * * *"


def schema_sql() -> str:
    """procrastinate's own tables, for the migration that makes them (they stand in the schema `procrastinate`)."""
    from procrastinate.schema import SchemaManager

    # A server may forbid extensions, and has this one anyway.
    return re.sub(r"DO \$\$.*?\$\$;", "", SchemaManager.get_schema(), count=1, flags=re.DOTALL)


async def _find_schema(connection: AsyncConnection[Any]) -> None:
    await connection.execute(f"SET search_path TO {SCHEMA}, public")
    await connection.commit()
