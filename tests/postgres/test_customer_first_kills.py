"""Customers dialled first, with the bridge killed at every await and the line cut at every stage: never more open dials
than seats that are kept free, each try sent at most once, none left open, and no seat kept free for nobody."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from callback_services import ANYTIME, NODE, WITHIN_S, Bridges, holds, promise, rows, until_settled
from forged_asterisk import ForgedAsterisk
from forged_customers import PLANS_FIRST, CustomerMaker
from forged_places import STAGES

from crm.database import Database
from crm.settings import read_settings
from crm.tables.postures import Membership, Posture
from crm.tables.queues import Queue

SEATS = ("PJSIP/201", "PJSIP/202")
MOST_POINTS = 90
"""More awaits than two promises need from booking to their ends."""
BEYOND = (
    "SELECT count(*) FROM callback_attempt a LEFT JOIN posture p USING (node, seat) WHERE kind = 'customer_first' "
    "AND settled_at IS NULL AND queued_at IS NULL AND ended_at IS NULL AND p.pause_reason IS DISTINCT FROM 'RESERVED'"
)


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        yield forged


@pytest.fixture
def maker(peer: ForgedAsterisk, tmp_path: Path) -> Iterator[CustomerMaker]:
    (tmp_path / "queue_log").touch()
    with CustomerMaker(peer, tmp_path / "kefu.csv", *SEATS) as made:
        assert isinstance(made, CustomerMaker)
        yield made


@pytest.fixture
async def bridges(
    peer: ForgedAsterisk, maker: CustomerMaker, database: Database, database_url: str
) -> AsyncIterator[Bridges]:
    now = datetime.now(UTC)
    async with database.transaction() as session:
        session.add(Queue(name="support", title_en="Support", title_zh="支持", callback_dialling="customer_first"))
        for seat in SEATS:
            session.add(Posture(node=NODE, seat=seat, word="ready", since=now, paused=False))
            session.add(Membership(node=NODE, seat=seat, queue="support", joined_at=now, penalty=0))
    running = Bridges(database_url, peer.port, maker.cel)
    yield running
    running.kill()


async def one_run(
    bridges: Bridges,
    maker: CustomerMaker,
    database: Database,
    url: str,
    numbers: range,
    kill_at: int,
    plan: tuple[str, str | None],
) -> None:
    """Promises, a bridge that dies at its n-th await, another one that goes on; then every seat is ready again."""
    plans = iter([plan])
    maker.plan = lambda: next(plans, ("talk", None))
    settings = read_settings(callback_hours=ANYTIME)
    bridges.start(kill_at)
    for number in numbers:
        await promise(database, settings, number)
    if not await until_settled(url, bridges, WITHIN_S) or not await all_ready(maker, bridges):
        bridges.kill()
        bridges.start()
        if not await until_settled(url, bridges, WITHIN_S):
            left = rows(url, "SELECT * FROM callback_attempt WHERE settled_at IS NULL")
            promised = rows(url, "SELECT state, due_at, not_now_why FROM callback WHERE closed_at IS NULL")
            pytest.fail(f"still open: {left}, {promised}")
        assert await all_ready(maker, bridges), f"a seat is kept free for nobody: {maker.seats}"
    bridges.kill()
    holds(maker, url)
    assert maker.wrongs == []
    assert rows(url, "SELECT count(*) FROM callback_attempt WHERE kind <> 'customer_first'") == [(0,)]


async def all_ready(maker: CustomerMaker, bridges: Bridges) -> bool:
    until = time.monotonic() + 6
    while time.monotonic() < until and not bridges.dead:
        if not any(maker.seats.values()):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize(
    ("kill_at", "plan", "stage"),
    [
        (14, "no_answer", None),
        pytest.param(0, "talk", "chosen", marks=pytest.mark.proof),
        *(pytest.param(at, "talk", None, marks=pytest.mark.proof) for at in (9, 12, 17, 22, 26)),
        *(pytest.param(0, "talk", stage, marks=pytest.mark.proof) for stage in STAGES),
    ],
)
async def test_killed_or_cut_no_seat_and_no_customer_is_forgotten(
    bridges: Bridges,
    maker: CustomerMaker,
    database: Database,
    database_url: str,
    kill_at: int,
    plan: str,
    stage: str | None,
) -> None:
    await one_run(bridges, maker, database, database_url, range(1), kill_at, (plan, stage))
    if plan == "talk":
        assert rows(database_url, "SELECT state, kept, mode FROM callback") == [("reached", True, "customer_first")]


async def test_an_agent_goes_to_lunch_and_more_promises_than_seats_are_kept(
    bridges: Bridges, maker: CustomerMaker, database: Database, database_url: str
) -> None:
    """Whose agent has gone is rung no longer, nobody ends that lunch, and the others talk with who is left."""
    plans = iter([("rings", None)])
    maker.plan = lambda: next(plans, ("talk", None))
    bridges.start()
    settings = read_settings(callback_hours=ANYTIME)
    for number in range(3):
        await promise(database, settings, number)
    async with asyncio.timeout(WITHIN_S):
        while not any(stages.rings for stages, _ in maker.on_line.values()):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    ((lunching,),) = rows(database_url, "SELECT seat FROM callback_attempt ORDER BY claimed_at LIMIT 1")
    maker.open.clear()  # by the agent's will, not by the bridge's
    maker.pause(lunching, "lunch")
    assert await until_settled(database_url, bridges, WITHIN_S)
    outcomes = "SELECT number, outcome FROM callback_attempt ORDER BY outcome"
    assert rows(database_url, outcomes) == [(1, "agent_left"), (1, "reached"), (1, "reached")]
    async with asyncio.timeout(WITHIN_S):
        while sorted(map(str, maker.seats.values())) != ["None", "lunch"]:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    assert (maker.wrongs, len(maker.hung_up)) == ([], 1)
    assert rows(database_url, BEYOND) == [(0,)]


@pytest.mark.proof
@pytest.mark.timeout(1800)
async def test_many_random_runs_customer_first(
    bridges: Bridges, maker: CustomerMaker, database: Database, database_url: str
) -> None:
    """Some ten minutes; KEFU_TEST_KILLS says another number of runs, KEFU_TEST_SEED other ones."""
    chance = random.Random(int(os.environ.get("KEFU_TEST_SEED", "8")))
    for run in range(int(os.environ.get("KEFU_TEST_KILLS", "200"))):
        plan = chance.choice(PLANS_FIRST)
        stage = chance.choice([None, None, *STAGES]) if plan != "never" else "asked"
        kill_at = run % MOST_POINTS if chance.random() < 0.8 else 0
        numbers = range(10 * run, 10 * run + chance.choice([1, 1, 2, 3]))
        await one_run(bridges, maker, database, database_url, numbers, kill_at, (plan, stage))
