"""One real call, from the trunk to the agent's screen and into the ledger, on the real parts alone.

SIPp rings in and is the agent's phone, Asterisk carries the call, `kefu bridge`, `kefu ivr` and `kefu web` run as their
own processes, Chromium is the desk. What SIPp sent and received, by its own clock, is what the ledger is held against.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from center import KEFU, Center
from desk_in_chromium import PASSWORD
from foreign_site import ForeignSite, foreign_site
from playwright.async_api import Browser, BrowserContext, Page, expect
from postgres_server import Databases
from sip_phones import SippCaller, SippCustomer, SippSeat
from sqlalchemy import text

from crm import agents, customers, orders, queues
from crm.database import Database
from crm.pbx.asterisk_root import cache_folder

SEAT = "PJSIP/1001"
NUMBER = "13800138000"
NEAR_S = 0.5
"""How far a time of the ledger may lie from SIPp's: the way through Asterisk's dialplan and queue."""
LOOKS_EACH_S_S = 1.1
"""app_queue looks whom to ring once a second."""

RINGS_S = 4.0
TALKS_S = 3.0
ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
ENGLISH_THEN_SUPPORT = [(1.5, "1"), (5.0, "2")]


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[ForeignSite]:
    """A site that embeds our button."""
    async with foreign_site() as site:
        yield site


@pytest.fixture(scope="module")
async def center(
    databases: Databases, template_url: str, tmp_path_factory: pytest.TempPathFactory, shop: ForeignSite
) -> AsyncIterator[Center]:
    """The whole center with two queues, three agents and a customer whose language is not known yet."""
    prompts = cache_folder() / "prompts"
    build = await asyncio.create_subprocess_exec(KEFU, "prompts", "build", "--to", prompts)
    assert await build.wait() == 0
    url = databases.create(template_url)
    await _invite(url)
    settings = {
        "CALLBACK_HOURS": json.dumps(ANYTIME),
        "CALLBACK_PAGE_QUEUES": "reception",
        "CALLBACK_WIDGET_ORIGINS": shop.origin,
    }
    async with Center(tmp_path_factory.mktemp("center"), url, prompts=prompts, settings=settings) as running:
        yield running
    databases.drop(url)


@pytest.fixture
async def database(center: Center) -> AsyncIterator[Database]:
    """The center's own database, for looking."""
    opened = Database(center.database_url, application_name="kefu-test")
    yield opened
    await opened.close()


async def test_a_call_reaches_the_screen_before_the_answer_and_the_ledger_as_it_was(
    center: Center, database: Database, context: BrowserContext
) -> None:
    with SippSeat(center.sandbox, "1001", ring_s=RINGS_S, talk_s=TALKS_S) as seat:
        page = await _desk(context, center, "lily")
        with SippCaller(center.sandbox, NUMBER, name="王芳", keys=ENGLISH_THEN_SUPPORT, stay_s=60) as caller:
            await _card_shows_who_calls(page, database)
            await expect(page.locator("article.card")).to_have_attribute("data-phase", "talking")
            await caller.wait_async()
            seat_hung_up = seat.moment("BYE", of="BYE", sent=True)
            await _after_call_work_until_the_outcome(page, database, seat_hung_up)
            (call,) = await center.kefu("conversation", "list", "--caller", NUMBER)
            _holds_against_the_wire(call, caller, seat)
    await _rows_name_the_right_people(database, call)


async def test_a_caller_who_leaves_while_it_rings_takes_the_card_away(
    center: Center, database: Database, context: BrowserContext
) -> None:
    number = "13800138009"
    with SippSeat(center.sandbox, "1002", ring_s=60) as seat:
        page = await _desk(context, center, "max", "PJSIP/1002")
        with SippCaller(center.sandbox, number, keys=ENGLISH_THEN_SUPPORT, stay_s=7) as caller:
            card = page.locator("article.card")
            await expect(card).to_have_attribute("data-phase", "ringing", timeout=30_000)
            await expect(card).to_contain_text("Unknown caller")
            await caller.wait_async()
            left_at = caller.moment("BYE", of="BYE", sent=True)
            rang_at = seat.moment("INVITE", of="INVITE", sent=False)
            await expect(card).to_have_count(0)
        await expect(page.locator("#state")).to_have_attribute("data-word", "ready")
        call = await _ended_call(center, number)
    assert (call["outcome"], call["ended_by"], call["segments"]) == ("abandoned", "caller", [])
    (wait,), (offer,) = call["waits"], call["offers"]
    assert wait["outcome"] == "abandoned"
    assert _at(wait["left_at"]) == pytest.approx(left_at, abs=NEAR_S)
    assert (offer["seat"], offer["agent"], offer["outcome"]) == ("PJSIP/1002", "max", "caller_left")
    assert _at(offer["started_at"]) == pytest.approx(rang_at, abs=NEAR_S)
    pops = await _rows(database, "SELECT ending, taken_at IS NULL FROM pop WHERE conversation_id = :id", id=call["id"])
    assert pops == [("ring_ended", False)]
    joined = ["add_member confirmed"] * 2
    assert await _wishes(database, "PJSIP/1002") == joined, "nobody wraps up a call they never had"


async def test_a_visitor_of_another_site_is_called_back_and_talks(
    center: Center, database: Database, browser: Browser, context: BrowserContext, shop: ForeignSite
) -> None:
    """The button in a foreign page, the promise, the card before the talk, 1, the talk, the promise kept."""
    shop.embeds(center.web, 'data-queue="reception"')
    sandbox = center.sandbox
    with (
        SippSeat(sandbox, "1003", ring_s=1.5, talk_s=30) as seat,
        SippCustomer(sandbox, ring_s=0.3, keys=[(1.0, "1")], talk_s=2.0) as customer,
    ):
        sandbox.cli("dialplan set global CALLBACK_BY PJSIP/trunk/sip:+")
        sandbox.cli(f"dialplan set global CALLBACK_VIA @127.0.0.1:{customer.port}")
        desk = await _desk(context, center, "rose", seat.interface)
        visitor = await browser.new_page()  # another profile: nobody is signed in there
        await visitor.goto(shop.origin)
        await visitor.get_by_role("button", name="Call me back").click()
        frame = visitor.frame_locator("iframe")
        await frame.get_by_label("Your telephone number").fill(NUMBER)
        await frame.get_by_label("What it is about").fill("two purifiers")
        await frame.get_by_role("button", name="When can you call?").click()
        await frame.get_by_role("button", name="Yes, call me then").click()
        await expect(frame.get_by_role("status")).to_contain_text("We will call you between")
        card = desk.locator("article.card")
        await expect(card.locator("h1")).to_contain_text("王芳", timeout=20_000)
        await expect(card).to_contain_text("two purifiers")
        assert await _rows(database, "SELECT 1 FROM segment WHERE seat = :seat", seat=seat.interface) == []
        await expect(card).to_have_attribute("data-phase", "talking", timeout=20_000)
        await expect(desk.locator("#state")).to_have_attribute("data-word", "wrapping_up", timeout=20_000)
        await visitor.close()
    promise = "SELECT source, language, state, outcome, kept, dials FROM callback WHERE queue = 'reception'"
    assert await _rows(database, promise) == [("web", "en", "reached", "reached", True, 1)]
    ((chose, agent, talk_s),) = await _rows(
        database,
        "SELECT a.chose, agent.login, extract(epoch FROM s.ended_at - s.started_at)::float8 FROM callback_attempt a "
        "JOIN conversation c ON c.linkedid = a.id::text JOIN segment s ON s.conversation_id = c.id "
        "JOIN agent ON agent.id = s.agent_id",
    )
    assert (chose, agent) == ("1", "rose")
    assert 1 < talk_s < 5
    figures = await center.kefu("callback", "promises")
    assert (figures["promise_kept"], figures["callback_reach"], figures["overtakes"]) == (100.0, 100.0, 0)


# ---- what an agent sees


async def _desk(context: BrowserContext, center: Center, login: str, seat: str = SEAT) -> Page:
    """Sign in by the forms, sit down, and become ready by Asterisk's own word."""
    page = await context.new_page()
    await page.goto(f"{center.web}/sign-in")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    typed = page.locator("input[name=typed]")
    await typed.fill(seat)
    await page.get_by_role("button", name="Sit down").click()
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready")
    return page


async def _card_shows_who_calls(page: Page, database: Database) -> None:
    card = page.locator("article.card")
    await expect(card).to_have_attribute("data-phase", "ringing", timeout=30_000)
    assert await _rows(database, "SELECT 1 FROM segment") == [], "the card is there before anybody answered"
    await expect(card.locator("h1")).to_contain_text("王芳")
    await expect(card.locator("h1 .badge")).to_have_text("Key customer")
    await expect(card).to_contain_text("北京远山贸易有限公司")
    await expect(card).to_contain_text("SO-1")
    await expect(card).to_contain_text("SO-2")
    facts = card.locator("dl.facts")
    await expect(facts.locator("kbd")).to_have_text(["1", "2"])
    await expect(facts).to_contain_text("English")
    await expect(facts).to_contain_text("95000")
    await expect(facts.locator("div").first).to_have_text(re.compile(r"Waited\s*0:0\d"))


async def _after_call_work_until_the_outcome(page: Page, database: Database, seat_hung_up: float) -> None:
    state = page.locator("#state")
    await expect(state).to_have_attribute("data-word", "wrapping_up")
    await expect(page.locator("article.card h1")).to_contain_text("王芳")
    ((since, paused, reason),) = await _rows(
        database, "SELECT since, paused, pause_reason FROM posture WHERE seat = :seat", seat=SEAT
    )
    assert (paused, reason) == (True, "ACW")
    assert since.timestamp() == pytest.approx(seat_hung_up, abs=NEAR_S), "after-call work begins at once"
    await page.locator("label").filter(has_text="Solved").click()
    await page.get_by_role("textbox", name="Note N").fill("Told about the delivery.")
    await page.get_by_label("Which case?").select_option("none:answered_at_once")
    await page.get_by_role("button", name="Save and finish").click()
    await expect(state).to_have_attribute("data-word", "ready")
    await expect(page.locator("article.card")).to_have_count(0)
    assert await _rows(database, "SELECT outcome, note FROM wrap_up") == [("solved", "Told about the delivery.")]
    assert await _wishes(database, SEAT) == ["add_member confirmed"] * 2 + [
        "pause confirmed",
        "end_after_call_work confirmed",
    ]


# ---- what the ledger says, held against SIPp's own times


def _holds_against_the_wire(call: dict[str, Any], caller: SippCaller, seat: SippSeat) -> None:
    rang_in = caller.moment("INVITE", of="INVITE", sent=True)
    hung_up_on = caller.moment("BYE", of="BYE", sent=False)
    seat_rang = seat.moment("INVITE", of="INVITE", sent=False)
    seat_answered = seat.moment("SIP/2.0 200", of="INVITE", sent=True)
    seat_hung_up = seat.moment("BYE", of="BYE", sent=True)

    assert (call["direction"], call["caller"], call["caller_name"]) == ("inbound", NUMBER, "王芳")
    assert (call["dialled"], call["outcome"], call["ended_by"]) == ("95000", "answered", "agent")
    assert call["transfers"] == []
    assert call["reconstructed"] is False
    assert _at(call["started_at"]) == pytest.approx(rang_in, abs=NEAR_S)
    assert _at(call["ended_at"]) == pytest.approx(hung_up_on, abs=NEAR_S)

    (wait,), (offer,), (segment,) = call["waits"], call["offers"], call["segments"]
    assert (wait["queue"], wait["outcome"]) == ("support", "answered")
    assert rang_in < _at(wait["entered_at"]) <= seat_rang + NEAR_S
    assert seat_rang - _at(wait["entered_at"]) < LOOKS_EACH_S_S
    assert _at(wait["left_at"]) == pytest.approx(seat_answered, abs=NEAR_S)
    assert wait["wait_s"] == pytest.approx(_at(wait["left_at"]) - _at(wait["entered_at"]), abs=0.001)

    assert (offer["seat"], offer["agent"], offer["outcome"]) == (SEAT, "lily", "answered")
    assert _at(offer["started_at"]) == pytest.approx(seat_rang, abs=NEAR_S)

    assert (segment["seat"], segment["agent"], segment["hold_s"]) == (SEAT, "lily", 0)
    assert _at(segment["started_at"]) == pytest.approx(seat_answered, abs=NEAR_S)
    assert _at(segment["ended_at"]) == pytest.approx(seat_hung_up, abs=NEAR_S)
    assert segment["talk_s"] == pytest.approx(TALKS_S, abs=NEAR_S)


async def _rows_name_the_right_people(database: Database, call: dict[str, Any]) -> None:
    ((customer, language, matter),) = await _rows(
        database,
        "SELECT c.code, f.language, f.matter FROM caller_facts f JOIN customer c ON c.id = f.customer_id"
        " WHERE f.linkedid = :linkedid",
        linkedid=call["linkedid"],
    )
    assert (customer, language, matter) == ("K-1", "en", "support")
    visits = await _rows(
        database, "SELECT pressed, ending FROM visit WHERE linkedid = :linkedid", linkedid=call["linkedid"]
    )
    assert visits == [("12", "join_queue")]
    ((ending, hint_ms, latency_ms, agent),) = await _rows(
        database,
        "SELECT p.ending, s.hint_ms, s.latency_ms, a.login FROM pop p JOIN pop_shown s ON s.pop_id = p.id"
        " JOIN agent a ON a.id = s.agent_id WHERE p.conversation_id = :id",
        id=call["id"],
    )
    assert (ending, agent) == ("call_ended", "lily")
    assert 0 < hint_ms < latency_ms < 1000
    print(f"hint to paint {hint_ms:.1f} ms, ring to acknowledgement {latency_ms:.1f} ms")


def _at(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


async def _ended_call(center: Center, number: str) -> dict[str, Any]:
    """The one call of this number, once the ledger has its end."""
    until = time.monotonic() + 10
    while True:
        calls: list[dict[str, Any]] = await center.kefu("conversation", "list", "--caller", number)
        if calls and calls[0]["ended_at"] is not None:
            (call,) = calls
            return call
        assert time.monotonic() < until, f"the call of {number} does not end in the ledger: {calls}"


async def _rows(database: Database, query: str, **values: object) -> list[tuple[Any, ...]]:
    async with database.reading() as session:
        return [tuple(row) for row in await session.execute(text(query), values)]


async def _wishes(database: Database, seat: str) -> list[str]:
    """The wishes about a seat, in order, each with its end; waits until none is open."""
    until = time.monotonic() + 5
    while True:
        rows = await _rows(
            database, "SELECT kind || ' ' || state FROM pbx_request WHERE seat = :seat ORDER BY wanted_at", seat=seat
        )
        said = [row[0] for row in rows]
        if not any(each.endswith((" wanted", " sent")) for each in said):
            return said
        assert time.monotonic() < until, said


async def _invite(url: str) -> None:
    database = Database(url, application_name="kefu-test")
    now = datetime.now(UTC)
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        await queues.define(session, "reception", title_en="Reception", title_zh="前台")
        for login, name, queue in (
            ("lily", "Lily Chen", "support"),
            ("max", "Max Weber", "support"),
            ("rose", "Rose Li", "reception"),
        ):
            agent = await agents.create(session, login=login, name=name, password=PASSWORD)
            await agents.serve(session, agent.id, queue)
        customer = await customers.create(
            session,
            code="K-1",
            name="王芳",
            phones=("138 0013 8000",),
            country="CN",
            company="北京远山贸易有限公司",
            tier="key",
        )
        for number, state, days in (("SO-1", "shipped", 2), ("SO-2", "delivered", 30)):
            await orders.place(
                session,
                customer_id=customer.id,
                number=number,
                item="空气净化器",
                amount=Decimal("2399.00"),
                state=state,
                placed_at=now - timedelta(days=days),
            )
    await database.close()
