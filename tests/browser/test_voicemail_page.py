"""The worklist of messages as people use it in Chromium: it plays, it is taken and finished, it moves by itself, it can
be read by everybody. Beside it the report of the menus."""

from __future__ import annotations

import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from desk_in_chromium import PASSWORD, SEAT, Web, sign_in
from playwright.async_api import BrowserContext, Page, expect
from test_accessible import faults

from crm import agents
from crm.database import Database
from crm.settings import Settings


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, heartbeat_seconds=1.0, voicemail_folder=tmp_path)


def leave_message(
    web: Web, folder: Path, *, ago: timedelta = timedelta(), seconds: float = 3.0, name: str = ""
) -> UUID:
    """What the bridge and Asterisk do when a caller leaves a message."""
    message_id, uniqueid = uuid4(), f"17000000.{uuid4().int % 10**6}"
    with wave.open(str(folder / f"{uniqueid}.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\x10\x20" * round(8000 * seconds))
    left_at = datetime.now(UTC) - ago
    values = {"id": message_id, "uniqueid": uniqueid, "left_at": left_at, "c": uuid4(), "name": name or None}
    values["file"] = f"{uniqueid}.wav"
    web.floor.do(
        (
            (
                "INSERT INTO conversation (id, node, linkedid, direction, caller, caller_name, started_at, "
                "reconstructed) VALUES (%(c)s, %(node)s, %(uniqueid)s, 'inbound', '13800138000', %(name)s, "
                "%(left_at)s, false)"
            ),
            values,
        ),
        (
            (
                "INSERT INTO voicemail (id, conversation_id, node, linkedid, box, file, left_at) VALUES "
                "(%(id)s, %(c)s, %(node)s, %(uniqueid)s, 'support', %(file)s, %(left_at)s)"
            ),
            values,
        ),
    )
    return message_id


async def test_a_message_is_heard_taken_and_finished(web: Web, signed_in_page: Page, tmp_path: Path) -> None:
    page = signed_in_page
    message = leave_message(web, tmp_path, name='<b onclick="alert(1)">Wang</b>')
    await expect(page.locator("#messages")).to_contain_text("1 new")
    await page.locator("#messages").click()
    article = page.locator(f"#message-{message}")
    await expect(article.get_by_role("heading")).to_contain_text('<b onclick="alert(1)">Wang</b>')
    await expect(article.locator(".due")).to_contain_text("due in 1 h 59 min")
    audio = article.locator("audio")
    await audio.evaluate("async sound => { await sound.play(); sound.currentTime = 2; }")
    assert 2.9 < await audio.evaluate("sound => sound.duration") < 3.1
    await expect(article).to_contain_text("0:03")  # measured meanwhile
    await article.get_by_label("Note").fill("wants a call at six")
    await article.get_by_role("button", name="Take").click()
    await expect(article).to_have_attribute("data-state", "taken")
    await expect(article).to_contain_text("Taken by Lily Chen")
    await expect(article.get_by_label("Note")).to_have_value("wants a call at six")
    await article.get_by_role("button", name="Done").click()
    await expect(page.get_by_text("No messages here.")).to_be_visible()
    await page.get_by_label("Show").first.select_option("done")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(f"#message-{message}")).to_contain_text("wants a call at six")
    await expect(page.locator(".due")).to_contain_text("answered in time")


async def test_a_half_written_note_is_its_writers_alone_until_it_is_saved(
    web: Web, signed_in_page: Page, tmp_path: Path
) -> None:
    page = signed_in_page
    async with web.database.transaction() as session:
        marco = await agents.create(session, login="marco", name="Marco Rossi", password=PASSWORD)
        await agents.serve(session, marco.id, "support")
    article = page.locator(f"#message-{leave_message(web, tmp_path, name='Wang')}")
    await page.goto(f"{web.url}/voicemail")
    await article.get_by_label("Note").fill("she owes us money")
    await page.reload()
    await expect(article.get_by_label("Note")).to_have_value("she owes us money")
    await page.context.clear_cookies()
    await sign_in(page, web, "marco", "PJSIP/2002")
    await page.goto(f"{web.url}/voicemail")
    await expect(article.get_by_label("Note")).to_have_value("")
    await article.get_by_label("Note").fill("called back")
    await article.get_by_role("button", name="Done").click()
    await expect(article).to_have_count(0)
    await page.wait_for_function("!Object.keys(sessionStorage).some(name => name.startsWith('draft'))")


async def test_the_list_moves_by_itself_and_says_what_is_late(
    web: Web, signed_in_page: Page, database: Database, tmp_path: Path
) -> None:
    page = signed_in_page
    await page.goto(f"{web.url}/voicemail")
    await expect(page.locator("#count")).to_have_text("0 messages")
    leave_message(web, tmp_path, ago=timedelta(hours=3), name="Late")
    leave_message(web, tmp_path, seconds=0.5, name="Silent")
    await expect(page.locator("#count")).to_have_text("1 message")  # the silent one is none
    await expect(page.locator(".due")).to_contain_text("overdue by 1 h")
    await expect(page.locator(".due")).to_have_class("badge bad due")
    await page.goto(f"{web.url}/voicemail?list=short")
    await expect(page.locator(".message")).to_contain_text("nothing said")
    await page.goto(f"{web.url}/wallboard")
    await expect(page.locator("#messages .big")).to_contain_text("1 new message")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_all_can_be_read_by_everybody(web: Web, signed_in_page: Page, tmp_path: Path, theme: str) -> None:
    page = signed_in_page
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    leave_message(web, tmp_path, name="Wang")
    leave_message(web, tmp_path, ago=timedelta(hours=3))
    web.floor.do(
        (
            (
                "INSERT INTO queue_notice (id, queue, kind, said_by, reason, until) VALUES "
                "(gen_random_uuid(), 'support', 'closed', 'dana', 'fire drill', now() + interval '1 hour')"
            ),
            {},
        )
    )
    for path in ("/voicemail", "/voicemail?list=short", "/wallboard", "/conversations?after_hours=1", "/desk"):
        await page.goto(f"{web.url}{path}")
        assert await faults(page) == [], path
    await page.get_by_role("button", name="中文").click()
    await page.goto(f"{web.url}/voicemail")
    await expect(page.get_by_role("heading", level=1)).to_have_text("语音留言")
    assert await faults(page) == []


async def test_the_report_of_the_menus_can_be_read_by_everybody(
    web: Web, context: BrowserContext, signed_in_page: Page
) -> None:
    web.floor.do(("UPDATE agent SET role = 'supervisor' WHERE login = 'lily'", {}))
    for number in range(3):
        web.floor.ring(SEAT, linkedid=f"1.{number}", pressed=[("menu", str(number))])
    web.floor.do(("UPDATE visit SET ended_at = now(), ending = 'hung_up'", {}))
    page = signed_in_page
    await page.goto(f"{web.url}/reports/ivr")
    await expect(page.locator("svg.sankey rect").first).to_be_visible()
    assert await faults(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await faults(page) == []
    await page.get_by_role("row", name="menu").first.get_by_role("link").first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Calls behind a number")
    await expect(page.locator("tbody tr")).to_have_count(3)
    assert await faults(page) == []
