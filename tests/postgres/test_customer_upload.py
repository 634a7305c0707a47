"""Files of customers given to the page: what the command does, the same rows, the same sentences, cut at any point."""

from __future__ import annotations

import asyncio
import html
import io
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import openpyxl
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from web_caller import WebCaller, calling

from crm import demo_data
from crm.database import Database
from crm.deeds import import_customers
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.customers import Customer, CustomerPhone
from crm.tables.imports import CustomerImport
from crm.web import uploads
from crm.web.app import create_app

GOOD = "姓名,电话,免打扰\n王芳,139 1234 5678,\n李雷,=1+1,\n陈静,4.41E+11,\n赵敏,13600001234,是\n王芳,13912345678,\n"


@pytest.fixture
def app(database: Database, amy: Agent) -> FastAPI:
    return create_app(Settings(), database)


@pytest.fixture
async def dana(app: FastAPI) -> AsyncIterator[WebCaller]:
    """A supervisor's browser."""
    async with calling(app, running=False) as caller:
        await caller.sign_in("dana", demo_data.DEMO_PASSWORD)
        await caller.page("/customers")
        yield caller


async def give(caller: WebCaller, content: bytes, name: str = "new.csv") -> str:
    """Send a file by the form; the page that it leads to, once its dry run is over."""
    answer = await caller.post(
        "/customers/import", data={"csrf": caller.csrf}, files={"file": (name, content, "text/csv")}
    )
    if answer.status_code != 303:
        return answer.text
    return await ended(caller, answer.headers["location"])


async def ended(caller: WebCaller, path: str) -> str:
    """The page once nothing goes on any more: it fetches itself until then."""
    async with asyncio.timeout(20):
        while "hx-trigger" in (page := (await caller.page(path)).text):  # noqa: ASYNC110 - as the page does
            await asyncio.sleep(0.02)
    return page


def counts(page: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r'id="([\w-]+)">(\d+)</dd>', page)}


def acts(page: str) -> str:
    found = re.search(r'action="(/customers/import/[^"]+/apply)"', page)
    assert found, page
    return found[1]


async def people(database: Database) -> set[str]:
    async with database.reading() as session:
        return set(await session.scalars(select(Customer.name)))


async def test_a_dry_run_first_then_the_good_lines(dana: WebCaller, database: Database) -> None:
    before = await people(database)
    page = await give(dana, GOOD.encode("gbk"))
    assert counts(page) == {"valid": 2, "invalid": 2, "duplicate": 1, "do-not-call": 1}
    text = html.unescape(page)
    assert "'=1+1' is a formula" in text
    assert "4.41E+11 is a number whose last digits" in text
    assert "stands in line 2 with this name, too" in text
    assert "Import these 2 lines" in text
    assert await people(database) == before
    sent = await dana.send_form(acts(page))
    page = await ended(dana, sent.headers["location"])
    assert counts(page)["created"] == 2
    assert await people(database) - before == {"王芳", "赵敏"}
    async with database.reading() as session:
        silent = await session.scalar(
            select(CustomerPhone.do_not_call_by).where(CustomerPhone.e164 == "+8613600001234")
        )
        row = (await session.scalars(select(CustomerImport))).one()
    assert (row.by, silent) == ("dana", "dana")
    again = await give(dana, GOOD.encode("gbk"))
    assert counts(again) == {"valid": 0, "invalid": 2, "duplicate": 3, "do-not-call": 0}
    assert "apply" not in again


async def test_a_spreadsheet_and_the_sentences_in_chinese(dana: WebCaller) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (("name", "phone"), ("Ann", "13912340000"), ("Bob", 4.41e11), ("", "13912340001")):
        book.active.append(row)
    book.save(file)
    await dana.send_form("/language", language="zh", back="/customers")
    await dana.page("/customers")
    page = await give(dana, file.getvalue(), "客户.xlsx")
    assert counts(page) == {"valid": 2, "invalid": 1, "duplicate": 0, "do-not-call": 0} or "无法拨打" in page
    assert "客户.xlsx" in page


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "a.csv", "a.csv is empty"),
        (b"phone\n13800138000\n", "a.csv", "no column is called name"),
        (b"\xff\x00\xfe\xfd", "a.csv", "is neither UTF-8 nor GBK"),
        (b"PK\x03\x04 nothing", "a.xlsx", "is a broken spreadsheet"),
        (b"\xd0\xcf\x11\xe0....", "a.xls", "is an old Excel file"),
        (b"name\nX\n", "", "choose a file first"),
        (b"surname\nX\n", "../../etc/<b>p.csv", "<b>p.csv, line 1: "),
    ],
)
async def test_what_is_no_table_is_refused_in_one_sentence(
    dana: WebCaller, content: bytes, name: str, said: str
) -> None:
    page = await give(dana, content, name)
    notice = re.search(r'id="notice"[^>]*>(.*?)</p>', page)
    assert notice, page
    assert said in html.unescape(notice[1])


async def test_a_quotation_mark_never_closed_is_told_where_it_begins(dana: WebCaller) -> None:
    lines = [f"Name {n}" for n in range(2500)]
    page = await give(dana, ("name\n" + "\n".join(lines) + '\n"open\n' + "x\n" * 9).encode())
    assert "new.csv, line 2502: a quotation mark that begins a text here is never closed" in html.unescape(page)


async def test_too_large_a_file_names_the_command(
    dana: WebCaller, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"x" * (uploads.LARGEST_FILE + 200_000)
    answer = await dana.post("/customers/import", files={"file": ("a.csv", body)}, data={"csrf": dana.csrf})
    assert answer.status_code == 413
    assert "by `kefu customer import FILE`" in answer.text
    monkeypatch.setattr(uploads, "LARGEST_FILE", 10)
    assert "`kefu customer import a.csv`" in html.unescape(await give(dana, b"name\nAnn Other\n", "a.csv"))
    async with calling(app, running=False) as stranger:
        answer = await stranger.post("/customers/import", files={"file": ("a.csv", b"x" * 100_000)})
        assert answer.headers["location"] == "/sign-in", "before the file is read"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_cut_at_any_point_it_goes_on_where_it_stopped(
    dana: WebCaller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"Person {n},1380000{n:04}\n" for n in range(1500))
    file = ("name,phone\n" + lines).encode()
    stage, staged = import_customers._stage, 0

    async def once(*args: object) -> None:
        nonlocal staged
        staged += 1
        if staged == 2:
            raise SystemExit  # as a kill: nothing of ours hears of it
        await stage(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(import_customers, "_stage", once)
    page = await give(dana, file)
    assert 'data-state="reading"' in page
    assert "Reading was cut after 1000 lines" in page
    monkeypatch.setattr(import_customers, "_stage", stage)
    page = await give(dana, file)
    assert counts(page)["valid"] == 1500
    monkeypatch.setattr(import_customers, "APPLIED_AT_ONCE", 400)
    some, done = import_customers._apply_some, 0

    async def twice(*args: object) -> int:
        nonlocal done
        done += 1
        if done == 3:
            raise SystemExit  # as a kill: nothing of ours hears of it
        return await some(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(import_customers, "_apply_some", twice)
    cut = await ended(dana, (await dana.send_form(acts(page))).headers["location"])
    assert "799 customers made, line 800 of 1501" in html.unescape(cut)
    monkeypatch.setattr(import_customers, "_apply_some", some)
    leads_to = await give(dana, file)
    assert "Go on" in leads_to, "the half import itself is shown"
    page = await ended(dana, (await dana.send_form(acts(leads_to))).headers["location"])
    assert counts(page)["created"] == 1500
    async with database.reading() as session:
        mine = select(func.count()).select_from(Customer).where(Customer.name.startswith("Person "))
        assert await session.scalar(mine) == 1500


async def test_no_file_is_left_behind(dana: WebCaller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, age_s in (("old", 2 * uploads.LEFT_BEHIND_S), ("new", 60)):
        folder = tmp_path / f"{uploads.PREFIX}{name}"
        folder.mkdir()
        (folder / "people.csv").write_text("name\nKilled\n")
        os.utime(folder, (time.time() - age_s,) * 2)
    await give(dana, b"name\nAnn Other\n")
    async with asyncio.timeout(5):
        while len(left := os.listdir(tmp_path)) > 1:  # noqa: ASYNC110, PTH208 - files tell nobody
            await asyncio.sleep(0.01)
    assert left == [f"{uploads.PREFIX}new"]


async def test_an_old_dry_run_is_not_taken_for_today(dana: WebCaller, database: Database) -> None:
    page = await give(dana, b"name\nAnn Other\n")
    async with database.transaction() as session:
        await session.execute(update(CustomerImport).values(began_at=func.now() - func.make_interval(0, 0, 0, 0, 2)))
    answer = await dana.send_form(acts(page))
    assert "more than an hour old" in answer.text
    assert "Ann Other" not in await people(database)
