"""Menus as versions: published, listed, brought back; taken up while calls are in progress, and kept for bad days."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from forged_caller import AgiPeer, environment
from sqlalchemy import select

from agi.desk import Site
from agi.menu_shelf import MenuShelf
from agi.server import AgiServer, Deadlines
from agi.shipped import menu_file
from crm import customers, hours, menus, orders
from crm.cli import main
from crm.database import Database
from crm.refusals import Refusal
from crm.rules.opening_hours import read_opening_hours
from crm.tables.menus import MenuVersion
from crm.tables.visits import Visit

SITE = Site("node1", "CN", read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai"), budget_s=0.8)
SHIPPED = menu_file("front_desk").read_text("utf-8")
SHORT = """\
start: main
parts:
  main:
    - say: welcome
    - queue: support
"""
FAULTY = SHORT.replace("queue: support", "goto: nowhere")


def kefu(database_url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["ivr", *arguments, "--database-url", database_url])


@pytest.fixture
def menu(tmp_path: Path) -> Path:
    path = tmp_path / "front_desk.yaml"
    path.write_text(SHORT)
    return path


class TestCommands:
    """`kefu ivr publish|versions|rollback`."""

    def test_a_menu_is_published_listed_and_brought_back(self, database_url: str, menu: Path) -> None:
        assert kefu(database_url, "publish", "--who", "li", "--note", "as delivered").exit_code == 0
        told = kefu(database_url, "publish", str(menu), "--who", "li", "--note", "short", "--json")
        assert json.loads(told.stdout)["version"] == 2
        back = kefu(database_url, "rollback", "--who", "wang", "--json")
        assert (json.loads(back.stdout)["version"], json.loads(back.stdout)["like"]) == (3, 1)
        rows = json.loads(kefu(database_url, "versions", "--json").stdout)
        assert [(row["version"], row["heard"], row["who"], row["note"], row["like"]) for row in rows] == [
            (3, True, "wang", "back to version 1", 1),
            (2, False, "li", "short", None),
            (1, False, "li", "as delivered", None),
        ]
        assert rows[0]["sha256"] == rows[2]["sha256"]
        assert kefu(database_url, "versions", "--menu", "front_desk", "--text", "3").stdout == SHIPPED

    def test_a_faulty_menu_is_refused_and_nothing_is_written(self, database_url: str, menu: Path) -> None:
        menu.write_text(FAULTY)
        told = kefu(database_url, "publish", str(menu))
        assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
        assert f"{menu}:5 E_PART" in told.stderr
        assert json.loads(kefu(database_url, "versions", "--json").stdout) == []

    def test_a_menu_whose_golden_call_fails_is_refused(self, database_url: str, menu: Path) -> None:
        golden = menu.with_name("front_desk.test.yaml")
        golden.write_text("calls:\n  - {name: nobody waits, ends: queue reception}\n")
        told = kefu(database_url, "publish", str(menu))
        assert told.exit_code == 1
        assert f"{golden}:2 the golden call 'nobody waits' ends 'queue support'" in told.stderr

    def test_the_same_text_twice_is_refused(self, database_url: str, menu: Path) -> None:
        assert kefu(database_url, "publish", str(menu)).exit_code == 0
        told = kefu(database_url, "publish", str(menu))
        assert told.exit_code == 1
        assert "version 1 of front_desk is this text already" in told.stderr

    def test_nothing_to_bring_back_is_one_sentence(self, database_url: str, menu: Path) -> None:
        assert "no version of front_desk has been published" in kefu(database_url, "rollback").stderr
        kefu(database_url, "publish", str(menu))
        assert "one version only" in kefu(database_url, "rollback").stderr
        assert "there is no version 7" in kefu(database_url, "rollback", "--to", "7").stderr

    def test_a_queue_of_the_database_may_be_named(self, database_url: str, menu: Path) -> None:
        menu.write_text(SHORT.replace("support", "complaints"))
        assert "E_QUEUE" in kefu(database_url, "publish", str(menu)).stderr
        asyncio.run(_add_queue(database_url, "complaints"))
        assert kefu(database_url, "publish", str(menu)).exit_code == 0


async def _add_queue(database_url: str, name: str) -> None:
    from crm.tables.queues import Queue

    database = Database(database_url)
    async with database.transaction() as session:
        session.add(Queue(name=name, title_en=name, title_zh=name))
    await database.close()


async def test_two_who_publish_at_once_get_two_numbers(database: Database) -> None:
    async def publish(number: int) -> int:
        async with database.transaction() as session:
            return (await menus.publish(session, menu="front_desk", text=f"text {number}", who="li")).version

    assert sorted(await asyncio.gather(*map(publish, range(8)))) == list(range(1, 9))


@pytest.mark.parametrize("name", ["", "Front", "a b", "../x", "x" * 41])
async def test_a_name_that_is_none_is_refused(database: Database, name: str) -> None:
    with pytest.raises(Refusal, match="no name of a menu"):
        async with database.transaction() as session:
            await menus.publish(session, menu=name, text=SHORT, who="li")


def test_a_simulation_asks_the_real_crm_and_writes_nothing(database_url: str) -> None:
    asyncio.run(_add_order(database_url))
    arguments = ("simulate", "--live-crm", "--from", "13800138000", "--keys", "1", "--json")
    lines = json.loads(kefu(database_url, *arguments).stdout)
    heard = [prompt for line in lines for prompt in line["prompts"]]
    assert {"letter-b", "digit-7", "order-state-shipped"} <= set(heard)
    assert lines[-1]["text"] == "goodbye, served"
    stranger = json.loads(kefu(database_url, "simulate", "--live-crm", "--from", "13900139000", "--json").stdout)
    assert "choose-english" in [prompt for line in stranger for prompt in line["prompts"]]
    assert asyncio.run(_visits(database_url)) == 0


def test_a_simulation_meets_what_was_said_of_the_queues_and_the_callers_credit(database_url: str) -> None:
    asyncio.run(_add_order(database_url, tier="key"))
    asyncio.run(_close(database_url, "support"))
    known = ("simulate", "--live-crm", "--from", "13800138000", "--json")
    shut = json.loads(kefu(database_url, *known, "--keys", "2").stdout)
    assert [(line["what"], line["text"]) for line in shut[-2:]] == [
        ("closed", "queue support: closed_now"),
        ("ends", "voicemail support"),
    ]
    in_queue = json.loads(kefu(database_url, *known, "--keys", "0").stdout)
    assert [(line["what"], line["text"]) for line in in_queue[-2:]] == [
        ("credit", "180 s (tier key 180 s)"),
        ("ends", "queue reception"),
    ]
    assert asyncio.run(_visits(database_url)) == 0


async def _close(database_url: str, queue: str) -> None:
    database = Database(database_url)
    async with database.transaction() as session:
        await hours.say(session, queue, "closed", by="li")
    await database.close()


async def _add_order(database_url: str, tier: str = "ordinary") -> None:
    database = Database(database_url)
    async with database.transaction() as session:
        li = await customers.create(
            session, code="K-1", name="李伟", phones=["13800138000"], country="CN", language="zh", tier=tier
        )
        await orders.place(
            session,
            customer_id=li.id,
            number="B-7",
            state="shipped",
            item="tea",
            amount=Decimal("88.00"),
            placed_at=datetime(2026, 3, 1, tzinfo=UTC),
        )
    await database.close()


async def _visits(database_url: str) -> int:
    database = Database(database_url)
    async with database.reading() as session:
        count = len(list(await session.scalars(select(Visit))))
    await database.close()
    return count


class Running:
    """A server whose menus follow the database."""

    def __init__(self, server: AgiServer, shelf: MenuShelf, port: int, database: Database) -> None:
        self.server = server
        self.shelf = shelf
        self.port = port
        self.database = database

    async def publish(self, text: str, menu: str = "front_desk") -> int:
        async with self.database.transaction() as session:
            return (await menus.publish(session, menu=menu, text=text, who="li")).version

    async def call(self, keys: str = "", menu: str = "front_desk") -> AgiPeer:
        env = environment(network_script=menu, callerid="13800138000")
        peer = await AgiPeer(keys).call(self.port, env)
        await self.all_told()
        return peer

    async def all_told(self) -> None:
        async with asyncio.timeout(10):
            while self.server.calls_now:  # noqa: ASYNC110 - the end of a call that is not ours
                await asyncio.sleep(0.01)
        assert await self.server._book.written(within_s=5) == 0

    async def taken_up(self, version: int, menu: str = "front_desk") -> None:
        async with asyncio.timeout(10):
            while self.shelf.versions.get(menu) != version:  # noqa: ASYNC110 - what a caller would wait for
                await asyncio.sleep(0.02)

    async def visits(self) -> list[tuple[str, int | None]]:
        async with self.database.reading() as session:
            rows = await session.execute(select(Visit.flow, Visit.menu_version).order_by(Visit.started_at))
            return [(flow, version) for flow, version in rows]


@pytest.fixture
async def running(database: Database, tmp_path: Path) -> AsyncIterator[Running]:
    shelf = MenuShelf(tmp_path / "kept")
    server = AgiServer(SITE, database, shelf, Deadlines(write_within_s=2))
    port = await server.listen("127.0.0.1", 0)
    following = asyncio.create_task(shelf.follow(database))
    yield Running(server, shelf, port, database)
    following.cancel()
    await server.drain(0)


async def test_callers_hear_the_shipped_menu_until_one_is_published(running: Running) -> None:
    peer = await running.call("12")
    assert peer.played[0] == "kefu/choose-english"
    assert peer.last["QUEUE"] == "support"
    await running.taken_up(await running.publish(SHORT))
    assert (await running.call()).played == ["kefu/welcome"]
    assert await running.visits() == [("front_desk", None), ("front_desk", 1)]


async def test_a_call_keeps_the_version_it_began_with(running: Running) -> None:
    """A version is published while a caller hears the language question; that caller's menu stays as it was."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(environment(callerid="13800138000"))
    peer = AgiPeer("1-2")
    while "choose-english" not in (line := (await reader.readline()).decode()):
        writer.write(peer.answer(line))
    await running.taken_up(await running.publish(SHORT))
    while line:
        writer.write(peer.answer(line))
        line = (await reader.readline()).decode()
    writer.close()
    assert peer.played[1:] == ["kefu/welcome", "kefu/menu-order-status", "kefu/to-support"]
    assert (await running.call()).played == ["kefu/welcome"]
    assert await running.visits() == [("front_desk", None), ("front_desk", 1)]


async def test_a_new_menu_is_a_flow_of_its_own_at_once(running: Running) -> None:
    await running.taken_up(await running.publish(SHORT, menu="sales"), menu="sales")
    peer = await running.call(menu="sales")
    assert peer.played == ["kefu/welcome"]
    assert await running.visits() == [("sales", 1)]


async def test_a_faulty_row_is_not_taken_up_and_a_later_good_one_is(running: Running) -> None:
    await running.taken_up(await running.publish(SHORT))
    await running.publish(FAULTY)
    await running.publish(FAULTY, menu="other")
    assert (await running.call()).played == ["kefu/welcome"]
    await running.taken_up(await running.publish(SHORT.replace("welcome", "closed")))
    assert running.shelf.versions == {"front_desk": 3}
    assert (await running.call()).played == ["kefu/closed"]


async def test_a_server_that_starts_without_the_database_says_what_was_said_last(
    running: Running, tmp_path: Path
) -> None:
    await running.taken_up(await running.publish(SHORT))
    again = MenuShelf(tmp_path / "kept")
    assert again.versions == {"front_desk": 1}
    (tmp_path / "kept" / "front_desk.json").write_text("{")
    assert MenuShelf(tmp_path / "kept").versions == {"front_desk": None}


async def test_menus_stay_as_they_are_while_the_database_is_away(tmp_path: Path) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    shelf = MenuShelf(tmp_path)
    following = asyncio.create_task(shelf.follow(away))
    await asyncio.sleep(0)
    for _ in range(20):
        assert shelf.versions == {"front_desk": None}
        await asyncio.sleep(0.01)
    assert not following.done()
    following.cancel()
    await away.close()


async def test_a_rollback_is_what_the_next_caller_hears(running: Running) -> None:
    await running.publish(SHORT)
    await running.taken_up(await running.publish(SHORT.replace("welcome", "closed")))
    async with running.database.transaction() as session:
        first = await menus.find(session, "front_desk", 1)
        back = await menus.publish(session, menu="front_desk", text=first.text, who="li", like=1)
    await running.taken_up(back.version)
    assert (await running.call()).played == ["kefu/welcome"]
    async with running.database.reading() as session:
        assert len(list(await session.scalars(select(MenuVersion)))) == 3
