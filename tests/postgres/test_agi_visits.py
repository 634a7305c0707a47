"""What a call leaves in Postgres: the visit, the facts the card needs, and nothing lost while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from forged_caller import AgiPeer, environment
from sqlalchemy import select, text

from agi.desk import Site
from agi.flows.front_desk import front_desk
from agi.server import AgiServer, Deadlines
from agi.shipped import load_menu
from agi.visit_book import VisitBook, beginning, finished, learnt
from agi.visit_notes import VisitNotes
from crm import customers, orders
from crm.database import Database
from crm.rules.opening_hours import read_opening_hours
from crm.tables.customers import Customer
from crm.tables.visits import CallerFacts, Visit

SITE = Site("node1", "CN", read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai"), budget_s=0.8)
ALWAYS = "1700000000.1"


class Desk:
    """A running server, its database and one known customer with a shipped order."""

    def __init__(self, server: AgiServer, port: int, database: Database, li: Customer) -> None:
        self.server = server
        self.port = port
        self.database = database
        self.li = li

    async def call(self, keys: str, number: str = "13800138000", **more: int) -> AgiPeer:
        """A call to its end, its visit written."""
        peer = await AgiPeer(keys, **more).call(self.port, environment(callerid=number))
        assert await self.server.quiet(5)
        assert await self.server._book.written(within_s=5) == 0
        return peer

    async def visit(self) -> Visit:
        async with self.database.reading() as session:
            return (await session.scalars(select(Visit))).one()

    async def facts(self) -> CallerFacts:
        async with self.database.reading() as session:
            return (await session.scalars(select(CallerFacts))).one()


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with database.transaction() as session:
        li = await customers.create(
            session, code="K-1", name="李伟", phones=["138 0013 8000"], country="CN", language="zh"
        )
        await orders.place(
            session,
            customer_id=li.id,
            number="A-1024",
            state="shipped",
            item="tea",
            amount=Decimal("88.00"),
            placed_at=datetime(2026, 3, 1, tzinfo=UTC),
            expected_on=datetime(2026, 3, 4, 20, tzinfo=UTC),
        )
    flows = {"front_desk": partial(front_desk, load_menu("front_desk"))}
    server = AgiServer(SITE, database, flows, Deadlines(write_within_s=2))
    port = await server.listen("127.0.0.1", 0)
    yield Desk(server, port, database, li)
    await server.drain(0)


async def test_the_order_is_spoken_from_the_callers_own_row(desk: Desk) -> None:
    peer = await desk.call("-1")
    # 20:00 UTC on the fourth is the fifth at the site.
    spoken = ["order-number", "letter-a", "digit-1", "digit-0", "digit-2", "digit-4", "order-state-shipped"]
    spoken += ["order-expected", "digit-2", "digit-0", "digit-2", "digit-6", "year", "month-3", "day-5"]
    assert [f"kefu/{key}" for key in spoken] == peer.played[2:17]
    assert peer.last["NEXT_STEP"] == "goodbye"
    visit = await desk.visit()
    assert (visit.ending, visit.served, visit.language, visit.pressed) == ("goodbye", True, "zh", "1")
    assert visit.ended_at is not None
    assert visit.started_at <= visit.ended_at


async def test_the_card_knows_the_caller_before_the_call_joins_the_queue(desk: Desk) -> None:
    known_at_leaving: list[str | None] = []

    class Watching(AgiPeer):
        def answer(self, line: str) -> bytes:
            if "NEXT_STEP" in line:
                with psycopg.connect(desk_url) as connection:
                    row = connection.execute("SELECT matter FROM caller_facts").fetchone()
                    known_at_leaving.append(row[0] if row else None)
            return super().answer(line)

    desk_url = desk.database._conninfo
    await Watching("2").call(desk.port, environment(callerid="+86 138 0013 8000"))
    assert known_at_leaving == ["support"]
    facts = await desk.facts()
    assert (facts.customer_id, facts.language, facts.number_e164) == (desk.li.id, "zh", "+8613800138000")
    assert (facts.node, facts.linkedid) == ("node1", ALWAYS)


async def test_a_caller_who_hangs_up_in_the_menu_is_recorded_at_the_last_prompt_heard(desk: Desk) -> None:
    await desk.call("", hang_up_after=5)
    visit = await desk.visit()
    assert (visit.ending, visit.served) == ("hung_up", False)
    assert visit.last_prompt == "menu-support"
    assert [step["prompt"] for step in visit.steps] == ["welcome", "menu-order-status", "menu-support"]
    assert (await desk.facts()).customer_id == desk.li.id


async def test_a_caller_who_hangs_up_after_the_answer_was_served(desk: Desk) -> None:
    await desk.call("1", hang_up_after=26)
    visit = await desk.visit()
    assert (visit.ending, visit.served) == ("hung_up", True)


async def test_a_number_of_two_customers_opens_nobodys_orders(desk: Desk) -> None:
    async with desk.database.transaction() as session:
        await customers.create(session, code="K-2", name="Li Na", phones=["+8613800138000"], country="CN")
    peer = await desk.call("11")
    assert "kefu/order-not-found" in peer.played
    assert (await desk.facts()).customer_id is None


async def test_a_slow_question_is_cancelled_in_postgres_and_the_caller_goes_on(desk: Desk) -> None:
    async with desk.database.transaction() as session:
        await session.execute(text("LOCK TABLE customer_order IN ACCESS EXCLUSIVE MODE"))
        began = asyncio.get_running_loop().time()
        peer = await desk.call("1")
        assert asyncio.get_running_loop().time() - began < 3
        assert peer.played[-1] == "kefu/order-unavailable"
        assert peer.last["QUEUE"] == "support"
        waiting = await session.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%customer_order%'"
            )
        )
        assert waiting.scalar_one() == 0
    again = await desk.call("1")
    assert "kefu/order-state-shipped" in again.played


def notes_of(number: int) -> VisitNotes:
    notes = VisitNotes(node="node1", linkedid=f"1.{number}", uniqueid=f"1.{number}", flow="front_desk")
    notes.step("play", "welcome")
    return notes


async def test_visits_wait_for_a_database_that_is_away(database: Database) -> None:
    class Away(Database):
        """Refuses until told otherwise."""

        away = True

        def transaction(self):  # type: ignore[no-untyped-def]
            return gone.transaction() if self.away else database.transaction()

    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    switch = Away("postgresql://nobody@127.0.0.1:1/none")
    book = VisitBook(switch)
    writing = asyncio.create_task(book.write_on())
    many = [notes_of(number) for number in range(250)]
    for notes in many:
        book.enter(beginning(notes))
        notes.close("goodbye", served=True)
        book.enter(learnt(notes))
        book.enter(finished(notes))
    assert await book.written(within_s=0.3) == 750
    Away.away = False
    assert await book.written(within_s=10) == 0
    async with database.reading() as session:
        visits = list(await session.scalars(select(Visit)))
        assert len(visits) == 250
        assert {visit.ending for visit in visits} == {"goodbye"}
        assert len(list(await session.scalars(select(CallerFacts)))) == 250
    writing.cancel()
    await switch.close()
    await gone.close()


async def test_one_row_that_postgres_refuses_does_not_hold_up_the_others(database: Database) -> None:
    book = VisitBook(database)
    writing = asyncio.create_task(book.write_on())
    good, bad, late = notes_of(1), notes_of(2), notes_of(3)
    bad.flow = "nul\x00"
    for notes in (good, bad, late):
        notes.close("goodbye", served=False)
        book.enter(finished(notes))
    assert await book.written(within_s=5) == 0
    async with database.reading() as session:
        assert {visit.linkedid for visit in await session.scalars(select(Visit))} == {"1.1", "1.3"}
    assert book.lost == 1
    writing.cancel()


async def test_writing_twice_changes_nothing(database: Database) -> None:
    notes = notes_of(1)
    notes.customer_id = uuid4()
    notes.close("hung_up", served=False)
    book = VisitBook(database)
    writing = asyncio.create_task(book.write_on())
    for entry in (finished(notes), beginning(notes), finished(notes), learnt(notes), learnt(notes)):
        book.enter(entry)
    assert await book.written(within_s=5) == 0
    async with database.reading() as session:
        assert (await session.scalars(select(Visit))).one().ending == "hung_up"
    writing.cancel()


async def test_what_a_killed_server_left_open_is_ended_by_the_next_one(database: Database) -> None:
    """Its callers went on by the dialplan. What another server of the node still plays ends as that one says."""
    left, played_on = (VisitNotes(node="node1", linkedid=name, uniqueid=name, flow="front_desk") for name in "12")
    book = VisitBook(database)
    writing = asyncio.create_task(book.write_on())
    for notes in (left, played_on):
        book.enter(beginning(notes))
    assert await book.written(within_s=5) == 0
    book.end_left("node1")
    begun_later = VisitNotes(node="node1", linkedid="3", uniqueid="3", flow="front_desk")
    book.enter(beginning(begun_later))
    played_on.close("goodbye", served=True)
    book.enter(finished(played_on))
    assert await book.written(within_s=5) == 0
    writing.cancel()
    async with database.reading() as session:
        found = await session.execute(select(Visit.linkedid, Visit.ending, Visit.ended_at.is_(None)))
        assert sorted(tuple(row) for row in found) == [
            ("1", "failed", False),
            ("2", "goodbye", False),
            ("3", None, True),
        ]
