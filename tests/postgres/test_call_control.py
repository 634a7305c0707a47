"""Acting on a call from a page: a wish, the seat's own leg, Asterisk's word, and what refuses it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from forged_asterisk import ForgedAsterisk, Session, until
from forged_call import ForgedCall, listed_member

from ami_bridge.bridge import Bridge
from crm import agents, demo_data, number_lists
from crm.database import Database
from crm.deeds.dial_number import dial_number
from crm.deeds.hang_up_call import hang_up_call
from crm.deeds.mute_call import mute_call
from crm.deeds.own_call import AtSeat
from crm.deeds.send_call import consult, end_consult, find_target, transfer_call
from crm.deeds.send_keys import send_keys
from crm.ledger.ids import conversation_id
from crm.refusals import Refusal
from crm.rules import rights
from crm.settings import read_settings
from crm.tables.requests import PbxRequest

SEAT, NODE = "PJSIP/1001", "asterisk1"
AMY = uuid4()


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), listed_member()]
        yield forged


@asynccontextmanager
async def bridging(url: str, peer: ForgedAsterisk) -> AsyncIterator[Session]:
    """A bridge on the forged Asterisk, which has looked at everything."""
    account = {"ami_port": peer.port, "ami_secret": "right", "ami_ping_seconds": 0.2, "wish_expiry_seconds": 10}
    database, stopping = Database(url, application_name="bridge"), asyncio.Event()
    task = asyncio.ensure_future(Bridge(read_settings(**account), database, print).run(stopping))
    try:
        session = await peer.session()
        await peer.action("DeviceStateList")
        yield session
        stopping.set()
        await asyncio.wait_for(task, 15)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await database.close()


def rows(url: str, sql: str, *values: object) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql, values).fetchall()


async def talking(session: Session, url: str) -> ForgedCall:
    """A caller talks with the seat, and Postgres knows."""
    call = ForgedCall(session, SEAT)
    for step in (call.arrive, call.join, call.ring, call.answer):
        step()
    await until(lambda: rows(url, "SELECT 1 FROM posture WHERE seat = %s AND word = 'talking'", SEAT) != [], 10)
    return call


def at_seat(role: str = "agent", seat: str = SEAT) -> AtSeat:
    return AtSeat(AMY, "amy", NODE, seat, lambda permission: rights.may(role, permission), 10)


async def settled(url: str, wish: PbxRequest) -> tuple[str, str | None, str | None]:
    sql = "SELECT state, why, target FROM pbx_request WHERE id = %s"
    await until(lambda: rows(url, sql, wish.id)[0][0] not in ("wanted", "sent"), 10)
    return rows(url, sql, wish.id)[0]  # type: ignore[no-any-return]


async def test_an_agent_who_hangs_up_on_the_page_ended_the_call(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        call = await talking(session, database_url)
        async with database.transaction() as writing:
            wish = await hang_up_call(writing, at_seat())
        _, action = await peer.action("Hangup")
        assert action["Channel"].startswith("PJSIP/")
        assert action["Cause"] == "31"
        assert wish.conversation_id == UUID(conversation_id(NODE, call.uniqueid))
        call.hung_up_by_page()
        assert (await settled(database_url, wish))[:2] == ("confirmed", None)
        await until(lambda: rows(database_url, "SELECT 1 FROM conversation WHERE ended_at IS NOT NULL") != [], 10)
        assert rows(database_url, "SELECT outcome, ended_by FROM conversation") == [("answered", "agent")]


async def test_keys_reach_the_other_end_one_by_one_and_are_forgotten(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        call = await talking(session, database_url)
        async with database.transaction() as writing:
            wish = await send_keys(writing, at_seat(), "1 2#")
        assert await settled(database_url, wish) == ("confirmed", None, None)
        sent = [action for action in peer.actions if action["Action"] == "PlayDTMF"]
        assert [action["Digit"] for action in sent] == ["1", "2", "#"]
        assert {action["Channel"] for action in sent} == {f"PJSIP/trunk-{call.number:08x}"}


async def test_mute_is_confirmed_by_the_answer_and_refused_in_asterisks_words(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        await talking(session, database_url)
        async with database.transaction() as writing:
            wish = await mute_call(writing, at_seat(), muted=True)
        assert (await settled(database_url, wish))[0] == "confirmed"
        peer.refusals["Setvar"] = "Permission denied"
        async with database.transaction() as writing:
            wish = await mute_call(writing, at_seat(), muted=False)
        assert (await settled(database_url, wish))[:2] == ("refused", "Asterisk refused it: Permission denied")


async def test_a_transfer_is_settled_by_its_event_and_never_by_success(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        call = await talking(session, database_url)
        async with database.transaction() as writing:
            await demo_data.load(writing, country="CN")
            wish = await transfer_call(writing, at_seat(), "queue:support", country="CN")
        _, action = await peer.action("BlindTransfer")
        assert (action["Context"], action["Exten"]) == ("kefu-to", "queue-support")
        await asyncio.sleep(0.1)
        assert rows(database_url, "SELECT state FROM pbx_request WHERE id = %s", wish.id) == [("sent",)]
        call.sent_on("queue-support")
        assert (await settled(database_url, wish))[0] == "confirmed"
        assert rows(database_url, 'SELECT kind, from_seat, "to", outcome FROM transfer') == [
            ("blind", SEAT, "support", "success")
        ]


async def test_a_call_that_is_over_when_the_wish_comes_is_refused(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        call = await talking(session, database_url)
        call.complete()
        call.end()
        async with database.transaction() as writing:  # the page still showed the call
            try:
                wish = await hang_up_call(writing, at_seat())
            except Refusal as refused:
                assert str(refused) == "there is no call on your phone now"  # noqa: PT017 - either is true
                return
        assert (await settled(database_url, wish))[:2] == ("refused", "the call is over at this phone")


# ---- what a deed refuses before anything is asked of Asterisk


@pytest.fixture
async def floor(database: Database, database_url: str) -> str:
    """1001 talks, 1002 is there, 1003 is away."""
    async with database.transaction() as writing:
        await demo_data.load(writing, country="CN")
    call = uuid4()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO conversation (id, node, linkedid, direction, started_at, reconstructed) "
            "VALUES (%s, %s, 'l', 'inbound', now(), false)",
            (call, NODE),
        )
        for seat, word, its in (("1001", "talking", call), ("1002", "ready", None), ("1003", "offline", None)):
            connection.execute(
                "INSERT INTO posture (node, seat, word, since, paused, conversation_id) "
                "VALUES (%s, %s, %s, now(), false, %s)",
                (NODE, f"PJSIP/{seat}", word, its),
            )
    return str(call)


@pytest.mark.parametrize(
    ("said", "extension", "typed"),
    [
        ("seat:PJSIP/1002", "seat-1002", "1002"),
        ("1002", "seat-1002", "1002"),
        ("queue:support", "queue-support", None),
        ("support", "queue-support", None),
        ("number:138 0013 8000", "out+8613800138000", "98613800138000"),
    ],
)
@pytest.mark.usefixtures("floor")
async def test_where_a_call_can_go(database: Database, said: str, extension: str, typed: str | None) -> None:
    async with database.reading() as reading:
        found = await find_target(reading, at_seat(), said, "CN")
    assert (found.extension, found.typed) == (extension, typed)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("seat:PJSIP/1001", "your own seat"),
        ("1003", "is away"),
        ("seat:PJSIP/1004", "is away"),
        ("seat:PJSIP/9999", "no seat with a number"),
        ("queue:nothing", "no queue"),
        ("entry:nothing", "no such directory entry"),
        ("number:12", "no number that can be dialled"),
        ("+1 212 555 0100", "does not include this .call.dial_abroad."),
        ("+8617012345678", "is blocked .spam."),
        ("", "say where"),
        ("1002\r\nAction: Originate", "no number"),
    ],
)
@pytest.mark.usefixtures("floor")
async def test_where_it_cannot_is_a_sentence(database: Database, said: str, why: str) -> None:
    async with database.transaction() as writing:
        blocked = number_lists.read_number("+8617*", "CN")
        await number_lists.put(writing, blocked, kind="block", reason="spam", by="eve")
    async with database.transaction() as writing:
        with pytest.raises(Refusal, match=why):
            await transfer_call(writing, at_seat(), said, country="CN")


@pytest.mark.usefixtures("floor")
async def test_only_ones_own_call_within_ones_own_rights(database: Database) -> None:
    async with database.transaction() as writing:
        with pytest.raises(Refusal, match=r"does not include this \(call.control\)"):
            await hang_up_call(writing, at_seat("quality"))
        with pytest.raises(Refusal, match="no call on your phone"):
            await hang_up_call(writing, at_seat(seat="PJSIP/1002"))
        with pytest.raises(Refusal, match="that call is over"):
            await hang_up_call(writing, at_seat(), uuid4())
        with pytest.raises(Refusal, match="keys can be sent"):
            await send_keys(writing, at_seat(), "1A\r\n")
        with pytest.raises(Refusal, match="cannot be asked first"):
            await consult(writing, at_seat(), "queue:support", country="CN")
        with pytest.raises(Refusal, match="ends no consult"):
            await end_consult(writing, at_seat(), "vanish")


async def test_a_note_goes_with_the_caller(database: Database, database_url: str, floor: str) -> None:
    async with database.transaction() as writing:
        amy = await agents.find(writing, "amy")
        assert amy is not None
        at = AtSeat(amy.id, "amy", NODE, SEAT, lambda permission: True, 10)
        await consult(writing, at, "1002", country="CN", note=" VIP, wants the invoice again ")
    kept = rows(database_url, "SELECT conversation_id::text, body FROM handover_note")
    assert kept == [(floor, "VIP, wants the invoice again")]
    wishes = rows(database_url, "SELECT kind, target, conversation_id::text FROM pbx_request")
    assert wishes == [("consult", "1002", floor)]


# ---- dialling


async def sits(session: Session, *, paused: bool = False, reason: str = "") -> None:
    session.event(
        "QueueMemberAdded" if not reason else "QueueMemberPause",
        "Queue: support",
        "MemberName: 1001",
        f"Interface: {SEAT}",
        f"StateInterface: {SEAT}",
        "Membership: dynamic",
        "Penalty: 0",
        "Status: 1",
        f"Paused: {int(paused)}",
        f"PausedReason: {reason}",
        f"Timestamp: {time.time():.6f}",
        privilege="agent,all",
    )


async def wants_to_dial(database: Database, url: str) -> PbxRequest:
    await until(lambda: rows(url, "SELECT 1 FROM membership WHERE seat = %s", SEAT) != [], 10)
    async with database.transaction() as writing:
        return await dial_number(writing, at_seat(), "138 0013 8000", country="CN")


async def test_a_seat_dials_when_asterisk_keeps_it_free_and_not_before(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        await sits(session)
        wish = await wants_to_dial(database, database_url)
        _, pause = await peer.action("QueuePause")
        assert (pause["Paused"], pause["Reason"]) == ("true", "RESERVED")
        await asyncio.sleep(0.1)
        assert not [each for each in peer.actions if each["Action"] == "Originate"], "not kept free yet"
        await sits(session, paused=True, reason="RESERVED")
        _, action = await peer.action("Originate")
        assert (action["Channel"], action["Context"], action["Exten"]) == (SEAT, "kefu-to", "out+8613800138000")
        assert action["ChannelId"] == str(wish.id)
        assert "Application" not in action
        session.event("OriginateResponse", f"ActionID: {wish.id}", "Response: Success", "Reason: 4")
        assert (await settled(database_url, wish))[0] == "confirmed"


async def test_a_call_that_comes_first_is_not_dialled_over(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        await sits(session)
        wish = await wants_to_dial(database, database_url)
        await peer.action("QueuePause")
        call = ForgedCall(session, SEAT)
        for step in (call.arrive, call.join, call.ring):
            step()
        await sits(session, paused=True, reason="RESERVED")
        assert (await settled(database_url, wish))[:2] == ("refused", "a call has come first: your phone rings")
        assert not [each for each in peer.actions if each["Action"] == "Originate"]


async def test_a_phone_that_does_not_answer_is_told_and_free_again(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    async with bridging(database_url, peer) as session:
        await sits(session)
        wish = await wants_to_dial(database, database_url)
        await peer.action("QueuePause")
        await sits(session, paused=True, reason="RESERVED")
        await peer.action("Originate")
        session.event("OriginateResponse", f"ActionID: {wish.id}", "Response: Failure", "Reason: 3")
        assert (await settled(database_url, wish))[:2] == ("refused", "your phone rang and was not answered")
        _, action = await peer.action("QueuePause")
        assert action["Paused"] == "false"


async def test_a_dial_whose_answer_was_lost_is_never_sent_again(
    peer: ForgedAsterisk, database: Database, database_url: str
) -> None:
    peer.silent_about = {"Originate"}
    async with bridging(database_url, peer) as session:
        await sits(session)
        wish = await wants_to_dial(database, database_url)
        await peer.action("QueuePause")
        await sits(session, paused=True, reason="RESERVED")
        await peer.action("Originate")
        assert wish.kind == "dial"
        session.cut()
        session = await peer.session()
        await peer.action("DeviceStateList")
    async with bridging(database_url, peer):
        await asyncio.sleep(0.5)
    assert len([each for each in peer.actions if each["Action"] == "Originate"]) == 1
