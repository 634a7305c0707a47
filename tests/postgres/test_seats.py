"""A seat has one agent: who takes it over asks and tells, who leaves in a call leaves after it, none is held dead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from crm import agents
from crm.database import Database
from crm.deeds.ask_for_pause import ask_for_unpause, withdraw_pause
from crm.deeds.leave_by_time import leave_by_time
from crm.deeds.sign_in_to_seat import PhoneAway, SeatTaken, sign_in_to_seat
from crm.deeds.sign_out_of_seat import leave_after_the_call
from crm.refusals import Refusal
from crm.reports import agent_explained
from crm.tables.agents import Agent, SeatSession
from crm.tables.nodes import Node
from crm.tables.postures import Membership, PostureChange
from crm.tables.requests import PbxRequest

NODE, SEAT = "asterisk1", "PJSIP/101"
Floor = Callable[..., Awaitable[None]]


async def sit(database: Database, login: str, **insist: bool) -> None:
    async with database.transaction() as session:
        agent = await agents.find(session, login)
        assert agent is not None
        await sign_in_to_seat(session, agent_id=agent.id, node=NODE, seat=SEAT, expiry_s=10, **insist)


async def sitter(database: Database) -> str | None:
    async with database.reading() as session:
        found = await agents.session_at(session, NODE, SEAT)
        return (await session.get_one(Agent, found.agent_id)).login if found else None


async def wishes(database: Database) -> list[tuple[str, str | None]]:
    async with database.reading() as session:
        rows = await session.scalars(select(PbxRequest).order_by(PbxRequest.wanted_at, PbxRequest.id))
        return [(row.kind, row.queue or row.reason) for row in rows]


async def test_a_taken_seat_is_taken_over_by_who_insists_and_the_other_is_told(database: Database, amy: Agent) -> None:
    await sit(database, "amy")
    async with database.transaction() as session:
        session.add(Membership(node=NODE, queue="support", seat=SEAT, joined_at=datetime.now(UTC)))
    with pytest.raises(SeatTaken, match="is taken by Amy Carter"):
        await sit(database, "ben")
    assert await sitter(database) == "amy"
    await sit(database, "ben", take_over=True)
    assert await sitter(database) == "ben"
    async with database.reading() as session:
        ended = await agents.last_ended(session, amy.id)
    assert ended is not None
    assert (ended.ended_by, ended.ended_why) == ("ben", "taken_over")
    kinds = [kind for kind, queue in await wishes(database) if queue == "support"]
    assert kinds == ["add_member", "remove_member", "add_member"], "with the penalty and the pause of nobody"


@pytest.mark.parametrize("word", ["ringing", "talking"])
async def test_no_seat_is_taken_over_in_the_middle_of_a_call(
    database: Database, amy: Agent, floor_says: Floor, word: str
) -> None:
    await sit(database, "amy")
    await floor_says(word)
    with pytest.raises(Refusal, match="sign out after it"):
        await sit(database, "ben", take_over=True)
    assert await sitter(database) == "amy"


async def test_a_seat_without_its_phone_says_so_first(database: Database, amy: Agent, floor_says: Floor) -> None:
    await floor_says("offline", device_state="UNAVAILABLE")
    with pytest.raises(PhoneAway, match="the phone of seat PJSIP/101 is not there"):
        await sit(database, "amy", without_phone=False)
    await sit(database, "amy", without_phone=True)
    assert await sitter(database) == "amy"


async def leaves(database: Database, lease_s: float = 0, fence: int = 1) -> list[str]:
    async with database.transaction() as session:
        await session.merge(Node(name=NODE, fence=1))
        return await leave_by_time(session, node=NODE, fence=fence, lease_s=lease_s, expiry_s=10)


async def test_who_leaves_in_a_call_leaves_after_it_and_may_stay_after_all(
    database: Database, amy: Agent, floor_says: Floor
) -> None:
    await sit(database, "amy")
    said = {"asked_by": "amy", "expiry_s": 10.0}
    for stays in (True, False):
        await floor_says("talking")
        async with database.transaction() as session:
            assert await leave_after_the_call(session, agent_id=amy.id, **said) is not None  # type: ignore[arg-type]
        assert (await wishes(database))[-1] == ("pause", "LEAVING"), "no other call comes"
        assert await leaves(database) == []
        await floor_says("wrapping_up", paused=True, pause_reason="ACW", next_reason="LEAVING")
        assert await leaves(database) == []
        async with database.transaction() as session:
            if stays:
                await withdraw_pause(session, node=NODE, seat=SEAT, **said)  # type: ignore[arg-type]
            await ask_for_unpause(session, node=NODE, seat=SEAT, **said)  # type: ignore[arg-type]
        await floor_says("paused", paused=True, pause_reason="LEAVING")
        assert await leaves(database, fence=2) == []
        assert await leaves(database) == ([] if stays else ["amy"])
    assert await leaves(database) == []
    assert await sitter(database) is None


async def test_a_page_that_is_gone_does_not_hold_a_seat_for_ever(
    database: Database, amy: Agent, floor_says: Floor
) -> None:
    await sit(database, "amy")
    assert await leaves(database, lease_s=60) == [], "the command line has no page"
    async with database.transaction() as session:
        await agents.show_oneself(session, amy.id)
    assert await leaves(database, lease_s=60) == []
    async with database.transaction() as session:
        await session.execute(update(SeatSession).values(seen_at=datetime.now(UTC) - timedelta(seconds=61)))
    assert await leaves(database, lease_s=0) == []
    await floor_says("talking")
    assert await leaves(database, lease_s=60) == [], "never in the middle of a call"
    await floor_says("paused", paused=True, pause_reason="lunch")
    assert await leaves(database, lease_s=60) == ["amy"]
    async with database.reading() as session:
        ended = await agents.last_ended(session, amy.id)
    assert ended is not None
    assert (ended.ended_by, ended.ended_why) == ("time", "lease_over")


async def test_an_explanation_names_the_last_steps(database: Database, amy: Agent, floor_says: Floor) -> None:
    await sit(database, "amy")
    await floor_says("paused", paused=True, pause_reason="RONA")
    step = {"node": NODE, "seat": SEAT, "word": "paused", "reason": "RONA", "cause": "wish", "actor": "bridge"}
    async with database.transaction() as session:
        session.add(PostureChange(**step, event="MemberState", at=datetime.now(UTC)))
    async with database.reading() as session:
        told = await agent_explained.explain(session, "amy")
    assert [(each.word, each.reason, each.cause, each.actor) for each in told.steps] == [
        ("paused", "RONA", "wish", "bridge")
    ]
    assert told.untaken == []
    assert (told.state, told.pause_reason) == ("paused", "RONA")
