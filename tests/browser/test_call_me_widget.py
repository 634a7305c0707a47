"""The button that other sites embed: a visitor asks to be called back there, by keys alone, and is promised once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from desk_in_chromium import SEAT, Web
from foreign_site import ForeignSite, foreign_site
from playwright.async_api import Browser, BrowserContext, FrameLocator, Locator, Page, Response, expect
from test_accessible import faults

from crm.settings import Settings, read_settings
from crm.web import stranger_asks
from crm.web.pace import Pace

NUMBER = "13800138000"
ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
MOST_BYTES = 10_000
PROMISES = "SELECT number_e164, language, source, booked_by, about, window_begin, window_end FROM callback"


@pytest.fixture
async def shop() -> AsyncIterator[ForeignSite]:
    """A site that may embed it."""
    async with foreign_site() as site:
        yield site


@pytest.fixture
def settings(database_url: str, shop: ForeignSite, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """They name the shop."""
    monkeypatch.setattr(stranger_asks, "_pace", Pace())
    offered = {"callback_page_queues": "support", "callback_widget_origins": shop.origin}
    return read_settings(database_url=database_url, callback_hours=ANYTIME, **offered)


@pytest.fixture
def staffed(web: Web) -> Web:
    """Somebody works in the queue."""
    web.floor.stand_in(SEAT, "support")
    web.floor.posture(SEAT, "ready")
    return web


async def test_a_visitor_asks_confirms_and_is_promised_once(
    staffed: Web, shop: ForeignSite, context: BrowserContext
) -> None:
    shop.embeds(staffed.url)
    page = await context.new_page()
    weights: dict[str, int] = {}

    async def weigh(response: Response) -> None:
        if response.url.startswith(staffed.url):
            weights.setdefault(urlsplit(response.url).path, len(await response.body()))

    page.on("response", weigh)
    await page.goto(shop.origin)
    assert await faults(page) == []
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    frame = page.frame_locator("iframe")
    await expect(page.get_by_role("dialog", name="Call me back")).to_be_visible()
    await expect(frame.get_by_label("Your telephone number")).to_be_focused()
    await _accessible(page)
    await page.keyboard.type(NUMBER)
    await page.keyboard.press("Tab")
    await page.keyboard.type("the kettle")
    await page.keyboard.press("Enter")
    seen = frame.get_by_text("We can call +8613800138000 between")
    await expect(seen).to_be_focused()  # so that a screen reader reads it
    window = re.findall(r"\d\d:\d\d", await seen.inner_text())
    await _accessible(page)
    assert staffed.floor.rows(PROMISES) == []
    await frame.get_by_role("button", name="Yes, call me then").press("Enter")
    await expect(_promise(frame, window)).to_be_focused()
    ((number, language, source, by, about, *_),) = staffed.floor.rows(PROMISES)
    assert (number, language, source, by, about) == ("+8613800138000", "en", "web", "widget", "the kettle")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Call me back")).to_be_focused()

    await page.keyboard.press("Enter")  # a second time
    await frame.get_by_label("Your telephone number").fill("+86 138 0013 8000")
    await frame.get_by_role("button", name="When can you call?").click()
    await expect(_promise(frame, window)).to_be_visible()
    assert len(staffed.floor.rows(PROMISES)) == 1
    assert await context.cookies() == []
    assert set(weights) >= {"/call-me/widget.js", "/call-me/offer", "/call-me/frame"}
    assert sum(weights.values()) <= MOST_BYTES, weights


async def test_it_speaks_chinese_in_the_dark_and_from_the_head_of_a_page(
    staffed: Web, shop: ForeignSite, context: BrowserContext
) -> None:
    shop.embeds(staffed.url, 'data-language="zh-CN"')
    page = await context.new_page()
    await page.emulate_media(color_scheme="dark")
    await page.goto(shop.origin)
    await page.get_by_role("button", name="给我回电").click()
    frame = page.frame_locator("iframe")
    await frame.get_by_label("您的电话号码").fill("950")
    await frame.get_by_role("button").click()
    await expect(frame.get_by_role("alert")).to_contain_text("号码")
    await _accessible(page)
    await page.get_by_role("button", name="关闭").click()
    await expect(page.locator("iframe")).to_have_count(0)


async def test_a_site_that_is_not_named_gets_no_button_and_no_frame(staffed: Web, browser: Browser) -> None:
    async with foreign_site() as other:
        page = await browser.new_page()
        said: list[str] = []
        page.on("console", lambda line: said.append(line.text))
        other.embeds(staffed.url)
        async with page.expect_console_message(lambda line: "Kefu" in line.text):
            await page.goto(other.origin)
        assert any(f"does not name {other.origin} in callback_widget_origins" in line for line in said)
        assert await page.get_by_role("button").count() == 0
        other.widget, other.allows = f'<iframe title="x" src="{staffed.url}/call-me/frame"></iframe>', ""
        async with page.expect_console_message(lambda line: "frame-ancestors" in line.text):
            await page.goto(other.origin)
        assert await page.frame_locator("iframe").get_by_role("textbox").count() == 0
        await page.close()


def _promise(frame: FrameLocator, window: list[str]) -> Locator:
    return frame.get_by_text(f"We will call you between {window[0]} and {window[1]}.")


async def _accessible(page: Page) -> None:
    """The page of the site with our button, and our frame in it."""
    assert await faults(page) == []
    assert await faults(page.frames[-1]) == []
