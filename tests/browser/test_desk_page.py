"""The page of the desk is light, and nothing jumps as a caller's card comes."""

from __future__ import annotations

import pytest
from desk_in_chromium import SEAT, Web, agent_id
from forged_floor import CALLER
from playwright.async_api import Page, expect

from crm import customers

WEIGHT_BYTES = 300_000
WEIGHED = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .reduce((sum, one) => sum + one.decodedBodySize, 0)"""
WATCH = """() => { window.shifts = []; new PerformanceObserver(list =>
    window.shifts.push(...list.getEntries().map(one => [one.value, one.sources.map(({node}) =>
        node?.id || node?.className || node?.nodeName)])))
    .observe({type: "layout-shift"}) }"""


async def test_the_whole_page_weighs_little(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    web.floor.ring(SEAT)
    await page.goto(f"{web.url}/desk")
    await expect(page.locator("article.card")).to_be_visible()
    await expect(page.locator(".more input[type=search]")).to_be_visible()
    assert 20_000 < await page.evaluate(WEIGHED) < WEIGHT_BYTES
    assert {url.split("?")[0] for url in await page.evaluate("[...document.scripts].map(one => one.src)")} == {
        f"{web.url}/static/page.js"
    }


@pytest.mark.parametrize("width", [1280, 380])
async def test_nothing_jumps_as_a_card_comes_and_fills(web: Web, signed_in_page: Page, width: int) -> None:
    page = signed_in_page
    await page.set_viewport_size({"width": width, "height": 900})
    async with web.database.transaction() as session:
        await customers.create(session, code="C-1", name="王美玲", tier="key", phones=[CALLER], country="CN")
    for _ in range(2):  # so that this one calls again
        before = web.floor.ring(SEAT)
        web.floor.answer(before, await agent_id(web))
        web.floor.hang_up(before)
    web.floor.posture(SEAT, "ready")
    await expect(page.locator("#figures")).to_be_visible()
    await page.evaluate(WATCH)
    web.floor.ring(SEAT)
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "ringing")
    await expect(page.locator(".again")).to_be_visible()
    await page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    assert await page.evaluate("window.shifts") == []
