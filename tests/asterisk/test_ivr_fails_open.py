"""The real menu server falls while callers stand at every step of its menu: each reaches the queue, and soon.

KEFU_TEST_FALLS=7 (`make prove`) lets it fall seven times in each way, with callers at other steps each time, and on
Asterisk 16, too.
"""

from __future__ import annotations

import asyncio
import os
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cable import Cable
from fallen_desk import Arrivals, menu_server, spread_out
from floor_watch import member

from agi.prompt_building import build_prompts
from agi.shipped import load_prompts, menu_file
from crm.pbx.sandbox import Sandbox

ROUNDS = int(os.environ.get("KEFU_TEST_FALLS", "1"))
VERSIONS = ["22"] if ROUNDS == 1 else ["22", "16"]
STEP_BUDGET_S = 0.8
LONGEST_PROMPT_S = 13.0
QUIET = "Local/quiet-7201@sandbox-agents/n"
# Keys: nothing at all, a language and then nothing, an order, wrong keys, a language and support.
WAYS = ["", "1", "2", "1wwwwwwwwwwww1", "7w7w7w7", "2wwwwwwwww2"]


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the front desk's menu says, in its own length; speaking all there is takes half a minute."""
    folder = tmp_path_factory.mktemp("prompts")
    said = set(re.findall(r"[a-z0-9-]+", menu_file("front_desk").read_text("utf-8")))
    build_prompts({key: texts for key, texts in load_prompts()[0].items() if key in said}, folder)
    return folder


@pytest.fixture(scope="module", params=VERSIONS)
def speaking(
    tmp_path_factory: pytest.TempPathFactory, prompts: Path, request: pytest.FixtureRequest
) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("falls"), version=request.param, prompts_folder=prompts) as running:
        yield running


@pytest.fixture
def arrivals(speaking: Sandbox) -> Iterator[Arrivals]:
    speaking.cli("dialplan set global AGI_RESTS_UNTIL 0")
    following = Arrivals(speaking)
    with member(speaking, "reception", QUIET), member(speaking, "support", QUIET):
        yield following
        speaking.cli("channel request hangup all")
    following.close()


def callers(many: int, base: int) -> list[str]:
    return [f"1370{base:03}{number:04}" for number in range(many)]


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize(
    ("how", "within_s", "status"),
    [
        ("killed", 3.0, {"SUCCESS"}),
        # Killed by its watchman, or the call taken back by Asterisk, whichever comes first.
        ("frozen", STEP_BUDGET_S + 5.0, {"SUCCESS", "TIMEOUT"}),
        # The watchman is dead, too: a step's own time is then the length of its prompt.
        pytest.param("unnoticed", LONGEST_PROMPT_S + 5.0, {"TIMEOUT"}, marks=pytest.mark.proof),
    ],
)
def test_every_caller_reaches_the_queue_when_the_server_falls(
    speaking: Sandbox,
    arrivals: Arrivals,
    database_url: str,
    tmp_path: Path,
    how: str,
    within_s: float,
    status: set[str],
    round_: int,
) -> None:
    numbers = callers(12, round_)
    with menu_server(speaking, database_url, tmp_path) as server:
        assert server.watchmen(), "nobody watches the server"
        spread_out(speaking, numbers, [WAYS[n % len(WAYS)] for n in range(12)], apart_s=0.9 + 0.13 * (round_ % 7))
        left_before = {number for number in numbers if (number, "IvrLeft") in arrivals.at}
        inside = [number for number in numbers if number not in left_before]
        assert len(inside) >= 6, "most callers should be in the menu"
        fell_at = server.fall(how)
        joined = arrivals.wait(inside, "QueueCallerJoin", within_s + 5)
    took = {number: at and round(at - fell_at, 2) for number, at in joined.items()}
    print(
        f"\n{how}: {len(inside)} callers in the menu, seconds to the queue: {sorted(s or 999 for s in took.values())}"
    )
    assert all(seconds is not None and seconds <= within_s for seconds in took.values()), took
    assert {arrivals.status[number] for number in inside} <= status


async def test_every_caller_reaches_a_queue_while_postgres_stands_still(
    speaking: Sandbox, arrivals: Arrivals, database_url: str, tmp_path: Path
) -> None:
    """It stops while callers stand before each of their lookups; each costs the caller its time limit and no more.

    The callers do as people do: whoever is not led on presses again. A key that falls into a sentence is not heard, and
    on a machine that stands still for a moment so may one that was timed for the question; the menu then asks a caller
    who stays silent three times, for over a minute, which is as it should be and no matter of Postgres.
    """
    numbers = callers(10, 900)
    # The first key comes after the first lookup, even when that is late: an order, support, reception; the long ways
    # first.
    choices = ("21", "11", "22", "12", "10")
    ways = [f"www{language}" + f"www{choice}" * 12 for language, choice in choices] * 2
    async with Cable(database_url) as cable:

        def run() -> dict[str, float | None]:
            with menu_server(speaking, cable.url, tmp_path) as server:
                loop.call_soon_threadsafe(lambda: loop.call_later(3.0, cable.stall))
                spread_out(speaking, numbers, ways, apart_s=0.5)
                joined = arrivals.wait(numbers, "QueueCallerJoin", 45)
                assert server.process.poll() is None, "it serves on"
                said = server.log.read_text()
                assert '"find_caller", "why": "time limit"' in said, said
                assert '"route", "why": "time limit"' in said, said
                return joined

        loop = asyncio.get_running_loop()
        joined = await asyncio.to_thread(run)
        cable.flow()
    assert all(joined.values()), joined
    assert {arrivals.status[number] for number in numbers} == {"SUCCESS"}


def test_a_second_server_takes_the_calls_of_one_that_is_not_reached(
    speaking: Sandbox, arrivals: Arrivals, database_url: str, tmp_path: Path
) -> None:
    """Nothing listens at the first address; the next callers do not even try it."""
    numbers = callers(2, 950)
    first = speaking.values.agi_url
    speaking.cli("dialplan set global KEFU_AGI agi://127.0.0.1:9")
    speaking.cli(f"dialplan set global KEFU_AGI_OTHER {first}")
    try:
        with menu_server(speaking, database_url, tmp_path) as server:
            spread_out(speaking, numbers, ["2wwwwwwwww2", "2wwwwwwwww2"], apart_s=1.0)
            joined = arrivals.wait(numbers, "QueueCallerJoin", 60)
            assert "AGI_RESTS_UNTIL=0" not in speaking.cli("dialplan show globals")
            assert server.log.read_text().count('"visit"') == 2, "the second server played both"
    finally:
        for name, value in {"KEFU_AGI": first, "KEFU_AGI_OTHER": "none", "AGI_RESTS_UNTIL": "0"}.items():
            speaking.cli(f"dialplan set global {name} {value}")
    assert all(joined.values()), joined
    assert {arrivals.status[number] for number in numbers} == {"SUCCESS"}


def test_a_frozen_server_costs_one_caller_the_wait(
    speaking: Sandbox, arrivals: Arrivals, database_url: str, tmp_path: Path
) -> None:
    """It accepts connections (the kernel does) and says nothing: the next callers go to reception at once."""
    first, second = callers(2, 960)
    with menu_server(speaking, database_url, tmp_path) as server:
        server.fall("unnoticed")
        for number in (first, second):
            began = time.monotonic()
            spread_out(speaking, [number], [""], apart_s=0)
            at = arrivals.wait([number], "QueueCallerJoin", 15)[number]
            assert at is not None
            took_s = at - began
            assert took_s < (STEP_BUDGET_S + 5 if number == first else 3.0)
    assert (arrivals.status[first], arrivals.status[second]) == ("TIMEOUT", "RESTING")


# The private Asterisk lives in a root of its own, without our Python: its AGI executable is a pipe to the script.
PIPE = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/{port}
cat <&0 >&3 &
cat <&3
kill $!
"""


@contextmanager
def classic_script(folder: Path) -> Iterator[Path]:
    """A folder whose `front_desk` is the classic script, a process a call."""

    class Call(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            script = Path(sys.executable).with_name("kefu-front-desk")
            subprocess.run([script], stdin=self.request, stdout=self.request, check=False)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Call) as pipe:
        threading.Thread(target=pipe.serve_forever, daemon=True).start()
        script = folder / "front_desk"
        script.write_text(PIPE.format(port=pipe.server_address[1]))
        script.chmod(0o755)
        yield folder
        pipe.shutdown()


def test_the_classic_script_leads_callers_on_a_host_without_the_server(speaking: Sandbox, arrivals: Arrivals) -> None:
    """A process a call, no server and no database; Asterisk runs it as any AGI executable."""
    (number,) = callers(1, 970)
    first = speaking.values.agi_url
    with classic_script(speaking.folder) as folder:
        speaking.cli(f"dialplan set global KEFU_AGI {folder}")
        try:
            spread_out(speaking, [number], ["wwwww2wwwwwwwwwwwwww2"], apart_s=0)
            joined = arrivals.wait([number], "QueueCallerJoin", 60)
        finally:
            speaking.cli(f"dialplan set global KEFU_AGI {first}")
    assert joined[number] is not None
    assert arrivals.status[number] == "SUCCESS"
    assert arrivals.queue[number] == "support"
