"""The wallboard: it shows the floor with no set-up, moves with it, and says when it is blind."""

from __future__ import annotations

from datetime import timedelta

from desk_in_chromium import SEAT, Web
from playwright.async_api import Page, expect


async def test_queues_agents_and_calls_move_with_the_floor(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    await page.goto(f"{web.url}/wallboard")
    queue, agent, calls = page.locator("#queue-support"), page.locator(".agent"), page.locator("#calls-now")
    await expect(queue.locator(".big")).to_contain_text("0")
    await expect(agent).to_contain_text("Lily Chen")
    await expect(agent).to_contain_text("Ready")
    ring = web.floor.ring(SEAT, waited=timedelta(seconds=30))
    await expect(queue.locator(".big")).to_have_text("1 caller waits")
    await expect(queue.get_by_role("time")).to_have_count(2)
    await expect(queue).to_have_class("sheet tile bad")  # waits longer than the queue's 20 s
    await expect(agent).to_contain_text("Ringing")
    await expect(calls).to_contain_text("…8000")
    assert "+86" not in await page.inner_text("body")
    web.floor.answer(ring)
    await expect(queue.locator(".big")).to_have_text("0 callers wait")
    await expect(queue).to_contain_text("0 %")
    await expect(agent).to_contain_text("Talking")
    web.floor.hang_up(ring)
    await expect(calls.locator(".big")).to_have_text("0")
    await expect(agent).to_contain_text("After-call work")


async def test_lost_sight_is_said_and_the_age_grows(web: Web, signed_in_page: Page) -> None:
    await signed_in_page.goto(f"{web.url}/wallboard")
    web.floor.fall_silent()
    await expect(signed_in_page.get_by_role("alert").first).to_contain_text("asterisk1 is not live since")
    await expect(signed_in_page.locator(".age").first).to_contain_text("0:06")
