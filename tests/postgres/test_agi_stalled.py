"""Postgres stands still at each lookup of a call: the caller waits one time limit for it, and soon none at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
from cable import Cable
from forged_caller import AgiPeer, environment

from agi.desk import Site
from agi.flows.front_desk import front_desk
from agi.patience import MOST_FAULTS
from agi.server import AgiServer, Deadlines
from agi.shipped import load_menu
from crm import customers, orders
from crm.database import Database
from crm.rules.opening_hours import read_opening_hours

BUDGET_S = 0.8
LI = "13800138000"
SITE = Site("node1", "CN", read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai"), budget_s=BUDGET_S)


class Stalling(AgiPeer):
    """A caller for whom Postgres stands still from a prompt on ("": from the beginning)."""

    def __init__(self, keys: str, cable: Cable, at: str) -> None:
        super().__init__(keys)
        self.cable = cable
        self.at = at
        self.stalled_at = 0.0
        if not at:
            self._stall()

    def _stall(self) -> None:
        self.cable.stall()
        self.stalled_at = asyncio.get_running_loop().time()

    def answer(self, line: str) -> bytes:
        if self.at and f"kefu/{self.at}" in line and not self.stalled_at:
            self._stall()
        return super().answer(line)


class Center:
    """A server whose Postgres hangs on a cable."""

    def __init__(self, cable: Cable, server: AgiServer, port: int) -> None:
        self.cable = cable
        self.server = server
        self.port = port

    async def call(self, keys: str, at: str) -> tuple[AgiPeer, float]:
        """The caller, and seconds from the stall to the end of the call."""
        peer = Stalling(keys, self.cable, at)
        await peer.call(self.port, environment(callerid=LI))
        return peer, asyncio.get_running_loop().time() - peer.stalled_at


@pytest.fixture
async def center(database: Database, database_url: str) -> AsyncIterator[Center]:
    async with database.transaction() as session:
        li = await customers.create(session, code="K-1", name="李伟", phones=[LI], country="CN", language="zh")
        await orders.place(
            session,
            customer_id=li.id,
            number="A-1024",
            state="shipped",
            item="tea",
            amount=Decimal("88.00"),
            placed_at=datetime(2026, 3, 1, tzinfo=UTC),
            expected_on=None,
        )
    async with Cable(database_url) as cable:
        through = Database(cable.url)
        flows = {"front_desk": partial(front_desk, load_menu("front_desk"))}
        server = AgiServer(SITE, through, flows, Deadlines(write_within_s=5))
        port = await server.listen("127.0.0.1", 0)
        await AgiPeer("1").call(port, environment(callerid=LI))  # all connections and statements have been used once
        yield Center(cable, server, port)
        cable.flow()
        await server.drain(0)
        await through.close()


@pytest.mark.parametrize(
    ("at", "keys", "lookups", "queue"),
    [
        ("", "12", 3, "support"),  # who calls, the route, what was learnt
        ("menu-order-status", "-1", 3, "support"),  # the order, then as above without who calls
        ("to-support", "2", 2, "support"),  # the route, what was learnt
    ],
)
async def test_no_lookup_keeps_a_caller_longer_than_its_limit(
    center: Center, at: str, keys: str, lookups: int, queue: str
) -> None:
    peer, took_s = await center.call(keys, at)
    assert peer.last["NEXT_STEP"] == "queue"
    assert peer.last["QUEUE"] == queue
    assert took_s < lookups * BUDGET_S + 1.0
    if at == "menu-order-status":
        assert "kefu/order-unavailable" in peer.played, "an order is never told from memory"


async def test_the_fourth_caller_waits_for_nothing_and_is_still_known(center: Center) -> None:
    for _ in range(MOST_FAULTS):
        await center.call("2", "")
    peer, took_s = await center.call("2", "")
    assert took_s < BUDGET_S
    assert peer.last["CHANNEL(language)"] == "zh", "whose number this is may be some minutes old"
    assert set(center.server.facts()["not_asked"]) >= {"find_caller", "route"}


async def test_nothing_is_lost_of_calls_that_came_while_it_stood_still(center: Center, database: Database) -> None:
    from sqlalchemy import select

    from crm.tables.visits import Visit

    for _ in range(3):
        await center.call("2", "")
    center.cable.flow()
    assert await center.server._book.written(within_s=30) == 0
    async with database.reading() as session:
        endings = list(await session.scalars(select(Visit.ending)))
    assert sorted(map(str, endings)) == ["goodbye", "join_queue", "join_queue", "join_queue"]
