"""The agent's own state: pause with a reason, ready again, what Asterisk refused, sight lost, both languages, keys."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from desk_in_chromium import PASSWORD, SEAT, Web, serving, sign_in
from playwright.async_api import BrowserContext, Page, expect

from crm import agents
from crm.database import Database
from crm.settings import Settings


async def press_access_key(page: Page, key: str) -> None:
    """Alt and a letter, with its text as a keyboard sends it: Playwright leaves the text out, and Chromium wants it."""
    session = await page.context.new_cdp_session(page)
    pressed = {"modifiers": 1, "key": key, "text": key, "unmodifiedText": key, "code": f"Key{key.upper()}"}
    await session.send("Input.dispatchKeyEvent", {"type": "keyDown", **pressed})
    await session.send("Input.dispatchKeyEvent", {"type": "keyUp", **pressed})


async def test_a_pause_is_asked_for_with_its_reason_and_shown_when_asterisk_says_so(
    web: Web, signed_in_page: Page
) -> None:
    page, state = signed_in_page, signed_in_page.locator("#state")
    await page.get_by_role("button", name="Meal").click()
    await expect(state).to_have_attribute("data-word", "pausing")
    await expect(page.locator("#reason")).to_have_text("Meal")
    rows = web.floor.rows("SELECT kind, reason, asked_by FROM pbx_request WHERE kind = 'pause'")
    assert rows == [("pause", "lunch", "lily")]
    web.floor.settle(SEAT)
    web.floor.posture(SEAT, "paused", paused=True, pause_reason="lunch")
    await expect(state).to_have_attribute("data-word", "paused")
    await page.get_by_role("button", name="I am ready").click()
    await expect(state).to_have_attribute("data-word", "unpausing")
    web.floor.settle(SEAT)
    web.floor.posture(SEAT, "ready")
    await expect(state).to_have_attribute("data-word", "ready")


async def test_a_pause_asked_for_in_a_call_comes_after_it(web: Web, signed_in_page: Page) -> None:
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring)
    await expect(signed_in_page.locator("#state")).to_have_attribute("data-word", "talking")
    await signed_in_page.get_by_role("button", name="Short break").click()
    await expect(signed_in_page.locator("#next")).to_have_text("Asked: a pause after this call …")
    web.floor.settle(SEAT)
    web.floor.posture(SEAT, "talking", paused=True, pause_reason="break", conversation_id=ring.conversation_id)
    await expect(signed_in_page.locator("#next")).to_have_text("A pause comes after this call.")
    await expect(signed_in_page.locator("#state")).to_have_attribute("data-word", "talking")


async def test_a_refused_wish_says_why(web: Web, signed_in_page: Page) -> None:
    await signed_in_page.get_by_role("button", name="Training").click()
    await expect(signed_in_page.locator("#state")).to_have_attribute("data-word", "pausing")
    web.floor.settle(SEAT, "refused", "Interface not found")
    await expect(signed_in_page.locator("#refused")).to_contain_text("Interface not found")
    await expect(signed_in_page.locator("#state")).to_have_attribute("data-word", "ready")


async def test_after_call_work_without_a_card_can_be_ended(web: Web, signed_in_page: Page) -> None:
    web.floor.posture(SEAT, "wrapping_up", paused=True, pause_reason="ACW")
    async with signed_in_page.expect_response("**/desk/unpause"):
        await signed_in_page.get_by_role("button", name="Finish without an outcome").click()
    await expect(signed_in_page.locator("#state")).to_contain_text("After-call work")
    assert web.floor.rows("SELECT kind FROM pbx_request WHERE kind <> 'add_member'") == [("end_after_call_work",)]


async def test_access_keys_pause_and_make_ready(web: Web, signed_in_page: Page) -> None:
    await press_access_key(signed_in_page, "p")
    await expect(signed_in_page.locator("#reason")).to_have_text("Short break")
    web.floor.settle(SEAT)
    web.floor.posture(SEAT, "paused", paused=True, pause_reason="break")
    await expect(signed_in_page.get_by_role("button", name="I am ready")).to_be_visible()
    await press_access_key(signed_in_page, "r")
    await expect(signed_in_page.locator("#state")).to_have_attribute("data-word", "unpausing")


async def test_the_page_speaks_chinese_and_remembers_it(
    web: Web, signed_in_page: Page, context: BrowserContext
) -> None:
    page = signed_in_page
    web.floor.ring(SEAT)
    await page.get_by_role("button", name="中文").click()
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(page.locator("#state")).to_contain_text("振铃中")
    await expect(page.locator("article.card")).to_contain_text("没有客户登记此号码")
    await expect(page.locator("article.card .route")).to_have_text("客户支持")
    assert web.floor.rows("SELECT language FROM agent WHERE login = 'lily'") == [("zh",)]
    await page.get_by_role("button", name="English").click()
    await expect(page.locator("article.card")).to_contain_text("No customer has this number")


async def test_lost_sight_shows_since_when(web: Web, signed_in_page: Page) -> None:
    banner = signed_in_page.locator("#no-sight")
    web.floor.lose_sight(datetime(2026, 1, 5, 6, 2, tzinfo=UTC))
    await expect(banner).to_contain_text("Not live since 14:02")  # Asia/Shanghai
    web.floor.see()
    await expect(banner).to_have_count(0)


async def test_a_bridge_that_dies_silently_is_noticed_without_any_hint(web: Web, signed_in_page: Page) -> None:
    web.floor.fall_silent()
    await expect(signed_in_page.locator("#no-sight")).to_contain_text("Not live since")


async def test_a_cut_stream_shows_and_the_whole_picture_comes_back_with_it(
    web: Web, signed_in_page: Page, context: BrowserContext
) -> None:
    await expect(signed_in_page.locator("#lost")).to_be_hidden()
    await context.set_offline(True)
    await expect(signed_in_page.locator("#lost")).to_be_visible()
    await expect(signed_in_page.locator("#lost")).to_contain_text("Not live since")
    web.floor.ring(SEAT)
    await context.set_offline(False)
    await expect(signed_in_page.locator("article.card")).to_be_visible()
    await expect(signed_in_page.locator("#lost")).to_be_hidden()


async def test_a_restarted_server_is_found_again_with_what_was_missed(
    database: Database, web: Web, settings: Settings, context: BrowserContext
) -> None:
    page = await context.new_page()
    async with serving(database, settings) as (_, url):
        await sign_in(page, Web(url, web.floor, database, web.server))
        port = int(url.rsplit(":", 1)[1])
        await expect(page.locator("#lost")).to_be_hidden()
    await expect(page.locator("#lost")).to_be_visible()
    ring = web.floor.ring(SEAT)
    async with serving(database, settings, port):
        await expect(page.locator("article.card")).to_be_visible()
        await expect(page.locator("#lost")).to_be_hidden()
        web.floor.miss(ring)
        await expect(page.locator("article.card")).to_have_count(0)


async def test_a_stream_that_died_of_nothing_visible_is_replaced(web: Web, signed_in_page: Page) -> None:
    """The database restarts under LISTEN: the next hint is heard all the same."""
    web.floor.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' "
        "AND datname = current_database()"
    )
    web.floor.ring(SEAT)
    await expect(signed_in_page.locator("article.card")).to_be_visible()


async def test_signing_out_elsewhere_leads_this_tab_to_the_sign_in(
    web: Web, signed_in_page: Page, context: BrowserContext
) -> None:
    other = await context.new_page()
    await other.goto(f"{web.url}/desk")
    await other.get_by_role("button", name="Sign out").click()
    await expect(other).to_have_url(f"{web.url}/sign-in")
    await expect(signed_in_page).to_have_url(f"{web.url}/sign-in")
    assert web.floor.rows("SELECT count(*) FROM seat_session WHERE signed_out_at IS NULL") == [(0,)]
    assert web.floor.rows("SELECT count(*) FROM sign_in") == [(0,)]


async def test_nobody_leaves_a_caller_behind(web: Web, signed_in_page: Page) -> None:
    web.floor.ring(SEAT)
    await expect(signed_in_page.locator("article.card")).to_be_visible()
    await signed_in_page.get_by_role("button", name="Sign out").click()
    await expect(signed_in_page.get_by_role("alert")).to_contain_text("the phone is ringing at PJSIP/1001")
    await signed_in_page.goto(f"{web.url}/desk")
    await expect(signed_in_page.locator("article.card")).to_be_visible()


async def test_a_wrong_password_and_a_taken_seat_are_refused(web: Web, context: BrowserContext) -> None:
    async with web.database.transaction() as session:
        await agents.create(session, login="marco", name="Marco Rossi", password=PASSWORD)
    page = await context.new_page()
    await page.goto(web.url)
    await page.get_by_label("Login").fill("lily")
    await page.get_by_label("Password").fill("wrong password")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("Login or password is wrong.")
    await sign_in(page, web)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Login")).to_be_visible()
    await sign_in(page, web, "marco")
    await page.goto("about:blank")  # a desk whose sign-in is gone leads to the sign-in by itself
    await page.context.clear_cookies()
    await page.goto(f"{web.url}/sign-in")
    await page.get_by_label("Login").fill("lily")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Your phone").fill(SEAT)
    await page.get_by_role("button", name="Sit down").click()
    await expect(page.get_by_role("alert")).to_contain_text("seat PJSIP/1001 is taken by Marco Rossi")


@pytest.mark.parametrize("kept", ["ready", "talking"])
async def test_a_frozen_tab_shows_the_truth_when_it_wakes(
    web: Web, signed_in_page: Page, context: BrowserContext, kept: str
) -> None:
    ring = web.floor.ring(SEAT)
    await expect(signed_in_page.locator("article.card")).to_be_visible()
    session = await context.new_cdp_session(signed_in_page)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    if kept == "ready":
        web.floor.miss(ring)
    else:
        web.floor.answer(ring)
    await asyncio.sleep(0.3)  # the hint goes by while the tab sleeps
    await session.send("Page.setWebLifecycleState", {"state": "active"})
    await expect(signed_in_page.locator("#state")).to_have_attribute("data-word", kept)
    await expect(signed_in_page.locator("article.card")).to_have_count(0 if kept == "ready" else 1)
