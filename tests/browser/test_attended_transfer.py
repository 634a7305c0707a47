"""One caller, two agents, no mouse: transferred by asking first, the second agent has read everything before answering.

SIPp rings in and is both phones, Asterisk 22 carries the call, the services run as their own processes, two Chromium
desks are used by keys alone. The ledger credits each agent with their own talk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from center import Center, spoken_prompts
from desk_in_chromium import PASSWORD
from playwright.async_api import Browser, Page, expect
from postgres_server import Databases
from sip_phones import SippCaller, SippSeat
from sqlalchemy import text

from crm import agents, customers, queues
from crm.database import Database

NUMBER = "13800138000"
ENGLISH_THEN_SUPPORT = [(1.5, "1"), (5.0, "2")]
NOTE = "VIP: the invoice of May is wrong again, please correct it while on the line"
NEAR_S = 0.7
READS_S = 5.0
"""How long the second phone rings before it is answered: time to read."""


class Wire(NamedTuple):
    """What the phones sent and received, by SIPp's clock: the truth that the ledger is held against."""

    first_answered: float
    second_answered: float
    let_go: float
    ended: float


@pytest.fixture
async def center(
    databases: Databases, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Center]:
    """Lily serves support, Max serves reception; the caller asks for support."""
    url = databases.create(template_url)
    database = Database(url, application_name="kefu-test")
    async with database.transaction() as session:
        for queue, zh in (("support", "客户支持"), ("reception", "前台")):
            await queues.define(session, queue, title_en=queue.capitalize(), title_zh=zh)
        for login, name, queue in (("lily", "Lily Chen", "support"), ("max", "Max Weber", "reception")):
            agent = await agents.create(session, login=login, name=name, password=PASSWORD)
            await agents.serve(session, agent.id, queue)
        await customers.create(session, code="K-1", name="王芳", tier="key", phones=[NUMBER], country="CN")
    await database.close()
    async with Center(tmp_path_factory.mktemp("center"), url, prompts=await spoken_prompts()) as running:
        yield running
    databases.drop(url)


async def test_a_caller_is_transferred_by_keys_and_both_agents_are_credited(center: Center, browser: Browser) -> None:
    with (
        SippSeat(center.sandbox, "1001", ring_s=0.5) as first,
        SippSeat(center.sandbox, "1002", ring_s=READS_S) as second,
    ):
        lily, max_ = await _desk(browser, center, "lily", "1001"), await _desk(browser, center, "max", "1002")
        with SippCaller(center.sandbox, NUMBER, name="王芳", keys=ENGLISH_THEN_SUPPORT, stay_s=60) as caller:
            await expect(lily.locator("article.card")).to_have_attribute("data-phase", "talking", timeout=30_000)
            await _lily_asks_max(lily)
            assert _transfers_lead_to(center) == "", "the phone's own transfers are what they were"
            await _max_reads_before_answering(max_)
            await expect(lily.locator("#asking")).to_contain_text("Max Weber")
            await expect(max_.locator("article.card")).to_have_attribute("data-phase", "talking", timeout=10_000)
            await _press(lily, "Leave the two together", begin="d", step="Shift+Tab")
            await expect(lily.locator("#state")).to_have_attribute("data-word", "wrapping_up")
            await expect(max_.locator(".handed")).to_contain_text("From Lily Chen")
            await asyncio.sleep(1.5)
            await _press(max_, "Hang up", begin="j", step="Shift+Tab")
            await expect(max_.locator("#state")).to_have_attribute("data-word", "wrapping_up")
            await caller.wait_async()
            wire = Wire(
                first.moment("SIP/2.0 200", of="INVITE", sent=True),
                second.moment("SIP/2.0 200", of="INVITE", sent=True),
                first.moment("BYE", of="BYE", sent=False),
                second.moment("BYE", of="BYE", sent=False),
            )
        await _close_by_keys(max_, "1")
        await _close_by_keys(lily, "1")
    (call,) = await center.kefu("conversation", "list", "--caller", NUMBER)
    _credits_both(call, wire)
    await _rows_agree(center, call)


async def _desk(browser: Browser, center: Center, login: str, seat: str) -> Page:
    """A browser of its own, as on two desks; signed in and ready by Asterisk's own word."""
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(f"{center.web}/sign-in")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("input[name=typed]").fill(f"PJSIP/{seat}")
    await page.keyboard.press("Enter")
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready", timeout=20_000)
    return page


async def _lily_asks_max(page: Page) -> None:
    await _leave(page)
    await page.keyboard.press("g")
    await page.keyboard.type("Max")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type(NOTE)
    await _press(page, "Ask first")
    await expect(page.locator(".asked li[data-kind=consult]")).to_have_attribute("data-state", "confirmed")


def _transfers_lead_to(center: Center) -> str:
    """The context that the first phone's own transfer key would follow, but for its own."""
    with center.sandbox.ami() as reader:
        shown = reader.ask_list({"Action": "CoreShowChannels"})
        phone = next(row["Channel"] for row in shown if row.get("Channel", "").startswith("PJSIP/1001-"))
        return reader.ask({"Action": "Getvar", "Channel": phone, "Variable": "TRANSFER_CONTEXT"})["Value"]


async def _max_reads_before_answering(page: Page) -> None:
    card = page.locator("article.card")
    await expect(card).to_have_attribute("data-phase", "ringing")
    await expect(card.locator("h1")).to_contain_text("王芳")
    await expect(card.locator(".handed strong")).to_have_text("Lily Chen asks you about this call")
    await expect(card.locator(".handed-note")).to_have_text(NOTE)
    assert await card.get_attribute("data-phase") == "ringing", "all of this was there before anybody answered"


async def _close_by_keys(page: Page, outcome: str) -> None:
    await _leave(page)
    await page.keyboard.press(outcome)
    await _press(page, "Save and finish")
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready")
    await expect(page.locator("article.card")).to_have_count(0)


async def _leave(page: Page) -> None:
    """Out of any field: single letters lead to fields again."""
    await page.evaluate("document.activeElement.blur()")


async def _press(page: Page, name: str, *, begin: str | None = None, step: str = "Tab") -> None:
    """Go on by `step`, from where the letter `begin` leads, to the button of this name, and press Enter."""
    if begin is not None:
        await _leave(page)
        await page.keyboard.press(begin)
    for _ in range(12):
        await page.keyboard.press(step)
        if name in await page.evaluate("document.activeElement.textContent"):
            await page.keyboard.press("Enter")
            return
    raise AssertionError(f"no key leads to {name!r}")


def _credits_both(call: dict[str, Any], wire: Wire) -> None:
    assert (call["outcome"], call["ended_by"]) == ("answered", "agent")
    assert [(each["kind"], each["from_seat"], each["to"]) for each in call["transfers"]] == [
        ("attended", "PJSIP/1001", "PJSIP/1002")
    ]
    assert [(offer["seat"], offer["agent"], offer["outcome"]) for offer in call["offers"]] == [
        ("PJSIP/1001", "lily", "answered"),
        ("PJSIP/1002", "max", "answered"),
    ]
    one, two = call["segments"]
    assert (one["agent"], two["agent"]) == ("lily", "max")
    assert _at(one["started_at"]) == pytest.approx(wire.first_answered, abs=NEAR_S)
    assert _at(one["ended_at"]) < wire.second_answered, "asking is no talk"
    assert _at(two["started_at"]) == pytest.approx(wire.let_go, abs=NEAR_S)
    assert _at(two["ended_at"]) == pytest.approx(wire.ended, abs=NEAR_S)


async def _rows_agree(center: Center, call: dict[str, Any]) -> None:
    database = Database(center.database_url, application_name="kefu-test")
    async with database.reading() as session:

        async def rows(query: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await session.execute(text(query), {"id": call["id"]})]

        wishes = await rows(
            "SELECT kind, target, state FROM pbx_request WHERE conversation_id = :id AND kind <> 'unpause'"
            " AND kind <> 'pause' AND kind <> 'end_after_call_work' ORDER BY wanted_at"
        )
        outcomes = await rows(
            "SELECT a.login, w.outcome FROM wrap_up w JOIN agent a ON a.id = w.agent_id"
            " WHERE conversation_id = :id ORDER BY 1"
        )
        pops = await rows("SELECT seat, ending FROM pop WHERE conversation_id = :id ORDER BY rung_at")
    await database.close()
    assert wishes == [
        ("consult", "1002", "confirmed"),
        ("consult_end", "complete", "confirmed"),
        ("hang_up", None, "confirmed"),
    ]
    assert [login for login, _ in outcomes] == ["lily", "max"]
    assert pops == [("PJSIP/1001", "call_ended"), ("PJSIP/1002", "call_ended")]


def _at(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
