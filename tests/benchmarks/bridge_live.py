"""How late the ledger is while Asterisk works: the bridge's latencies and processor time at 20 calls a second and more.

    python tests/benchmarks/bridge_live.py [--rate 20] [--seconds 90] [--stopped 30] [--ramp 30,40,50,60] [--json]

A private Asterisk 22 with Local callers and agents in queues, `kefu bridge run` as a process of its own, a durable
Postgres. One run prints all: at the given rate; the same with Postgres stopped; then faster and faster until the p99
of all messages passes 50 ms. Measured inside the bridge's process, which this file starts with a probe around four
of its functions (no setting, nothing of it in the product): from the moment at which the bytes were read off the
socket (`Heard.at`) to the return of the commit, and to the moment at which QueuePause was written to the socket. Beside
it the same from Asterisk's own time stamp on the event, which is this machine's clock, too. Processor times are those
of the processes, by the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1])]

import psycopg
from bridge_probe import Samples
from busy_asterisk import make_queues, processor_s, ring_in, seat, take_seats
from live_figures import judged, latencies, print_table

from crm.embedded import EmbeddedPostgres
from crm.migrations import upgrade
from crm.pbx.ami_probe import AmiProbe
from crm.pbx.sandbox import Sandbox

QUEUES, AGENTS = 10, 400
RING_S, TALK_S, WRAP_UP_S = 0.2, 1.0, 0.5
PAUSED = ("QueueMemberPause", "1")
NODE = "bench"
_STAGE = tuple[str, float, float]


def main() -> int:
    """Measure and print; 0 when the promises were kept."""
    chosen = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="kefu-bench-"))
    folder.chmod(0o711)  # Postgres runs as another account
    try:
        server = EmbeddedPostgres(folder / "postgres")
        with server, Sandbox(folder / "pbx", version="22") as sandbox:
            upgrade(server.url)
            found = _measure(Center(sandbox, server, folder), chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found)) if chosen.json else print_table(found)
    return 0 if all(found["met"].values()) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--stopped", type=float, default=30.0, help="seconds with Postgres stopped")
    parser.add_argument("--ramp", default="30,40,50,60", help="calls a second, one after the other")
    parser.add_argument("--ramp-seconds", type=float, default=25.0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Center:
    """Asterisk with its agents, Postgres, the bridge, and whoever presses 'ready' for the agents."""

    def __init__(self, sandbox: Sandbox, server: EmbeddedPostgres, folder: Path) -> None:
        self.sandbox, self.server, self.url = sandbox, server, server.url
        self.samples = folder / "samples.json"
        self._log = folder / "bridge.log"
        self._queues = make_queues(sandbox, QUEUES)
        self._secret = _hear_pauses(sandbox)
        self._actor = sandbox.ami(sandbox.actor, timeout_s=30)
        self._turn = count()
        self._over = threading.Event()
        take_seats(self._actor, ((self._queues[number % QUEUES], seat(number), False) for number in range(AGENTS)))

    @contextmanager
    def bridge(self) -> Iterator[subprocess.Popen[bytes]]:
        """`kefu bridge run` with the probe in it, ready; what the probe saw is in `samples` afterwards."""
        settings = {
            "NODE": NODE,
            "DATABASE_URL": self.url,
            "AMI_PORT": self.sandbox.ami_port,
            "AMI_USERNAME": self.sandbox.reader.username,
            "AMI_SECRET": self.sandbox.reader.secret,
            "AMI_ACTOR_USERNAME": self.sandbox.actor.username,
            "AMI_ACTOR_SECRET": self.sandbox.actor.secret,
        }
        environment = {**os.environ, **{f"KEFU_{name}": str(value) for name, value in settings.items()}}
        command = [sys.executable, str(Path(__file__).with_name("bridge_probe.py")), str(self.samples)]
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        ready = threading.Thread(target=self._press_ready, daemon=True)
        try:
            self.wait_for("SELECT count(*) FROM membership WHERE left_at IS NULL", AGENTS, 60)
            ready.start()
            yield process
        finally:
            self._over.set()
            process.send_signal(signal.SIGTERM)
            if process.wait(30) != 0:
                print(self._log.read_text(errors="replace")[-3000:], file=sys.stderr)

    def call(self, rate: float, seconds: float) -> tuple[int, float, float]:
        """`rate` callers a second, evenly; how many came, and from when to when the last could be over."""
        began, clock = time.time(), time.monotonic()
        calls = round(rate * seconds)
        for number in range(calls):
            time.sleep(max(0.0, clock + number / rate - time.monotonic()))
            queue = self._queues[next(self._turn) % QUEUES]
            ring_in(self._actor, queue, stay_s=60, ring_s=RING_S, talk_s=TALK_S)
        ended = time.time()
        time.sleep(RING_S + TALK_S + WRAP_UP_S + 2)
        return calls, began, ended

    def spent_s(self, bridge: int) -> dict[str, float]:
        """Processor seconds so far, of each."""
        asterisk, postgres = self.sandbox._process, int((self.server.data / "postmaster.pid").read_text().split()[0])
        assert asterisk is not None
        return {
            "bridge": processor_s(bridge),
            "asterisk": processor_s(asterisk.pid),
            "postgres": processor_s(postgres),
        }

    def wait_for(self, query: str, wanted: int, deadline_s: float) -> int:
        """What the query says when it says as much as wanted, or at the end."""
        until, seen = time.monotonic() + deadline_s, 0
        while time.monotonic() < until and seen < wanted:
            with psycopg.connect(self.url) as connection:
                row = connection.execute(query).fetchone()
                seen = int(row[0]) if row else 0
            time.sleep(0.1)
        return seen

    def _press_ready(self) -> None:
        """Each agent is ready again half a second after the bridge put it into after-call work."""
        probe = AmiProbe(self.sandbox.ami_port, timeout_s=30)
        probe.login("bench", self._secret)
        waiting: list[tuple[float, str]] = []
        while not self._over.is_set():
            paused = [each for each in _within(probe, 0.05) if (each.get("Event"), each.get("Paused")) == PAUSED]
            waiting += [(time.monotonic() + WRAP_UP_S, each["Interface"]) for each in paused]
            while waiting and waiting[0][0] <= time.monotonic():
                probe.send({"Action": "QueuePause", "Interface": waiting.pop(0)[1], "Paused": "false"})


def _within(probe: AmiProbe, seconds: float) -> Iterator[dict[str, str]]:
    try:
        yield from probe.messages(seconds)
    except TimeoutError:
        return


def _hear_pauses(sandbox: Sandbox) -> str:
    """An account that hears pauses and nothing else, so that the measuring costs Asterisk little."""
    secret = "bench-" + os.urandom(8).hex()
    file = sandbox.folder / "etc" / "manager.conf"
    file.chmod(0o644)
    with file.open("a") as accounts:
        accounts.write(
            f"\n[bench]\nsecret = {secret}\nread = agent\nwrite = agent\nwritetimeout = 10000\n"
            "eventfilter = ^Event: QueueMemberPause[[:cntrl:]]\n"
        )
    sandbox.cli("manager reload")
    return secret


def _measure(center: Center, chosen: argparse.Namespace) -> dict[str, Any]:
    stages: list[_STAGE] = []
    found: dict[str, Any] = {"load_before": os.getloadavg()[0], "ramp": []}
    with center.bridge() as bridge:
        center.call(chosen.rate, 8)  # warm
        before = center.spent_s(bridge.pid)
        calls, began, ended = center.call(chosen.rate, chosen.seconds)
        spent = {name: s - before[name] for name, s in center.spent_s(bridge.pid).items()}
        stages.append(("usual", began, ended))
        found["calls"] = calls
        found["cpu_ms_a_call"] = {name: round(1000 * s / calls, 2) for name, s in spent.items()}
        found["stopped"] = _postgres_stopped(center, chosen, stages)
        for rate in [float(each) for each in chosen.ramp.split(",") if each]:
            calls, began, ended = center.call(rate, chosen.ramp_seconds)
            stages.append((f"{rate:g}", began, ended))
            found["ramp"].append({"rate": rate, "reached": round(calls / (ended - began), 1)})
        found["outcomes"] = _outcomes(center.url)
    samples = Samples.read(center.samples)
    usual = samples.between(*stages[0][1:])
    found |= latencies(usual, "usual_")
    found["batches_a_call"] = round(len({late for _, late, _ in usual.messages}) / found["calls"], 1)
    found["messages_a_call"] = round(sum(times for *_, times in usual.messages) / found["calls"], 1)
    found["stopped"] |= latencies(samples.between(*stages[1][1:]), "") if chosen.stopped else {}
    for stage, step in zip(stages[len(stages) - len(found["ramp"]) :], found["ramp"], strict=True):
        step |= latencies(samples.between(*stage[1:]), "")
    return judged(found)


def _postgres_stopped(center: Center, chosen: argparse.Namespace, stages: list[_STAGE]) -> dict[str, Any]:
    """The same load while Postgres is down; afterwards every call must be in it."""
    if not chosen.stopped:
        return {}
    known = center.wait_for("SELECT count(*) FROM conversation", 1, 5)
    center.server.stop()
    calls, began, ended = center.call(chosen.rate, chosen.stopped)
    stages.append(("stopped", began, ended))
    center.server.start()
    back = time.monotonic()
    written = center.wait_for("SELECT count(*) FROM conversation WHERE ended_at IS NOT NULL", known + calls, 60)
    return {"calls": calls, "written_after": written - known, "caught_up_s": round(time.monotonic() - back, 1)}


def _outcomes(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        query = "SELECT coalesce(outcome, 'open'), count(*) FROM conversation GROUP BY 1"
        return dict(connection.execute(query).fetchall())


if __name__ == "__main__":
    sys.exit(main())
