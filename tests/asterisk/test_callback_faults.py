"""Promises on a real Asterisk while bridges are killed and the manager's line is cut at any moment, in both ways.

Each try has at most one channel and one call, none is lost, none stays open, and no seat is kept free for nobody.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ami_cable import AmiCable
from bridge_process import BridgeProcess
from ledger_rows import rows, seen
from sip_phones import SippCustomer

from crm import queues
from crm.database import Database
from crm.deeds.book_callback import Wanted, book
from crm.pbx.sandbox import Sandbox
from crm.rules.cel import CelEvent, read_record, whole_records
from crm.settings import read_settings

ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
SEATS = ("Local/96@sandbox-agents/n", "Local/97@sandbox-agents/n")
QUICK = {"SANDBOX_RING_S": "0.4", "SANDBOX_TALK_S": "4", "CALLBACK_RING_S": "2"}
NORMAL = {"SANDBOX_RING_S": "1", "SANDBOX_TALK_S": "5", "CALLBACK_RING_S": "25"}
PHONES: dict[str, dict[str, Any]] = {
    "talks": {"ring_s": 0.3, "keys": [(1.0, "1")], "talk_s": 1.0},
    "presses twice": {"ring_s": 0.3, "keys": [(1.0, "11")], "talk_s": 2.0},
    "later": {"ring_s": 0.3, "keys": [(1.0, "2")], "talk_s": 5.0},
    "hangs up": {"ring_s": 0.3, "talk_s": 0.8},
    "deaf": {"ring_s": 60},
}
AT_REST = (
    "SELECT (SELECT count(*) FROM callback_attempt WHERE settled_at IS NULL), "
    "(SELECT count(*) FROM callback WHERE state = 'placed' OR state = 'waiting' AND due_at <= clock_timestamp()), "
    "(SELECT count(*) FROM posture WHERE word <> 'ready' AND seat LIKE 'Local/9%')"
)
WITHIN_S = 60.0


class Street:
    """The bridges of one node, one after another, and the line they hang on."""

    def __init__(self, url: str, sandbox: Sandbox, cable: AmiCable, folder: Path) -> None:
        self._url, self._sandbox, self._cable, self._folder = url, sandbox, cable, folder
        self._now: BridgeProcess | None = None

    async def start(self) -> None:
        accounts = self._sandbox.reader, self._sandbox.actor
        self._now = await BridgeProcess(
            self._url, self._cable.port, self._folder, secret=accounts[0].secret, ami_username=accounts[0].username,
            ami_actor_username=accounts[1].username, ami_actor_secret=accounts[1].secret, after_call_work=False,
            callback_hours=json.dumps(ANYTIME), wish_expiry_seconds=5, missed_calls=0,
            missed_call_rest_seconds=0,
        ).__aenter__()  # fmt: skip

    async def kill(self) -> None:
        if self._now is not None:
            await self._now.end(signal.SIGKILL)
            self._now = None

    @property
    def said(self) -> str:
        return self._now.said[-2000:] if self._now is not None else ""


async def fault(kind: str, at_s: float, street: Street, cable: AmiCable, chance: random.Random) -> None:
    await asyncio.sleep(at_s)
    if kind == "kill":
        await street.kill()
        await asyncio.sleep(chance.uniform(0, 2))
        await street.start()
    elif kind == "cut":
        await cable.cut()
        await asyncio.sleep(chance.uniform(0, 3))
        await cable.mend()


@pytest.mark.proof
@pytest.mark.timeout(3600)
async def test_random_faults_in_both_ways_of_dialling(sandbox: Sandbox, database_url: str, tmp_path: Path) -> None:
    """Some fifteen minutes; KEFU_TEST_KILLS says another number of runs, KEFU_TEST_SEED other ones."""
    chance = random.Random(int(os.environ.get("KEFU_TEST_SEED", "8")))
    database = Database(database_url, pool_size=1)
    for name, value in (QUICK | {"CALLBACK_BY": "PJSIP/trunk/sip:+"}).items():
        await asyncio.to_thread(sandbox.cli, f"dialplan set global {name} {value}")
    async with AmiCable(sandbox.ami_port) as cable:
        street = Street(database_url, sandbox, cable, tmp_path)
        try:
            with ExitStack() as open_phones:
                phones = {name: open_phones.enter_context(SippCustomer(sandbox, **how)) for name, how in PHONES.items()}
                for seat in SEATS:
                    await asyncio.to_thread(sandbox.cli, f"queue add member {seat} to reception")
                await street.start()
                await seen(database_url, "SELECT count(*) FROM posture WHERE word = 'ready'", [(2,)])
                for number in range(int(os.environ.get("KEFU_TEST_KILLS", "40"))):
                    happens = chance.choice([*PHONES, "talks"])
                    await asyncio.to_thread(
                        sandbox.cli, f"dialplan set global CALLBACK_VIA @127.0.0.1:{phones[happens].port}"
                    )
                    told = f"run {number}: {happens}, {await one_run(database, street, cable, chance, number)}"
                    await comes_to_rest(database_url, told, street)
                    holds(sandbox, database_url, told)
        finally:
            await street.kill()
            for seat in SEATS:
                with suppress(Exception):
                    await asyncio.to_thread(sandbox.cli, f"queue remove member {seat} from reception")
            for name, value in NORMAL.items():
                await asyncio.to_thread(sandbox.cli, f"dialplan set global {name} {value}")
            await database.close()


async def one_run(
    database: Database, street: Street, cable: AmiCable, chance: random.Random, number: int
) -> tuple[str, str, float]:
    """A promise or two, and a fault at some moment of their tries."""
    way = chance.choice(["customer_first", "customer_first", "agent_first"])
    settings = read_settings(callback_hours=ANYTIME)
    async with database.transaction() as session:
        await queues.define(session, "reception", callback_dialling=way)
    for each in range(chance.choice([1, 1, 2])):
        joined = datetime.now(UTC) - timedelta(minutes=9 - each)
        async with database.transaction() as session:
            called = f"+86138{number:06}{each:02}"
            await book(session, settings, Wanted("reception", called, "cli", "amy", "zh", joined_at=joined))
    kind, at_s = chance.choice(["kill", "cut"]), chance.uniform(0, 6)
    await fault(kind, at_s, street, cable, chance)
    return way, kind, round(at_s, 2)


async def comes_to_rest(url: str, told: str, street: Street) -> None:
    try:
        await seen(url, AT_REST, [(0, 0, 0)], WITHIN_S)
    except AssertionError as never:
        attempts = rows(
            url, "SELECT id, kind, seat, outcome, queued_at, ended_at FROM callback_attempt ORDER BY claimed_at"
        )
        seats = rows(url, "SELECT seat, word, pause_reason FROM posture")
        raise AssertionError(f"{told}: {attempts[-3:]} {seats} {street.said}") from never
    with psycopg.connect(url, autocommit=True) as connection:  # later tries are none of the next run's
        connection.execute(
            "UPDATE callback SET state = 'cancelled', closed_at = now(), closed_by = 'test' WHERE closed_at IS NULL"
        )


def holds(sandbox: Sandbox, url: str, told: str) -> None:
    events = [
        event
        for record in whole_records(sandbox.cel_file.read_text("utf-8", "replace"))[0]
        if isinstance(event := read_record(record), CelEvent) and event.kind == "CHAN_START"
    ]
    born = Counter(event.uniqueid for event in events)
    rung = Counter(event.linkedid for event in events if event.channel.startswith("PJSIP/trunk"))
    tries = rows(url, "SELECT id::text, outcome, callback_id, number FROM callback_attempt")
    for attempt, outcome, promise, number in tries:
        assert born[attempt] <= 1, f"{told}: {attempt} has two channels"
        assert rung[attempt] <= 1, f"{told}: {attempt} rang its customer twice"
        if outcome in ("never_left", "refused_by_asterisk"):
            assert born[attempt] == 0, f"{told}: {attempt} is said to have never left"
        if outcome == "reached":
            assert not [each for each in tries if each[2] == promise and each[3] > number], (
                f"{told}: dialled after a talk"
            )
    assert rows(url, "SELECT count(*) FROM callback WHERE outcome = 'lost_sight'") == [(0,)], told
