"""What an agent typed outlives the sign-in; what the desk shows outlives a bad line, a second browser and a sleep."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from desk_in_chromium import PASSWORD, SEAT, Web, agent_id, sign_in
from playwright.async_api import Browser, BrowserContext, Page, Route, expect
from test_desk_card import acknowledged, card_of

from crm import agents
from crm.settings import Settings


def expire(web: Web, *, told: bool) -> None:
    """The sign-in runs out; `told`: and something happens at the seat, so that the page looks."""
    web.floor.do(("UPDATE sign_in SET expires_at = now() - interval '1 s'", {}), seats=(SEAT,) if told else ())


async def sign_in_again(page: Page, web: Web, login: str = "lily") -> None:
    """Who sits at a seat already comes straight to the desk."""
    await expect(page).to_have_url(f"{web.url}/sign-in")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def saved_in_vain(web: Web, page: Page) -> None:
    """The agent has chosen, written and sent it, and the sign-in had run out: at that moment, or a look of the page at
    itself would have found it first."""

    async def too_late(route: Route) -> None:
        expire(web, told=False)
        await route.continue_()

    ring = web.floor.ring(SEAT)
    web.floor.answer(ring, await agent_id(web))
    web.floor.hang_up(ring)
    await expect(card_of(page)).to_have_attribute("data-phase", "wrapping_up")
    await page.get_by_label("Note N").fill("all of it")
    await page.route("**/desk/wrap-up", too_late, times=1)
    await page.keyboard.press("Alt+Digit4")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{web.url}/sign-in")
    assert web.floor.rows("SELECT count(*) FROM wrap_up") == [(0,)]


async def test_a_sign_in_that_runs_out_in_a_call_loses_nothing_typed(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring, await agent_id(web))
    await page.get_by_label("Note N").fill("half a sen")
    await page.get_by_role("radio", name="Complaint").check()
    await page.get_by_label("Which case?").select_option("new:order")
    day = str(datetime.now(Settings().zone).date() + timedelta(days=3))
    await page.get_by_label("Follow up on").fill(day)
    await page.goto(f"{web.url}/callbacks")  # a look at another page of one's own costs nothing either
    await page.goto(f"{web.url}/desk")
    await expect(page.get_by_label("Note N")).to_have_value("half a sen")
    expire(web, told=True)
    await sign_in_again(page, web)
    await expect(card_of(page)).to_have_attribute("data-phase", "talking")
    await expect(page.get_by_label("Note N")).to_have_value("half a sen")
    await expect(page.get_by_role("radio", name="Complaint")).to_be_checked()
    await expect(page.get_by_label("Which case?")).to_have_value("new:order")
    await expect(page.get_by_label("Follow up on")).to_have_value(day)
    assert web.floor.rows("SELECT count(*) FROM wrap_up") == [(0,)]  # nobody had sent it


async def test_what_was_sent_as_the_sign_in_ran_out_is_sent_after_the_next_one(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await saved_in_vain(web, page)
    await sign_in_again(page, web)
    await expect(page.locator("[data-saved]")).to_be_visible()
    assert web.floor.rows("SELECT outcome, note FROM wrap_up") == [("complaint", "all of it")]
    assert web.floor.rows("SELECT count(*) FROM customer_case") == [(1,)]
    await page.reload()
    await expect(page.locator("[data-saved]")).to_be_visible()
    assert await page.evaluate("Object.keys(sessionStorage).filter(name => /^(sent|kept)/.test(name))") == []


async def test_it_is_sent_though_the_card_is_gone_meanwhile(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await saved_in_vain(web, page)
    web.floor.posture(SEAT, "ready")  # its time after the call was over
    await sign_in_again(page, web)
    await expect(page.locator("#recent")).to_contain_text("Complaint")
    assert web.floor.rows("SELECT outcome, note FROM wrap_up") == [("complaint", "all of it")]


async def test_nobody_else_sends_it(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    async with web.database.transaction() as session:
        await agents.create(session, login="marco", name="Marco Rossi", password=PASSWORD)
    await saved_in_vain(web, page)
    await sign_in(page, web, "marco", "PJSIP/2002")
    await expect(page.locator("#state")).to_be_visible()
    await expect(page.locator("#figures")).to_be_visible()
    assert web.floor.rows("SELECT count(*) FROM wrap_up") == [(0,)]
    assert "all of it" not in await page.evaluate("JSON.stringify({...sessionStorage})")


async def test_a_refusal_is_said_and_a_newer_sign_in_beside_it_is_followed(
    web: Web, signed_in_page: Page, context: BrowserContext, browser: Browser
) -> None:
    page = signed_in_page
    refused = "(pause) => { pause.value = 'x'.repeat(200); pause.click(); }"
    await page.locator("#pause button").first.evaluate(refused)
    await expect(page.locator("#notice")).to_have_text("cannot be used: reason")
    await expect(page.locator("#lost")).to_be_hidden()
    other = await browser.new_context(locale="en-GB")
    second = await other.new_page()
    await second.goto(f"{web.url}/sign-in")
    await sign_in_again(second, web)
    await expect(second.locator("#state")).to_be_visible()
    await context.add_cookies(await other.cookies())
    await other.close()
    ring = web.floor.ring(SEAT)
    await expect(card_of(page)).to_be_visible()
    await acknowledged(web, ring.pop_id)  # with the token of the newer sign-in


async def test_a_line_cut_again_and_again_shows_every_call(
    web: Web, signed_in_page: Page, context: BrowserContext
) -> None:
    page = signed_in_page
    for _ in range(3):
        await context.set_offline(True)
        ring = web.floor.ring(SEAT)
        await expect(page.locator("#lost")).to_be_visible()
        await context.set_offline(False)
        await expect(card_of(page)).to_have_attribute("data-phase", "ringing")
        await acknowledged(web, ring.pop_id)
        await context.set_offline(True)
        web.floor.miss(ring)
        await context.set_offline(False)
        await expect(card_of(page)).to_have_count(0)
    assert web.floor.rows("SELECT count(*) FROM pop_shown") == [(3,)]


async def test_one_agent_in_two_browsers_sees_one_truth_and_acknowledges_once(
    web: Web, signed_in_page: Page, browser: Browser
) -> None:
    other = await browser.new_context(locale="en-GB")
    second = await other.new_page()
    await second.goto(f"{web.url}/sign-in")
    await sign_in_again(second, web)
    await expect(second.locator("#state")).to_have_attribute("data-word", "ready")
    ring = web.floor.ring(SEAT)
    for page in (signed_in_page, second):
        await expect(card_of(page)).to_have_attribute("data-phase", "ringing")
    await acknowledged(web, ring.pop_id)
    web.floor.answer(ring, await agent_id(web))
    web.floor.hang_up(ring)
    await expect(card_of(second)).to_have_attribute("data-phase", "wrapping_up")
    await second.keyboard.press("1")
    await second.keyboard.press("Enter")
    for page in (signed_in_page, second):
        await expect(page.locator("[data-saved]")).to_be_visible()
    assert web.floor.rows("SELECT count(*) FROM pop_shown") == [(1,)]
    assert web.floor.rows("SELECT count(*) FROM pbx_request WHERE kind = 'end_after_call_work'") == [(1,)]
    await other.close()


async def test_a_machine_that_slept_looks_as_soon_as_its_clock_jumps(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await page.clock.install()
    ring = web.floor.ring(SEAT)
    await expect(card_of(page)).to_be_visible()
    web.floor.rows("UPDATE pop SET taken_at = now(), ending = 'ring_ended' WHERE id = %(p)s RETURNING 1", p=ring.pop_id)
    web.floor.rows("UPDATE posture SET word = 'ready' RETURNING 1")  # and no hint was heard
    answered = asyncio.Event()

    async def hold(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await page.route("**/desk/picture", hold)
    await page.clock.fast_forward(3_600_000)
    await expect(card_of(page)).to_have_count(0)  # no ghost rings while the server is asked
    answered.set()
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready")
    await expect(card_of(page)).to_have_count(0)
