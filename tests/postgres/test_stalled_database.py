"""A Postgres that takes connections and answers nothing, for long: nobody waits for it but the writer.

KEFU_TEST_STALL_SECONDS says for how long (default 4); `make prove` takes a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bridge_process import BridgeProcess
from cable import Cable
from forged_asterisk import ForgedAsterisk, Session, until
from forged_call import ForgedCall, listed_member, member
from ledger_rows import rows

STALL_S = float(os.environ.get("KEFU_TEST_STALL_SECONDS", "4"))
CALLS_PER_S = 20
SEATS = [f"PJSIP/{201 + number}" for number in range(10)]


@pytest.fixture
async def peer() -> AsyncIterator[ForgedAsterisk]:
    async with ForgedAsterisk() as forged:
        listed = [listed_member(seat) for seat in SEATS]
        forged.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), *listed]
        yield forged


async def facts(port: int) -> dict[str, Any]:
    """What /healthz tells; {} while it is not there."""

    def ask() -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
        except OSError:
            return {}
        return found

    return await asyncio.to_thread(ask)


def count(url: str, query: str) -> int:
    ((found,),) = rows(url, query)
    return int(found)


async def one_call(peer: ForgedAsterisk, session: Session, number: int) -> float:
    """A whole call, after-call work confirmed and finished; milliseconds from the talk's end until it was asked for."""
    call = ForgedCall(session, SEATS[number % len(SEATS)])
    for step in (call.arrive, call.join, call.ring, call.answer):
        step()
    await asyncio.sleep(0.005)
    began = time.perf_counter()
    call.complete()
    _, pause = await peer.action("QueuePause", deadline_s=5)
    took_ms = (time.perf_counter() - began) * 1000
    assert (pause["Interface"], pause["Reason"]) == (call.seat, "ACW")
    member(session, call.seat, paused=True, reason="ACW")
    call.end()
    member(session, call.seat)
    return took_ms


@pytest.mark.timeout(STALL_S * 3 + 120)
async def test_a_stalled_postgres_holds_neither_the_reader_nor_after_call_work_and_misses_nothing(
    peer: ForgedAsterisk, database_url: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    async with Cable(database_url) as cable:
        settings = {"bridge_health_port": unused_tcp_port}
        async with BridgeProcess(cable.url, peer.port, tmp_path, **settings) as process:
            session = await peer.session()
            await peer.action("DeviceStateList")
            await one_call(peer, session, 0)
            query = "SELECT count(*) FROM conversation WHERE ended_at IS NOT NULL"
            await until(lambda: count(database_url, query) == 1)
            before = (await facts(unused_tcp_port))["messages"]

            cable.stall()
            took_ms: list[float] = []
            began = time.monotonic()
            while time.monotonic() - began < STALL_S:
                took_ms.append(await one_call(peer, session, len(took_ms) + 1))
                await asyncio.sleep(max(0.0, began + len(took_ms) / CALLS_PER_S - time.monotonic()))
            told = await facts(unused_tcp_port)
            assert told["messages"] - before >= 15 * len(took_ms), "the reader read on"
            assert told["backlog_bytes"] > 1000
            assert count(database_url, "SELECT count(*) FROM conversation") == 1, "Postgres took nothing"

            cable.flow()
            await until(lambda: count(database_url, query) == len(took_ms) + 1, 60)
            wishes = "SELECT count(*) FROM pbx_request WHERE state = 'confirmed'"
            await until(lambda: count(database_url, wishes) == len(took_ms) + 1)
            assert peer.sessions.empty(), "AMI was never dropped"
            assert count(database_url, "SELECT count(*) FROM blind_window") == 0
            assert process.process.returncode is None
        said = process.said
    _print(took_ms)
    assert "trying again" not in said
    assert STALL_S < 6 or "Postgres has not answered for 5 s" in said
    _in_order(database_url, told["messages"])
    assert rows(database_url, "SELECT DISTINCT outcome, ended_by FROM conversation") == [("answered", "agent")]
    assert count(database_url, "SELECT count(*) FROM posture WHERE word <> 'ready'") == 0
    assert statistics.median(took_ms) <= 5


def _in_order(url: str, messages: int) -> None:
    """Every batch once, in the order heard."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT number, messages, first_at, last_at FROM journal ORDER BY xmin::text::bigint"
        ).fetchall()
    numbers = [number for number, _, _, _ in found]
    assert numbers == sorted(set(numbers))
    times = [time for _, _, *each in found for time in each]
    assert times == sorted(times)
    assert sum(count for _, count, _, _ in found) >= messages


def _print(took_ms: list[float]) -> None:
    ordered = sorted(took_ms)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    print(
        f"Postgres stalled for {STALL_S:g} s, {len(ordered)} calls meanwhile: AgentComplete to QueuePause "
        f"p50 {statistics.median(ordered):.2f} ms, p99 {p99:.2f} ms, max {ordered[-1]:.2f} ms"
    )
