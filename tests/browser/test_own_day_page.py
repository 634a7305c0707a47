"""The own day on an idle desk: a message is read by keys, a follow-up ticked off, and a ring takes its place."""

from __future__ import annotations

from datetime import datetime

import pytest
from desk_in_chromium import SEAT, Web, agent_id
from playwright.async_api import Page, expect
from test_accessible import faults
from test_desk_state import press_access_key

from crm import figure_targets
from crm.deeds.tell_desks import tell_desks
from crm.settings import Settings

OVERFLOWING = """() => [...document.querySelectorAll(".lights > div")].filter(tile =>
    [tile, ...tile.querySelectorAll("*")].some(one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth
        || one.getBoundingClientRect().right > tile.getBoundingClientRect().right)).map(tile => tile.innerText)"""


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
async def test_a_day_from_message_to_follow_up(web: Web, signed_in_page: Page, language: str, theme: str) -> None:
    page = signed_in_page
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    if language == "zh":
        await press_access_key(page, "l")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(page.locator("[data-figure=calls] .number")).to_contain_text("0")
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring, await agent_id(web))
    web.floor.hang_up(ring)
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "wrapping_up")
    await expect(page.locator("#day")).to_have_count(0)
    await page.keyboard.press("1")
    await page.keyboard.press("f")
    today = datetime.now(Settings().zone).date()
    await page.locator("input[name=follow_up]").fill(str(today))
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-saved]")).to_be_visible()
    async with web.database.transaction() as session:
        await tell_desks(session, "Fire drill at noon", by="jo")
        for figure in figure_targets.FIGURES:  # all near their targets: the longest word
            await figure_targets.define(session, figure, green=1e6, red=0, by="jo")
    web.floor.posture(SEAT, "ready")
    await expect(page.locator("[data-figure=calls] .number")).to_contain_text("1")
    assert await page.evaluate(OVERFLOWING) == []
    await expect(page.locator("#told")).to_contain_text("Fire drill at noon")
    await expect(page.locator("#due")).to_be_visible()
    assert await faults(page) == []
    await press_access_key(page, "g")
    await expect(page.locator("#told")).to_have_count(0)
    await page.locator("#due .head > form button").press("Enter")
    await expect(page.locator("#due")).to_have_count(0)
    assert web.floor.rows("SELECT count(*) FROM desk_message_read") == [(1,)]
    assert web.floor.rows("SELECT done_at IS NOT NULL FROM follow_up") == [(True,)]


async def test_a_message_to_an_idle_desk_appears_by_itself(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await page.clock.install()
    await expect(page.locator("#figures")).to_be_visible()
    await page.clock.fast_forward(6_000)
    async with web.database.transaction() as session:
        await tell_desks(session, "Come to my desk", by="jo", login="lily")
    await expect(page.locator("#told")).to_contain_text("Come to my desk")
    web.floor.ring(SEAT)
    await expect(page.locator("article.card")).to_be_visible()
    await expect(page.locator("#told")).to_have_count(0)
