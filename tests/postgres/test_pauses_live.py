"""A pause asked for in a call, a call that was not taken: what the bridge tells Asterisk, and what is kept of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from forged_asterisk import ForgedAsterisk, Session
from forged_call import ForgedCall, listed_member, member
from ledger_rows import seen
from test_outbox import ask, bridging, ready, settled

# No phone speaks here, so that nothing says between its answer and the talk what the seat does.
STEPS = "SELECT word, reason, next_reason, actor FROM posture_change WHERE reason IS NOT NULL ORDER BY at, word"


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), listed_member()]
        yield forged


def told(action: dict[str, str]) -> tuple[str, str | None]:
    return action["Paused"], action.get("Reason")


async def talking(peer: ForgedAsterisk) -> tuple[Session, ForgedCall]:
    session = await ready(peer)
    call = ForgedCall(session)
    for step in (call.arrive, call.join, call.ring, call.answer):
        step()
    return session, call


async def test_a_pause_asked_for_in_a_call_follows_the_work_after_it(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer):
        session, call = await talking(peer)
        wish = await ask(database_url, "pause", reason="lunch")
        assert told((await peer.action("QueuePause"))[1]) == ("true", "lunch")
        member(session, paused=True, reason="lunch")
        assert (await settled(database_url, wish))[0] == "confirmed"
        await seen(database_url, "SELECT word, pause_reason FROM posture", [("talking", "lunch")])
        call.complete()
        assert told((await peer.action("QueuePause"))[1]) == ("true", "ACW>lunch")
        member(session, paused=True, reason="ACW>lunch")
        call.end()
        query = "SELECT word, pause_reason, next_reason FROM posture"
        await seen(database_url, query, [("wrapping_up", "ACW", "lunch")])
        late = await ask(database_url, "end_after_call_work")
        assert told((await peer.action("QueuePause"))[1]) == ("true", "lunch")
        member(session, paused=True, reason="lunch")
        assert (await settled(database_url, late))[0] == "confirmed"
        await seen(database_url, query, [("paused", "lunch", None)])
        again = await ask(database_url, "end_after_call_work")
        assert await settled(database_url, again) == ("confirmed", "it was so already"), "lunch is not ended by it"
        expected = [
            ("talking", "lunch", None, "amy"),
            ("talking", "ACW", "lunch", "bridge"),
            ("wrapping_up", "ACW", "lunch", "bridge"),
            ("paused", "lunch", None, "amy"),
        ]
        await seen(database_url, STEPS, expected, 5)


async def test_a_pause_still_under_way_as_the_call_ends_is_not_forgotten(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, peer):
        _, call = await talking(peer)
        await ask(database_url, "pause", reason="lunch")
        assert told((await peer.action("QueuePause"))[1]) == ("true", "lunch")
        call.complete()
        assert told((await peer.action("QueuePause"))[1]) == ("true", "ACW>lunch")
        await ask(database_url, "withdraw_pause")
        assert told((await peer.action("QueuePause"))[1]) == ("true", "ACW")
        await ask(database_url, "pause", reason="meeting")
        assert told((await peer.action("QueuePause"))[1]) == ("true", "ACW>meeting")


def missed(session: Session, number: int) -> None:
    call = ForgedCall(session)
    for step in (call.arrive, call.join, call.ring):
        step()
    call._say("AgentRingNoAnswer", *call._both(), "RingTime: 15000", privilege="agent,all")


async def test_a_missed_call_rests_the_seat_at_once_and_the_third_sends_it_away_also_after_a_restart(
    peer: ForgedAsterisk, database_url: str
) -> None:
    brief: dict[str, Any] = {"missed_call_rest_seconds": 0.2, "missed_calls_away_seconds": 0.2}
    for number, reason in ((0, "MISSED"), (1, "MISSED"), (2, "RONA")):
        async with bridging(database_url, peer, **brief):
            session = await ready(peer)
            missed(session, number)
            assert told((await peer.action("QueuePause", 2))[1]) == ("true", reason)
            member(session, paused=True, reason=reason)
            await seen(database_url, "SELECT word, pause_reason FROM posture", [("paused", reason)])
            assert told((await peer.action("QueuePause", 5))[1]) == ("false", None), "it comes back by itself"
            member(session)
            await seen(database_url, "SELECT word FROM posture", [("ready",)])
    query = "SELECT kind, reason, asked_by, state FROM pbx_request WHERE reason = 'RONA' ORDER BY wanted_at"
    await seen(
        database_url, query, [("pause", "RONA", "bridge", "confirmed"), ("unpause", "RONA", "time", "confirmed")]
    )


async def test_whom_a_rest_would_disturb_is_left_alone(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, peer):
        session = await ready(peer)
        await ask(database_url, "pause", reason="lunch")
        await peer.action("QueuePause")  # not confirmed yet
        missed(session, 0)
        await seen(database_url, "SELECT outcome FROM offer", [("no_answer",)])
        assert [told(action) for action in peer.actions if action["Action"] == "QueuePause"] == [("true", "lunch")]
