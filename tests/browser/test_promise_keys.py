"""A callback promised on the desk by two keys, and the page on which promises are steered, as people use them."""

from __future__ import annotations

import pytest
from desk_in_chromium import SEAT, Web
from playwright.async_api import Page, expect
from test_accessible import faults
from test_desk_state import press_access_key

from crm import agents
from crm.settings import Settings, read_settings
from crm.tables.agents import Agent

ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}


@pytest.fixture
def settings(database_url: str) -> Settings:
    return read_settings(database_url=database_url, heartbeat_seconds=1.0, callback_hours=ANYTIME)


async def test_two_keys_promise_a_callback_and_the_page_moves_it(web: Web, signed_in_page: Page) -> None:
    page, card = signed_in_page, signed_in_page.locator("article.card")
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring)
    await expect(card).to_have_attribute("data-phase", "talking")
    await press_access_key(page, "m")
    await expect(card.get_by_text("We can call +8613800138000 between")).to_be_visible()
    await expect(card.get_by_role("button", name="Promise it")).to_be_focused()
    assert await faults(page) == []
    await page.keyboard.press("Enter")
    await expect(card.get_by_text("Promised: we call between")).to_be_visible()
    web.floor.hang_up(ring)
    await expect(card).to_have_attribute("data-phase", "wrapping_up")
    await expect(card.get_by_text("Promised: we call between")).to_be_visible()  # it outlives the desk's own looks
    assert web.floor.rows("SELECT source, booked_by FROM callback") == [("agent", "lily")]

    await page.goto(f"{web.url}/callbacks")
    promise = page.locator("article.message")
    await expect(promise).to_contain_text("promised by an agent (lily)")
    await promise.get_by_role("button", name="Why not yet, or another time").click()
    choice = promise.get_by_label("Another time")
    await choice.select_option(index=3)
    begin = await choice.input_value()
    assert await faults(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await faults(page) == []
    await promise.get_by_role("button", name="Move it there").click()
    await expect(promise.locator("strong")).not_to_be_empty()
    await promise.get_by_role("button", name="Cancel").click()
    await expect(promise).to_have_count(0)
    assert web.floor.rows("SELECT state, window_begin = %(at)s FROM callback", at=begin) == [("cancelled", True)]


async def test_who_gave_up_is_promised_by_one_key(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    async with web.database.transaction() as session:
        lily = await agents.find(session, "lily")
        assert isinstance(lily, Agent)
        lily.role = "supervisor"
    ring = web.floor.ring(SEAT)
    gave_up = "UPDATE conversation SET outcome = 'abandoned', ended_at = now() - interval '10 min' WHERE id = %(c)s"
    web.floor.do((gave_up, {"c": ring.conversation_id}))
    await page.goto(f"{web.url}/callbacks?list=owed")
    await expect(page.locator("article.message")).to_have_count(1)
    assert await faults(page) == []
    await press_access_key(page, "m")
    await expect(page.get_by_text("Nobody is owed a call.")).to_be_visible()
    assert web.floor.rows("SELECT source FROM callback") == [("abandoned",)]


async def test_a_message_is_answered_by_a_promise_and_the_window_stays_in_sight(web: Web, signed_in_page: Page) -> None:
    page, ring = signed_in_page, web.floor.ring(SEAT)
    web.floor.miss(ring)
    left = (
        "INSERT INTO voicemail (id, conversation_id, node, linkedid, box, file, left_at) "
        "SELECT id, id, node, linkedid, 'support', 'x.wav', now() FROM conversation"
    )
    web.floor.do((left, {}))
    web.floor.posture(SEAT, "ready")
    await page.goto(f"{web.url}/voicemail")
    await page.get_by_role("link", name="Promise a callback").click()
    await expect(page.get_by_role("button", name="Promise it")).to_be_focused()
    assert await faults(page) == []
    await page.keyboard.press("Enter")
    await expect(page.locator("#promised")).to_contain_text("Promised: we call between")
    await expect(page.locator("article.message")).to_have_count(0)
    assert await faults(page) == []
    assert web.floor.rows("SELECT source FROM callback") == [("voicemail",)]
