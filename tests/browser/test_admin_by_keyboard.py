"""Administrators' pages and the import of a file in Chromium: by keyboard, both languages and themes, clean for axe."""

from __future__ import annotations

import re

import pytest
from desk_in_chromium import PASSWORD, Web
from playwright.async_api import BrowserContext, Page, expect
from test_accessible import faults
from test_customers_by_keyboard import press

from crm import agents, announcements, audit, webhooks
from crm.deeds.deliver_webhooks import deliver
from crm.settings import Settings

DROP = """([name, text, size]) => {
  const held = new DataTransfer();
  held.items.add(new File([size ? "x".repeat(size) : text], name, { type: "text/csv" }));
  document.getElementById("main").dispatchEvent(
    new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: held }));
}"""


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """An empty page."""
    return await context.new_page()


async def come_in(page: Page, web: Web, role: str) -> None:
    async with web.database.transaction() as session:
        await agents.create(session, login="ada", name="Ada", password=PASSWORD, role=role)
    await page.goto(f"{web.url}/sign-in")
    await page.get_by_label("Login").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{web.url}/seat")


async def clean_in_both(page: Page, web: Web, path: str) -> None:
    """No fault in English by day, none in Chinese at night."""
    await page.goto(f"{web.url}{path}")
    await page.emulate_media(color_scheme="light")
    assert await faults(page) == [], path
    await page.emulate_media(color_scheme="dark")
    await press(page, "l")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    assert await faults(page) == [], path
    await press(page, "l")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_a_token_made_and_the_chain_checked_by_keyboard(web: Web, page: Page) -> None:
    await come_in(page, web, "admin")
    await page.goto(f"{web.url}/programs")
    await press(page, "n")
    await page.keyboard.type("acme crm")
    for _ in range(3):
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
    await press(page, "s")
    secret = page.locator("#secret")
    await expect(secret).to_be_focused()
    await expect(secret).to_have_value(re.compile("^kefu_.{40,}"))
    assert await faults(page) == []
    await page.locator("#name").fill("second crm")
    await page.get_by_role("checkbox").first.check()
    await page.get_by_role("button", name="Make the token").dblclick()
    await expect(page.locator("#made")).to_contain_text("second crm")  # not: there is one already
    await page.goto(f"{web.url}/audit")
    await press(page, "s")
    await expect(page.locator("#verified")).to_contain_text("all as they were written")
    assert await faults(page) == []


async def test_every_such_page_is_clean(web: Web, page: Page) -> None:
    await come_in(page, web, "admin")
    async with web.database.transaction() as session:
        added = await webhooks.add(session, name="dead end", url="http://127.0.0.1:9/", kinds=[], by="ada")
        await webhooks.switch(session, "dead end", active=True)
        await announcements.announce(session, "order.changed", key="a", data={"number": "a"})
        await audit.note(session, by="ada", did="thing.do", subject="thing", subject_id="1", detail={"count": 1})
        await announcements.number_new(session)
    await deliver(web.database, Settings(webhook_give_up_hours=1), str(added.id))
    for path in ("/programs", "/webhooks", "/webhooks/dead?name=dead%20end", "/audit", "/customers/import"):
        await clean_in_both(page, web, path)


async def test_a_file_dropped_is_tried_first_and_then_imported(web: Web, page: Page) -> None:
    await come_in(page, web, "supervisor")
    await page.goto(f"{web.url}/customers")
    await page.evaluate(DROP, ["large.csv", "", 21 * 1024 * 1024])
    await expect(page.get_by_role("alert")).to_contain_text("kefu customer import FILE")
    lines = "".join(f"Person {n},1380000{n:04}\n" for n in range(300))
    await page.evaluate(DROP, ["new.csv", f"name,phone\n{lines}Bad,=1\n", 0])
    await expect(page.locator("h1")).to_have_text("new.csv")
    await expect(page.locator("#valid")).to_have_text("300")
    await expect(page.locator("#faults")).to_contain_text("is a formula")
    assert await faults(page) == []
    await press(page, "s")
    await expect(page.locator("#created")).to_have_text("300")
    assert await faults(page) == []
    assert web.floor.rows("SELECT count(*) FROM customer") == [(300,)]
