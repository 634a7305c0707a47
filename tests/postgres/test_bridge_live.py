"""The whole bridge between a forged Asterisk and a real Postgres: what each cut leaves in the rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from cable import Cable
from forged_asterisk import ForgedAsterisk, until
from forged_call import ForgedCall, listed_member, member

from ami_bridge.bridge import Bridge
from crm.database import Database
from crm.settings import Settings, read_settings

SEAT = "PJSIP/201"


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), listed_member()]
        yield forged


class Life:
    """One running bridge."""

    def __init__(self, bridge: Bridge, stopping: asyncio.Event, task: asyncio.Task[None], said: list[str]) -> None:
        self.bridge, self.stopping, self.task, self.said = bridge, stopping, task, said

    async def stop(self) -> None:
        self.stopping.set()
        await asyncio.wait_for(self.task, 15)


def settings_for(peer: ForgedAsterisk, **more: Any) -> Settings:
    found = {"ami_port": peer.port, "ami_username": "kefu_reader", "ami_secret": "right", **more}
    return read_settings(ami_ping_seconds=0.2, ami_ping_deadline_seconds=1, **found)


@asynccontextmanager
async def bridging(url: str, settings: Settings) -> AsyncIterator[Life]:
    database = Database(url, application_name="bridge")
    said: list[str] = []
    stopping = asyncio.Event()
    bridge = Bridge(settings, database, said.append)
    life = Life(bridge, stopping, asyncio.ensure_future(bridge.run(stopping)), said)
    try:
        yield life
        if not life.task.done():
            await life.stop()
    finally:
        life.task.cancel()
        await asyncio.gather(life.task, return_exceptions=True)
        await database.close()


async def kill(life: Life) -> None:
    """End it as kill -9 would: nothing more is written, the lease stays taken."""
    writer = life.bridge.writer
    assert writer is not None
    writer._commit = asyncio.Event().wait  # type: ignore[assignment]
    life.task.cancel()
    await asyncio.gather(life.task, return_exceptions=True)


def rows(url: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query, parameters).fetchall()


async def seen(url: str, query: str, expected: list[tuple[Any, ...]], deadline_s: float = 30.0) -> None:
    """Until the query yields `expected`."""
    found: list[tuple[Any, ...]] = []
    try:
        async with asyncio.timeout(deadline_s):
            while (found := await asyncio.to_thread(rows, url, query)) != expected:  # noqa: ASYNC110 - rows give no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        assert found == expected


async def free_lease(url: str) -> None:
    rows_changed = "UPDATE node SET lease_until = clock_timestamp() RETURNING name"
    await asyncio.to_thread(rows, url, rows_changed)


async def looked(peer: ForgedAsterisk) -> None:
    """The bridge has asked what is there."""
    await peer.action("DeviceStateList")


async def test_a_call_becomes_rows_step_by_step(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, settings_for(peer)):
        session = await peer.session()
        await looked(peer)
        call = ForgedCall(session)
        call.arrive()
        call.join()
        await seen(database_url, "SELECT queue, left_at IS NULL FROM wait", [("support", True)])
        call.ring()
        await seen(database_url, "SELECT word FROM posture", [("ringing",)])
        await seen(database_url, "SELECT seat, taken_at IS NULL FROM pop", [(SEAT, True)])
        call.answer()
        await seen(database_url, "SELECT word FROM posture", [("talking",)])
        call.complete()
        call.end()
        await seen(
            database_url,
            "SELECT caller, caller_name, outcome, ended_by FROM conversation",
            [("13800138000", "王", "answered", "agent")],
        )
        await seen(database_url, "SELECT outcome FROM offer", [("answered",)])
        await seen(database_url, "SELECT ended_at IS NOT NULL FROM segment", [(True,)])
        await seen(database_url, "SELECT ending FROM pop", [("call_ended",)])


async def test_the_after_call_work_pause_leaves_at_once_and_is_confirmed_by_the_event(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, settings_for(peer)):
        session = await peer.session()
        await looked(peer)
        call = ForgedCall(session)
        call.whole()
        _, pause = await peer.action("QueuePause")
        assert (pause["Interface"], pause["Paused"], pause["Reason"]) == (SEAT, "true", "ACW")
        wishes = "SELECT kind, seat, reason, asked_by, state FROM pbx_request"
        await seen(database_url, wishes, [("pause", SEAT, "ACW", "bridge", "sent")])
        member(session, paused=True, reason="ACW")
        await seen(database_url, wishes, [("pause", SEAT, "ACW", "bridge", "confirmed")])
        await seen(database_url, "SELECT word, conversation_id IS NOT NULL FROM posture", [("wrapping_up", True)])


async def test_the_reflex_leaves_while_postgres_is_stalled_and_all_is_written_afterwards(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with Cable(database_url) as cable, bridging(cable.url, settings_for(peer)) as life:
        session = await peer.session()
        await looked(peer)
        await until(lambda: life.bridge.writer and life.bridge.writer.batches)
        cable.stall()
        for number in range(20):
            call = ForgedCall(session, seat=f"PJSIP/{200 + number}")
            call.whole()
            _, pause = await peer.action("QueuePause", deadline_s=1)
            assert pause["Interface"] == call.seat
        assert life.bridge.reader.connected
        assert rows(database_url, "SELECT count(*) FROM conversation") == [(0,)]
        cable.flow()
        await seen(database_url, "SELECT outcome, count(*) FROM conversation GROUP BY 1", [("answered", 20)])
        await seen(database_url, "SELECT state, count(*) FROM pbx_request GROUP BY 1", [("sent", 20)])


async def test_postgres_gone_in_the_middle_is_told_and_everything_is_written_when_it_is_back(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with Cable(database_url) as cable, bridging(cable.url, settings_for(peer)) as life:
        session = await peer.session()
        await looked(peer)
        await cable.cut()
        ForgedCall(session).whole()
        await peer.action("QueuePause")
        await until(lambda: life.bridge.not_ready())
        assert "Postgres" in life.said[0]
        await cable.mend()
        await seen(database_url, "SELECT outcome FROM conversation", [("answered",)], 15)
        assert life.bridge.not_ready() is None


async def test_postgres_away_at_the_start_is_waited_for(peer: ForgedAsterisk, database_url: str) -> None:
    async with Cable(database_url) as cable:
        url = cable.url
        await cable.cut()
        async with bridging(url, settings_for(peer)) as life:
            await until(lambda: life.said)
            assert "does not answer" in life.said[0]
            assert "database_url" in life.said[0]
            assert peer.sessions.empty(), "it may not look before it may write"
            await cable.mend()
            await peer.session()
            await seen(database_url, "SELECT heard_at IS NOT NULL, lost_at FROM node", [(True, None)])
            assert len(life.said) == 1


async def test_sight_is_fresh_each_second_and_marked_when_lost(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, settings_for(peer)):
        await peer.session()
        await seen(database_url, "SELECT heard_at > clock_timestamp() - interval '2 s' FROM node", [(True,)])
        ((first,),) = rows(database_url, "SELECT heard_at FROM node")
        await until(lambda: rows(database_url, "SELECT heard_at FROM node")[0][0] > first)
        await peer.close_door()
        await seen(database_url, "SELECT lost_at IS NOT NULL FROM node", [(True,)])
        await peer.open_door()
        await seen(database_url, "SELECT lost_at IS NULL FROM node", [(True,)])


async def test_a_clean_stop_writes_all_that_was_heard_and_lets_the_lease_go(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, settings_for(peer, write_linger_ms=60000)) as life:
        session = await peer.session()
        await looked(peer)
        ForgedCall(session).arrive()
        await until(lambda: life.bridge.watch.messages > 3)
        await life.stop()
    assert rows(database_url, "SELECT caller FROM conversation") == [("13800138000",)]
    assert rows(database_url, "SELECT lease_until <= clock_timestamp(), lost_at IS NOT NULL FROM node") == [
        (True, True)
    ]


@pytest.mark.parametrize("turns", range(4))
async def test_told_to_stop_just_as_something_wakes_it_the_bridge_stops(
    peer: ForgedAsterisk, database_url: str, turns: int
) -> None:
    async with bridging(database_url, settings_for(peer)) as life:
        await peer.session()
        await looked(peer)
        assert life.bridge.outbox is not None
        assert life.bridge.promises is not None
        life.bridge.outbox._claims.woken.set()
        life.bridge.promises._woken.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        begun = asyncio.get_running_loop().time()
        await life.stop()
        assert asyncio.get_running_loop().time() - begun < 10


async def test_what_a_killed_bridge_left_open_is_ended_by_the_next_ones_look(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, settings_for(peer)) as life:
        session = await peer.session()
        await looked(peer)
        call = ForgedCall(session)
        for step in (call.arrive, call.join, call.ring, call.answer):
            step()
        await seen(database_url, "SELECT word FROM posture", [("talking",)])
        await kill(life)
    await free_lease(database_url)
    async with bridging(database_url, settings_for(peer)):
        await peer.session()
        await seen(database_url, "SELECT count(*) FROM conversation WHERE ended_at IS NULL", [(0,)], 10)
        await seen(database_url, "SELECT count(*) FROM segment WHERE ended_at IS NULL", [(0,)])
        await seen(database_url, "SELECT count(*) FROM pop WHERE taken_at IS NULL", [(0,)])
        await seen(database_url, "SELECT word = 'talking' FROM posture", [(False,)])
        assert rows(database_url, "SELECT ended_by FROM conversation") == [("unknown",)]


async def test_a_call_that_goes_on_over_the_bridges_death_stays_one_conversation(
    peer: ForgedAsterisk, database_url: str
) -> None:
    async with bridging(database_url, settings_for(peer)) as life:
        session = await peer.session()
        await looked(peer)
        call = ForgedCall(session)
        for step in (call.arrive, call.join, call.ring, call.answer):
            step()
        await seen(database_url, "SELECT word FROM posture", [("talking",)])
        await kill(life)
    await free_lease(database_url)
    bridge = f"BridgeId: 7f{call.number:04}"
    peer.rows["CoreShowChannels"] = [
        ("Event: CoreShowChannel", *call._trunk(), bridge, "Duration: 00:00:05", "Application: Queue"),
        ("Event: CoreShowChannel", *call._phone(""), bridge, "Duration: 00:00:04", "Application: AppQueue"),
    ]
    async with bridging(database_url, settings_for(peer)):
        session = await peer.session()
        await looked(peer)
        await asyncio.sleep(0.1)
        call.session = session
        call.complete()
        call.end()
        query = "SELECT outcome, ended_by, count(*) FROM conversation GROUP BY 1, 2"
        await seen(database_url, query, [("answered", "agent", 1)], 10)
        assert rows(database_url, "SELECT count(*), count(ended_at) FROM segment") == [(1, 1)]


async def test_a_missing_class_is_named(
    peer: ForgedAsterisk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_bridge.rights.GRACE_S", 0.2)
    async with bridging(database_url, settings_for(peer)) as life:
        session = await peer.session()
        await looked(peer)
        session.event("DeviceStateChange", f"Device: {SEAT}", "State: INUSE")
        await until(lambda: life.said)
        assert "class agent" in life.said[0]
        assert "read= of that user in manager.conf" in life.said[0]
        assert "agent" in str(life.bridge.not_ready())


async def test_a_refused_look_names_the_right_it_needs(peer: ForgedAsterisk, database_url: str) -> None:
    peer.refusals["CoreShowChannels"] = "Permission denied"
    async with bridging(database_url, settings_for(peer)) as life:
        await until(lambda: life.said)
        assert "CoreShowChannels" in life.said[0]
        assert "reporting" in life.said[0]


async def test_reading_pauses_when_too_much_waits_to_be_written_and_goes_on_afterwards(
    peer: ForgedAsterisk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ami_bridge.mirror.BACKLOG_AT_MOST", 20_000)
    async with Cable(database_url) as cable, bridging(cable.url, settings_for(peer)) as life:
        session = await peer.session()
        await looked(peer)
        cable.stall()
        for _ in range(50):
            ForgedCall(session).whole()
        await until(lambda: life.bridge.reader._paused)
        cable.flow()
        await seen(database_url, "SELECT count(*) FROM conversation WHERE outcome = 'answered'", [(50,)], 10)
        await until(lambda: not life.bridge.reader._paused)


async def test_a_reload_of_the_queues_is_looked_at_within_a_second(peer: ForgedAsterisk, database_url: str) -> None:
    async with bridging(database_url, settings_for(peer)):
        session = await peer.session()
        await looked(peer)
        await seen(database_url, "SELECT seat FROM membership WHERE left_at IS NULL", [(SEAT,)])
        session.event("Reload", "Module: res_musiconhold", "Status: 0", privilege="system,all")
        await asyncio.sleep(1.2)
        assert peer.heard("QueueStatus").qsize() == 1, "music changes no queue"
        peer.rows["QueueStatus"].append(listed_member("PJSIP/202"))
        for module in ("app_queue.so", "manager"):
            session.event("Reload", f"Module: {module}", "Status: 0", privilege="system,all")
        members = "SELECT seat FROM membership WHERE left_at IS NULL ORDER BY 1"
        await seen(database_url, members, [(SEAT,), ("PJSIP/202",)], 5)
        assert peer.heard("QueueStatus").qsize() == 2, "one look for both"


async def test_asterisk_11_is_told_in_one_sentence_and_not_taken_for_a_quiet_day(
    peer: ForgedAsterisk, database_url: str
) -> None:
    peer.banner = b"Asterisk Call Manager/1.3\r\n"
    async with bridging(database_url, settings_for(peer)) as life:
        session = await peer.session()
        await until(lambda: life.said)
        assert "AMI 1.3" in life.said[0]
        assert "needs Asterisk 16 or newer" in life.said[0]
        assert life.bridge.not_ready() == life.said[0]
        session.event("Join", "Queue: support", "Uniqueid: 1.1")
        await seen(database_url, "SELECT sum(unreadable)::int FROM journal", [(2,)])
        assert life.bridge.facts()["unknown_events"] == 1
        assert life.bridge.reader.connected
