"""What the steps of a menu become on the line: AGI commands and channel variables, and what is noted of the caller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from functools import partial

import pytest
from forged_caller import AgiPeer, arguments, environment
from structlog.testing import capture_logs

from agi import registered_steps
from agi import server as server_module
from agi.desk import Site
from agi.doors import Doors
from agi.flows.menu import walk
from agi.menu.checking import check_menu
from agi.menu.known import Known
from agi.server import AgiServer, Deadlines
from crm.database import Database
from crm.hours import Notice, Openings
from crm.rules.opening_hours import read_opening_hours

SITE = Site("node1", "CN", read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai"), budget_s=0.8)
PATIENT = Deadlines(write_within_s=0.01)
KNOWN = Known(dict.fromkeys(("hello", "enter"), ("en", "zh")), ("support",), ("slow", "broken", "gold"))
HEAD = """\
defaults:
  wrong_key: again
  silence: again
  out_of_tries: {queue: support}
  unavailable: {voicemail: support}
  not_offered: next
start: main
parts:
  main:
"""


class Phone(AgiPeer):
    """A caller who also speaks after the tone: `spoken_s` seconds, silence counted."""

    spoken_s = 12.0

    def answer(self, line: str) -> bytes:
        match arguments(line):
            case ["GET", "FULL", "VARIABLE", *_]:
                return b"200 result=1 (/var/spool/asterisk)\n"
            case ["RECORD", "FILE", *_]:
                return f"200 result=0 (timeout) endpos={int(self.spoken_s * 8000)}\n".encode()
        return super().answer(line)


@pytest.fixture
async def away() -> AsyncIterator[Database]:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    yield database
    await database.close()


async def call(
    away: Database,
    steps: str,
    keys: str = "",
    phone: type[AgiPeer] = Phone,
    deadlines: Deadlines = PATIENT,
    doors: Doors | None = None,
) -> AgiPeer:
    menu, faults = check_menu(HEAD + steps, "m.yaml", KNOWN)
    assert menu is not None, [str(fault) for fault in faults]
    server = AgiServer(SITE, away, {"front_desk": partial(walk, menu)}, deadlines, doors)
    port = await server.listen("127.0.0.1", 0)
    try:
        async with asyncio.timeout(20):
            return await phone(keys).call(port, environment(callerid="unknown", extension="95000"))
    finally:
        await server.drain(0)


def registered(monkeypatch: pytest.MonkeyPatch, **steps: registered_steps.StepFunction) -> None:
    monkeypatch.setattr(registered_steps, "load", steps.__getitem__)


async def test_a_person_is_rung_first_and_the_queue_is_behind(away: Database) -> None:
    peer = await call(away, '    - {ring: "1003", otherwise: support, for_s: 15}\n')
    assert peer.variables[-4:] == [
        ("QUEUE", "support"),
        ("CREDIT", "0"),
        ("LAST_AGENT", "1003/15"),
        ("NEXT_STEP", "queue"),
    ]


async def test_one_person_of_a_closed_queue_is_not_rung(away: Database) -> None:
    """Not reached, the caller would have joined a queue where nobody comes."""
    closed = Notice("support", "closed", None, "", datetime.now(UTC), None, "boss")
    doors = Doors(Openings(SITE.hours, {}, notices=(closed,)))
    step = '    - {ring: "1003", otherwise: support}\n'
    peer = await call(away, step, doors=doors)
    assert peer.played == ["kefu/queue-closed"]
    assert peer.variables[-2:] == [("QUEUE", "support"), ("NEXT_STEP", "voicemail")]
    open_ = Doors(Openings(SITE.hours, {}))
    assert (await call(away, step, doors=open_)).last["LAST_AGENT"] == "1003/20"


async def test_the_number_dialled_forks_the_call(away: Database) -> None:
    steps = "    - when: {dialled: '95*'}\n      then: {transfer: 1001}\n    - end\n"
    assert (await call(away, steps)).last["TRANSFER_TO"] == "1001"


@pytest.mark.parametrize(("spoken_s", "next_step"), [(12.0, "goodbye"), (5.2, "queue")])
async def test_what_a_caller_says_is_recorded_under_the_calls_own_id(
    away: Database, spoken_s: float, next_step: str
) -> None:
    phone = type("Speaking", (Phone,), {"spoken_s": spoken_s})
    peer = await call(
        away, "    - {record: complaint, most_s: 30, nothing: {queue: support}}\n    - end\n", phone=phone
    )
    [record] = [arguments(line) for line in peer.commands if line.startswith("RECORD")]
    assert record[2:6] == ["/var/spool/asterisk/kefu-complaint-1700000000.1", "wav", "#", "30000"]
    assert peer.last["NEXT_STEP"] == next_step
    leases = [int(value) for name, value in peer.variables if name == "TIMEOUT(absolute)"]
    assert max(leases) >= 30


@pytest.mark.parametrize(
    "step", ["{record: complaint, most_s: 5}", "{menu: [hello], timeout_s: 5, keys: {1: end, 0: end}}"]
)
async def test_a_peer_that_records_or_waits_for_a_key_is_not_taken_for_dead(
    away: Database, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Speaking for a minute is longer than any other answer may take."""
    monkeypatch.setattr(server_module, "SWEEP_EVERY_S", 0.02)
    phone = type("Slow", (Phone,), {"takes_s": {"RECORD": 0.3, "WAIT": 0.3}})
    peer = await call(away, f"    - {step}\n    - end\n", "-1", phone, Deadlines(0.1, 0.1, 0.01))
    assert peer.last["NEXT_STEP"] == "goodbye"


async def test_secret_keys_are_noted_nowhere(away: Database) -> None:
    with capture_logs() as logs:
        await call(away, "    - {collect: [enter], into: pin, digits: 4, secret: yes}\n    - end\n", keys="4711")
    [visit] = [entry for entry in logs if entry["event"] == "visit"]
    assert visit["pressed"] == "xxxx"
    assert "4711" not in str(logs)


async def test_a_python_step_answers_and_a_slow_or_broken_one_is_not_waited_for(
    away: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_facts: Mapping[str, str]) -> Mapping[str, str]:
        time.sleep(1.0)
        return {"level": "gold"}

    def broken(_facts: Mapping[str, str]) -> Mapping[str, str]:
        raise ZeroDivisionError

    registered(monkeypatch, slow=slow, broken=broken, gold=lambda facts: {"level": facts["dialled"]})
    steps = (
        "    - {{run: {0}, sets: [level], within_ms: 200}}\n"
        "    - when: {{is: {{level: '95000'}}}}\n      then: {{transfer: 1001}}\n"
        "    - end\n"
    )
    assert (await call(away, steps.format("gold"))).last["NEXT_STEP"] == "transfer"
    for name in ("slow", "broken"):
        assert (await call(away, steps.format(name))).last["NEXT_STEP"] == "voicemail", name


async def test_a_long_python_step_keeps_the_call_as_long_as_it_may_take(
    away: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(monkeypatch, gold=lambda facts: {})
    peer = await call(away, "    - {run: gold, within_ms: 5000}\n    - end\n")
    assert max(int(value) for name, value in peer.variables if name == "TIMEOUT(absolute)") > 5


async def test_what_is_not_offered_takes_its_way(away: Database) -> None:
    peer = await call(
        away, "    - survey: after\n    - {callback: support, not_offered: {transfer: 1002}}\n    - end\n"
    )
    assert peer.last["TRANSFER_TO"] == "1002"
