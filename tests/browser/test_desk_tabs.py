"""One card a call on one tab: which tab shows it, how another takes it over, and what wakes from an hour's sleep."""

from __future__ import annotations

import asyncio
import time

from desk_in_chromium import SEAT, Web, agent_id
from playwright.async_api import BrowserContext, CDPSession, Page, expect
from test_desk_card import acknowledged, card_of

HIDE = """hidden => { Object.defineProperty(document, "hidden", {get: () => hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange")) }"""
WATCH_STATE = """() => { const state = () => document.querySelector("#state").dataset.word;
    window.talking = new Promise(told => new MutationObserver(() => state() === "talking" &&
        told((performance.timeOrigin + performance.now()) / 1000))
        .observe(document.getElementById("live"), {attributes: true, childList: true, subtree: true})) }"""


async def another_tab(web: Web, context: BrowserContext) -> Page:
    """One more tab of the same browser at the same seat."""
    page = await context.new_page()
    await page.goto(f"{web.url}/desk")
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready")
    return page


async def freeze(page: Page, *, state: str = "frozen", session: CDPSession | None = None) -> CDPSession:
    """As Chromium does to a tab that nobody looks at, and as it wakes it again (`active`)."""
    session = session or await page.context.new_cdp_session(page)
    await session.send("Page.setWebLifecycleState", {"state": state})
    return session


async def test_two_tabs_show_one_card_once_and_it_goes_where_the_agent_wants_it(
    web: Web, signed_in_page: Page, context: BrowserContext
) -> None:
    first, second = signed_in_page, await another_tab(web, context)
    asked: list[str] = []
    second.on("request", lambda request: asked.append(request.url))
    ring = web.floor.ring(SEAT)
    await expect(card_of(first)).to_have_attribute("data-phase", "ringing")
    await expect(second.locator("#elsewhere")).to_contain_text("Your card is in the other tab.")
    await expect(second.locator("#state")).to_have_attribute("data-word", "ringing")
    await expect(second).to_have_title("Desk · Kefu")
    await expect(card_of(second)).to_have_count(0)
    await expect(first.locator("#elsewhere")).to_be_hidden()
    await acknowledged(web, ring.pop_id)
    assert await (await second.request.get(f"{web.url}/healthz")).json() == {"ok": True, "streams": 1}
    assert not [url for url in asked if "/shown" in url or "/more" in url]

    web.floor.answer(ring, await agent_id(web))
    await first.get_by_label("Note N").fill("half a sen")
    await second.get_by_role("button", name="Show it here").click()
    await expect(card_of(second)).to_have_attribute("data-phase", "talking")
    await expect(second.get_by_label("Note N")).to_have_value("half a sen")
    await expect(card_of(first)).to_have_count(0)
    await expect(first.locator("#elsewhere")).to_be_visible()

    await second.close()
    await expect(card_of(first)).to_have_attribute("data-phase", "talking")
    await expect(first.get_by_label("Note N")).to_have_value("half a sen")
    assert web.floor.rows("SELECT count(*) FROM pop_shown") == [(1,)]


async def test_the_tab_in_front_has_the_card_without_asking(
    web: Web, signed_in_page: Page, context: BrowserContext
) -> None:
    first, second = signed_in_page, await another_tab(web, context)
    await first.evaluate(HIDE, True)
    ring = web.floor.ring(SEAT)
    await expect(card_of(second)).to_have_attribute("data-phase", "ringing")
    await expect(card_of(first)).to_have_count(0)
    await acknowledged(web, ring.pop_id)
    await second.evaluate(HIDE, True)  # nobody looks at either: the last one keeps it, and its title rings
    await expect(second).to_have_title("☎ +8613800138000 · Kefu")
    await expect(first).to_have_title("Desk · Kefu")
    await first.evaluate(HIDE, False)
    await expect(card_of(first)).to_have_attribute("data-phase", "ringing")
    await expect(card_of(second)).to_have_count(0)
    assert web.floor.rows("SELECT count(*) FROM pop_shown") == [(1,)]


async def test_a_frozen_tab_does_not_keep_the_card_to_itself(
    web: Web, signed_in_page: Page, context: BrowserContext
) -> None:
    first, second = signed_in_page, await another_tab(web, context)
    await second.evaluate(HIDE, True)
    await first.evaluate(HIDE, True)  # only what nobody looks at is frozen
    session = await freeze(first)
    await second.evaluate(HIDE, False)
    web.floor.ring(SEAT)
    await expect(card_of(second)).to_have_attribute("data-phase", "ringing")
    await freeze(first, state="active", session=session)
    await expect(first.locator("#elsewhere")).to_be_visible()
    await expect(card_of(first)).to_have_count(0)
    await expect(card_of(second)).to_have_count(1)


async def test_a_tab_that_slept_through_an_hour_of_calls_shows_the_truth_within_a_second(
    web: Web, signed_in_page: Page
) -> None:
    page = signed_in_page
    first = web.floor.ring(SEAT)
    await expect(card_of(page)).to_have_attribute("data-phase", "ringing")
    await page.evaluate(WATCH_STATE)
    session = await freeze(page)
    web.floor.miss(first)
    for _ in range(20):
        ring = web.floor.ring(SEAT)
        web.floor.miss(ring)
    last = web.floor.ring(SEAT, caller="+8613900000099")
    web.floor.answer(last, await agent_id(web))
    await asyncio.sleep(0.2)
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url) if request.url.endswith("/picture") else None)
    woken_at = time.time()
    await freeze(page, state="active", session=session)
    assert await page.evaluate("talking") - woken_at < 1
    await expect(card_of(page)).to_have_count(1)
    await expect(card_of(page)).to_contain_text("+8613900000099")
    await expect(page).not_to_have_title("☎")
    assert len(looks) <= 4  # the hints of an hour are one look or two


async def test_a_stream_cut_again_and_again_loses_nothing(web: Web, signed_in_page: Page) -> None:
    """The connection of the hints falls again and again; calls ring, are missed and answered meanwhile."""
    page, card = signed_in_page, card_of(signed_in_page)
    cutting = asyncio.create_task(_cut_streams(web, each_s=0.8))
    for number in range(2):
        ring = web.floor.ring(SEAT, caller=f"+861380013800{number}")
        await expect(card).to_contain_text(f"+861380013800{number}")
        await acknowledged(web, ring.pop_id)
        web.floor.miss(ring)
        await expect(card).to_have_count(0)
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring, await agent_id(web))
    await expect(card).to_have_attribute("data-phase", "talking")
    web.floor.hang_up(ring)
    await expect(card).to_have_attribute("data-phase", "wrapping_up")
    cutting.cancel()
    assert await asyncio.gather(cutting, return_exceptions=True)
    assert web.floor.rows("SELECT count(*) FROM pop_shown")[0][0] >= 2
    await expect(page.locator("#lost")).to_be_hidden()


async def _cut_streams(web: Web, *, each_s: float) -> None:
    """As a proxy that loses patience: each connection that carries hints is torn, without a word."""
    while True:
        for connection in list(web.server.server_state.connections):
            if connection.scope and connection.scope["path"] == "/desk/live":  # type: ignore[union-attr]
                connection.transport.abort()  # type: ignore[union-attr]
        await asyncio.sleep(each_s)
