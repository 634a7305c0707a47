"""The bridge on a real Asterisk: simulated callers and seats, rows in Postgres, wishes confirmed by the queues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from floor_watch import Watch
from forged_asterisk import until

from ami_bridge.bridge import Bridge
from ami_bridge.changes import Change, PostureChanged
from crm import wishes
from crm.database import Database
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile
from crm.settings import read_settings

NODE = "asterisk1"
QUICK = {"__SANDBOX_RING_S": "0.4", "__SANDBOX_TALK_S": "1"}


@asynccontextmanager
async def bridging(url: str, sandbox: Sandbox, **more: Any) -> AsyncIterator[Bridge]:
    settings = read_settings(
        ami_port=sandbox.ami_port,
        ami_username=sandbox.reader.username,
        ami_secret=sandbox.reader.secret,
        ami_actor_username=sandbox.actor.username,
        ami_actor_secret=sandbox.actor.secret,
        **more,
    )
    database = Database(url, application_name="bridge")
    stopping = asyncio.Event()
    bridge = Bridge(settings, database, print)
    task = asyncio.ensure_future(bridge.run(stopping))
    try:
        await until(lambda: bridge.not_ready() is None and bridge.mirror and bridge.mirror._booted, 10)
        yield bridge
        stopping.set()
        await asyncio.wait_for(task, 15)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await database.close()


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


async def seen(url: str, query: str, expected: list[tuple[Any, ...]], deadline_s: float = 30.0) -> None:
    """Until the query yields `expected`."""
    found: list[tuple[Any, ...]] = []
    try:
        async with asyncio.timeout(deadline_s):
            while (found := await asyncio.to_thread(rows, url, query)) != expected:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        assert found == expected


async def wish(url: str, kind: str, seat: str, queue: str | None = None, reason: str | None = None) -> None:
    """Ask, and wait until Asterisk has confirmed."""
    database = Database(url, pool_size=1)
    async with database.transaction() as session:
        asked = await wishes.ask(
            session, node=NODE, seat=seat, kind=kind, asked_by="amy", expiry_s=5, queue=queue, reason=reason
        )
        query = f"SELECT state, why FROM pbx_request WHERE id = '{asked.id}'"  # noqa: S608 - our own uuid
    await database.close()
    await seen(url, query, [("confirmed", None)], 6)


@asynccontextmanager
async def seated(url: str, seat: str, queue: str = "reception") -> AsyncIterator[None]:
    await wish(url, "add_member", seat, queue)
    try:
        yield
    finally:
        await wish(url, "remove_member", seat, queue)


def words_shown(bridge: Bridge) -> list[str]:
    """Every posture that the floor ever shows from now on, one after another."""
    words: list[str] = []
    note = bridge.watch._note

    def listen(changes: Iterable[Change], now: float) -> None:
        changes = list(changes)
        words.extend(change.posture.word for change in changes if isinstance(change, PostureChanged))
        note(changes, now)

    bridge.watch._note = listen  # type: ignore[method-assign]
    return words


async def test_a_call_through_the_queue_becomes_rows_with_the_right_times(sandbox: Sandbox, database_url: str) -> None:
    seat = "Local/71@sandbox-agents/n"
    async with bridging(database_url, sandbox) as bridge, seated(database_url, seat):
        await seen(database_url, "SELECT word FROM posture", [("ready",)])
        began, words = time.time(), words_shown(bridge)
        sandbox.originate_local(CallFile(number="13800138000", name="王芳", variables=QUICK))
        await seen(database_url, "SELECT word FROM posture", [("ringing",)])
        await seen(database_url, "SELECT seat, taken_at IS NULL FROM pop", [(seat, True)])
        await seen(
            database_url,
            "SELECT caller, caller_name, dialled, direction, outcome, ended_by FROM conversation",
            [("13800138000", "王芳", "95000", "inbound", "answered", "agent")],
        )
        await seen(database_url, "SELECT queue, outcome FROM wait", [("reception", "answered")])
        await seen(database_url, "SELECT seat, queue, outcome FROM offer", [(seat, "reception", "answered")])
        await seen(database_url, "SELECT ending FROM pop", [("call_ended",)])
        ((ring_s, talk_s, started),) = rows(
            database_url,
            "SELECT extract(epoch FROM o.ended_at - o.started_at)::float, extract(epoch FROM s.ended_at - s.started_at)"
            "::float, extract(epoch FROM s.started_at)::float FROM offer o, segment s",
        )
        assert 0.3 < ring_s < 1.5
        assert 0.8 < talk_s < 2
        assert began < started < time.time()
        # The after-call work pause left at once, was confirmed by the queue, and the agent ends it.
        acw = "SELECT kind, reason, state FROM pbx_request WHERE asked_by = 'bridge'"
        await seen(database_url, acw, [("pause", "ACW", "confirmed")])
        await seen(database_url, "SELECT word FROM posture", [("wrapping_up",)])
        assert set(words[words.index("talking") :]) == {"talking", "wrapping_up"}, "not even for a moment ready"
        await wish(database_url, "unpause", seat)
        await seen(database_url, "SELECT word FROM posture", [("ready",)])
        assert bridge.watch.unreadable == bridge.watch.faults == bridge.watch.drift == 0
    assert rows(database_url, "SELECT count(*) FROM set_aside") == [(0,)]


async def test_an_abandoning_caller_and_a_pausing_agent(sandbox: Sandbox, database_url: str) -> None:
    seat = "Local/quiet-72@sandbox-agents/n"
    async with bridging(database_url, sandbox), seated(database_url, seat):
        sandbox.originate_local(CallFile(number="13800138001", stay_s=2.5))
        await seen(database_url, "SELECT word FROM posture", [("ringing",)])
        await wish(database_url, "pause", seat, reason="lunch")
        await seen(database_url, "SELECT outcome, ended_by FROM conversation", [("abandoned", "caller")])
        await seen(database_url, "SELECT outcome FROM wait", [("abandoned",)])
        await seen(database_url, "SELECT outcome FROM offer", [("caller_left",)])
        await seen(database_url, "SELECT word, pause_reason FROM posture", [("paused", "lunch")])


async def test_a_bridge_that_comes_late_finds_the_call_in_progress(sandbox: Sandbox, database_url: str) -> None:
    seat = "Local/73@sandbox-agents/n"
    async with bridging(database_url, sandbox):
        await wish(database_url, "add_member", seat, "reception")
    long = {"__SANDBOX_RING_S": "0.2", "__SANDBOX_TALK_S": "6"}
    with Watch(sandbox, "13800138002") as caller:
        sandbox.originate_local(CallFile(number="13800138002", variables=long))
        await asyncio.to_thread(caller.until, "AgentConnect")
    async with bridging(database_url, sandbox):
        await seen(database_url, "SELECT word FROM posture", [("talking",)])
        query = "SELECT caller, ended_at IS NULL, outcome FROM conversation"
        await seen(database_url, query, [("13800138002", True, None)])
        await seen(database_url, "SELECT outcome, ended_by FROM conversation", [("answered", "agent")])
        await wish(database_url, "remove_member", seat, "reception")


async def test_asterisk_killed_in_mid_call_leaves_nothing_open(sandbox: Sandbox, database_url: str) -> None:
    seat = "Local/74@sandbox-agents/n"
    async with bridging(database_url, sandbox):
        await wish(database_url, "add_member", seat, "reception")
        long = {"__SANDBOX_RING_S": "0.2", "__SANDBOX_TALK_S": "60"}
        sandbox.originate_local(CallFile(number="13800138003", variables=long))
        await seen(database_url, "SELECT word FROM posture", [("talking",)])
        await asyncio.to_thread(sandbox.restart, kill=True)
        await seen(database_url, "SELECT count(*) FROM conversation WHERE ended_at IS NULL", [(0,)], 20)
        ending = "SELECT ended_by, outcome, hangup_cause FROM conversation"
        await seen(database_url, ending, [("unknown", "lost_sight", None)])
        await seen(database_url, "SELECT count(*) FROM segment WHERE ended_at IS NULL", [(0,)])
        await seen(database_url, "SELECT lost_at IS NULL FROM node", [(True,)])
        await seen(database_url, "SELECT count(*) FROM posture WHERE word = 'talking'", [(0,)])
        # app_queue keeps dynamic members over a restart.
        with sandbox.ami(sandbox.actor) as actor:
            actor.ask({"Action": "QueueRemove", "Queue": "reception", "Interface": seat})


async def test_the_reader_needs_no_more_rights_than_it_has(sandbox: Sandbox, database_url: str) -> None:
    async with bridging(database_url, sandbox, ami_ping_seconds=0.5) as bridge:
        await asyncio.sleep(1.5)
        assert bridge.not_ready() is None
        assert bridge.reader.faults == 0
        assert rows(database_url, "SELECT asterisk_version IS NOT NULL, lost_at IS NULL FROM node") == [(True, True)]
