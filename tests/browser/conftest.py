"""A real web server on a port and a real Chromium, for tests that look at pages as an agent does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher
from desk_in_chromium import PASSWORD, QUIET, SEAT, Web, chromium, serving, sign_in
from forged_floor import ForgedFloor
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from crm import agents, queues
from crm.database import Database
from crm.settings import Settings


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings of the test server; cookies are secure, as Chromium allows on this very machine."""
    return Settings(database_url=database_url, heartbeat_seconds=1.0)


@pytest.fixture
async def web(
    database: Database, database_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Web]:
    """The pages on a free port, with one queue, one agent `lily` and a node in sight."""
    monkeypatch.setattr(agents, "_hasher", PasswordHasher(time_cost=1, memory_cost=1024))  # dozens of sign-ins
    floor = ForgedFloor(database_url)
    floor.see()
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        lily = await agents.create(session, login="lily", name="Lily Chen", password=PASSWORD)
        await agents.serve(session, lily.id, "support")
    async with serving(database, settings) as (server, url):
        yield Web(url, floor, database, server)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests of the session."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield running
        await running.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A fresh browser profile, in which every script error and every broken policy fails the test."""
    fresh = await browser.new_context(locale="en-GB", timezone_id="Asia/Shanghai")
    faults: list[str] = []
    fresh.on("weberror", lambda error: faults.append(str(error.error)))
    fresh.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    fresh.on("dialog", lambda dialog: faults.append(f"a dialog opened: {dialog.message}"))
    yield fresh
    await fresh.close()
    assert not faults, faults


@pytest.fixture
async def signed_in_page(web: Web, context: BrowserContext) -> Page:
    """Lily's desk at PJSIP/1001, ready for a call."""
    page = await context.new_page()
    await sign_in(page, web)
    web.floor.settle(SEAT)
    web.floor.stand_in(SEAT, "support")
    web.floor.posture(SEAT, "ready")
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready")
    return page
