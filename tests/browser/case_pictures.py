"""The case pages as a busy morning leaves them, for take_pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from case_people_in_chromium import furnish
from desk_in_chromium import Web
from playwright.async_api import Page

from crm import agents, directory
from crm.deeds.escalate_case import escalate
from crm.deeds.open_case import open_case
from crm.deeds.order_work import answer_order, give_work_order
from crm.deeds.tell_customer import tell
from crm.deeds.work_case import add_note
from crm.settings import Settings

PEOPLE = (
    ("单晓东", "workshop", "工程师", "维修、备件 repairs, spare parts", "8033"),
    ("Ruth Adler", "finance", "Accounts", "退款、发票 refunds, invoices", "8021"),
    ("吕建国", "warehouse", "库管", "发货、退货 deliveries, returns", "8012"),
)


async def take_cases(web: Web, page: Page, wang: str, picture: Callable[[Page, str], Awaitable[None]]) -> None:
    """A case in both languages, the list, the directory."""
    number = await _case(web, UUID(wang))
    await page.goto(f"{web.url}/cases/{number}")
    await picture(page, "case-en")
    await page.get_by_role("button", name="中文").click()
    await page.goto(f"{web.url}/cases/{number}")
    await picture(page, "case-zh")
    await page.goto(f"{web.url}/cases?list=open")
    await picture(page, "cases-zh")
    await page.get_by_role("button", name="English").click()
    await page.goto(f"{web.url}/directory?q=sxd")
    await picture(page, "directory-en")


async def _case(web: Web, wang: UUID) -> str:
    settings = Settings()
    await furnish(web, marco=False)
    async with web.database.transaction() as session:
        for code, en, zh in (("finance", "Finance", "财务"), ("workshop", "Workshop", "维修")):
            await directory.define_department(session, code, name_en=en, name_zh=zh)
        for name, department, position, matters, extension in PEOPLE:
            said = {"name": name, "department": department, "position": position, "matters": matters}
            await directory.put(session, {**said, "extension": extension})
        lily, marco, otto = [await agents.find(session, login) for login in ("lily", "marco", "otto")]
        assert lily
        assert marco
        assert otto
        said = {"owner": lily, "by": "lily", "customer_id": wang}
        await open_case(session, settings, category="order", subject="Wrong address on SO-88213", **said)
        case = await open_case(
            session,
            settings,
            category="after_sales",
            subject="Gift box arrived with two broken cups 礼盒破损",
            description="Two of twelve cups broken. Customer sent photos by e-mail; wants replacements before Friday.",
            **said,
        )
        number = case.number
        await escalate(session, settings, number, agent=lily, why="Third breakage this month", handler=marco)
        order = await give_work_order(
            session, settings, number, agent=marco, department="warehouse", wanted="Send two cups, double boxed."
        )
        await answer_order(session, order.number, agent=otto, answer="Sent by express, SF1029.", rating=5)
        await give_work_order(
            session, settings, number, agent=marco, department="workshop", wanted="Check the padding of the gift box."
        )
        await tell(session, number, agent=lily, channel="sms", template="progress")
        await add_note(session, number, agent=marco, note="Photos show a crushed corner: carrier informed.")
    return number
