"""The desk through all that happens to it, on a real Asterisk 22, looked at in Chromium: ring, answer, reject, hang-up,
pause, ready, a phone that goes and comes, AMI cut, the bridge killed, Asterisk killed; then a call out and
parking. After each, nothing is stuck: rows and page are as before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from desk_phone import DeskPhone
from playwright.async_api import Browser, expect
from postgres_server import Databases
from real_desk import CUSTOMER, OTHER_SEAT, SEAT, RealDesk, real_desk, sit_down


@pytest.fixture(scope="module")
async def running(
    browser: Browser, databases: Databases, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RealDesk]:
    url = databases.create(template_url)
    async with real_desk(browser, tmp_path_factory.mktemp("center"), url) as desk:
        yield desk
    databases.drop(url)


@pytest.fixture
async def desk(running: RealDesk) -> AsyncIterator[RealDesk]:
    """Lily is ready before a test, and again after it, without anybody's help."""
    await running.begin()
    yield running
    await running.nothing_is_stuck()


async def test_a_call_that_is_rejected_rests_the_agent_and_comes_back_by_itself(desk: RealDesk) -> None:
    """Pain 9: one miss pauses for ever, or who rejects is rung again and again. Pain 6: ghosts and stacked cards."""
    desk.calls("13800138001")
    first = await desk.rung()
    await desk.phase("ringing")
    await expect(desk.card).to_contain_text("13800138001")
    await desk.device("RINGING")  # a phone that is faster than Asterisk's device states is called busy
    first.reject()
    await expect(desk.card).to_have_count(0)
    await expect(desk.page).to_have_title("Desk · Kefu")
    again = await desk.rung()
    await desk.phase("ringing")
    await desk.device("RINGING")
    again.reject()
    await desk.shows("paused")
    await expect(desk.page.locator("#reason")).to_have_text("Calls were not taken")
    third = await desk.rung()  # it ended by itself, and the caller has waited
    await desk.phase("ringing")
    third.answer()
    await desk.phase("talking")
    third.hang_up()
    await desk.finish()
    rested = (
        "SELECT reason, state FROM pbx_request WHERE kind = 'pause' AND reason IN ('MISSED', 'RONA') ORDER BY wanted_at"
    )
    assert desk.rows(rested) == [("MISSED", "confirmed"), ("RONA", "confirmed")]
    assert desk.rows("SELECT outcome FROM offer ORDER BY started_at") == [("rejected",), ("rejected",), ("answered",)]


async def test_a_call_that_comes_while_the_agent_pauses_is_taken_and_the_pause_comes_after_it(desk: RealDesk) -> None:
    """Pain 3: the screen says "after this call" and means it."""
    desk.calls("13800138002")
    line = await desk.rung()
    await desk.phase("ringing")
    await desk.press("Meal")
    await expect(desk.page.locator("#next")).to_have_text("A pause comes after this call.")
    line.answer()
    await desk.phase("talking")
    await expect(desk.page.locator("#next")).to_have_text("A pause comes after this call.")
    await desk.press("Hang up")
    await desk.shows("wrapping_up")
    assert line.over.wait(5)
    await desk.page.keyboard.press("1")
    await desk.page.keyboard.press("Enter")
    await desk.shows("paused")
    await expect(desk.page.locator("#reason")).to_have_text("Meal")
    desk.calls("13800138003", stay_s=1.5)
    await desk.holds("SELECT outcome FROM conversation WHERE caller = '13800138003'", [("abandoned",)])
    await desk.press("I am ready")
    await desk.shows("ready")
    assert desk.rows("SELECT ended_by FROM conversation WHERE caller = '13800138002'") == [("agent",)]
    assert desk.rows(
        "SELECT count(*) FROM offer o JOIN conversation c ON c.id = o.conversation_id WHERE c.caller = '13800138003'"
    ) == [(0,)]


async def test_ami_cut_and_the_bridge_killed_in_a_talk_leave_nobody_stuck(desk: RealDesk) -> None:
    """Pain 2: stuck "in call" until a restart. Pain 11: a refresh loses the state."""
    line = await desk.talk("13800138004")
    note = desk.page.get_by_label("Note N")
    await note.fill("half a sen")
    await desk.center.cable.cut()
    await expect(desk.page.locator("#no-sight")).to_contain_text("Not live since")
    await desk.phase("talking")  # and it is not taken away: calls go on
    await desk.center.cable.mend()
    await expect(desk.page.locator("#no-sight")).to_have_count(0)
    await desk.page.reload()
    await desk.phase("talking")
    await expect(note).to_have_value("half a sen")
    desk.center.services["bridge"].kill()
    await expect(desk.page.locator("#no-sight")).to_contain_text("Not live since")
    line.hang_up()  # while nobody looks
    desk.center.services["bridge"].start()
    await expect(desk.page.locator("#no-sight")).to_have_count(0, timeout=20_000)
    await desk.shows("ready", timeout_s=15)
    await expect(desk.card).to_have_count(0)


async def test_a_phone_that_goes_is_said_and_comes_back_by_itself(desk: RealDesk) -> None:
    """Pain 2: a phone that was away for a moment leaves nobody paused."""
    await asyncio.to_thread(desk.phone.register, 0)
    await desk.shows("degraded")
    await asyncio.to_thread(desk.phone.register)
    await desk.shows("ready")
    line = await desk.talk("13800138005")
    line.hang_up()
    await desk.finish()
    lost = "SELECT kind, state FROM pbx_request WHERE reason = 'DEVICE' ORDER BY sent_at"
    assert desk.rows(lost) == [("pause", "confirmed"), ("unpause", "confirmed")]


async def test_asterisk_killed_in_a_talk_leaves_nothing_and_the_desk_comes_back(desk: RealDesk) -> None:
    """Pain 2: what was talked on the Asterisk that died is over, everywhere."""
    await desk.talk("13800138006")
    await asyncio.to_thread(desk.sandbox.restart, kill=True)
    await asyncio.to_thread(desk.phone.register)
    await desk.shows("ready", timeout_s=20)
    await expect(desk.card).to_have_count(0)
    line = await desk.talk("13800138007")
    await asyncio.sleep(1)  # the desk shows the talk by Asterisk's first words of it, and these are not all
    line.hang_up()
    await desk.finish()
    outcomes = "SELECT caller, outcome FROM conversation WHERE caller IN ('13800138006', '13800138007') ORDER BY 1"
    assert [caller for caller, outcome in desk.rows(outcomes) if outcome] == ["13800138006", "13800138007"]


async def test_a_number_is_dialled_from_a_page_talked_with_and_closed_with_an_outcome(desk: RealDesk) -> None:
    with DeskPhone(desk.sandbox, "8001", ring_s=None, far=True) as far:
        desk.sandbox.cli("dialplan set global CALLBACK_BY PJSIP/trunk/sip:+")
        desk.sandbox.cli(f"dialplan set global CALLBACK_VIA @{far.address.rpartition('@')[2]}")
        await desk.page.goto(f"{desk.center.web}/customers?q=K-1")
        await desk.page.get_by_role("button", name="Call 王芳").click()
        await expect(desk.page).to_have_url(f"{desk.center.web}/desk")
        line = await desk.rung()
        await desk.holds("SELECT target FROM pbx_request WHERE kind = 'dial'", [(f"out{CUSTOMER}",)])
        await desk.holds("SELECT pause_reason FROM posture WHERE seat = %(seat)s", [("RESERVED",)])
        line.answer()
        theirs = await asyncio.to_thread(far.rung)
        assert theirs.invite is not None
        assert theirs.invite.first.startswith(f"INVITE sip:{CUSTOMER}@")
        theirs.answer()
        await desk.phase("talking")
        await expect(desk.card.locator("h1")).to_contain_text("王芳")
        theirs.hang_up()
        await desk.shows("wrapping_up")
        await desk.page.keyboard.press("1")
        await desk.page.keyboard.press("Enter")
        await desk.shows("ready")
    said = (
        "SELECT c.direction, c.dialled, c.outcome, w.outcome FROM conversation c JOIN wrap_up w"
        " ON w.conversation_id = c.id WHERE c.direction = 'outbound'"
    )
    assert desk.rows(said) == [("outbound", CUSTOMER, "answered", "solved")]


async def test_a_caller_is_parked_and_taken_back_with_one_card(desk: RealDesk) -> None:
    """Pain 6: no second card for the same call."""
    await desk.talk("13800138008")
    await desk.press("Park")
    await expect(desk.page.locator("form.notice")).to_contain_text("Parked on 701")
    await desk.shows("wrapping_up")
    await desk.press("Take back")
    line = await desk.rung()
    line.answer()
    await desk.phase("talking")
    line.hang_up()
    await desk.finish()


async def test_who_signs_out_in_a_talk_leaves_after_it_and_its_work(desk: RealDesk) -> None:
    """Pain 3, once more: nobody is left on the line, and no other call comes; then the seat is free."""
    line = await desk.talk("13800138010")
    async with desk.page.expect_navigation():
        await desk.press("Leave this seat")
    await desk.page.goto(f"{desk.center.web}/desk")
    await expect(desk.page.locator("#next")).to_have_text("You are signed out after this call.")
    await desk.phase("talking")
    line.hang_up()
    await desk.shows("wrapping_up")
    await desk.press("Finish without an outcome")
    await desk.holds("SELECT ended_why FROM seat_session WHERE signed_out_at IS NOT NULL", [("signed_out",)])
    await desk.holds("SELECT count(*) FROM membership WHERE seat = %(seat)s AND left_at IS NULL", [(0,)])
    if "/seat" not in desk.page.url:
        await desk.page.wait_for_url("**/seat*")  # by itself: nobody sits there any more
    await desk.page.locator("input[name=typed]").fill(SEAT)
    await desk.page.keyboard.press("Enter")
    await desk.shows("ready")


async def test_all_three_talk_and_a_caller_who_was_parked_is_handed_on(desk: RealDesk, browser: Browser) -> None:
    """What features.conf and res_parking.conf must allow for."""
    with DeskPhone(desk.sandbox, "1002", ring_s=None) as theirs:
        colleague = await sit_down(browser, desk.center, "max", OTHER_SEAT)
        await expect(colleague.locator("#state")).to_have_attribute("data-word", "ready")
        await desk.talk("13800138011")
        (await desk.ask_first("Max", theirs)).hang_up()
        await expect(desk.page.get_by_role("button", name="Hang up")).to_be_visible()  # back with the caller
        await expect(colleague.locator("article.card")).to_have_count(0)
        third = await desk.ask_first("Max", theirs)
        await desk.press("All three")
        await expect(desk.wish("consult_end")).to_have_attribute("data-state", "confirmed")
        await desk.in_one_bridge(3)
        third.hang_up()
        await desk.in_one_bridge(2)
        await desk.phase("talking")
        await desk.press("Park")
        await desk.shows("wrapping_up")
        await desk.press("Take back")
        (await desk.rung()).answer()
        await desk.phase("talking")
        await desk.ask_first("Max", theirs)
        await desk.press("Leave the two together")
        await desk.finish()
        await expect(colleague.locator("article.card")).to_have_attribute("data-phase", "talking")
        await colleague.get_by_role("button", name="Hang up").click()
        await expect(colleague.locator("#state")).to_have_attribute("data-word", "wrapping_up")
        await colleague.get_by_role("button", name="Finish without an outcome").click()
        await expect(colleague.locator("#state")).to_have_attribute("data-word", "ready")
        await colleague.get_by_role("button", name="Leave this seat").click()
        await colleague.context.close()
