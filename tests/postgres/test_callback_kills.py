"""kill -9 of the bridge at every await of placing and settling, and the line cut at every stage of an Originate: each
try is sent at most once, none is lost, none stays open, and no talk is followed by another dial."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from callback_services import (
    ANYTIME,
    NODE,
    WITHIN_S,
    Bridges,
    Service,
    holds,
    promise,
    rows,
    until_settled,
    web_in_a_process,
    worker_in_a_process,
)
from forged_asterisk import ForgedAsterisk
from forged_call import listed_member
from forged_places import STAGES, PlaceMaker

from crm import api_tokens
from crm.database import Database
from crm.settings import read_settings
from crm.tables.postures import Membership, Posture
from crm.tables.queues import Queue

MOST_POINTS = 60
"""More awaits than one promise needs from booking to its end."""
WEB_POINTS = 11
WORKER_POINTS = 10
VICTIMS = (*[("bridge", MOST_POINTS)] * 3, ("web", WEB_POINTS), ("worker", WORKER_POINTS))
TOLD_OTHERWISE = """
SELECT (SELECT count(*) FROM callback WHERE at_risk_since IS NOT NULL)
     - (SELECT count(*) FROM announcement WHERE kind = 'callback.at_risk')
"""


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


async def one_run(
    bridges: Bridges,
    maker: PlaceMaker,
    database: Database,
    url: str,
    number: int,
    kill_at: int,
    plan: tuple[str, str | None],
    victim: str = "bridge",
) -> None:
    """A promise, a service that dies at its n-th await, another one that goes on."""
    plans = iter([plan])
    maker.plan = lambda: next(plans, ("talk", None))
    settings = read_settings(callback_hours=ANYTIME)
    bridges.start(kill_at if victim == "bridge" else 0)
    with watching(url, kill_at) if victim == "worker" else contextlib.nullcontext():
        if victim == "web":
            await promised_by_web(database, url, number, kill_at)
        else:
            await promise(database, settings, number)
        if not await until_settled(url, bridges, WITHIN_S):
            bridges.kill()
            bridges.start()
            if not await until_settled(url, bridges, WITHIN_S):
                left = rows(url, "SELECT * FROM callback_attempt WHERE settled_at IS NULL")
                pytest.fail(f"still open: {left}")
    bridges.kill()
    holds(maker, url)
    assert rows(url, TOLD_OTHERWISE) == [(0,)], "a promise at risk was told twice, or not told"


@contextlib.contextmanager
def watching(url: str, kill_at: int) -> Iterator[None]:
    """A worker that dies while promises are made and kept; another one goes on after it."""
    worker = Service(worker_in_a_process, url, {"callback_risk_minutes": 600})
    worker.start(kill_at)
    yield
    worker.wait(1.0)
    worker.kill()


async def promised_by_web(database: Database, url: str, number: int, kill_at: int) -> None:
    """Who asked and got no answer asks again, by the same key: it is promised once."""
    async with database.transaction() as session:
        token = await api_tokens.add(session, name=f"shop{number}", scopes=("callback.edit",), by="test")
    wanted = {"queue": "support", "number": f"+86138{number:08}", "key": f"key-{number}"}
    settings = {"callback_hours": ANYTIME, "opening_hours": "mon-sun 00:00-24:00", "holidays": ""}
    for dies_at in (kill_at, 0):
        web = Service(web_in_a_process, url, settings, token, wanted)
        web.start(dies_at)
        await asyncio.to_thread(web.wait, WITHIN_S)
        assert web.dead
    promised = f"SELECT count(*), min(source) FROM callback WHERE number_e164 = '{wanted['number']}'"  # noqa: S608
    assert rows(url, promised) == [(1, "api")]


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


@pytest.mark.parametrize(
    ("victim", "kill_at"),
    [
        ("web", 8),
        ("worker", 3),
        *(pytest.param("web", at, marks=pytest.mark.proof) for at in range(1, WEB_POINTS)),
        *(pytest.param("worker", at, marks=pytest.mark.proof) for at in range(1, WORKER_POINTS)),
    ],
)
async def test_the_service_that_promises_or_the_one_that_tells_is_killed_at_an_await(
    bridges: Bridges, maker: PlaceMaker, database: Database, database_url: str, victim: str, kill_at: int
) -> None:
    await one_run(bridges, maker, database, database_url, kill_at, kill_at, ("talk", None), victim)


@pytest.mark.proof
@pytest.mark.timeout(1200)
async def test_many_random_runs(bridges: Bridges, maker: PlaceMaker, database: Database, database_url: str) -> None:
    """Some ten minutes; KEFU_TEST_KILLS says another number of runs, KEFU_TEST_SEED other ones."""
    chance = random.Random(int(os.environ.get("KEFU_TEST_SEED", "8")))
    for number in range(int(os.environ.get("KEFU_TEST_KILLS", "200"))):
        plan = chance.choice(PLANS)
        stage = chance.choice([None, None, *STAGES]) if plan != "never" else "asked"
        victim, points = chance.choice(VICTIMS)
        kill_at = chance.randrange(points) if chance.random() < 0.8 else 0
        await one_run(bridges, maker, database, database_url, number, kill_at, (plan, stage), victim)
