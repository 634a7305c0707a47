"""Commands as operators and other tools call them: data on stdout, talk on stderr, exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from postgres_server import Databases
from sqlalchemy import update

from crm.cli import main
from crm.database import Database
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.tables.agents import Agent
from crm.tables.requests import PbxRequest

NODE, SEAT = "asterisk1", "PJSIP/101"


def kefu(*arguments: str, url: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database-url", url], input=answer)


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    url = databases.create()
    yield url
    databases.drop(url)


def test_from_nothing_to_a_demo_center(empty_url: str) -> None:
    missing = kefu("agent", "list", url=empty_url)
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "run `kefu db upgrade`" in missing.stderr
    upgraded = kefu("db", "upgrade", "--json", url=empty_url)
    assert json.loads(upgraded.stdout)["migrations"][0] == "0001"
    assert kefu("db", "upgrade", url=empty_url).stderr == "the tables are up to date\n"
    added = kefu("db", "demo", "--json", url=empty_url)
    assert json.loads(added.stdout) == {"added": {"queues": 2, "agents": 4, "customers": 6}}
    listed = kefu("agent", "list", "--json", url=empty_url)
    assert [(agent["login"], agent["state"]) for agent in json.loads(listed.stdout)] == [
        ("amy", "signed_out"),
        ("ben", "signed_out"),
        ("chen", "signed_out"),
        ("dana", "signed_out"),
    ]
    queues = kefu("queue", "list", "--json", url=empty_url)
    assert [queue["name"] for queue in json.loads(queues.stdout)] == ["reception", "support"]
    assert json.loads(kefu("conversation", "list", "--json", url=empty_url).stdout) == []


def test_an_agent_is_added_with_queues_and_a_typed_password(database_url: str) -> None:
    kefu("db", "demo", url=database_url)
    typed = "long enough\nlong enough\n"
    added = kefu("agent", "add", "eve", "--name", "Eve", "--queue", "support:3", url=database_url, answer=typed)
    assert added.exit_code == 0
    assert added.stdout == ""
    again = kefu("agent", "add", "eve", "--name", "Eve", "--password", "long enough", url=database_url)
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert kefu("agent", "add", "x", "--name", "X", "--queue", "a:b", url=database_url).exit_code == 2


def test_a_queue_is_named_renamed_in_part_and_then_served(database_url: str) -> None:
    named = kefu("queue", "name", "night-shift", "--title", "Night", "--service-level", "30", url=database_url)
    assert named.exit_code == 0, named.stderr
    assert kefu("queue", "name", "night-shift", "--title-zh", "夜班", url=database_url).exit_code == 0
    assert kefu("queue", "name", "night-shift", url=database_url).exit_code == 0
    listed = json.loads(kefu("queue", "list", "--json", url=database_url).stdout)
    found = next(queue for queue in listed if queue["name"] == "night-shift")
    assert (found["title_en"], found["title_zh"], found["service_level_s"]) == ("Night", "夜班", 30)
    agent = ("agent", "add", "noor", "--name", "Noor", "--password", "long enough", "--queue", "night-shift")
    assert kefu(*agent, url=database_url).exit_code == 0
    refused = kefu("queue", "name", "night shift", url=database_url)
    assert refused.exit_code == 1
    assert "as in queues.conf" in refused.stderr


def test_an_agent_of_an_unknown_queue_is_not_half_added(database_url: str) -> None:
    command = ("agent", "add", "eve", "--name", "Eve", "--password", "long enough", "--queue", "nowhere")
    refused = kefu(*command, url=database_url)
    assert "there is no queue 'nowhere'" in refused.stderr
    assert "`kefu queue name nowhere`" in refused.stderr
    assert json.loads(kefu("agent", "list", "--json", url=database_url).stdout) == []


async def test_calls_are_listed_as_table_and_json(
    database_url: str, amy: Agent, call_of: Callable[[Agent], Awaitable[UUID]]
) -> None:
    call = await call_of(amy)
    listed = await asyncio.to_thread(kefu, "conversation", "list", "--json", url=database_url)
    assert [row["id"] for row in json.loads(listed.stdout)] == [str(call)]
    table = await asyncio.to_thread(kefu, "conversation", "list", url=database_url)
    heading, line = table.stdout.splitlines()
    assert heading.split("\t")[:2] == ["started_at", "direction"]
    assert "amy" in line.split("\t")


class TestPause:
    """The same wish as the page's, seen by a bridge that is played by hand."""

    @pytest.fixture(autouse=True)
    async def at_seat(self, database: Database, amy: Agent) -> None:
        async with database.transaction() as session:
            await sign_in_to_seat(session, agent_id=amy.id, node=NODE, seat=SEAT, expiry_s=10)

    async def _settle(self, database: Database, state: str, why: str | None = None) -> None:
        async with database.listening("kefu_wishes") as hints, asyncio.timeout(30):
            async for _ in hints:
                async with database.transaction() as session:
                    settled = await session.execute(
                        update(PbxRequest)
                        .where(PbxRequest.kind.in_(("pause", "unpause")))
                        .values(state=state, why=why, settled_at=datetime.now(UTC))
                    )
                    if settled.rowcount:  # type: ignore[attr-defined]
                        return

    async def test_waits_until_asterisk_has_confirmed(self, database: Database, database_url: str) -> None:
        bridge = asyncio.create_task(self._settle(database, "confirmed"))
        command = ("agent", "pause", "amy", "--reason", "break", "--wait", "--json")
        ended = await asyncio.to_thread(kefu, *command, url=database_url)
        await bridge
        assert (ended.exit_code, json.loads(ended.stdout)["state"]) == (0, "confirmed")

    async def test_a_refused_wish_is_exit_code_1_with_its_reason(self, database: Database, database_url: str) -> None:
        bridge = asyncio.create_task(self._settle(database, "refused", "no such interface"))
        ended = await asyncio.to_thread(kefu, "agent", "unpause", "amy", "--wait", url=database_url)
        await bridge
        assert ended.exit_code == 1
        assert ended.stderr.splitlines()[-1] == "Error: the wish about amy was refused: no such interface"

    async def test_without_a_bridge_the_wait_ends_as_expired(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEFU_WISH_EXPIRY_SECONDS", "0.1")
        ended = await asyncio.to_thread(kefu, "agent", "pause", "amy", "--reason", "break", "--wait", url=database_url)
        assert ended.exit_code == 1
        assert ended.stderr.splitlines()[-1] == "Error: the wish about amy was expired: no bridge has answered"

    async def test_without_wait_the_wish_is_only_written(self, database_url: str) -> None:
        ended = await asyncio.to_thread(kefu, "agent", "pause", "amy", "--reason", "break", "--json", url=database_url)
        assert json.loads(ended.stdout) == {"login": "amy", "state": "wanted", "why": None}

    async def test_who_sits_nowhere_cannot_be_paused(self, database_url: str) -> None:
        for login, why in (("ben", "ben sits at no seat"), ("nobody", "there is no agent 'nobody'")):
            ended = await asyncio.to_thread(kefu, "agent", "unpause", login, url=database_url)
            assert ended.exit_code == 1
            assert ended.stderr.startswith(f"Error: {why}")


async def test_pause_reasons_are_set_listed_and_removed(database_url: str) -> None:
    async def run(*arguments: str) -> tuple[int, str]:
        ended = await asyncio.to_thread(kefu, "pause-reason", *arguments, url=database_url)
        return ended.exit_code, ended.stdout + ended.stderr

    budget = ("--title-en", "Prayer", "--title-zh", "祷告", "--unpaid", "--budget-minutes", "30")
    assert (await run("set", "prayer", *budget, "--place", "1"))[0] == 0
    assert (await run("set", "prayer", "--ends-after-minutes", "10"))[0] == 0
    first = json.loads((await run("list", "--json"))[1])[0]
    assert first == {
        "name": "prayer",
        "title_en": "Prayer",
        "title_zh": "祷告",
        "paid": False,
        "budget_min": 30,
        "auto_end_min": 10,
        "place": 1,
    }
    for wrong, said in (("a b", "cannot be"), ("RONA", "begins and ends by itself"), ("x", "cannot be: 0 (none) to")):
        code, told = await run("set", wrong, "--budget-minutes", "-1")
        assert (code, said in told) == (1, True)
    assert (await run("remove", "prayer"))[0] == 0
    assert await run("remove", "prayer") == (
        1,
        "Error: there is no pause reason 'prayer': see `kefu pause-reason list`\n",
    )


async def test_agents_sit_down_and_get_up_by_the_command_line(database_url: str, amy: Agent) -> None:
    async def run(*arguments: str) -> tuple[int, str]:
        ended = await asyncio.to_thread(kefu, "agent", *arguments, url=database_url)
        return ended.exit_code, ended.stderr

    assert await run("sign-in", "amy", SEAT) == (0, f"amy sits at {SEAT}\n")
    code, told = await run("sign-in", "ben", SEAT)
    assert (code, told.endswith("let amy sign out; or say --take-over\n")) == (1, True)
    assert (await run("sign-in", "ben", SEAT, "--take-over"))[0] == 0
    assert await run("sign-out", "ben", "--after-the-call") == (0, "ben sits nowhere\n")
