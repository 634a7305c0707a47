"""Cases, work orders, the directory as pages: what agents and departments see and may, what is kept of typing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from case_people import People, done, hire, opened, seen
from web_caller import WebCaller, calling

from crm import work_orders
from crm.cases import tellings
from crm.database import Database
from crm.deeds import close_case, order_work
from crm.settings import Settings
from crm.web.app import create_app


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, timezone="UTC", secure_cookies=True)


@pytest.fixture
async def people(database: Database) -> People:
    return await hire(database)


@asynccontextmanager
async def at_work(database: Database, settings: Settings, login: str) -> AsyncIterator[WebCaller]:
    async with calling(create_app(settings, database)) as browser:
        await browser.sign_in(login)
        await browser.page("/cases")
        yield browser


@pytest.fixture
async def lily(database: Database, settings: Settings, people: People) -> AsyncIterator[WebCaller]:
    async with at_work(database, settings, "lily") as browser:
        yield browser


async def test_a_case_is_opened_worked_at_and_closed_by_forms(lily: WebCaller, database: Database) -> None:
    blank = await lily.page("/cases/new?customer=C-1")
    assert "王美玲" in blank.text
    key = re.search(r'name="key" value="([^"]+)"', blank.text)
    assert key
    said = {"category": "after_sales", "subject": "<b>Cup</b>", "customer": "C-1", "key": key[1]}
    made = await lily.send_form("/cases", **said)
    twice = await lily.send_form("/cases", **said)
    assert made.status_code == 303
    assert twice.headers["location"] == made.headers["location"]
    where = made.headers["location"]
    page = (await lily.page(where)).text
    assert "&lt;b&gt;Cup" in page
    assert "<b>Cup" not in page
    for _ in range(2):
        assert (await lily.send_form(f"{where}/note", note="first note")).status_code == 303
    assert (await lily.page(where)).text.count("first note") == 1
    stale = await lily.send_form(f"{where}/escalate", version="1", why="long words that must not be lost")
    assert "lily changed case" in stale.text
    assert f'name="back" value="{where}"' in stale.text  # the language button leads to the case, not to what was posted
    assert "long words that must not be lost" in stale.text
    version = re.search(r'data-version="(\d+)"', (await lily.page(where)).text)
    assert version
    fresh = {"version": version[1]}
    assert (await lily.send_form(f"{where}/escalate", why="kiln", tier="second_line", **fresh)).status_code == 303
    fresh = {"version": str(int(version[1]) + 1)}
    refused = await lily.send_form(f"{where}/close", solution="Sent", **fresh)
    assert "the customer was not told of the solution" in refused.text
    assert (await lily.send_form(f"{where}/close", solution="Sent", knows="1", **fresh)).status_code == 303
    page = (await lily.page(where)).text
    assert 'data-state="closed"' in page
    assert page.count("<li>") > 5  # its history
    assert (
        await lily.send_form(f"{where}/reopen", why="again", version=str(int(fresh["version"]) + 2))
    ).status_code == 303
    assert (await lily.get("/cases?q=99")).status_code == 200
    number = where.rpartition("/")[2]
    assert (await lily.get(f"/cases?q={number}")).headers["location"] == where
    assert (await lily.get("/cases/4711")).status_code == 404
    assert (await lily.send_form("/cases/4711/note", note="x")).status_code == 404
    assert (await seen(database, number)).reopened == 1


async def test_lists_tell_whose_and_what_is_late(
    lily: WebCaller, database: Database, settings: Settings, people: People
) -> None:
    mine = await opened(database, settings, people["lily"], subject="My own")
    other = await opened(database, settings, people["nina"], subject="Of nina")
    text = (await lily.page("/cases")).text
    assert mine in text
    assert other not in text
    for which in ("queue", "overdue", "open", "closed", "all", "nonsense"):
        assert (await lily.page(f"/cases?list={which}")).status_code == 200
    assert other in (await lily.page("/cases?list=open&q=nina")).text
    for _ in range(2):
        await lily.send_form(f"/cases/{mine}/remind", version="1", about="call back", at="2020-01-01T10:00")
    text = (await lily.page("/cases")).text
    assert text.count("call back") == 1
    done_at = re.search(r"/cases/reminders/[0-9a-f-]+/done", text)
    assert done_at
    await lily.send_form(done_at[0])
    assert "call back" not in (await lily.page("/cases")).text


async def test_the_customer_is_told_and_it_stands_there(
    lily: WebCaller, database: Database, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    where = f"/cases/{number}"
    await lily.page(where)
    by_text = {"channel": "sms", "template": "received", "recipient": "+8613800138000"}
    assert (await lily.send_form(f"{where}/tell", version="1", **by_text)).status_code == 303
    twice = await lily.send_form(f"{where}/tell", version="1", **by_text)
    assert "lily changed case" in twice.text
    assert by_text["recipient"] in twice.text
    await lily.send_form(f"{where}/tell", version="2", channel="call", body="We will ring you")
    async with database.reading() as session:
        assert len(await tellings.outbox(session)) == 1
    text = (await lily.page(where)).text
    assert "written; no gateway sends it yet" in text
    called = re.search(r"/cases/\d+/tellings/[0-9a-f-]+/called", text)
    assert called
    assert (await lily.send_form(called[0])).status_code == 303
    assert "I have called them" not in (await lily.page(where)).text
    assert (
        "an e-mail needs an address"
        in (await lily.send_form(f"{where}/tell", version="4", channel="email", body="x", recipient="y")).text
    )


async def test_a_department_sees_its_orders_and_nothing_else(
    lily: WebCaller, database: Database, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    await lily.page(f"/cases/{number}")
    wanted = {"version": "1", "department": "warehouse", "wanted": "Send a cup", "by": "2027-01-05T10:00"}
    assert (await lily.send_form(f"/cases/{number}/work-order", **wanted)).status_code == 303
    twice = (await lily.send_form(f"/cases/{number}/work-order", **wanted)).text
    assert "lily changed case" in twice
    assert 'name="by" value="2027-01-05T10:00"' in twice
    said = {"agent": people["lily"], "department": "finance", "wanted": "Refund"}
    await done(database, order_work.give_work_order, settings, number, **said)
    async with at_work(database, settings, "otto") as otto:
        assert (await otto.get("/cases")).status_code == 403
        text = (await otto.page("/work-orders")).text
        assert f"{number}-1" in text
        assert "Refund" not in text
        assert (await otto.get(f"/work-orders/{number}-2")).status_code == 404
        await otto.page(f"/work-orders/{number}-1")
        assert (await otto.send_form(f"/work-orders/{number}-1/take", version="1")).status_code == 303
        stale = await otto.send_form(f"/work-orders/{number}-1/answer", version="1", answer="Sent by train")
        assert "somebody changed work order" in stale.text
        assert "Sent by train" in stale.text
        said = {"version": "2", "answer": "Sent by train", "rating": "4"}
        assert (await otto.send_form(f"/work-orders/{number}-1/answer", **said)).status_code == 303
    await lily.page(f"/work-orders/{number}-1")
    assert (await lily.send_form(f"/work-orders/{number}-1/rate", rating="5", remark="quick")).status_code == 303
    assert "answer rated 5 of 5: quick" in (await lily.page(f"/work-orders/{number}-1")).text
    assert (await lily.send_form(f"/work-orders/{number}-2/withdraw", why="no need")).status_code == 303
    async with database.reading() as session:
        found = {each.number: each.state for each in await work_orders.listed(session, "all")}
    assert found == {f"{number}-1": "answered", f"{number}-2": "withdrawn"}


async def test_the_directory_is_searched_as_one_types_and_kept_by_supervisors(
    lily: WebCaller, database: Database, settings: Settings
) -> None:
    scripted = {"hx-request": "true"}
    part = await lily.get("/directory?q=ot", headers=scripted)
    assert part.text.lstrip().startswith('<div id="found"')
    assert "欧拓" in part.text
    assert "欧拓" in (await lily.get("/directory?q=欧")).text
    assert "Nobody is found" in (await lily.get("/directory?q=zzz", headers=scripted)).text
    assert (await lily.send_form("/directory", name="X", department="finance")).status_code == 403
    async with at_work(database, settings, "dana") as dana:
        assert (await dana.send_form("/directory", name="王小明", department="finance")).status_code == 303
        assert "王小明" in (await dana.page("/directory?q=WXM")).text
        assert "needs a name" in (await dana.send_form("/directory", name=" ", department="finance")).text
        out = re.search(r"/directory/[0-9a-f-]+/out", (await dana.page("/directory?q=wxm")).text)
        assert out
        await dana.send_form(out[0])
        assert "王小明" not in (await dana.page("/directory?q=wxm")).text


async def test_settings_are_for_supervisors(lily: WebCaller, database: Database, settings: Settings) -> None:
    assert (await lily.get("/cases/settings")).status_code == 403
    assert (await lily.get("/cases/without")).status_code == 403
    async with at_work(database, settings, "dana") as dana:
        assert "After-sales" in (await dana.page("/cases/settings")).text
        said = {"code": "recall", "title_en": "Recall", "title_zh": "召回", "starts_at": "second_line", "active": "1"}
        said |= {"respond_minutes": "30", "solve_minutes": "60"}
        assert (await dana.send_form("/cases/settings/category", **said)).status_code == 303
        assert "Recall" in (await dana.page("/cases/new")).text
        bad = await dana.send_form("/cases/settings/category", **{**said, "solve_minutes": "0"})
        assert "open minutes cannot be promised" in bad.text
        assert (await dana.send_form("/cases/settings/team", tier="second_line", login="lily")).status_code == 303
        body = "Hello {name}"
        text = {"code": "received", "language": "en", "title": "Hello", "body": body}
        assert (await dana.send_form("/cases/settings/template", **text)).status_code == 303
        assert body in (await dana.page("/cases/settings")).text
        assert "Every answered call is accounted for." in (await dana.page("/cases/without")).text


async def test_pages_and_refusals_are_chinese_for_those_who_read_it(
    lily: WebCaller, database: Database, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    await done(database, close_case.solve, settings, number, agent=people["lily"], solution="Sent")
    await lily.page("/cases")
    await lily.send_form("/language", language="zh", back="/cases")
    assert "已解决，待关闭" in (await lily.page("/cases")).text
    page = (await lily.page(f"/cases/{number}")).text
    assert "解决方案" in page
    assert "历史记录" in page
    refused = await lily.send_form(f"/cases/{number}/close", version="2")
    assert f"事件 {number} 无法关闭：尚未告知客户解决方案" in refused.text
