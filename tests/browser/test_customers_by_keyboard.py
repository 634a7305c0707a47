"""People at the keyboard: a caller made a customer by one key, one of several chosen, the record found and edited."""

from __future__ import annotations

import re

from desk_in_chromium import SEAT, Web
from forged_floor import CALLER
from playwright.async_api import Page, expect
from test_accessible import faults

from crm import customers


async def make(web: Web, name: str, *phones: str) -> str:
    """A customer; their code."""
    async with web.database.transaction() as session:
        return (await customers.create(session, name=name, phones=phones, country="CN")).code


async def press(page: Page, key: str) -> None:
    """An access key, as a browser carries it out (one without a window hears none): it is one element's alone."""
    meant = page.locator(f'[accesskey="{key}"]')
    await expect(meant).to_have_count(1)
    await meant.focus()
    if await meant.evaluate("element => element.tagName") == "BUTTON":
        await page.keyboard.press("Enter")


async def test_an_unknown_caller_is_made_a_customer_by_one_key(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    web.floor.ring(SEAT, caller_name="Wang Lei")
    card = page.locator("article.card")
    await expect(card.locator("h1")).to_have_text("Unknown caller")
    await press(page, "u")
    await expect(card.locator("h1")).to_contain_text("Wang Lei")
    await expect(card).to_contain_text("An agent said so in this call")
    assert web.floor.rows("SELECT name, e164 FROM customer JOIN customer_phone ON customer_id = customer.id") == [
        ("Wang Lei", CALLER)
    ]


async def test_a_name_is_typed_while_it_rings_and_survives_every_hint(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    ring = web.floor.ring(SEAT)
    name = page.get_by_label("Name", exact=True)
    await name.focus()
    await page.keyboard.type("李小")
    async with page.expect_response("**/desk/picture"):
        web.floor.answer(ring)
    await page.keyboard.type("红")
    await expect(name).to_have_value("李小红")
    await page.keyboard.press("Enter")
    await expect(page.locator("article.card h1")).to_contain_text("李小红")


async def test_one_of_several_is_chosen_and_first_next_time(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await make(web, "Mother", CALLER)
    await make(web, "Son", CALLER)
    ring = web.floor.ring(SEAT)
    await expect(page.locator("article.card")).to_contain_text("Several customers share this number")
    await page.locator(".who-is-it button[accesskey=y]").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("article.card h1")).to_contain_text("Son")
    web.floor.miss(ring)
    web.floor.ring(SEAT)
    await expect(page.locator("article.card h1")).to_contain_text("Son")
    await expect(page.locator("article.card")).to_contain_text("lily chose this customer last time")


async def test_a_caller_is_linked_to_whom_one_finds_by_typing(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await make(web, "王小明")
    ring = web.floor.ring(SEAT)
    await expect(page.locator("article.card")).to_be_visible()
    await press(page, "i")
    await page.keyboard.type("小明")
    found = page.get_by_role("button", name=re.compile("王小明"))
    await expect(found).to_be_visible()
    async with page.expect_response("**/desk/picture"):
        web.floor.answer(ring)
    await expect(found).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("article.card h1")).to_contain_text("王小明")
    assert web.floor.rows("SELECT e164 FROM customer_phone") == [(CALLER,)]


async def test_a_record_is_found_while_typing_and_edited(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await make(web, "Grace Miller", "+44 20 7946 0958")
    await make(web, "Peter O'Neill", "+353 1 912 3456")
    await page.goto(f"{web.url}/customers")
    await expect(page.locator("#rows tbody tr")).to_have_count(2)
    await expect(page.locator("#q")).to_be_focused()
    await page.keyboard.type("mill")
    await expect(page.locator("#rows tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="Grace Miller").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Grace Miller")
    await page.get_by_label("Company").fill("Harbour Lane")
    await press(page, "s")
    await expect(page.locator("#saved")).to_contain_text("Saved.")
    await press(page, "p")
    await page.keyboard.type("138 0013 8000")
    await page.keyboard.press("Enter")
    await expect(page.locator("#phones")).to_contain_text(CALLER)
    assert web.floor.rows("SELECT company, version FROM customer WHERE name = 'Grace Miller'") == [("Harbour Lane", 3)]


async def test_its_pages_are_accessible_in_both_languages(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await make(web, "王小明", CALLER, "1001")
    await make(web, "Grace Miller", CALLER)
    await page.goto(f"{web.url}/customers")
    record = await page.get_by_role("link", name="王小明").get_attribute("href")
    for language in ("中文", "English"):
        for path in ("/customers", "/customers/new", record, "/organisations"):
            await page.goto(f"{web.url}{path}")
            assert await faults(page) == [], path
        await page.get_by_role("button", name=language).click()
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if language == "中文" else "en")
