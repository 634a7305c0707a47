"""A desk on a real center for tests: Asterisk 22, `kefu bridge` and `kefu web` as processes, Chromium, and a phone that
is answered and rejected by hand. Callers come straight into reception (no menu answers); the line to AMI can be cut."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from ami_cable import AmiCable
from center import NODE, Center
from desk_in_chromium import PASSWORD
from desk_phone import DeskPhone, Line
from playwright.async_api import Browser, Locator, Page, expect

from crm import agents, customers, queues
from crm.database import Database
from crm.pbx.sandbox_calls import CallFile

SEAT, OTHER_SEAT = "PJSIP/1001", "PJSIP/1002"
CUSTOMER = "+8613800138000"
SETTINGS = {
    "MISSED_CALL_REST_SECONDS": "0.5",
    "MISSED_CALLS": "2",
    "MISSED_CALLS_AWAY_SECONDS": "1",
    "PHONE_BLIP_SECONDS": "0.5",
}


class CabledCenter(Center):
    """Its bridge reaches Asterisk by a cable."""

    def __init__(self, folder: Path, database_url: str, cable: AmiCable) -> None:
        super().__init__(folder, database_url, settings={**SETTINGS, "AMI_PORT": str(cable.port)})
        self.cable = cable

    def _prepare(self) -> None:
        self.cable._far = self.sandbox.ami_port
        super()._prepare()
        del self.services["ivr"]  # the dialplan's safe ending: to reception at once


class RealDesk:
    """Lily's desk at 1001, and what stands behind it."""

    def __init__(self, center: CabledCenter, page: Page, phone: DeskPhone) -> None:
        self.center, self.page, self.phone = center, page, phone
        self.sandbox = center.sandbox

    @property
    def card(self) -> Locator:
        return self.page.locator("article.card")

    async def shows(self, word: str, *, timeout_s: float = 10.0) -> None:
        """The state on the page."""
        await expect(self.page.locator("#state")).to_have_attribute("data-word", word, timeout=timeout_s * 1000)

    async def phase(self, word: str) -> None:
        """Of the only card."""
        await expect(self.card).to_have_attribute("data-phase", word)

    async def device(self, state: str) -> None:
        """Of the phone, as Asterisk says."""
        await self.holds("SELECT device_state FROM posture WHERE node = %(node)s AND seat = %(seat)s", [(state,)])

    def calls(self, number: str, stay_s: float = 60.0) -> None:
        """Somebody rings in from outside."""
        self.sandbox.originate_local(CallFile(number=number, stay_s=stay_s))

    async def rung(self) -> Line:
        """The phone rings."""
        return await asyncio.to_thread(self.phone.rung)

    async def talk(self, number: str) -> Line:
        """Somebody calls, and Lily answers."""
        self.calls(number)
        line = await self.rung()
        line.answer()
        await self.phase("talking")
        return line

    async def press(self, name: str) -> None:
        """The button of this name."""
        await self.page.get_by_role("button", name=name).first.click()

    def wish(self, kind: str) -> Locator:
        """What was asked of Asterisk about this call, as the card tells it; the last of its kind."""
        return self.page.locator(f".asked li[data-kind={kind}]").last

    async def ask_first(self, name: str, phone: DeskPhone) -> Line:
        """Put the caller on hold and ask the colleague, whose phone is answered."""
        choice = self.card.locator("select[name=to] option").filter(has_text=name)
        await self.card.locator("select[name=to]").select_option(value=await choice.get_attribute("value"))
        await self.press("Ask first")
        line = await asyncio.to_thread(phone.rung)
        line.answer()
        await expect(self.page.locator("#asking")).to_contain_text(name)
        assert await asyncio.to_thread(line.up.wait, 5)
        return line

    async def in_one_bridge(self, count: int) -> None:
        """Until so many channels are bridged together, by Asterisk's own word."""
        until = time.monotonic() + 10
        while True:
            shown = await asyncio.to_thread(self.sandbox.cli, "bridge show all")
            numbers = [int(found) for found in re.findall(r"\s(\d+) basic\s", shown)]
            if count in numbers:
                return
            assert time.monotonic() < until, shown
            await asyncio.sleep(0.1)

    async def finish(self) -> None:
        """The call is over; what follows needs no outcome here."""
        await self.shows("wrapping_up")
        await self.press("Finish without an outcome")
        await self.shows("ready")

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.center.database_url, autocommit=True) as connection:
            return connection.execute(query, {"node": NODE, "seat": SEAT, **values}).fetchall()

    async def holds(self, query: str, expected: list[tuple[Any, ...]], **values: Any) -> None:
        """Until the rows are so."""
        until = time.monotonic() + 10
        while (found := self.rows(query, **values)) != expected:
            assert time.monotonic() < until, (query, found)
            await asyncio.sleep(0.05)

    async def begin(self) -> None:
        """As after a test that held; one that failed leaves nothing to the next."""
        await asyncio.to_thread(self.phone.register)
        await self.page.goto(f"{self.center.web}/desk")
        self.sandbox.cli("channel request hangup all")
        leads_out = {"paused": "I am ready", "wrapping_up": "Finish without an outcome"}
        word = await self.page.locator("#state").get_attribute("data-word")
        if word in leads_out:
            await self.press(leads_out[word])
        await self.shows("ready")
        self.phone.forget()

    async def nothing_is_stuck(self) -> None:
        """No call, ring, talk, card or wish is left open; the page says the same as the rows."""
        self.sandbox.cli("channel request hangup all")
        await self.holds(
            "SELECT (SELECT count(*) FROM conversation WHERE ended_at IS NULL),"
            " (SELECT count(*) FROM offer WHERE ended_at IS NULL),"
            " (SELECT count(*) FROM segment WHERE ended_at IS NULL),"
            " (SELECT count(*) FROM pop WHERE taken_at IS NULL),"
            " (SELECT count(*) FROM pbx_request WHERE state IN ('wanted', 'sent'))",
            [(0, 0, 0, 0, 0)],
        )
        await self.shows("ready")
        await expect(self.card).to_have_count(0)
        await self.holds("SELECT word, paused FROM posture WHERE seat = %(seat)s", [("ready", False)])


async def furnish(url: str) -> None:
    """Lily serves reception, Max support; one customer is known."""
    database = Database(url, application_name="kefu-test")
    async with database.transaction() as session:
        for login, name, queue, zh in (
            ("lily", "Lily Chen", "reception", "前台"),
            ("max", "Max Weber", "support", "客户支持"),
        ):
            await queues.define(session, queue, title_en=queue.capitalize(), title_zh=zh)
            agent = await agents.create(session, login=login, name=name, password=PASSWORD)
            await agents.serve(session, agent.id, queue)
        await customers.create(session, code="K-1", name="王芳", tier="key", phones=[CUSTOMER], country="CN")
    await database.close()


async def sit_down(browser: Browser, center: Center, login: str, seat: str) -> Page:
    """A browser of their own, signed in."""
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(f"{center.web}/sign-in")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("input[name=typed]").fill(seat)
    await page.keyboard.press("Enter")
    await expect(page.locator("#state")).to_be_visible()
    return page


@asynccontextmanager
async def real_desk(browser: Browser, folder: Path, url: str) -> AsyncIterator[RealDesk]:
    """All of it, with Lily ready."""
    await furnish(url)
    async with AmiCable(0) as cable, CabledCenter(folder, url, cable) as center:
        with DeskPhone(center.sandbox, "1001", ring_s=None, speaks=True) as phone:
            page = await sit_down(browser, center, "lily", SEAT)
            desk = RealDesk(center, page, phone)
            await desk.shows("ready", timeout_s=20)
            yield desk
            await page.context.close()
