"""Every page and state of the desk is read by axe-core, in both themes and languages: no fault of WCAG 2.2 A or AA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk_in_chromium import SEAT, Web
from playwright.async_api import Frame, Page, expect
from test_desk_state import press_access_key

AXE = Path(__file__).parents[2] / "crm/web/assets/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def faults(page: Page | Frame) -> list[Any]:
    """What axe finds on the page as it is."""
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [(fault["id"], [node["html"][:150] for node in fault["nodes"]]) for fault in found["violations"]]


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "zh")])
async def test_desk_through_a_call(web: Web, signed_in_page: Page, theme: str, language: str) -> None:
    page, card = signed_in_page, signed_in_page.locator("article.card")
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    if language == "zh":
        await press_access_key(page, "l")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(page.locator("#figures")).to_be_visible()
    assert await faults(page) == []
    ring = web.floor.ring(SEAT, caller_name="Wang", pressed=[("main_menu", "1")], facts={"matter": "SO-1"})
    await expect(card).to_have_attribute("data-phase", "ringing")
    assert await faults(page) == []
    web.floor.answer(ring)
    await expect(card).to_have_attribute("data-phase", "talking")
    await page.locator("#hand button").click()
    for state, why in (("confirmed", None), ("refused", "Asterisk refused it: No such channel"), ("", None)):
        await page.locator("form[id^=mute] button").click()
        await expect(page.locator(".asked li").first).to_have_attribute("data-state", "wanted")
        if state:
            web.floor.settle(SEAT, state, why)
            await expect(page.locator(".asked li").first).to_have_attribute("data-state", state)
    assert await faults(page) == []
    web.floor.consults(ring, "PJSIP/1002")
    await expect(page.locator("#asking")).to_be_visible()
    assert await faults(page) == []
    web.floor.hang_up(ring)
    web.floor.lose_sight()
    await expect(card).to_have_attribute("data-phase", "wrapping_up")
    await expect(page.locator("#no-sight")).to_be_visible()
    assert await faults(page) == []


@pytest.mark.parametrize("path", ["/conversations", "/wallboard", "/nowhere"])
async def test_other_pages(web: Web, signed_in_page: Page, path: str) -> None:
    web.floor.ring(SEAT)
    await signed_in_page.goto(f"{web.url}{path}")
    assert await faults(signed_in_page) == []
    await signed_in_page.emulate_media(color_scheme="dark")
    assert await faults(signed_in_page) == []


async def test_the_way_in(web: Web, signed_in_page: Page) -> None:
    await signed_in_page.get_by_role("button", name="Leave this seat").click()
    await expect(signed_in_page).to_have_url(f"{web.url}/seat")
    web.floor.posture("PJSIP/3001", "ready")
    await signed_in_page.reload()
    assert await faults(signed_in_page) == []
    await signed_in_page.get_by_role("button", name="中文").click()
    await signed_in_page.get_by_role("button", name="退出登录").click()
    await expect(signed_in_page).to_have_url(f"{web.url}/sign-in")
    assert await faults(signed_in_page) == []
