"""The caller's card on the agent's screen: appears, is acknowledged, withdrawn, kept, ended by the outcome."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from desk_in_chromium import SEAT, Web, agent_id
from forged_floor import CALLER
from playwright.async_api import Locator, Page, expect

from crm import customers, orders


def card_of(page: Page) -> Locator:
    """The only card on the screen."""
    return page.locator("article.card")


async def acknowledged(web: Web, pop_id: UUID) -> tuple[UUID, float | None, float]:
    """Wait for the browser's word that it painted the card."""
    async with asyncio.timeout(10):
        while True:
            rows = web.floor.rows("SELECT agent_id, hint_ms, latency_ms FROM pop_shown WHERE pop_id = %(p)s", p=pop_id)
            if rows:
                (row,) = rows
                return row[0], row[1], row[2]
            await asyncio.sleep(0.02)


async def wishes(web: Web) -> list[tuple[str, str | None]]:
    """What has been asked of Asterisk for the seat, without its queues."""
    rows = web.floor.rows(
        "SELECT kind, reason FROM pbx_request WHERE seat = %(seat)s AND kind <> 'add_member' ORDER BY wanted_at",
        seat=SEAT,
    )
    return [(kind, reason) for kind, reason in rows]


async def test_card_appears_as_the_phone_rings_and_its_painting_is_acknowledged_once(
    web: Web, signed_in_page: Page
) -> None:
    ring = web.floor.ring(SEAT, caller_name="Wang")
    card = card_of(signed_in_page)
    await expect(card).to_have_attribute("data-phase", "ringing")
    await expect(card).to_contain_text(CALLER)
    await expect(card).to_contain_text("Unknown caller")
    await expect(card).to_contain_text("No customer has this number")
    await expect(signed_in_page.locator("#state")).to_contain_text("Ringing")
    await expect(signed_in_page).to_have_title(f"☎ {CALLER} · Kefu")
    who, hint_ms, latency_ms = await acknowledged(web, ring.pop_id)
    assert who == await agent_id(web)
    assert hint_ms is not None
    assert 0 < hint_ms < latency_ms < 5000


async def test_card_says_who_calls_what_they_are_worth_ordered_said_and_pressed(web: Web, signed_in_page: Page) -> None:
    async with web.database.transaction() as session:
        wang = await customers.create(
            session,
            code="C-1",
            name="王美玲",
            company="Jiangnan Tea",
            tier="key",
            phones=[CALLER],
            country="CN",
            note="Ring before delivery",
        )
        await orders.place(
            session,
            customer_id=wang.id,
            number="SO-1",
            item="Longjing",
            amount=Decimal("12.50"),
            state="shipped",
            placed_at=datetime.now(UTC),
        )
    earlier = web.floor.ring(SEAT, caller="13800138000")  # the same phone, as another trunk writes it
    web.floor.answer(earlier)
    web.floor.hang_up(earlier)
    web.floor.do(
        (
            "INSERT INTO wrap_up (conversation_id, agent_id, outcome, note) VALUES (%(c)s, %(a)s, 'complaint', 'Late')",
            {"c": earlier.conversation_id, "a": await agent_id(web)},
        )
    )
    web.floor.posture(SEAT, "ready")
    web.floor.ring(
        SEAT,
        pressed=[("main_menu", "1"), ("order_menu", "2")],
        facts={"customer_id": wang.id, "number_e164": CALLER, "language": "zh", "matter": "SO-1"},
    )
    card = card_of(signed_in_page)
    for words in (
        "王美玲",
        "Jiangnan Tea",
        "Key customer",
        "This number belongs to this customer only",
        "Ring before delivery",
        "Longjing",
        "SO-1",
        "CN¥12.50",
        "shipped",
        "Complaint",
        "Late",
        "main menu",
        "order menu",
        "Chinese",
        "Support",
    ):
        await expect(card).to_contain_text(words)
    assert await card.locator(".path kbd").all_inner_texts() == ["1", "2"]


async def test_a_shared_number_names_all_and_guesses_nobody(web: Web, signed_in_page: Page) -> None:
    async with web.database.transaction() as session:
        for code, name in (("C-1", "Anna"), ("C-2", "Bertil")):
            await customers.create(session, code=code, name=name, phones=[CALLER], country="CN")
    web.floor.ring(SEAT)
    card = card_of(signed_in_page)
    await expect(card.locator("h1")).to_have_text("One of several customers")
    await expect(card).to_contain_text("Anna (C-1), Bertil (C-2)")


async def test_a_hidden_number_is_said_to_be_hidden(web: Web, signed_in_page: Page) -> None:
    web.floor.ring(SEAT, caller=None)
    await expect(card_of(signed_in_page)).to_contain_text("The caller hides the number")


async def test_the_wait_counts_up_while_it_rings_and_stops_at_the_answer(web: Web, signed_in_page: Page) -> None:
    ring = web.floor.ring(SEAT)
    waited = signed_in_page.locator(".facts dd").first
    await expect(waited).to_have_text(re.compile(r"^0:1\d$"))
    first = int((await waited.inner_text())[-2:])
    await expect(waited).to_have_text(re.compile(rf"^0:({first + 1}|{first + 2}|{first + 3})$"))
    web.floor.answer(ring)
    await expect(waited.locator("time")).to_have_count(0)


async def test_card_is_withdrawn_when_the_ring_ends_and_comes_back_with_the_next_offer(
    web: Web, signed_in_page: Page
) -> None:
    first = web.floor.ring(SEAT)
    await expect(card_of(signed_in_page)).to_be_visible()
    await acknowledged(web, first.pop_id)
    web.floor.miss(first)
    await expect(card_of(signed_in_page)).to_have_count(0)
    await expect(signed_in_page).to_have_title("Desk · Kefu")
    again = web.floor.ring(SEAT)
    await expect(card_of(signed_in_page)).to_have_count(1)
    await acknowledged(web, again.pop_id)


async def test_card_is_kept_while_talking_and_the_outcome_ends_the_after_call_work(
    web: Web, signed_in_page: Page
) -> None:
    page = signed_in_page
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring, await agent_id(web))
    await expect(card_of(page)).to_have_attribute("data-phase", "talking")
    await expect(page.get_by_role("button", name="Save and finish")).to_be_disabled()
    await page.get_by_label("Note N").fill("Wants a call")
    web.floor.hang_up(ring)
    await expect(card_of(page)).to_have_attribute("data-phase", "wrapping_up")
    await expect(page.locator("#state")).to_have_attribute("data-word", "wrapping_up")
    await expect(page.get_by_label("Note N")).to_have_value("Wants a call")
    await page.get_by_label("Call back").check()
    await page.get_by_label("Which case?").select_option("none:answered_at_once")
    await page.get_by_role("button", name="Save and finish").click()
    await expect(card_of(page)).to_contain_text("Saved. The after-call work is ending.")
    assert web.floor.rows("SELECT outcome, note FROM wrap_up") == [("callback", "Wants a call")]
    assert await wishes(web) == [("end_after_call_work", None)]
    web.floor.settle(SEAT)
    web.floor.posture(SEAT, "ready")
    await expect(card_of(page)).to_have_count(0)
    await expect(page.locator("#state")).to_have_attribute("data-word", "ready")
    await expect(page.locator("#recent")).to_contain_text("Call back")


async def test_what_is_typed_survives_hints_and_a_reload(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    ring = web.floor.ring(SEAT)
    web.floor.answer(ring)
    note = page.get_by_label("Note N")
    await note.focus()
    await note.press_sequentially("half a sen")
    await page.get_by_role("radio", name="Complaint").check()
    for _ in range(3):
        async with page.expect_response("**/desk/picture"):
            web.floor.posture(SEAT, "talking", conversation_id=ring.conversation_id)
    await expect(note).to_have_value("half a sen")
    await expect(page.get_by_role("radio", name="Complaint")).to_be_checked()
    await page.reload()
    await expect(card_of(page)).to_have_attribute("data-phase", "talking")
    await expect(note).to_have_value("half a sen")


async def test_a_refresh_changes_nothing(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    ring = web.floor.ring(SEAT)
    await acknowledged(web, ring.pop_id)
    before = web.floor.rows("SELECT count(*) FROM pbx_request")
    first = await card_of(page).get_attribute("id")
    for _ in range(3):
        await page.reload()
        await expect(card_of(page)).to_have_attribute("data-phase", "ringing")
    assert await card_of(page).get_attribute("id") == first
    assert web.floor.rows("SELECT count(*) FROM pbx_request") == before
    assert web.floor.rows("SELECT count(*) FROM pop_shown") == [(1,)]


async def test_another_seats_call_shows_nothing_here(web: Web, signed_in_page: Page) -> None:
    web.floor.ring("PJSIP/2002")
    async with signed_in_page.expect_response("**/desk/picture"):
        web.floor.posture(SEAT, "ready")
    await expect(card_of(signed_in_page)).to_have_count(0)


async def test_hostile_names_are_text_and_run_nothing(web: Web, signed_in_page: Page) -> None:
    page = signed_in_page
    hostile = "<script>document.title='owned'</script>\"'><img src=x onerror=document.title='owned'>"
    async with web.database.transaction() as session:
        await customers.create(
            session, code='C"<b>', name=hostile, company=hostile, phones=[CALLER], country="CN", note=hostile
        )
    web.floor.ring(SEAT, caller_name=hostile, pressed=[(hostile, "1")], facts={"matter": hostile})
    card = card_of(page)
    await expect(card.locator("h1")).to_contain_text(hostile)
    await expect(card.locator(".remark")).to_have_text(hostile)
    assert await card.locator("script, img, b").count() == 0
    await expect(page).to_have_title(f"☎ {hostile} · Kefu")
    await page.reload()
    await expect(card.locator("h1")).to_contain_text(hostile)
    assert "owned" not in (await page.title())[:10]
    assert await page.evaluate("document.scripts.length") == 1
