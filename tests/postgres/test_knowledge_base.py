"""Articles: found in two languages, written in versions, used in calls, answered for; and the pages around the card."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, customers, knowledge, knowledge_search, queues
from crm.cli import main
from crm.database import Database
from crm.deeds.rank_customers import rank
from crm.knowledge import Texts
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app

RETURNS = Texts(
    "How to return goods",
    "Refunds are paid within **7 days**.\n\n- open the order\n- choose `Return`",
    "如何退货",
    "七天内可以退货。\n\n1. 打开订单\n2. 选择退货",
)
WARRANTY = Texts("Warranty", "Repairs within two years.", "保修政策", "两年内免费维修。")


@pytest.fixture
async def people(database: Database) -> dict[str, Agent]:
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="支持")
        return {
            login: await agents.create(session, login=login, name=login.title(), password=PASSWORD, role=role)
            for login, role in (("lily", "agent"), ("dana", "supervisor"))
        }


@pytest.fixture
async def written(database: Database, people: dict[str, Agent]) -> list[int]:
    """The numbers of both articles, published by dana."""
    async with database.transaction() as session:
        by = {"by": "dana", "author_id": people["dana"].id, "state": "published"}
        returns = await knowledge.write(session, RETURNS, matter="refund", **by)
        warranty = await knowledge.write(session, WARRANTY, queue="support", **by)
        await knowledge.write(session, Texts(title_en="Draft about refunds"), by="dana", author_id=None)
    return [returns.number, warranty.number]


async def found(database: Database, words: str = "", **more: Any) -> list[str]:
    async with database.reading() as session:
        return [each.title_en for each in await knowledge_search.search(session, words, **more)]


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("退货", ["How to return goods"]),
        ("货", ["How to return goods"]),
        ("货退", []),
        ("refunded", ["How to return goods"]),
        ("refu", ["How to return goods"]),
        ("retrun goods", ["How to return goods"]),
        ("the warranty", ["Warranty"]),
        ("warranty 维修", ["Warranty"]),
        ("warranty 退货", []),
        ("ＷＡＲＲＡＮＴＹ", ["Warranty"]),
        ("unicorn", []),
        ("' & | ! :* <->", ["How to return goods", "Warranty"]),
    ],
)
async def test_words_of_both_languages_find(
    database: Database, written: list[int], words: str, titles: list[str]
) -> None:
    assert await found(database, words) == titles


async def test_what_fits_the_call_is_offered_first(database: Database, written: list[int]) -> None:
    assert await found(database, matter="refund", only_fitting=True) == ["How to return goods"]
    assert await found(database, queue="support", only_fitting=True) == ["Warranty"]
    assert await found(database, matter="refund", queue="support") == ["How to return goods", "Warranty"]
    assert await found(database, "refund", state="draft") == ["Draft about refunds"]


async def test_two_who_write_at_once_lose_nothing(database: Database, written: list[int]) -> None:
    more = {"matter": "refund", "queue": "", "state": "published"}
    async with database.transaction() as session:
        article = await knowledge.find(session, written[0])
        assert article is not None
        first = Texts("How to return", "Anew.", RETURNS.title_zh, RETURNS.body_zh)
        await knowledge.change(session, article, first, seen_version=1, by="dana", **more)
        assert article.version == 2
        with pytest.raises(Refusal, match="dana has written version 2 meanwhile"):
            await knowledge.change(session, article, RETURNS, seen_version=1, by="eve", **more)
        await knowledge.change(session, article, first, seen_version=2, by="dana", **more | {"queue": "support"})
        assert article.version == 2  # another queue is no other text
        old = await knowledge.version_of(session, article, 1)
        assert old is not None
        assert old.title_en == "How to return goods"
    assert await found(database, "refunds") == []
    assert await found(database, "anew") == ["How to return"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (Texts(), "needs a title"),
        (Texts(title_en="a", body_zh="正文"), "the Chinese text needs a title"),
        (Texts(title_en="a\nb"), "a title is one line"),
        (Texts(title_en="a", body_en="x" * 10_001), "10001 characters: 10000 fit"),
    ],
)
async def test_an_article_that_says_nothing_is_refused(
    database: Database, people: dict[str, Agent], texts: Texts, said: str
) -> None:
    with pytest.raises(Refusal, match=said):
        async with database.transaction() as session:
            await knowledge.write(session, texts, by="dana", author_id=None)


async def test_the_command_writes_from_files_and_shows(
    database_url: str, database: Database, people: dict[str, Agent], tmp_path: Path
) -> None:
    english, chinese = tmp_path / "a.md", tmp_path / "a.zh.md"
    english.write_text("# Delivery times\n\nTwo days.")
    chinese.write_text("# 配送时间\n\n两天。")

    def kefu(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["knowledge", *arguments, "--database-url", database_url])

    wrote = await asyncio.to_thread(kefu, "write", "--english", str(english), "--agent", "dana", "--json")
    number = str(json.loads(wrote.stdout)["number"])
    assert (await asyncio.to_thread(kefu, "write", "--number", number, "--chinese", str(chinese))).exit_code == 0
    shown = json.loads((await asyncio.to_thread(kefu, "show", number, "--json")).stdout)
    assert (shown["version"], shown["title_en"], shown["title_zh"]) == (2, "Delivery times", "配送时间")
    listed = json.loads((await asyncio.to_thread(kefu, "list", "配送", "--json")).stdout)
    assert [str(each["number"]) for each in listed] == [number]
    assert (await asyncio.to_thread(kefu, "show", "99")).stderr == "Error: there is no article 99\n"


# ---- the pages


@pytest.fixture
async def desks(database: Database, people: dict[str, Agent]) -> AsyncIterator[dict[str, WebCaller]]:
    app = create_app(Settings(), database)
    async with calling(app) as lily, calling(app, running=False) as dana:
        for login, browser in (("lily", lily), ("dana", dana)):
            await browser.sign_in(login)
            await browser.page("/knowledge")
        yield {"lily": lily, "dana": dana}


def call_of(url: str, customer: UUID, matter: str) -> UUID:
    call = uuid4()
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO conversation (id, node, linkedid, direction, caller, started_at, reconstructed) "
            "VALUES (%s, 'n', %s, 'inbound', '+8613800138000', now(), false)",
            (call, str(call)),
        )
        connection.execute(
            "INSERT INTO caller_facts (node, linkedid, number_e164, customer_id, matter, learnt_at) "
            "VALUES ('n', %s, '+8613800138000', %s, %s, now())",
            (str(call), customer, matter),
        )
        connection.execute(
            "INSERT INTO wait (id, conversation_id, node, queue, caller_uniqueid, entered_at, reconstructed) "
            "VALUES (gen_random_uuid(), %s, 'n', 'support', '1', now(), false)",
            (call,),
        )
    return call


async def test_the_card_fetches_repeat_articles_and_timeline(
    desks: dict[str, WebCaller], database: Database, database_url: str, written: list[int], people: dict[str, Agent]
) -> None:
    lily, dana = desks["lily"], desks["dana"]
    async with database.transaction() as session:
        wang = await customers.create(session, code="C1", name="Wang", phones=("13800138000",), country="CN")
    for _ in range(3):
        call = call_of(database_url, wang.id, "refund")
    card = await lily.get(f"/desk/card/{call}/more?customer={wang.id}")
    assert "Call 3 in 48 h about “refund”" in card.text
    assert "How to return goods" in card.text
    assert card.text.count('data-kind="conversation"') == 3
    assert "Here because the call came from +8613800138000" in card.text
    opened = await lily.send_form(f"/knowledge/call/{call}/{written[0]}")
    assert "<strong>7 days</strong>" in opened.text
    for _ in range(2):
        helped = await lily.send_form(f"/knowledge/call/{call}/{written[0]}", helped="1")
    assert "Noted: it helped in this call" in helped.text
    typed = await lily.get(f"/knowledge/call/{call}/found?words=%E4%BF%9D%E4%BF%AE")
    assert "Warranty" in typed.text
    told = await lily.send_form(f"/knowledge/call/{call}/{written[0]}/feedback", body="<b>which</b> days?")
    assert "The author will read it." in told.text
    noted = await lily.post(
        f"/timeline/{wang.id}/notes",
        data={"csrf": lily.csrf, "body": "likes <i>tea</i>", "conversation": str(call)},
        headers={"hx-request": "true"},
    )
    assert "likes &lt;i&gt;tea&lt;/i&gt;" in noted.text
    inbox = await dana.page("/knowledge")
    assert "&lt;b&gt;which&lt;/b&gt; days?" in inbox.text
    feedback = inbox.text.split('action="/knowledge/feedback/')[1].split('"')[0]
    assert (await dana.send_form(f"/knowledge/feedback/{feedback}", answer="calendar days")).status_code == 303
    assert (await dana.send_form(f"/knowledge/feedback/{feedback}", answer="again")).status_code == 409
    with psycopg.connect(database_url) as connection:
        uses = connection.execute("SELECT what, count(*) FROM article_use GROUP BY what ORDER BY what").fetchall()
        note = connection.execute("SELECT author, conversation_id FROM customer_note").fetchone()
    assert uses == [("opened", 1), ("used", 1)]
    assert note == ("lily", call)
    assert (await lily.get("/knowledge/call/nonsense/1")).status_code in (404, 405, 422)
    assert (await lily.send_form(f"/knowledge/call/{call}/9999")).status_code == 404


async def test_the_editor_previews_saves_and_keeps_what_was_refused(
    desks: dict[str, WebCaller], written: list[int]
) -> None:
    lily, dana = desks["lily"], desks["dana"]
    assert (await lily.get("/knowledge/new")).status_code == 403
    assert (await lily.get(f"/knowledge/{written[0]}/edit")).status_code == 403
    assert (await lily.get("/knowledge/3")).status_code == 404  # a draft
    seen = await dana.send_form("/knowledge/preview", body_en="# <script>\n\n**a**", body_zh="")
    assert "<h3>&lt;script&gt;</h3>" in seen.text
    new = await dana.send_form("/knowledge/new", title_en="Hours", body_en="Nine to five.", state="published")
    place = new.headers["location"]
    edited = {"title_en": "Opening hours", "body_en": "Eight to six.", "state": "published", "seen": "1"}
    assert (await dana.send_form(f"{place}/edit", **edited)).status_code == 303
    stale = await dana.send_form(f"{place}/edit", **edited | {"body_en": "Ten to four."})
    assert "dana has written version 2 meanwhile" in stale.text
    assert "Ten to four." in stale.text
    assert "Eight to six." in (await lily.page(place)).text
    assert "Nine to five." in (await dana.page(f"{place}?version=1")).text
    assert "Eight to six." in (await lily.page(f"{place}?version=1")).text  # readers have the one in force
    assert (await dana.send_form("/knowledge/new", title_en="", body_en="x")).status_code == 200


async def test_value_on_its_page_and_on_the_wallboard(
    desks: dict[str, WebCaller], database: Database, database_url: str
) -> None:
    lily, dana = desks["lily"], desks["dana"]
    async with database.transaction() as session:
        wang = await customers.create(session, code="C1", name="<Wang>", phones=("13800138000",), country="CN")
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO customer_order (id, number, customer_id, state, item, amount, currency, placed_at) "
            "VALUES (gen_random_uuid(), 'SO-1', %s, 'paid', 'x', 1234.5, 'CNY', now() - interval '3 days')",
            (wang.id,),
        )
    await rank(database, Settings())
    for _ in range(2):
        call_of(database_url, wang.id, "refund")
    board = (await dana.page("/wallboard")).text
    assert "Value waiting now" in board
    assert "¥2,469.00" in board
    page = (await dana.page("/value")).text
    assert 'id="rule-key_from"' in page
    assert (await lily.page("/value")).text.count('action="/value/rules"') == 0
    assert (await lily.send_form("/value/rules", name="key_from", number="15")).status_code == 403
    assert (await dana.send_form("/value/rules", name="key_from", number="15")).status_code == 303
    assert "write a number, such as 14" in (await dana.send_form("/value/rules", name="key_from", number="x")).text
    upside = await dana.send_form("/value/rules", name="main_from", number="20")
    assert "stands on its head" in upside.text
    mine = await dana.page("/value/customer/C1")
    assert "&lt;Wang&gt;" in mine.text
    assert "3.0 days since the last order" in mine.text
    held = await dana.send_form("/value/customer/C1/tier", tier="key", why="a friend of the house")
    assert held.status_code == 303
    assert "Set by hand by dana, and kept so: a friend of the house" in (await dana.page("/value/customer/C1")).text
    assert (await dana.get("/value/customer/nobody")).status_code == 404
