"""What ends by time alone: one wish, once, and none while somebody's own wish is under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from crm import pauses, queues
from crm.database import Database
from crm.deeds.after_call import extend_after_call_work
from crm.deeds.ask_for_pause import ask_for_pause
from crm.deeds.end_by_time import end_by_time
from crm.refusals import Refusal
from crm.rules.ring_no_answer import Policy
from crm.tables.agents import Agent
from crm.tables.nodes import Node
from crm.tables.postures import Posture, PostureChange
from crm.tables.requests import PbxRequest

NODE, SEAT = "asterisk1", "PJSIP/101"
Call = Callable[[Agent], Awaitable[UUID]]


async def stands(database: Database, word: str, ago_s: float, **more: object) -> None:
    """The seat has stood so for a while, on a node whose bridge has the fence 1."""
    since = datetime.now(UTC) - timedelta(seconds=ago_s)
    async with database.transaction() as session:
        await session.merge(Node(name=NODE, fence=1))
        await session.merge(Posture(node=NODE, seat=SEAT, word=word, since=since, paused=True, **more))


async def passes(database: Database, fence: int = 1) -> list[tuple[str, str | None]]:
    """What one look writes; the wishes as (kind, reason)."""
    async with database.transaction() as session:
        await end_by_time(session, node=NODE, fence=fence, policy=Policy(), expiry_s=10)
    async with database.reading() as session:
        rows = await session.scalars(select(PbxRequest).where(PbxRequest.asked_by == "time"))
        return [(row.kind, row.reason) for row in rows]


@pytest.mark.parametrize(
    ("reason", "ago_s", "due"),
    [
        *(("RONA", 110, False), ("RONA", 121, True), ("MISSED", 1, False), ("MISSED", 6, True)),
        *(("break", 601, True), ("break", 580, False), ("RESERVED", 61, True), ("DEVICE", 9999, False)),
    ],
)
async def test_a_pause_ends_by_itself_once(database: Database, reason: str, ago_s: float, due: bool) -> None:
    async with database.transaction() as session:
        await pauses.define(session, "break", auto_end_min=10)
    await stands(database, "paused", ago_s, pause_reason=reason)
    expected = [("unpause", reason)] if due else []
    assert await passes(database, fence=2) == [], "another bridge has the node"
    assert await passes(database) == expected
    assert await passes(database) == expected, "also after a kill between the two"


async def test_nobody_elses_wish_is_crossed(database: Database) -> None:
    await stands(database, "paused", 9999, pause_reason="RONA")
    async with database.transaction() as session:
        await ask_for_pause(session, node=NODE, seat=SEAT, reason="lunch", asked_by="amy", expiry_s=10)
    assert await passes(database) == []


async def test_after_call_work_ends_at_the_limit_of_the_queue_and_an_extension_moves_it(
    database: Database, amy: Agent, call_of: Call
) -> None:
    call = await call_of(amy)
    async with database.transaction() as session:
        await session.execute(text("UPDATE segment SET queue = 'support'"))
    await stands(database, "wrapping_up", 50, pause_reason="ACW", conversation_id=call)
    assert await passes(database) == [], "a queue without a limit"
    async with database.transaction() as session:
        await queues.define(session, "support", acw_limit_s=30)
        said = {"agent_id": amy.id, "node": NODE, "seat": SEAT}
        with pytest.raises(Refusal, match="reason 'fun' of an extension is unknown: it is one of notes, "):
            await extend_after_call_work(session, **said, extra_s=60, reason="fun")
        with pytest.raises(Refusal, match="at most 900 s"):
            await extend_after_call_work(session, **said, extra_s=901, reason="notes")
        assert await extend_after_call_work(session, **said, extra_s=60, reason="notes") == 60
    assert await passes(database) == []
    await stands(database, "wrapping_up", 91, pause_reason="ACW", conversation_id=call)
    assert await passes(database) == [("end_after_call_work", None)]
    assert await passes(database) == [("end_after_call_work", None)]


async def test_only_who_wraps_up_can_need_longer(database: Database, amy: Agent) -> None:
    await stands(database, "paused", 5, pause_reason="lunch")
    async with database.transaction() as session:
        with pytest.raises(Refusal, match="no after-call work is going on at PJSIP/101"):
            await extend_after_call_work(session, agent_id=amy.id, node=NODE, seat=SEAT, extra_s=60, reason="notes")


async def test_what_was_used_of_a_budget_is_counted_from_what_was_seen(database: Database, amy: Agent) -> None:
    now = datetime.now(UTC)
    steps = [(600, "ready", None), (500, "paused", "break"), (400, "ringing", None), (300, "paused", "break")]
    steps += [(240, "paused", "lunch"), (60, "ready", None), (20, "paused", "break")]
    said = {"node": NODE, "seat": SEAT, "agent_id": amy.id, "cause": "wish", "actor": "amy", "event": "MemberState"}
    async with database.transaction() as session:
        for ago_s, word, reason in steps:
            session.add(PostureChange(at=now - timedelta(seconds=ago_s), word=word, reason=reason, **said))
    async with database.reading() as session:
        found = {each.name: each for each in await pauses.budgets(session, amy.id, now - timedelta(seconds=450))}
    assert found["break"].used_s == pytest.approx(50 + 60 + 20, abs=5)
    assert found["break"].left_s == pytest.approx(30 * 60 - 130, abs=5)
    assert found["lunch"].used_s == pytest.approx(180, abs=1)
    assert found["meeting"].left_s is None
    assert [found["lunch"].title(language) for language in ("en", "zh")] == ["Meal", "用餐"]
