"""A stranger's matter from the ring to the end, by keys alone: made a customer, a case opened, escalated, given to
another department, answered there, closed; in both languages. Its pages can be read by everybody."""

from __future__ import annotations

import re

import pytest
from case_people_in_chromium import furnish
from desk_in_chromium import SEAT, Web, agent_id
from forged_floor import CALLER
from playwright.async_api import BrowserContext, Page, expect
from test_accessible import faults
from test_desk_state import press_access_key as key

HEADINGS = {"en": ("History", "Closed"), "zh": ("历史记录", "已关闭")}


async def typed(page: Page, text: str) -> None:
    """Into the next field."""
    await page.keyboard.press("Tab")
    await page.keyboard.type(text)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_case_by_keys_from_the_ring_to_its_end(
    web: Web, context: BrowserContext, signed_in_page: Page, language: str
) -> None:
    page = signed_in_page
    await furnish(web)
    if language == "zh":
        await key(page, "l")
        await expect(page.locator("html")).to_have_attribute("lang", re.compile("zh"))
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring, await agent_id(web))
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "talking")
    await key(page, "u")  # nobody knows this caller: one key makes a customer of them
    await expect(page.locator(".person a[accesskey=v]")).to_be_visible()
    await expect(page.locator("#open-cases")).to_contain_text("0")
    subject = page.locator("input[data-draft^=case-]")
    await subject.fill("the kiln is cold")
    await key(page, "t")  # one key opens it; pressed twice it is one
    await expect(page.locator("#open-cases")).to_contain_text("1")
    await expect(subject).to_have_value("")  # it was of that case
    web.floor.hang_up(ring)
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "wrapping_up")
    await expect(page.locator(".case-question select")).to_have_value(re.compile(r"^case:\d+$"))
    assert await faults(page) == []
    await key(page, "o")
    await page.keyboard.press("Space")
    await key(page, "s")
    await expect(page.locator("[data-saved]")).to_be_visible()
    ((number,),) = web.floor.rows("SELECT number FROM customer_case")
    await key(page, "e")
    await expect(page).to_have_url(f"{web.url}/cases/{number}")
    assert await faults(page) == []
    await key(page, "e")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await typed(page, "kiln is broken")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#handler")).not_to_have_text("Lily Chen")
    await expect(page.locator("#owner")).to_have_text("Lily Chen")
    await key(page, "w")
    await page.keyboard.press("Tab")
    await typed(page, "send a cup")
    await page.locator("#work-order textarea").press("Control+Enter")
    await page.locator("#work-order button").press("Enter")
    await expect(page.get_by_text("send a cup").first).to_be_visible()
    await answer_at_the_warehouse(web, context, number)
    await page.reload()
    await key(page, "c")
    await typed(page, "a cup was sent")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_have_attribute("data-state", "closed")
    await expect(page.locator("#history")).to_have_text(HEADINGS[language][0])
    states = web.floor.rows(
        "SELECT c.state, c.tier, owner.login, customer.name FROM customer_case c "
        "JOIN agent owner ON owner.id = c.owner_id JOIN customer ON customer.id = c.customer_id"
    )
    assert states == [("closed", "second_line", "lily", CALLER)]
    assert web.floor.rows("SELECT count(*) FROM case_conversation") == [(1,)]


async def answer_at_the_warehouse(web: Web, context: BrowserContext, number: str) -> None:
    """Otto, who only answers work orders, in a browser of his own."""
    browser = context.browser
    assert browser
    own = await browser.new_context(locale="en-GB")
    page = await own.new_page()
    await page.goto(f"{web.url}/sign-in")
    await page.get_by_label("Login").fill("otto")
    await page.get_by_label("Password").fill("a good long password")
    await page.keyboard.press("Enter")
    await expect(page).not_to_have_url(f"{web.url}/sign-in")
    await page.goto(f"{web.url}/work-orders")
    await page.get_by_role("link", name=f"{number}-1").press("Enter")
    await key(page, "t")
    await expect(page.locator("main")).to_have_attribute("data-state", "taken")
    assert await faults(page) == []
    await key(page, "n")
    await page.keyboard.type("sent by train")
    await key(page, "s")
    await expect(page.locator("main")).to_have_attribute("data-state", "answered")
    await own.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_lists_and_directory_can_be_read_by_everybody_and_search_as_one_types(
    web: Web, signed_in_page: Page, theme: str
) -> None:
    page = signed_in_page
    await furnish(web)
    web.floor.do(("UPDATE agent SET role = 'supervisor' WHERE login = 'lily'", {}))
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for path in (
        "/cases",
        "/cases/new",
        "/cases/settings",
        "/cases/without",
        "/work-orders",
        "/messages",
        "/directory",
    ):
        await page.goto(f"{web.url}{path}")
        assert await faults(page) == [], path
    await page.keyboard.type("wxm")
    await expect(page.locator("#found tbody tr")).to_have_count(1)
    await expect(page.locator("#found")).to_contain_text("王小明")
    await page.keyboard.type("q")
    await expect(page.locator("#found .empty")).to_be_visible()
