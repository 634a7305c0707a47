"""The services that a promise goes through, as processes that kill themselves at their n-th await: the bridge, the web
service that promises, the worker that tells of promises at risk. Forked from a server that has everything imported."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from forged_places import PlaceMaker

from crm.database import Database
from crm.deeds.book_callback import Wanted, book
from crm.settings import Settings, read_settings

NODE = "asterisk1"
ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
WITHIN_S = 15.0


class Watched:
    """The database as the promises see it: a point before and after each transaction."""

    def __init__(self, whole: Any, point: Callable[[], None]) -> None:
        self._whole, self._point = whole, point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def transaction(self) -> Any:
        return self._between("transaction")

    def reading(self) -> Any:
        return self._between("reading")

    @contextlib.asynccontextmanager
    async def _between(self, kind: str) -> AsyncIterator[Any]:
        self._point()
        async with getattr(self._whole, kind)() as session:
            yield session
            self._point()  # before the commit
        self._point()  # after it


def dying_at(kill_at: int) -> Callable[[], None]:
    """A point in a process, at whose `kill_at`-th passing it is gone (0: never)."""
    passed = 0

    def point() -> None:
        nonlocal passed
        passed += 1
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return point


def bridge_in_a_process(settings: dict[str, Any], url: str, kill_at: int) -> None:
    """A whole bridge that kills itself at its `kill_at`-th await in the code of callbacks (0: never)."""
    from ami_bridge import kept_seats, promises
    from ami_bridge.bridge import Bridge
    from crm.database import Database as Whole

    promises.POLL_S, promises.SILENT_S, promises.BATCH_S = 0.05, 0.3, 0.02
    kept_seats.PATIENCE_S, kept_seats.REST_S = 1.0, 0.1
    point = dying_at(kill_at)
    begun = promises.Promises.__init__

    def beginning(self: Any, database: Any, *rest: Any, **more: Any) -> None:
        begun(self, Watched(database, point), *rest, **more)  # type: ignore[arg-type]

    promises.Promises.__init__ = beginning  # type: ignore[method-assign,assignment]

    def with_points(whole: Callable[..., None]) -> Callable[..., None]:
        def done(*what: Any) -> None:
            point()  # committed, no byte sent
            whole(*what)
            point()  # handed to the socket

        return done

    promises.Promises._send = with_points(promises.Promises._send)  # type: ignore[method-assign]
    kept_seats.KeptSeats._tell = with_points(kept_seats.KeptSeats._tell)  # type: ignore[method-assign]

    async def run() -> None:
        database = Whole(url, application_name="bridge")
        await Bridge(read_settings(**settings), database, lambda said: None).run(asyncio.Event())

    asyncio.run(run())


def web_in_a_process(settings: dict[str, Any], url: str, kill_at: int, token: str, wanted: dict[str, str]) -> None:
    """The web service, asked once for a callback under the Idempotency-Key `wanted["key"]`."""
    import httpx2

    from crm.database import Database as Whole
    from crm.web.app import create_app

    point = dying_at(kill_at)

    async def run() -> None:
        app = create_app(read_settings(**settings), Watched(Whole(url, application_name="web"), point))  # type: ignore[arg-type]
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://desk.example/api/v1") as caller:
            await ask(caller, token, wanted)
            point()  # the answer was on its way

    asyncio.run(run())


def worker_in_a_process(settings: dict[str, Any], url: str, kill_at: int) -> None:
    """What the worker does about promises, round after round."""
    from crm import announcements
    from crm.database import Database as Whole
    from crm.deeds import watch_callbacks

    point = dying_at(kill_at)

    async def run() -> None:
        database: Any = Watched(Whole(url, application_name="worker"), point)
        while True:
            await watch_callbacks.run(database, read_settings(**settings))
            async with database.transaction() as session:
                await announcements.number_new(session)
            await asyncio.sleep(0.02)

    asyncio.run(run())


async def ask(caller: Any, token: str, wanted: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Ask for a callback over REST; the status and the promise."""
    body = {name: value for name, value in wanted.items() if name != "key"}
    headers = {"authorization": f"Bearer {token}", "Idempotency-Key": wanted["key"]}
    answer = await caller.post("/callbacks", json=body, headers=headers)
    return answer.status_code, answer.json()


class Service:
    """One of them, one process after another."""

    _context = multiprocessing.get_context("forkserver")

    def __init__(self, target: Callable[..., None], url: str, settings: dict[str, Any], *more: Any) -> None:
        self._context.set_forkserver_preload(
            ["ami_bridge.bridge", "ami_bridge.promises", "crm.settings", "crm.web.app", "httpx2"]
        )
        self._target, self._url, self._settings, self._more = target, url, settings, more
        self._now: Any = None

    def start(self, kill_at: int = 0) -> None:
        what = (self._settings, self._url, kill_at, *self._more)
        self._now = self._context.Process(target=self._target, args=what, daemon=True)
        self._now.start()

    @property
    def dead(self) -> bool:
        return self._now is None or not self._now.is_alive()

    def kill(self) -> None:
        if self._now is not None:
            self._now.kill()
            self._now.join()
            self._now = None

    def wait(self, within_s: float) -> None:
        """Until it has done what it was asked, or has died."""
        self._now.join(within_s)


class Bridges(Service):
    """Bridges one after another."""

    def __init__(self, url: str, port: int, cel: Path) -> None:
        settings = {
            "ami_port": port, "ami_secret": "right", "ami_ping_seconds": 0.2, "callback_hours": ANYTIME,
            "cel_file": str(cel), "queue_log_file": str(cel.with_name("queue_log")), "after_call_work": False,
        }  # fmt: skip
        super().__init__(bridge_in_a_process, url, settings)


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


SETTLED = (
    "SELECT NOT EXISTS (SELECT FROM callback_attempt WHERE settled_at IS NULL) AND NOT EXISTS "
    "(SELECT FROM callback WHERE state = 'placed' OR state = 'waiting' AND due_at <= clock_timestamp())"
)
"""Every promise is closed or waits for a later try, and no try is open."""


async def until_settled(url: str, bridges: Bridges, within_s: float) -> bool:
    """Whether all came to rest before the bridge died or the time was over."""
    begun = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() - begun < within_s:
            row = connection.execute(SETTLED).fetchone()
            if row is not None and row[0]:
                return True
            if bridges.dead:
                return False
            await asyncio.sleep(0.02)
    return False


async def promise(database: Database, settings: Settings, number: int) -> None:
    async with database.transaction() as session:
        wanted = Wanted(
            "support", f"+86138{number:08}", "cli", "amy", joined_at=datetime.now(UTC) - timedelta(minutes=1)
        )
        await book(session, settings, wanted)


def holds(maker: PlaceMaker, url: str) -> None:
    tries = rows(
        url, "SELECT id::text, outcome, dialled_at, talked_at, callback_id::text, number FROM callback_attempt"
    )
    known = {row[0] for row in tries}
    assert set(maker.dials) <= known, "something was dialled of which no row tells"
    assert all(count == 1 for count in maker.dials.values()), maker.dials
    assert all(row[1] is not None for row in tries), tries
    for attempt, outcome, _, _, callback, number in tries:
        if outcome == "never_left":
            assert attempt not in maker.living
        if outcome == "reached":
            later = [row for row in tries if row[4] == callback and row[5] > number]
            assert later == [], "a customer who had talked was dialled again"
