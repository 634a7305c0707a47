"""Deeds at a seat: each asks Asterisk once, however often it is clicked, and none changes a state by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select, update

from crm import agents, wishes
from crm.database import Database
from crm.deeds.ask_for_pause import ask_for_pause, ask_for_unpause, withdraw_pause
from crm.deeds.save_wrap_up import save_wrap_up
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.deeds.sign_out_of_seat import sign_out_of_seat
from crm.hints import Live
from crm.refusals import Refusal
from crm.tables.agents import Agent, SeatSession
from crm.tables.postures import Membership
from crm.tables.requests import PbxRequest
from crm.tables.wrap_ups import WrapUp

NODE, SEAT = "asterisk1", "PJSIP/101"
Floor = Callable[..., Awaitable[None]]
Call = Callable[[Agent], Awaitable[UUID]]


async def _wishes(database: Database) -> list[tuple[str, str | None, str | None]]:
    async with database.reading() as session:
        rows = await session.scalars(select(PbxRequest).order_by(PbxRequest.wanted_at, PbxRequest.id))
        return [(wish.kind, wish.queue, wish.reason) for wish in rows]


async def _settle(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(PbxRequest).values(state="confirmed", settled_at=datetime.now(UTC)))


async def _sit(database: Database, agent: Agent, seat: str = SEAT) -> SeatSession:
    async with database.transaction() as session:
        return await sign_in_to_seat(session, agent_id=agent.id, node=NODE, seat=seat, expiry_s=10)


async def _get_up(database: Database, agent: Agent) -> SeatSession | None:
    async with database.transaction() as session:
        return await sign_out_of_seat(session, agent_id=agent.id, asked_by=agent.login, expiry_s=10)


async def _pause(database: Database, reason: str = "break") -> PbxRequest | None:
    async with database.transaction() as session:
        return await ask_for_pause(session, node=NODE, seat=SEAT, reason=reason, asked_by="amy", expiry_s=10)


async def _unpause(database: Database) -> PbxRequest | None:
    async with database.transaction() as session:
        return await ask_for_unpause(session, node=NODE, seat=SEAT, asked_by="amy", expiry_s=10)


async def _wrap_up(database: Database, agent: Agent, call: UUID, outcome: str = "solved") -> PbxRequest | None:
    async with database.transaction() as session:
        _, wish = await save_wrap_up(
            session,
            agent=agent,
            node=NODE,
            seat=SEAT,
            conversation_id=call,
            outcome=outcome,
            note="谢谢\x00",
            expiry_s=10,
        )
        return wish


async def test_sitting_down_asks_for_each_queue_with_its_penalty(database: Database, amy: Agent) -> None:
    await _sit(database, amy)
    async with database.reading() as session:
        asked = [(w.kind, w.queue, w.penalty, w.asked_by) for w in await wishes.open_of(session, NODE, SEAT)]
    assert asked == [("add_member", "reception", 1, "amy"), ("add_member", "support", 0, "amy")]


async def test_sitting_down_twice_at_once_is_one_session_and_one_wish_a_queue(database: Database, amy: Agent) -> None:
    first, second = await asyncio.gather(_sit(database, amy), _sit(database, amy))
    assert first.id == second.id
    assert len(await _wishes(database)) == 2


async def test_a_queue_the_seat_stands_in_is_not_asked_for(database: Database, amy: Agent) -> None:
    async with database.transaction() as session:
        session.add(Membership(node=NODE, queue="support", seat=SEAT, joined_at=datetime.now(UTC)))
    await _sit(database, amy)
    assert await _wishes(database) == [("add_member", "reception", None)]


async def test_a_taken_seat_is_refused_by_name(database: Database, amy: Agent) -> None:
    await _sit(database, amy)
    async with database.reading() as session:
        ben = await agents.find(session, "ben")
    assert ben is not None
    with pytest.raises(Refusal, match=r"seat PJSIP/101 is taken by Amy Carter"):
        await _sit(database, ben)
    assert len(await _wishes(database)) == 2


async def test_an_agent_sits_at_one_seat(database: Database, amy: Agent) -> None:
    await _sit(database, amy)
    with pytest.raises(Refusal, match=r"Amy Carter sits at PJSIP/101 \(asterisk1\): sign out there first"):
        await _sit(database, amy, "PJSIP/102")


async def test_two_seats_at_once_leave_one_session(database: Database, amy: Agent) -> None:
    tried = await asyncio.gather(_sit(database, amy), _sit(database, amy, "PJSIP/102"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == ["Refusal", "SeatSession"]


@pytest.mark.parametrize(
    "seat", ["", "101", "PJSIP/", "PJSIP/101\r\nAction: Logoff", "PJSIP/1 01", "PJSIP/" + "1" * 99]
)
async def test_a_seat_that_is_no_device_is_refused(database: Database, amy: Agent, seat: str) -> None:
    with pytest.raises(Refusal, match="is no device"):
        await _sit(database, amy, seat)


async def test_getting_up_asks_to_leave_where_the_seat_stands_or_was_about_to(database: Database, amy: Agent) -> None:
    await _sit(database, amy)
    async with database.transaction() as session:
        session.add(Membership(node=NODE, queue="vip", seat=SEAT, joined_at=datetime.now(UTC)))
    assert await _get_up(database, amy) is not None
    assert await _get_up(database, amy) is None
    left = [queue for kind, queue, _ in await _wishes(database) if kind == "remove_member"]
    assert left == ["reception", "support", "vip"]
    await _sit(database, amy)  # the seat is free again


@pytest.mark.parametrize(("word", "why"), [("ringing", "the phone is ringing"), ("talking", "a call is going on")])
async def test_nobody_gets_up_in_the_middle_of_a_call(
    database: Database, amy: Agent, floor_says: Floor, word: str, why: str
) -> None:
    await _sit(database, amy)
    await floor_says(word)
    with pytest.raises(Refusal, match=rf"{why} at PJSIP/101: sign out after it"):
        await _get_up(database, amy)
    async with database.reading() as session:
        assert await agents.session_of(session, amy.id) is not None


async def test_a_double_click_on_pause_is_one_wish(database: Database) -> None:
    first, second = await asyncio.gather(_pause(database), _pause(database))
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert await _wishes(database) == [("pause", None, "break")]


async def test_a_pause_changes_no_state(database: Database, amy: Agent, floor_says: Floor) -> None:
    await _sit(database, amy)
    await floor_says("ready")
    await _pause(database)
    async with database.reading() as session:
        shown = {agent.login: agent.state for agent in await agents.listed(session)}
    assert shown["amy"] == "pausing"


async def test_paused_for_this_reason_already_there_is_nothing_to_ask(database: Database, floor_says: Floor) -> None:
    await floor_says("paused", paused=True, pause_reason="break")
    assert await _pause(database) is None
    assert await _pause(database, "lunch") is not None
    assert await _pause(database, "break") is not None  # back to tea, after lunch was asked for


async def test_pause_and_unpause_follow_each_other(database: Database, floor_says: Floor) -> None:
    await floor_says("ready")
    assert await _unpause(database) is None
    await _pause(database)
    await _unpause(database)
    await _unpause(database)
    assert [kind for kind, _, _ in await _wishes(database)] == ["pause", "unpause"]


async def test_a_wish_out_of_time_does_not_stand_in_the_way(database: Database) -> None:
    await _pause(database)
    async with database.transaction() as session:
        await session.execute(update(PbxRequest).values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    await _pause(database)
    assert len(await _wishes(database)) == 2


@pytest.mark.parametrize("reason", ["", "  ", "a\r\nAction: Logoff", "x" * 61])
async def test_a_reason_that_could_not_be_sent_is_refused(database: Database, reason: str) -> None:
    with pytest.raises(Refusal, match="a pause needs a reason"):
        await _pause(database, reason)


@pytest.mark.parametrize("reason", ["acw", "RONA", "Missed", "RESERVED", "DEVICE"])
async def test_nobody_asks_for_what_begins_by_itself(database: Database, reason: str) -> None:
    with pytest.raises(Refusal, match="begins and ends by itself"):
        await _pause(database, reason)


async def test_a_reason_that_nobody_set_is_refused_with_those_that_there_are(database: Database) -> None:
    with pytest.raises(Refusal, match=r"there is no pause reason 'nap': it is one of break, lunch, meeting, "):
        await _pause(database, "nap")
    assert await _wishes(database) == []


@pytest.mark.parametrize(
    ("word", "row", "kind"),
    [
        ("talking", {"paused": True, "pause_reason": "lunch"}, "withdraw_pause"),
        ("ringing", {"paused": True, "pause_reason": "lunch"}, "withdraw_pause"),
        ("wrapping_up", {"paused": True, "pause_reason": "ACW", "next_reason": "lunch"}, "withdraw_pause"),
        ("talking", {}, None),
        ("wrapping_up", {"paused": True, "pause_reason": "ACW"}, None),
        ("paused", {"paused": True, "pause_reason": "lunch"}, None),
    ],
)
async def test_a_pause_that_is_to_come_can_be_withdrawn_until_it_has_begun(
    database: Database, floor_says: Floor, word: str, row: dict[str, object], kind: str | None
) -> None:
    await floor_says(word, **row)
    async with database.transaction() as session:
        wish = await withdraw_pause(session, node=NODE, seat=SEAT, asked_by="amy", expiry_s=10)
        assert (wish.kind if wish else None) == kind


async def test_ready_means_what_the_state_lets_it_mean(database: Database, floor_says: Floor) -> None:
    for word, kind in (("talking", "withdraw_pause"), ("wrapping_up", "end_after_call_work"), ("paused", "unpause")):
        call = uuid4()
        await floor_says(word, paused=True, pause_reason="lunch", conversation_id=call)
        wish = await _unpause(database)
        assert wish is not None
        assert wish.kind == kind
        assert (wish.conversation_id == call) == (word == "wrapping_up")


async def test_a_wish_wakes_the_outbox_and_the_pages(database: Database) -> None:
    async with (
        asyncio.timeout(10),
        database.listening("kefu_wishes") as outbox,
        database.listening("kefu_live") as pages,
    ):
        assert (await anext(outbox), await anext(pages)) == (None, None)
        await _pause(database)
        assert await anext(outbox) == NODE
        assert msgspec.json.decode(await anext(pages) or "", type=Live) == Live(NODE, [SEAT], [])


async def test_the_outcome_ends_after_call_work_once(
    database: Database, amy: Agent, floor_says: Floor, call_of: Call
) -> None:
    call = await call_of(amy)
    await floor_says("wrapping_up", paused=True, pause_reason="ACW", conversation_id=call)
    first, second = await asyncio.gather(_wrap_up(database, amy, call), _wrap_up(database, amy, call))
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert first.conversation_id == call
    async with database.reading() as session:
        saved = (await session.scalars(select(WrapUp))).one()
    assert (saved.outcome, saved.note) == ("solved", "谢谢")


async def test_an_outcome_saved_while_talking_ends_nothing_and_can_be_changed(
    database: Database, amy: Agent, floor_says: Floor, call_of: Call
) -> None:
    call = await call_of(amy)
    await floor_says("talking", conversation_id=call)
    assert await _wrap_up(database, amy, call) is None
    assert await _wrap_up(database, amy, call, "complaint") is None
    assert await _wishes(database) == []
    async with database.reading() as session:
        assert (await session.scalars(select(WrapUp.outcome))).all() == ["complaint"]


async def test_an_outcome_of_an_older_call_leaves_the_present_one_alone(
    database: Database, amy: Agent, floor_says: Floor, call_of: Call
) -> None:
    older, present = await call_of(amy), await call_of(amy)
    await floor_says("wrapping_up", paused=True, pause_reason="ACW", conversation_id=present)
    assert await _wrap_up(database, amy, older) is None


async def test_an_outcome_faster_than_the_confirmed_pause_still_ends_it(
    database: Database, amy: Agent, floor_says: Floor, call_of: Call
) -> None:
    call = await call_of(amy)
    await floor_says("ready")
    async with database.transaction() as session:  # the bridge's own row, written with the end of the talk
        await wishes.ask(
            session,
            node=NODE,
            seat=SEAT,
            kind="pause",
            reason="ACW",
            asked_by="bridge",
            conversation_id=call,
            expiry_s=10,
        )
    assert await _wrap_up(database, amy, call) is not None
    assert [kind for kind, _, _ in await _wishes(database)] == ["pause", "end_after_call_work"]


async def test_a_strangers_call_and_an_unknown_outcome_are_refused(
    database: Database, amy: Agent, call_of: Call
) -> None:
    async with database.reading() as session:
        ben = await agents.find(session, "ben")
    assert ben is not None
    with pytest.raises(Refusal, match="this call was not yours"):
        await _wrap_up(database, ben, await call_of(amy))
    with pytest.raises(Refusal, match="this call was not yours"):
        await _wrap_up(database, amy, uuid4())
    with pytest.raises(Refusal, match="outcome 'great' is unknown: it is one of solved, "):
        await _wrap_up(database, amy, await call_of(amy), "great")


async def test_settled_tells_the_end_of_a_wish(database: Database) -> None:
    wish = await _pause(database)
    assert wish is not None
    async with database.reading() as session:
        assert await wishes.settled(session, wish.id) is None
    await _settle(database)
    async with database.reading() as session:
        assert await wishes.settled(session, wish.id) == ("confirmed", None)


@pytest.mark.parametrize(
    ("kind", "state", "late_s", "over"),
    [
        ("pause", "sent", 0, False),
        ("pause", "sent", 3, True),
        ("dial", "sent", 28, False),  # the phone rings still
        ("dial", "sent", 33, True),
        ("dial", "wanted", 3, True),
    ],
)
async def test_a_wish_that_nobody_settles_is_called_expired_when_it_cannot_come_true(
    database: Database, kind: str, state: str, late_s: float, over: bool
) -> None:
    expired = datetime.now(UTC) - timedelta(seconds=late_s)
    wish = PbxRequest(node=NODE, seat=SEAT, kind=kind, state=state, asked_by="amy", expires_at=expired)
    async with database.transaction() as session:
        session.add(wish)
    async with database.reading() as session:
        assert await wishes.settled(session, wish.id) == (("expired", "no bridge has answered") if over else None)
