"""Hints to browsers: who is told what, how often, and that no stream holds the database or outlives its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from zoneinfo import ZoneInfo

import pytest
from fastapi.sse import ServerSentEvent
from forged_floor import NODE, ForgedFloor
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crm.cancelling import cancelled
from crm.database import Database
from crm.wallboard import Wallboard
from crm.web import live as live_room
from crm.web.live import FLOOR, Live, Seat

SEAT = "PJSIP/1001"


class Listener:
    """One stream, read into a list."""

    def __init__(self, live: Live, seat: Seat, gap_s: float = 0.0) -> None:
        self.heard: list[str] = []
        self._arrived = asyncio.Event()
        self._task = asyncio.create_task(self._read(live.events(seat, gap_s=gap_s)))

    async def _read(self, events: AsyncIterator[ServerSentEvent]) -> None:
        async with aclosing(events) as stream:  # type: ignore[type-var]
            async for event in stream:
                self.heard.append(str(event.event))
                self._arrived.set()

    async def until(self, *events: str) -> None:
        """Wait until exactly these were heard."""
        async with asyncio.timeout(5):
            while self.heard != list(events):
                self._arrived.clear()
                await self._arrived.wait()

    async def close(self) -> None:
        """The browser hangs up."""
        await cancelled(self._task)

    async def over(self) -> None:
        """Wait until the server has ended the stream."""
        async with asyncio.timeout(5):
            await self._task


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Live]:
    """Streams with a heartbeat that no test waits for, and LISTEN running."""
    room = Live(database, heartbeat_s=60)
    tasks = [asyncio.create_task(room.listen()), asyncio.create_task(room.watch_sight())]
    yield room
    room.end()
    for task in tasks:
        await cancelled(task)


async def open_stream(live: Live, seat: Seat) -> Listener:
    """A stream past its greeting; LISTEN's own first look is awaited too."""
    listener = Listener(live, seat)
    await listener.until("beat", "look")
    return listener


@pytest.fixture
def told(database_url: str, live: Live) -> ForgedFloor:
    """The floor, whose hints reach `live`."""
    return ForgedFloor(database_url)


async def listening(live: Live, told: ForgedFloor) -> None:
    """Wait until LISTEN stands."""
    probe = Listener(live, ("probe", "probe"))
    async with asyncio.timeout(5):
        while probe.heard.count("look") < 2:
            told.do(('SELECT pg_notify(\'kefu_live\', \'{"node": "probe", "seats": ["probe"]}\')', {}))
            await asyncio.sleep(0.02)
    await probe.close()


async def test_only_the_hinted_seat_and_the_floor_are_told(live: Live, told: ForgedFloor) -> None:
    await listening(live, told)
    mine, other, floor = [await open_stream(live, seat) for seat in ((NODE, SEAT), (NODE, "PJSIP/2"), FLOOR)]
    told.posture(SEAT, "ready")
    await mine.until("beat", "look", "look")
    await floor.until("beat", "look", "look")
    assert other.heard == ["beat", "look"]
    for listener in (mine, other, floor):
        await listener.close()
    assert live.open_streams == 0


@pytest.mark.parametrize(
    ("hint", "seats_told"),
    [
        (None, {"a", "b", "c"}),
        ('{"node": "n1", "seats": ["a"], "queues": []}', {"a"}),
        ('{"node": "n1", "seats": [], "queues": ["support"]}', set()),
        ('{"node": "n1", "seats": [], "queues": []}', set()),
        ('{"node": "n1"}', set()),
        ('{"node": "n1", "all": true}', {"a", "b"}),
        ('{"node": "n3", "seats": ["a"]}', set()),
        ("rubbish", {"a", "b", "c"}),
        ('{"node": 7}', {"a", "b", "c"}),
        ("[]", {"a", "b", "c"}),
    ],
)
async def test_whom_a_hint_concerns(database: Database, hint: str | None, seats_told: set[str]) -> None:
    live = Live(database, heartbeat_s=60)
    streams = {name: await open_stream(live, (node, name)) for node, name in (("n1", "a"), ("n1", "b"), ("n2", "c"))}
    live.pass_on(hint)
    await asyncio.sleep(0.01)
    assert {name for name, stream in streams.items() if len(stream.heard) > 2} == seats_told
    for stream in streams.values():
        await stream.close()


@given(hint=st.text(max_size=200) | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(str))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_no_hint_breaks_the_fan_out(database_url: str, hint: str) -> None:
    Live(Database(database_url), heartbeat_s=60).pass_on(hint)


async def test_a_burst_is_one_look_more(database: Database) -> None:
    live = Live(database, heartbeat_s=60)
    listener = await open_stream(live, (NODE, SEAT))
    for _ in range(1000):
        live.pass_on(None)
    await listener.until("beat", "look", "look")
    await asyncio.sleep(0.05)
    assert listener.heard == ["beat", "look", "look"]
    await listener.close()


async def test_an_idle_stream_beats_and_looks_now_and_then(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_room, "NET_S", 0.05)
    live = Live(database, heartbeat_s=0.03)
    listener = Listener(live, (NODE, SEAT))
    await listener.until("beat", "look", "beat", "look")
    await listener.close()


async def test_a_stream_dies_of_old_age_and_of_its_server(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    live = Live(database, heartbeat_s=60)
    waiting = await open_stream(live, (NODE, SEAT))
    live.end()
    await waiting.over()
    assert waiting.heard == ["beat", "look", "again"]
    late = Listener(live, (NODE, SEAT))
    await late.over()
    assert live.open_streams == 0
    monkeypatch.setattr(live_room, "LIFETIME_S", 0.05)
    old = Listener(Live(database, heartbeat_s=0.02), (NODE, SEAT))
    await old.over()
    assert old.heard[-1] == "again"


async def test_open_streams_hold_no_transaction(live: Live, told: ForgedFloor) -> None:
    listeners = [await open_stream(live, (NODE, f"PJSIP/{number}")) for number in range(20)]
    held = told.rows("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%%' AND pid <> pg_backend_pid()")
    assert held == [(0,)]
    for listener in listeners:
        await listener.close()


async def test_a_node_falling_silent_is_told_without_a_hint(
    live: Live, told: ForgedFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_room, "SIGHT_CHECK_S", 0.05)
    told.see()
    await listening(live, told)
    listener = await open_stream(live, (NODE, SEAT))
    await listener.until("beat", "look", "look")  # the first check
    told.fall_silent()
    await listener.until("beat", "look", "look", "look")
    await listener.close()


async def test_a_hundred_wallboards_read_once_and_a_hint_is_never_missed(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = ForgedFloor(database_url)
    wallboard = Wallboard(database, ZoneInfo("Asia/Shanghai"))
    reads = 0
    read = wallboard._read

    async def counted() -> object:
        nonlocal reads
        reads += 1
        return await read()

    monkeypatch.setattr(wallboard, "_read", counted)
    await asyncio.gather(*(wallboard.board() for _ in range(100)))
    assert reads == 1
    floor.ring(SEAT)
    wallboard.changed()
    boards = await asyncio.gather(*(wallboard.board() for _ in range(100)))
    assert reads == 2
    assert [queue.waiting for queue in boards[0].queues] == [1]
