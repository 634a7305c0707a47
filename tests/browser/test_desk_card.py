"""The caller's card on the agent's screen: appears, is acknowledged, withdrawn, kept, ended by the outcome."""

from __future__ import annotations

from desk_in_chromium import SEAT, Web, agent_id
from playwright.async_api import Page, expect


async def test_card_appears_as_the_phone_rings_and_its_painting_is_acknowledged(web: Web, signed_in_page: Page) -> None:
    ring = web.floor.ring(SEAT, caller_name="Wang")
    card = signed_in_page.locator("article.card")
    await expect(card).to_have_attribute("data-phase", "ringing")
    await expect(card).to_contain_text("+8613800138000")
    await expect(card).to_contain_text("Unknown caller")
    await expect(signed_in_page).to_have_title("☎ +8613800138000 · Kefu")
    for _ in range(200):
        rows = web.floor.rows("SELECT agent_id, hint_ms, latency_ms FROM pop_shown WHERE pop_id = %(p)s", p=ring.pop_id)
        if rows:
            break
        await signed_in_page.wait_for_timeout(20)
    (said,) = rows
    assert said[0] == await agent_id(web)
    assert 0 < said[1] < said[2] < 5000
    print(f"hint → painted {said[1]:.1f} ms, ring → acknowledged {said[2]:.1f} ms")
