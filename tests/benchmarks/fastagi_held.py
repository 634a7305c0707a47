"""Two thousand callers held in menus at once, while others come and go: refused, memory, step latency; CPU a call
beside Asterisk's own.

    python tests/benchmarks/fastagi_held.py [--held 2000] [--rate 200] [--seconds 15] [--asterisk]

The held ones wait in a question of the menu, as callers do who think; the others run one session of three commands
each, `--rate` a second. Step latency is from Asterisk's reply to our next command, as Asterisk's side measures it, on
one machine that does both. With --asterisk a real one also plays calls through an empty AGI session, ours, and none.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import fastagi_sessions as sessions
import uvloop


class Held(asyncio.Protocol):
    """A caller who hears the question and then thinks."""

    def __init__(self) -> None:
        self.commands = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.transport.write(sessions.ENVIRONMENT.replace(b"network_script: front_desk", b"network_script: held"))

    def data_received(self, data: bytes) -> None:
        self.commands += data.count(b"\n")
        if b"WAIT FOR DIGIT" not in data:
            self.transport.write(b"200 result=1\n" if data.startswith(b"SET") else b"200 result=0 endpos=8000\n")

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True


class Timed(sessions.Caller):
    """One brief session that notes how long each next command takes to come."""

    def __init__(self, over: asyncio.Future[int], took_s: list[float]) -> None:
        super().__init__(over)
        self.took_s = took_s
        self.sent_at = 0.0

    def data_received(self, data: bytes) -> None:
        if self.sent_at:
            self.took_s.append(time.perf_counter() - self.sent_at)
        super().data_received(data)
        self.sent_at = time.perf_counter()


async def measure(port: int, held: int, rate: float, seconds: float) -> tuple[int, list[float], int]:
    """(held callers that were lost, step latencies, sessions a second asked for and run)."""
    loop = asyncio.get_running_loop()
    callers = []
    for _ in range(held):
        _transport, caller = await loop.create_connection(Held, "127.0.0.1", port)
        callers.append(caller)
    async with asyncio.timeout(30):
        while sum(caller.commands >= 3 for caller in callers) < held:
            if any(caller.lost for caller in callers):
                break
            await asyncio.sleep(0.05)
    took_s: list[float] = []
    running = []
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        over: asyncio.Future[int] = loop.create_future()
        running.append(over)
        await loop.create_connection(lambda over=over: Timed(over, took_s), "127.0.0.1", port)
    done = sum(await asyncio.gather(*running)) // len(sessions.COMMANDS)
    return sum(caller.lost for caller in callers), took_s, round(done / (time.perf_counter() - began))


def memory_mb(pid: int) -> float:
    """Resident, of the server."""
    fields = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    return int(fields[1]) * resource.getpagesize() / 1e6


def report(options: argparse.Namespace) -> None:
    port = sessions._free_port()
    server = subprocess.Popen([sys.executable, sessions.__file__, "--serve", "ours", "--port", str(port)])
    try:
        sessions._wait_for(port)
        empty_mb = memory_mb(server.pid)
        lost, took_s, rate = uvloop.run(measure(port, options.held, options.rate, options.seconds))
        full_mb = memory_mb(server.pid)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    took_s.sort()
    p50, p99 = (took_s[int(len(took_s) * share)] * 1000 for share in (0.5, 0.99))
    print(f"{options.held} callers held in a menu, {rate} sessions/s beside them for {options.seconds:.0f} s")
    print(f"refused or lost      {lost}")
    print(f"memory of the server {full_mb:.0f} MB ({empty_mb:.0f} MB empty)")
    print(f"step latency         p50 {p50:.2f} ms, p99 {p99:.2f} ms, worst {took_s[-1] * 1000:.1f} ms")
    if options.asterisk:
        asterisk(options.calls)


def asterisk(calls: int) -> None:
    """CPU of one call of three AGI commands, on Asterisk's side and on ours."""
    from crm.pbx.sandbox import Sandbox

    port = sessions._free_port()
    server = subprocess.Popen([sys.executable, sessions.__file__, "--serve", "ours", "--port", str(port)])
    try:
        sessions._wait_for(port)
        with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder), version="22") as sandbox:
            ways = {"without": ["Answer()", "Hangup()"]}
            ways["with"] = ["Answer()", f"AGI(agi://127.0.0.1:{port}/front_desk)", "Hangup()"]
            cost = {}
            for way, steps in ways.items():
                for number, step in enumerate(steps, 1):
                    sandbox.cli(f"dialplan add extension {way},{number},{step} into bench replace")
                pids = (_asterisk_of(Path(folder)), server.pid)
                before = [sessions._cpu_s(pid) for pid in pids]
                with sandbox.ami(sandbox.actor) as hand:
                    for _ in range(calls):
                        hand.ask(_call(way))
                        time.sleep(0.02)
                time.sleep(3)
                spent = [sessions._cpu_s(pid) - then for pid, then in zip(pids, before, strict=True)]
                cost[way] = [each * 1000 / calls for each in spent]
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    print(f"CPU a call ({calls} calls): Asterisk {cost['without'][0]:.2f} ms without AGI, {cost['with'][0]:.2f} with")
    print(f"Kefu's own: {cost['with'][1]:.2f} ms")


def _call(way: str) -> dict[str, str]:
    where = {"Context": "bench", "Exten": way, "Priority": "1", "Async": "true", "Timeout": "5000"}
    return {"Action": "Originate", "Channel": f"Local/{way}@bench/n", **where}


def _asterisk_of(folder: Path) -> int:
    """The process whose configuration lies in this folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            words = (entry / "cmdline").read_bytes().split(b"\0") if (entry / "cmdline").exists() else []
            if words and words[0].endswith(b"asterisk") and any(str(folder).encode() in word for word in words):
                return int(entry.name)
    raise SystemExit("the sandbox's Asterisk was not found")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--asterisk", action="store_true")
    parser.add_argument("--calls", type=int, default=100)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    report(parser.parse_args())


if __name__ == "__main__":
    main()
