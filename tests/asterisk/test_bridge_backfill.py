"""Blind windows on a real Asterisk: what happens while AMI is cut, or the bridge dead, is in the ledger afterwards."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ami_cable import AmiCable
from bridge_process import BridgeProcess
from floor_watch import Watch, member
from forged_asterisk import until
from ledger_rows import rows, seen

from ami_bridge.bridge import Bridge
from crm.database import Database
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile
from crm.settings import read_settings

FILLED = "SELECT count(*) FROM blind_window WHERE backfilled_at IS NOT NULL AND calls_pending = 0"
STEPS = (
    "Set(CHANNEL(hangup_handler_push)=caller-hung-up,s,1)",
    "Answer()",
    "Gosub(join-queue,s,1(reception))",
    "Queue(reception,ct,,,2)",
    "Gosub(leave-queue,s,1(reception))",
    "Hangup(16)",
)
"""A queue that is left after two seconds."""


@asynccontextmanager
async def bridging(url: str, sandbox: Sandbox, port: int) -> AsyncIterator[Bridge]:
    settings = read_settings(
        ami_port=port,
        ami_username=sandbox.reader.username,
        ami_secret=sandbox.reader.secret,
        ami_actor_username=sandbox.actor.username,
        ami_actor_secret=sandbox.actor.secret,
        after_call_work=False,
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


@pytest.fixture
def short_queue(sandbox: Sandbox) -> None:
    for priority, step in enumerate(STEPS, 1):
        sandbox.cli(f'dialplan add extension "700,{priority},{step}" into from-trunk replace')


def ring(sandbox: Sandbox, number: str, talk_s: float = 1, **more: Any) -> None:
    variables = {"__SANDBOX_RING_S": "0.4", "__SANDBOX_TALK_S": f"{talk_s:g}"}
    sandbox.originate_local(CallFile(number=number, variables=variables, **more))


def play_unseen(sandbox: Sandbox) -> dict[str, tuple[float, float]]:
    """Callers who are answered, give up while a seat rings, wait too long, find nobody: number → wait and talk in s."""
    busy, quiet = "Local/82@sandbox-agents/n", "Local/quiet-83@sandbox-agents/n"
    truth: dict[str, tuple[float, float]] = {}
    with member(sandbox, "reception", busy, MemberName="Frolova K."), Watch(sandbox, "13800138011") as caller:
        ring(sandbox, "13800138011", talk_s=1, name="王芳")
        caller.until("QueueCallerJoin")
        joined = time.time()
        caller.until("AgentConnect")
        connected = time.time()
        caller.until("Hangup")
        truth["13800138011"] = (connected - joined, time.time() - connected)
    with member(sandbox, "reception", quiet), Watch(sandbox, "13800138012") as caller:
        ring(sandbox, "13800138012", stay_s=1.5)
        caller.until("QueueCallerJoin")
        joined = time.time()
        caller.until("QueueCallerAbandon")
        truth["13800138012"] = (time.time() - joined, 0.0)
    with member(sandbox, "reception", quiet, Paused="true"), Watch(sandbox, "13800138013") as caller:
        ring(sandbox, "13800138013", dialled="700")
        caller.until("QueueCallerJoin")
        joined = time.time()
        caller.until("QueueCallerLeave")
        truth["13800138013"] = (time.time() - joined, 0.0)
        caller.until("Hangup")
    return truth


UNSEEN = (
    "SELECT caller, c.outcome, c.ended_by, c.reconstructed, w.queue, w.outcome, w.reconstructed "
    "FROM conversation c JOIN wait w ON w.conversation_id = c.id WHERE caller BETWEEN '13800138011' AND '13800138013' "
    "ORDER BY caller"
)
AS_IT_WAS = [
    ("13800138011", "answered", "agent", True, "reception", "answered", True),
    ("13800138012", "abandoned", "caller", True, "reception", "abandoned", True),
    ("13800138013", "no_answer", "system", True, "reception", "timeout", True),
]


def assert_times(url: str, truth: dict[str, tuple[float, float]]) -> None:
    found = rows(
        url,
        "SELECT caller, extract(epoch FROM w.left_at - w.entered_at)::float, "
        "coalesce(extract(epoch FROM s.ended_at - s.started_at), 0)::float "
        "FROM conversation c JOIN wait w ON w.conversation_id = c.id LEFT JOIN segment s ON s.conversation_id = c.id "
        "WHERE caller BETWEEN '13800138011' AND '13800138013' ORDER BY caller",
    )
    assert len(found) == len(truth)
    for caller, wait_s, talk_s in found:
        assert (wait_s, talk_s) == (pytest.approx(truth[caller][0], abs=0.3), pytest.approx(truth[caller][1], abs=0.3))


def all_rows(url: str) -> list[Any]:
    tables = ("conversation", "wait", "offer", "segment", "transfer")
    return [rows(url, f"SELECT t::text FROM {name} t ORDER BY 1") for name in tables]  # noqa: S608 - our own names


async def test_what_happens_while_ami_is_cut_is_reconstructed(
    sandbox: Sandbox, database_url: str, short_queue: None
) -> None:
    seat = "Local/81@sandbox-agents/n"
    async with AmiCable(sandbox.ami_port) as cable, bridging(database_url, sandbox, cable.port) as bridge:
        with member(sandbox, "reception", seat):
            ring(sandbox, "13800138010", talk_s=4)
            await seen(database_url, "SELECT count(*) FROM segment", [(1,)])
            ((seen_from,),) = rows(database_url, "SELECT extract(epoch FROM started_at)::float FROM segment")
            await cable.cut()
        truth = await asyncio.to_thread(play_unseen, sandbox)
        with member(sandbox, "reception", seat), Watch(sandbox, "13800138014") as caller:
            ring(sandbox, "13800138014", talk_s=5)
            await asyncio.to_thread(caller.until, "AgentConnect")
            began_unseen = time.time()
            await cable.mend()
            await seen(database_url, FILLED, [(1,)], 40)
        assert rows(database_url, UNSEEN) == AS_IT_WAS
        assert_times(database_url, truth)
        # A call that was seen to begin, and ended unseen.
        ((outcome, ended_by, marked, began, talk_s),) = rows(
            database_url,
            "SELECT c.outcome, c.ended_by, c.reconstructed, extract(epoch FROM s.started_at)::float, "
            "extract(epoch FROM s.ended_at - s.started_at)::float "
            "FROM conversation c JOIN segment s ON s.conversation_id = c.id WHERE caller = '13800138010'",
        )
        assert (outcome, ended_by, marked, began) == ("answered", "agent", True, seen_from)
        assert talk_s == pytest.approx(4.5, abs=0.7)  # the agent's Wait(4) begins half a second after its Answer
        # A call that began unseen, and was seen to end.
        ((outcome, ended_by, wait, offer, began),) = rows(
            database_url,
            "SELECT c.outcome, c.ended_by, w.outcome, o.outcome, extract(epoch FROM s.started_at)::float "
            "FROM conversation c JOIN wait w ON w.conversation_id = c.id JOIN offer o ON o.conversation_id = c.id "
            "JOIN segment s ON s.conversation_id = c.id WHERE caller = '13800138014'",
        )
        assert (outcome, ended_by, wait, offer) == ("answered", "agent", "answered", "answered")
        assert began == pytest.approx(began_unseen, abs=0.3)
        offers = "SELECT seat, o.outcome FROM offer o JOIN conversation c ON c.id = conversation_id WHERE caller = '{}'"
        assert rows(database_url, offers.format("13800138012")) == [("Local/quiet-83@sandbox-agents/n", "caller_left")]
        assert rows(database_url, offers.format("13800138011")) == [("Local/82@sandbox-agents/n", "answered")]
        assert rows(database_url, "SELECT count(*) FROM conversation WHERE outcome = 'lost_sight'") == [(0,)]
        ((blind_s, why, written, trouble),) = rows(
            database_url,
            "SELECT extract(epoch FROM to_at - from_at)::float, why, rows_reconstructed, trouble FROM blind_window",
        )
        assert blind_s > 5
        assert "connection" in why
        assert written > 8
        assert trouble is None
        assert bridge.watch.faults == bridge.keeping.faults == 0  # type: ignore[union-attr]
        assert rows(database_url, "SELECT count(*) FROM correction WHERE drift") == [(0,)]
        before = all_rows(database_url)
        rows(database_url, "UPDATE blind_window SET backfilled_at = NULL RETURNING 1")
        bridge.keeping._read_for.clear()  # type: ignore[union-attr]
        await seen(database_url, FILLED, [(1,)], 20)
        assert all_rows(database_url) == before
        assert rows(database_url, "SELECT rows_reconstructed FROM blind_window") == [(written,)]


async def test_what_happens_while_the_bridge_is_dead_is_reconstructed(
    sandbox: Sandbox, database_url: str, short_queue: None, tmp_path: Path
) -> None:
    account: dict[str, Any] = {
        "ami_username": sandbox.reader.username,
        "ami_actor_username": sandbox.actor.username,
        "ami_actor_secret": sandbox.actor.secret,
        "after_call_work": "false",
    }
    seat = "Local/81@sandbox-agents/n"
    with member(sandbox, "reception", seat):
        async with BridgeProcess(
            database_url, sandbox.ami_port, tmp_path, secret=sandbox.reader.secret, **account
        ) as process:
            await seen(database_url, "SELECT word FROM posture", [("ready",)], 30)
            ring(sandbox, "13800138010", talk_s=4)
            await seen(database_url, "SELECT count(*) FROM segment", [(1,)])
            assert await process.end(signal.SIGKILL) == -signal.SIGKILL
    truth = await asyncio.to_thread(play_unseen, sandbox)
    async with BridgeProcess(database_url, sandbox.ami_port, tmp_path, secret=sandbox.reader.secret, **account):
        await seen(database_url, FILLED, [(1,)], 40)
    assert rows(database_url, UNSEEN) == AS_IT_WAS
    assert_times(database_url, truth)
    ended = "SELECT outcome, ended_by, reconstructed FROM conversation WHERE caller = '13800138010'"
    assert rows(database_url, ended) == [("answered", "agent", True)]
    assert rows(database_url, "SELECT why FROM blind_window ORDER BY from_at LIMIT 1") == [("the bridge had ended",)]
