"""Takes the pictures of the pages for README and docs: `PYTHONPATH=tests python tests/browser/take_pictures.py`.

A throw-away database, rows as a busy morning leaves them, a real Chromium. Writes docs/pictures/*.png.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from case_pictures import take_cases
from day_pictures import furnish_day, take_keys_and_dock
from desk_in_chromium import PASSWORD, QUIET, SEAT, Web, agent_id, chromium, serving, sign_in
from forged_floor import CALLER, ForgedFloor, Ring
from playwright.async_api import Browser, Page, async_playwright, expect

from crm import agents, customers, orders, queues
from crm.database import Database
from crm.embedded import EmbeddedPostgres
from crm.migrations import upgrade
from crm.settings import Settings

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = {"width": 1360, "height": 900}
COLLEAGUES = (
    ("marco", "Marco Rossi", "PJSIP/1002", "talking", None, 4),
    ("zhang", "张伟", "PJSIP/1003", "ready", None, 2),
    ("amina", "Amina Yusuf", "PJSIP/1004", "wrapping_up", None, 1),
    ("jo", "Jo Brandt", "PJSIP/1005", "paused", "lunch", 17),
    ("sun", "孙丽", "PJSIP/1006", "talking", None, 9),
    ("kai", "Kai Novak", "PJSIP/1007", "ready", None, 1),
)


async def furnish(database: Database, floor: ForgedFloor) -> dict[str, str]:
    """People, customers, orders and the calls of the morning; returns the customer ids by code."""
    now = datetime.now(UTC)
    floor.see()
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持", service_level_s=20)
        await queues.define(session, "sales", title_en="Sales", title_zh="销售", service_level_s=15)
        await queues.define(session, "reception", title_en="Reception", title_zh="前台", service_level_s=20)
        for login, name in (("lily", "Lily Chen"), *((row[0], row[1]) for row in COLLEAGUES)):
            agent = await agents.create(session, login=login, name=name, password=PASSWORD)
            await agents.serve(session, agent.id, "support")
        wang = await customers.create(
            session,
            code="C-20418",
            name="王美玲 Wang Meiling",
            company="江南茶业有限公司 · Jiangnan Tea",
            tier="key",
            language="zh",
            phones=[CALLER, "021 6888 1234"],
            country="CN",
            note="Prefers delivery on weekday mornings. 送货请提前一天电话确认。",
        )
        ford = await customers.create(
            session, code="C-11873", name="Eleanor Ford", tier="main", phones=["+442079460123"], country="GB"
        )
        for number, item, state, amount, days in (
            ("SO-88213", "龙井礼盒 Longjing gift box × 12", "shipped", "3588.00", 2),
            ("SO-87954", "紫砂壶 Yixing teapot", "delivered", "1260.00", 19),
            ("SO-87101", "茉莉花茶 Jasmine tea 5 kg", "delivered", "890.50", 46),
        ):
            await orders.place(
                session,
                customer_id=wang.id,
                number=number,
                item=item,
                state=state,
                amount=Decimal(amount),
                placed_at=now - timedelta(days=days),
                expected_on=now + timedelta(days=1) if state == "shipped" else None,
            )
        return {"wang": str(wang.id), "ford": str(ford.id)}


async def morning(web: Web, customer_ids: dict[str, str]) -> None:
    """Calls that are over, with what was said of them, and colleagues at work."""
    lily = await agent_id(web)
    past = (
        (CALLER, "wang", "solved", "Asked for an invoice with tax number; sent by e-mail. 发票已重开。", 26 * 60, 245),
        (CALLER, "wang", "follow_up", "Gift box arrives late, warehouse to call back.", 3 * 24 * 60, 412),
        ("+442079460123", "ford", "solved", "Changed the delivery address.", 52, 181),
        ("+8613911112222", None, "wrong_number", "", 75, 22),
        ("+8613766660000", None, "complaint", "Broken cup, photo by e-mail; case opened.", 96, 388),
    )
    for caller, who, outcome, note, minutes, talk_s in past:
        facts = {"customer_id": customer_ids[who], "number_e164": caller} if who else None
        ring = web.floor.ring(SEAT, caller=caller, facts=facts, agent_id=lily)
        web.floor.answer(ring, lily)
        web.floor.hang_up(ring)
        _backdate(web.floor, ring, timedelta(minutes=minutes), talk_s)
        web.floor.do(
            (
                "INSERT INTO wrap_up (conversation_id, agent_id, outcome, note) VALUES (%(c)s, %(a)s, %(o)s, %(n)s)",
                {"c": ring.conversation_id, "a": lily, "o": outcome, "n": note},
            )
        )
    for login, _, seat, word, reason, minutes in COLLEAGUES:
        colleague = await agent_id(web, login)
        web.floor.do(
            (
                "INSERT INTO seat_session (id, agent_id, node, seat) SELECT gen_random_uuid(), %(a)s, %(node)s, %(s)s",
                {"a": colleague, "s": seat},
            )
        )
        web.floor.stand_in(seat, "support" if login != "kai" else "sales")
        if word == "talking":
            ring = web.floor.ring(seat, caller=f"+86138001{minutes:05}", queue="support")
            web.floor.answer(ring, colleague)
        since = datetime.now(UTC) - timedelta(minutes=minutes, seconds=11)
        web.floor.posture(seat, word, since=since, pause_reason=reason, paused=word in ("paused", "wrapping_up"))


def _backdate(floor: ForgedFloor, ring: Ring, ago: timedelta, talk_s: int) -> None:
    values = {"c": ring.conversation_id, "ago": ago, "talk": timedelta(seconds=talk_s)}
    floor.do(
        (
            "UPDATE conversation SET started_at = started_at - %(ago)s, ended_at = ended_at - %(ago)s WHERE id = %(c)s",
            values,
        ),
        (
            (
                "UPDATE wait SET entered_at = entered_at - %(ago)s, left_at = left_at - %(ago)s "
                "WHERE conversation_id = %(c)s"
            ),
            values,
        ),
        (
            (
                "UPDATE segment SET started_at = started_at - %(ago)s, ended_at = started_at - %(ago)s + %(talk)s "
                "WHERE conversation_id = %(c)s"
            ),
            values,
        ),
    )


async def picture(page: Page, name: str) -> None:
    """One PNG of what the window shows."""
    await page.mouse.move(0, 0)
    await page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
    print(f"docs/pictures/{name}.png")


async def take(web: Web, browser: Browser) -> None:
    """Walk through a call in both languages."""
    customer_ids = await furnish(web.database, web.floor)
    page = await browser.new_page(viewport=SIZE, locale="en-GB", timezone_id="Asia/Shanghai", device_scale_factor=1.5)
    await page.goto(f"{web.url}/sign-in")
    await picture(page, "sign-in-en")
    await sign_in(page, web)
    web.floor.settle(SEAT)
    web.floor.stand_in(SEAT, "support")
    await morning(web, customer_ids)
    web.floor.posture(SEAT, "ready", since=datetime.now(UTC) - timedelta(minutes=3, seconds=42))
    await furnish_day(web, await agent_id(web), customer_ids["wang"])
    await page.reload()
    await expect(page.locator("#due")).to_be_visible()
    await picture(page, "desk-ready-en")
    await page.get_by_role("button", name="中文").click()
    await expect(page.locator("#due")).to_be_visible()
    await picture(page, "desk-ready-zh")
    await page.get_by_role("button", name="English").click()
    for caller, waited in (("+8613912340001", 34), ("+8613912340002", 12)):
        waiting = web.floor.ring("PJSIP/1999", caller=caller, waited=timedelta(seconds=waited))
        web.floor.miss(waiting)
    ring = web.floor.ring(
        SEAT,
        caller_name="Wang M.",
        waited=timedelta(seconds=47),
        pressed=[("language", "2"), ("main menu", "1"), ("order status", "0")],
        facts={"customer_id": customer_ids["wang"], "number_e164": CALLER, "language": "zh", "matter": "SO-88213"},
    )
    ago = {"p": ring.pop_id, "seat": SEAT}
    web.floor.do(
        ("UPDATE pop SET rung_at = rung_at - interval '6 s' WHERE id = %(p)s", ago),
        ("UPDATE posture SET since = since - interval '6 s' WHERE node = %(node)s AND seat = %(seat)s", ago),
        seats=(SEAT,),
    )
    await expect(page.locator("#state time")).to_have_text("0:07")
    await picture(page, "desk-en")
    await page.emulate_media(color_scheme="dark")
    await picture(page, "desk-dark-en")
    await page.emulate_media(color_scheme="light")
    await page.get_by_role("button", name="中文").click()
    await picture(page, "desk-zh")
    web.floor.answer(ring, await agent_id(web))
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "talking")
    await page.goto(f"{web.url}/wallboard")
    await picture(page, "wallboard-zh")
    await page.get_by_role("button", name="English").click()
    await picture(page, "wallboard-en")
    await page.goto(f"{web.url}/desk")
    web.floor.hang_up(ring)
    await expect(page.locator("article.card")).to_have_attribute("data-phase", "wrapping_up")
    await page.get_by_label("Follow-up needed").check()
    await page.get_by_role("textbox", name="Note N").fill(
        "Parcel is in Suzhou; delivery promised for tomorrow morning."
    )
    await page.set_viewport_size({"width": SIZE["width"], "height": 1130})
    await picture(page, "desk-after-call-en")
    await take_keys_and_dock(page, "en", picture)
    await page.get_by_role("button", name="中文").click()
    await take_keys_and_dock(page, "zh", picture)
    await page.get_by_role("button", name="English").click()
    await page.goto(f"{web.url}/conversations")
    await picture(page, "conversations-en")
    await take_cases(web, page, customer_ids["wang"], picture)


async def main(database_url: str) -> None:
    """Serve, look, close."""
    database = Database(database_url)
    settings = Settings(database_url=database_url)
    async with serving(database, settings) as (server, url), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        await take(Web(url, ForgedFloor(database_url), database, server), browser)
        await browser.close()
    await database.close()


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="kefu-pictures-"))
    try:
        with EmbeddedPostgres(folder, durable=False) as server:
            upgrade(server.url)
            asyncio.run(main(server.url))
    finally:
        shutil.rmtree(folder)
