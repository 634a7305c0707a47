"""Orders and facts of other systems: once each however often told, named faults, cut readings that go on."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from crm import customer_facts, customers, orders
from crm.cli import main
from crm.database import Database
from crm.deeds import feed_files
from crm.deeds.feed_orders import feed_facts, feed_orders
from crm.refusals import Refusal
from crm.settings import Settings

HEAD = "number,customer,state,item,amount,placed_at\n"
LINE: dict[str, Any] = {
    "number": "SO-1",
    "customer": "C1",
    "state": "paid",
    "item": "Filter",
    "amount": "10",
    "placed_at": "2026-02-01",
}


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(feed_folder=folder)


@pytest.fixture(autouse=True)
async def known(database: Database) -> None:
    async with database.transaction() as session:
        for code, phone in (("C1", "13800138000"), ("C2", "13900139000"), ("C3", "13900139000")):
            await customers.create(session, code=code, name=f"Customer {code}", phones=(phone,), country="CN")


async def feed(database: Database, settings: Settings, *lines: dict[str, Any]) -> Any:
    async with database.transaction() as session:
        return await feed_orders(session, lines, source="erp", country="CN", zone=settings.zone)


async def test_told_again_nothing_changes_and_changed_it_is_announced_once(
    database: Database, settings: Settings, database_url: str
) -> None:
    first = await feed(database, settings, LINE)
    again = await feed(database, settings, LINE, LINE)
    moved = await feed(database, settings, LINE | {"state": "已发货"})
    assert [(fed.added, fed.changed, fed.same) for fed in (first, again, moved)] == [(1, 0, 0), (0, 0, 2), (0, 1, 0)]
    with psycopg.connect(database_url) as connection:
        told = connection.execute("SELECT data->>'state', key FROM announcement ORDER BY id").fetchall()
    assert told == [("paid", "SO-1"), ("shipped", "SO-1")]


async def test_an_older_telling_never_overwrites_a_newer_one(database: Database, settings: Settings) -> None:
    await feed(database, settings, LINE | {"state": "shipped", "changed_at": "2026-02-03"})
    late = await feed(database, settings, LINE | {"state": "paid", "changed_at": "2026-02-02"})
    both = await feed(
        database,
        settings,
        LINE | {"state": "delivered", "changed_at": "2026-02-05"},
        LINE | {"state": "packed", "changed_at": "2026-02-04"},
    )
    assert (late.changed, late.same, both.changed) == (0, 1, 1)
    async with database.reading() as session:
        order = await orders.find(session, "SO-1")
    assert order is not None
    assert (order.state, order.source, order.amount) == ("delivered", "erp", Decimal("10.00"))


async def test_a_newer_telling_that_says_the_same_is_newer_all_the_same(
    database: Database, database_url: str, settings: Settings
) -> None:
    await feed(database, settings, LINE | {"state": "shipped", "changed_at": "2026-02-10"})
    same = await feed(database, settings, LINE | {"state": "shipped", "changed_at": "2026-02-12"})
    late = await feed(database, settings, LINE | {"state": "cancelled", "changed_at": "2026-02-11"})
    assert [(fed.changed, fed.same) for fed in (same, late)] == [(0, 1), (0, 1)]
    with psycopg.connect(database_url) as connection:
        told = connection.execute("SELECT data->>'state' FROM announcement ORDER BY id").fetchall()
        kept = connection.execute("SELECT state FROM customer_order").fetchall()
    assert told == kept == [("shipped",)]


async def test_what_cannot_be_used_is_named_and_the_rest_is_written(database: Database, settings: Settings) -> None:
    fed = await feed(
        database,
        settings,
        LINE,
        LINE | {"number": "SO-2", "customer": "C9"},
        LINE | {"number": "SO-3", "customer": "", "phone": "139 0013 9000"},
        LINE | {"number": "SO-4", "customer": "", "phone": "+86 138 0013 8000"},
        LINE | {"number": "SO-5", "state": "lost"},
    )
    assert fed.added == 2
    assert [(fault.line, fault.why.split(":")[0]) for fault in fed.faults] == [
        (2, "customer 'C9' is not known here"),
        (3, "phone '139 0013 9000' belongs to 2 customers"),
        (5, "state 'lost' is unknown"),
    ]


async def test_a_balance_is_a_fact_and_the_newest_counts(database: Database, settings: Settings) -> None:
    fact = {"customer": "C1", "name": "balance", "value": "128.50", "unit": "CNY", "as_of": "2026-02-02"}
    async with database.transaction() as session:
        said = {"source": "erp", "country": "CN", "zone": settings.zone}
        first = await feed_facts(session, [fact], **said)
        older = await feed_facts(session, [fact | {"value": "1", "as_of": "2026-02-01"}], **said)
        newer = await feed_facts(session, [fact | {"value": "99", "as_of": "2026-02-03"}], **said)
        customer = await customers.find(session, "C1")
        assert customer is not None
        assert await customer_facts.balance_of(session, customer.id) == (Decimal("99"), "CNY")
    assert [(fed.added, fed.changed, fed.same) for fed in (first, older, newer)] == [(1, 0, 0), (0, 0, 1), (0, 1, 0)]


def orders_file(path: Path, count: int, encoding: str = "utf-8", *, bad: int = 0) -> Path:
    rows = [f"SO-{n},{'C1' if n > bad else 'nobody'},已付款,滤芯,{n}.50,2026-02-01" for n in range(1, count + 1)]
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
async def test_a_file_is_read_in_bites_whatever_its_characters(
    database: Database, settings: Settings, folder: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_files, "BITE", 7)
    path = orders_file(folder / "orders.csv", 20, encoding, bad=1)
    read = await feed_files.read_file(database, settings, path, kind="orders", source="erp")
    assert (read.state, read.rows_done, read.added, read.faulty) == ("done", 20, 19, 1)
    assert read.faults == [{"line": 1, "why": "customer 'nobody' is not known here"}]
    again = await feed_files.read_file(database, settings, path.rename(folder / "same.csv"), kind="orders")
    assert (again.id, again.added) == (read.id, 19)
    async with database.reading() as session:
        found = await orders.listed(session, limit=100)
    assert (len(found), found[0].item) == (19, "滤芯")


async def test_a_cut_reading_goes_on_where_it_stopped(
    database: Database, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_files, "BITE", 5)
    path = orders_file(folder / "orders.csv", 18)
    bites: list[int] = []

    def cut(rows: int) -> None:
        bites.append(rows)
        if rows == 10:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await feed_files.read_file(database, settings, path, kind="orders", progress=cut)
    read = await feed_files.read_file(database, settings, path, kind="orders", progress=bites.append)
    assert bites == [5, 10, 15, 18]
    assert (read.state, read.rows_done, read.added, read.same) == ("done", 18, 18, 0)


async def test_the_folder_is_read_once_and_the_broken_file_is_named(
    database: Database, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_files, "SETTLED_AFTER_S", -60.0)
    orders_file(folder / "orders-1.csv", 3)
    fact = {"客户编号": "C1", "名称": "积分", "值": 12.5, "截至": "2026-02-01"}
    (folder / "facts.jsonl").write_text(json.dumps(fact, ensure_ascii=False) + "\n\n")
    (folder / "orders-2.csv").write_text("colour,number\nred,1\n")
    (folder / "other.csv").write_text("not ours")
    for _ in range(2):
        await feed_files.run(database, settings)
    async with database.reading() as session:
        assert len(await orders.listed(session)) == 3
        customer = await customers.find(session, "C1")
        assert customer is not None
        (points,) = await customer_facts.of(session, customer.id)
    assert (points.name, points.value, points.source) == ("积分", "12.5", "facts.jsonl")
    with pytest.raises(Refusal, match="the columns state, item"):
        await feed_files.read_file(database, settings, folder / "orders-2.csv", kind="orders")


async def test_what_is_appended_while_a_file_is_read_is_read_at_the_next_look(
    database: Database, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_files, "SETTLED_AFTER_S", -60.0)
    path = orders_file(folder / "orders-3.csv", 3)
    read_file = feed_files.read_file

    async def outrun(*arguments: Any, **named: Any) -> Any:
        read = await read_file(*arguments, **named)
        path.write_text(whole)
        return read

    whole = orders_file(folder / "other.csv", 5).read_text()
    monkeypatch.setattr(feed_files, "read_file", outrun)
    await feed_files.run(database, settings)
    monkeypatch.setattr(feed_files, "read_file", read_file)
    await feed_files.run(database, settings)
    async with database.reading() as session:
        assert len(await orders.listed(session)) == 5


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("o.jsonl", b'{"number": 1}\n[1]\n', "line 2: one JSON object a line is needed"),
        ("o.jsonl", b"{nonsense\n", "line 1: this is no JSON"),
        ("o.csv", b"", "the columns number"),
        ("o.csv", HEAD.encode() + b'"' + b"x" * 200_000, "near line 2: this is no CSV"),
        ("o.csv", HEAD.encode() + b"\xff\xff\xff\n", "neither UTF-8 nor GBK"),
        ("o.csv", b"\x00\x01\x02" * 50, "cannot be found"),
    ],
)
async def test_no_file_is_read_by_half(
    database: Database, settings: Settings, folder: Path, name: str, content: bytes, said: str
) -> None:
    path = folder / name
    path.write_bytes(content)
    with pytest.raises(feed_files.FileRefused) as refused:
        await feed_files.read_file(database, settings, path, kind="orders")
    assert said in str(refused.value)


async def test_the_command_imports_lists_and_shows(database_url: str, folder: Path) -> None:
    path = orders_file(folder / "o.csv", 3, bad=1)

    def kefu(*arguments: str) -> Any:
        return CliRunner().invoke(main, [*arguments, "--database-url", database_url])

    imported = await asyncio.to_thread(kefu, "order", "import", str(path), "--source", "erp")
    assert imported.exit_code == 1
    assert "row 1: customer 'nobody' is not known here" in imported.stderr
    assert "2 new, 0 changed, 0 said nothing new, 1 left out" in imported.stderr
    listed = await asyncio.to_thread(kefu, "order", "list", "--customer", "C1", "--json")
    assert {row["number"] for row in json.loads(listed.stdout)} == {"SO-2", "SO-3"}
    shown = await asyncio.to_thread(kefu, "order", "show", "SO-2", "--json")
    assert json.loads(shown.stdout)["amount"] == "2.50"
    assert (await asyncio.to_thread(kefu, "order", "show", "nope")).exit_code == 1
    feeds = await asyncio.to_thread(kefu, "order", "feeds", "--json")
    assert [(feed["name"], feed["rows_done"], feed["faulty"]) for feed in json.loads(feeds.stdout)] == [("o.csv", 3, 1)]


def test_states_of_the_command_are_those_of_the_table() -> None:
    from crm.cli import order
    from crm.tables.orders import ORDER_STATES

    assert order.STATES == ORDER_STATES
