"""The desk by keys alone: an outcome in three, the map of all keys, nothing sent by a slip, and a narrow dock."""

from __future__ import annotations

import pytest
from desk_in_chromium import SEAT, Web, agent_id
from forged_floor import Ring
from playwright.async_api import Page, expect
from test_accessible import faults
from test_desk_state import press_access_key

FOCUSABLE = "a[href], button:enabled, input:enabled:not([type=hidden]), select:enabled, textarea:enabled, summary"
STOPS = f"""() => [...document.querySelectorAll("{FOCUSABLE}")].filter(one => one.checkVisibility()
    && (one.type !== "radio" || one === [...document.getElementsByName(one.name)].find(each => each.checked)
        || one === document.getElementsByName(one.name)[0])).map(one => one.outerHTML.slice(0, 90))"""
HERE = "() => document.activeElement.outerHTML.slice(0, 90)"


async def talked(web: Web, page: Page) -> Ring:
    """A call that has just ended."""
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring, await agent_id(web))
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "talking")
    web.floor.hang_up(ring)
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "wrapping_up")
    return ring


async def ready_again(web: Web, page: Page) -> None:
    """Asterisk carries out the wish, and the agent is ready."""
    await expect(page.locator("[data-saved]")).to_be_visible()
    assert web.floor.rows("SELECT state FROM pbx_request WHERE kind = 'end_after_call_work'")[-1] == ("wanted",)
    web.floor.settle(SEAT)
    web.floor.posture(SEAT, "ready")
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready")


async def test_two_keys_lead_from_the_end_of_a_talk_to_the_next_call(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await talked(web, page)
    await page.keyboard.press("1")
    await page.keyboard.press("Enter")
    await ready_again(web, page)
    assert web.floor.rows("SELECT outcome FROM wrap_up") == [("solved",)]
    assert web.floor.rows("SELECT reason FROM no_case") == [("answered_at_once",)]


async def test_with_a_note_two_keys_more_than_the_note(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await talked(web, page)
    await page.keyboard.press("n")
    await page.keyboard.type("5 cups, 2 broken?")
    await page.keyboard.press("Alt+Digit4")
    await press_access_key(page, "s")
    await ready_again(web, page)
    assert web.floor.rows("SELECT outcome, note FROM wrap_up") == [("complaint", "5 cups, 2 broken?")]
    assert web.floor.rows("SELECT category FROM customer_case") == [("complaint",)]


async def test_nothing_is_sent_by_a_slip_of_the_hand(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await talked(web, page)
    before = web.floor.rows("SELECT count(*) FROM pbx_request")
    await page.keyboard.type("srptuemvly")  # somebody who believes to be in the note
    await page.keyboard.press("Control+1")
    await expect(page).to_have_url(f"{web.url}/desk")
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "wrapping_up")
    assert web.floor.rows("SELECT count(*) FROM pbx_request") == before
    assert await page.locator("input[name=outcome]:checked").count() == 0


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
async def test_a_question_mark_shows_every_key_of_the_page(
    web: Web, signed_in_page: Page, language: str, theme: str
) -> None:
    page, keys = signed_in_page, signed_in_page.locator("#keys")
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    if language == "zh":
        await press_access_key(page, "l")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await talked(web, page)
    await expect(page.locator("[accesskey=k]").first).to_be_visible()  # what follows the card has a key, too
    await page.keyboard.press("?")
    await expect(keys).to_be_visible()
    told = dict([row.split("\t") for row in (await keys.locator("tbody").inner_text()).split("\n")])
    names = ("Solved", "Note", "Save and finish") if language == "en" else ("已解决", "备注", "保存并结束")
    assert (told["1"].strip(), told["Alt N"].strip(), told["Alt S"].strip()) == names
    shown = await page.evaluate(
        "() => [...document.querySelectorAll('[accesskey], [data-key]')].filter(one => one.checkVisibility())"
        ".map(one => one.dataset.key ?? one.accessKey.toUpperCase())"
    )
    assert {key.split()[-1] for key in told} == set(shown)
    assert await faults(page) == []
    await page.keyboard.press("Escape")
    await expect(keys).to_be_hidden()


async def test_single_keys_can_be_switched_off(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await page.get_by_role("button", name="Keys ?").click()
    await page.get_by_role("checkbox").uncheck()
    await page.get_by_role("button", name="Close").click()
    await talked(web, page)
    await page.keyboard.press("1")
    await page.keyboard.press("?")
    assert await page.locator("input[name=outcome]:checked").count() == 0
    await expect(page.locator("#keys")).to_be_hidden()
    await page.keyboard.press("Alt+Digit1")
    await expect(page.locator("input[name=outcome]:checked")).to_have_count(1)


async def test_tab_walks_through_everything_in_the_order_of_the_page(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await talked(web, page)
    await expect(page.locator(".more input[type=search]")).to_be_visible()
    stops = await page.evaluate(STOPS)
    walked: list[str] = []
    while len(walked) < len(stops):
        await page.keyboard.press("Tab")
        here = await page.evaluate(HERE)
        if here not in walked[-1:]:  # a date is one field of several stops
            walked.append(here)
    assert walked == stops


@pytest.mark.parametrize(("width", "language"), [(380, "en"), (380, "zh"), (1280, "en")])
async def test_no_state_scrolls_sideways(web: Web, signed_in_page: Page, width: int, language: str) -> None:
    page = signed_in_page
    await page.set_viewport_size({"width": width, "height": 800})
    if language == "zh":
        await press_access_key(page, "l")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    sideways = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    long = "Donaudampfschifffahrtsgesellschaftskapitänswitwe " + "x" * 60
    assert await page.evaluate(sideways) <= 0
    ring = web.floor.ring(SEAT, caller_name=long, pressed=[("main_menu", "1"), (long, "2")], facts={"matter": long})
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "ringing")
    assert await page.evaluate(sideways) <= 0
    web.floor.answer(ring, await agent_id(web))
    web.floor.hang_up(ring)
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "wrapping_up")
    await expect(page.locator(".more input[type=search]")).to_be_visible()
    assert await page.evaluate(sideways) <= 0
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    assert await page.evaluate(sideways) <= 0
