"""What the card fetches after it is painted: it comes by itself, outlives the desk's looks, and can be read by all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from desk_in_chromium import SEAT, Web
from playwright.async_api import Page, expect
from test_accessible import faults

from crm import agents, customers, knowledge
from crm.database import Database
from crm.knowledge import Texts


@pytest.fixture
async def wang(web: Web, database: Database) -> None:
    """A customer who has called twice already, an order, an article."""
    async with database.transaction() as session:
        who = await customers.create(session, code="C1", name="Wang", phones=("13800138000",), country="CN")
        author = await agents.find(session, "lily")
        texts = Texts("How to return goods", "Within **7 days**.", "如何退货", "**七天**内。")
        by = {"by": "lily", "author_id": author.id if author else None, "state": "published"}
        await knowledge.write(session, texts, matter="refund", **by)
    for hours in (30, 5):
        ring = web.floor.ring(SEAT, waited=timedelta(hours=hours), facts={"customer_id": who.id, "matter": "refund"})
        back = "UPDATE conversation SET started_at = now() - %(ago)s, outcome = 'answered' WHERE id = %(id)s"
        web.floor.do((back, {"ago": timedelta(hours=hours), "id": ring.conversation_id}))
        web.floor.do(("UPDATE pop SET taken_at = now() WHERE id = %(id)s", {"id": ring.pop_id}))


async def test_a_card_says_who_calls_again_and_offers_what_helps(web: Web, signed_in_page: Page, wang: None) -> None:
    page = signed_in_page
    web.floor.ring(SEAT, facts={"matter": "refund"})
    card = page.locator("article.card")
    await expect(card.locator(".again")).to_contain_text("Call 3 in 48 h about “refund”")
    timeline = card.get_by_role("region", name="Timeline")
    await expect(timeline.locator("[data-kind=conversation]")).to_have_count(3)
    await expect(timeline).to_contain_text("Here because the call came from +8613800138000")
    search = card.get_by_placeholder("Search the articles")
    await search.focus()
    await search.press_sequentially("退货", delay=20)
    await expect(card.get_by_role("button", name="How to return goods")).to_be_visible()
    web.floor.posture(SEAT, "ringing")  # the desk looks again
    await expect(page.locator("#state")).to_have_attribute("data-word", "ringing")
    await expect(search).to_have_value("退货")
    await expect(search).to_be_focused()
    await card.get_by_role("button", name="How to return goods").press("Enter")
    await expect(card.locator(".prose strong")).to_have_text("7 days")
    await card.get_by_role("button", name="It helped").press("Enter")
    await expect(card).to_contain_text("Noted: it helped in this call")
    await card.get_by_label("New note").fill("wants his money back")
    await card.get_by_label("New note").press("Enter")
    await expect(timeline.locator(".note")).to_contain_text("wants his money back")
    await expect(page.locator("#lost")).to_be_hidden()
    assert await faults(page) == []
    assert web.floor.rows("SELECT what FROM article_use ORDER BY what") == [("opened",), ("used",)]


async def test_knowledge_and_value_can_be_written_and_read_by_everybody(
    web: Web, signed_in_page: Page, wang: None
) -> None:
    web.floor.do(("UPDATE agent SET role = 'supervisor' WHERE login = 'lily'", {}))
    page = signed_in_page
    await page.goto(f"{web.url}/knowledge/new")
    await page.get_by_label("English title").fill("Opening hours")
    await page.get_by_label("English text").fill("- **nine** to five\n- <b>never</b>")
    await expect(page.locator("#preview strong")).to_have_text("nine")
    await expect(page.locator("#preview li").nth(1)).to_have_text("<b>never</b>")
    await page.get_by_label("State").select_option("published")
    assert await faults(page) == []
    await page.get_by_role("button", name="Save").press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Opening hours")
    await page.get_by_role("button", name="中文").click()
    for path in ("/knowledge", "/value", "/value/customer/C1"):
        await page.goto(f"{web.url}{path}")
        assert await faults(page) == [], path
    await page.goto(f"{web.url}/knowledge?words=退货")
    await page.get_by_role("link", name="如何退货").click()
    await expect(page.locator(".prose strong")).to_have_text("七天")
