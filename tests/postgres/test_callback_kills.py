"""kill -9 of the bridge at every await of placing and settling, and the line cut at every stage of an Originate: each
try is sent at most once, none is lost, none stays open, and no talk is followed by another dial."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from forged_asterisk import ForgedAsterisk
from forged_call import listed_member
from forged_places import STAGES, PlaceMaker

from crm.database import Database
from crm.deeds.book_callback import Wanted, book
from crm.settings import Settings, read_settings
from crm.tables.postures import Membership, Posture
from crm.tables.queues import Queue

NODE = "asterisk1"
ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
WITHIN_S = 15.0
MOST_POINTS = 60
"""More awaits than one promise needs from booking to its end."""


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


def bridge_in_a_process(settings: dict[str, Any], url: str, kill_at: int) -> None:
    """A whole bridge that kills itself at its `kill_at`-th await in the code of callbacks (0: never)."""
    from ami_bridge import kept_seats, promises
    from ami_bridge.bridge import Bridge
    from crm.database import Database as Whole

    promises.POLL_S, promises.SILENT_S, promises.BATCH_S = 0.05, 0.3, 0.02
    kept_seats.PATIENCE_S, kept_seats.REST_S = 1.0, 0.1
    passed = 0

    def point() -> None:
        nonlocal passed
        passed += 1
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

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


class Bridges:
    """Bridges one after another, each a process of its own, forked from a server that has everything imported."""

    def __init__(self, url: str, port: int, cel: Path) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["ami_bridge.bridge", "ami_bridge.promises", "crm.settings"])
        self._url = url
        self._settings = {
            "ami_port": port, "ami_secret": "right", "ami_ping_seconds": 0.2, "callback_hours": ANYTIME,
            "cel_file": str(cel), "queue_log_file": str(cel.with_name("queue_log")), "after_call_work": False,
        }  # fmt: skip
        self._now: Any = None

    def start(self, kill_at: int = 0) -> None:
        self._now = self._context.Process(
            target=bridge_in_a_process, args=(self._settings, self._url, kill_at), daemon=True
        )
        self._now.start()

    @property
    def dead(self) -> bool:
        return self._now is None or not self._now.is_alive()

    def kill(self) -> None:
        if self._now is not None:
            self._now.kill()
            self._now.join()
            self._now = None


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), listed_member()]
        yield forged


@pytest.fixture
def maker(peer: ForgedAsterisk, tmp_path: Path) -> Iterator[PlaceMaker]:
    (tmp_path / "queue_log").touch()
    with PlaceMaker(peer, tmp_path / "kefu.csv") as made:
        yield made


@pytest.fixture
async def bridges(
    peer: ForgedAsterisk, maker: PlaceMaker, database: Database, database_url: str
) -> AsyncIterator[Bridges]:
    now = datetime.now(UTC)
    async with database.transaction() as session:
        session.add(Queue(name="support", title_en="Support", title_zh="支持"))
        session.add(Posture(node=NODE, seat="PJSIP/201", word="ready", since=now, paused=False))
        session.add(Membership(node=NODE, seat="PJSIP/201", queue="support", joined_at=now, penalty=0))
    running = Bridges(database_url, peer.port, maker.cel)
    yield running
    running.kill()


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


async def one_run(
    bridges: Bridges,
    maker: PlaceMaker,
    database: Database,
    url: str,
    number: int,
    kill_at: int,
    plan: tuple[str, str | None],
) -> None:
    """A promise, a bridge that dies at its n-th await, another one that goes on."""
    plans = iter([plan])
    maker.plan = lambda: next(plans, ("talk", None))
    settings = read_settings(callback_hours=ANYTIME)
    bridges.start(kill_at)
    await promise(database, settings, number)
    if not await until_settled(url, bridges, WITHIN_S):
        bridges.kill()
        bridges.start()
        if not await until_settled(url, bridges, WITHIN_S):
            left = rows(url, "SELECT * FROM callback_attempt WHERE settled_at IS NULL")
            pytest.fail(f"still open: {left}")
    bridges.kill()
    holds(maker, url)


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


PLANS = ("talk", "machine", "no_answer", "not_served", "never")


@pytest.mark.parametrize(
    ("kill_at", "plan"),
    [
        (8, "talk"),
        pytest.param(3, "talk", marks=pytest.mark.proof),
        pytest.param(9, "no_answer", marks=pytest.mark.proof),
        pytest.param(14, "talk", marks=pytest.mark.proof),
    ],
)
async def test_killed_at_an_await_nothing_is_dialled_twice_or_lost(
    bridges: Bridges, maker: PlaceMaker, database: Database, database_url: str, kill_at: int, plan: str
) -> None:
    await one_run(bridges, maker, database, database_url, kill_at, kill_at, (plan, None))


@pytest.mark.parametrize(
    "stage", ["talking", *(pytest.param(s, marks=pytest.mark.proof) for s in ("asked", "dialling"))]
)
async def test_the_line_cut_at_a_stage_of_the_originate(
    bridges: Bridges, maker: PlaceMaker, database: Database, database_url: str, stage: str
) -> None:
    plan = "never" if stage == "asked" else "talk"
    await one_run(bridges, maker, database, database_url, 1, 0, (plan, stage))


@pytest.mark.proof
@pytest.mark.timeout(1200)
async def test_many_random_runs(bridges: Bridges, maker: PlaceMaker, database: Database, database_url: str) -> None:
    """Some ten minutes; KEFU_TEST_KILLS says another number of runs, KEFU_TEST_SEED other ones."""
    chance = random.Random(int(os.environ.get("KEFU_TEST_SEED", "8")))
    for number in range(int(os.environ.get("KEFU_TEST_KILLS", "200"))):
        plan = chance.choice(PLANS)
        stage = chance.choice([None, None, *STAGES]) if plan != "never" else "asked"
        kill_at = number % MOST_POINTS if chance.random() < 0.8 else 0
        await one_run(bridges, maker, database, database_url, number, kill_at, (plan, stage))
