"""`kefu call`: the same wishes as on the desk, within the agent's own rights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

from crm.cli import main
from crm.database import Database
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.tables.agents import Agent

NODE, SEAT = "asterisk1", "PJSIP/1001"


def kefu(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["call", *arguments, "--database-url", url])


@pytest.fixture
async def call(amy: Agent, database: Database, database_url: str, floor_says: Callable[..., Awaitable[None]]) -> str:
    """Amy talks at 1001, and 1002 is there."""
    found = uuid4()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO conversation (id, node, linkedid, direction, started_at, reconstructed) "
            "VALUES (%s, %s, 'l', 'inbound', now(), false)",
            (found, NODE),
        )
    async with database.transaction() as session:
        await sign_in_to_seat(session, agent_id=amy.id, node=NODE, seat=SEAT, expiry_s=10)
    await floor_says("talking", SEAT, conversation_id=found)
    await floor_says("ready", "PJSIP/1002")
    return str(found)


async def test_each_command_is_a_wish_about_the_call_at_the_agents_seat(call: str, database_url: str) -> None:
    commands = (
        ("dtmf", "amy", "12#"),
        ("mute", "amy"),
        ("mute", "amy", "--off"),
        ("transfer", "amy", "1002", "--ask", "--note", "VIP"),
        ("consult", "amy", "swap"),
        ("transfer", "amy", "support"),
        ("park", "amy"),
        ("hangup", "amy"),
    )
    for command in commands:
        done = await asyncio.to_thread(kefu, database_url, *command, "--json")
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert (said["login"], said["state"]) == ("amy", "wanted")
    with psycopg.connect(database_url) as connection:
        wishes = connection.execute(
            "SELECT kind, target, conversation_id::text, asked_by FROM pbx_request WHERE kind <> 'add_member' "
            "ORDER BY wanted_at"
        ).fetchall()
        notes = connection.execute("SELECT body FROM handover_note").fetchall()
    assert [wish[:2] for wish in wishes] == [
        ("send_keys", "12#"),
        ("mute", None),
        ("unmute", None),
        ("consult", "1002"),
        ("consult_end", "swap"),
        ("transfer", "queue-support"),
        ("park", None),
        ("hang_up", None),
    ]
    assert {wish[2:] for wish in wishes} == {(call, "command line")}
    assert notes == [("VIP",)]


@pytest.mark.usefixtures("call")
async def test_what_cannot_be_is_one_sentence_and_exit_1(database_url: str) -> None:
    for command, why in (
        (("hangup", "nobody"), "there is no agent"),
        (("hangup", "ben"), "sits at no seat"),
        (("dial", "amy", "13800138000"), "there is a call on your phone already"),
        (("transfer", "amy", "+12125550100"), "call.dial_abroad"),
        (("dtmf", "amy", "x"), "keys can be sent"),
    ):
        refused = await asyncio.to_thread(kefu, database_url, *command)
        assert (refused.exit_code, refused.stdout) == (1, ""), command
        assert why in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert (await asyncio.to_thread(kefu, database_url, "consult", "amy", "vanish")).exit_code == 2
