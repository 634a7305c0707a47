"""FastAGI sessions a second: our server, pyst2 with a thread a call, panoramisk's own; one run, one script, one table.

    python tests/benchmarks/fastagi_sessions.py [--sessions 3000] [--at-once 50] [--rounds 3]

Each session is one connection, the environment of a real call, and three commands: SET VARIABLE, STREAM FILE, SET
VARIABLE. Every server runs alone in a process of its own, the callers in another. Ours does all that it does for a
real call (flow, notes, the caller's facts, the visit) on a database that accepts everything at once; the row "with
Postgres" writes them for real when --database-url is given. Both asyncio servers run on uvloop.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import socketserver
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvloop

ENVIRONMENT = (
    "".join(
        f"agi_{name}: {value}\n"
        for name, value in {
            "network": "yes",
            "network_script": "front_desk",
            "request": "agi://127.0.0.1/front_desk",
            "channel": "PJSIP/trunk-00000001",
            "language": "en",
            "type": "PJSIP",
            "uniqueid": "1700000000.1",
            "version": "22.10.1",
            "callerid": "13800138000",
            "calleridname": "unknown",
            "callingpres": "0",
            "dnid": "95000",
            "rdnis": "unknown",
            "context": "front-desk",
            "extension": "95000",
            "priority": "7",
            "enhanced": "0.0",
            "accountcode": "",
            "threadid": "140000000000000",
            "arg_1": "1700000000.1",
        }.items()
    ).encode()
    + b"\n"
)
COMMANDS = (
    'SET VARIABLE "TIMEOUT(absolute)" "20"',
    'STREAM FILE kefu/welcome "" 0',
    'SET VARIABLE "NEXT_STEP" "goodbye"',
)


# Servers ----------------------------------------------------------------------------------------------------------


async def serve_ours(port: int, database_url: str | None) -> None:
    """Our AgiServer with a flow of one prompt, which makes exactly the three commands."""
    import logging

    import structlog

    from agi.desk import Site
    from agi.endings import Goodbye
    from agi.server import AgiServer, Deadlines
    from agi.service import collect_seldom
    from agi.steps import Ask, Flow, Play
    from crm.database import Database
    from crm.rules.opening_hours import read_opening_hours

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))

    def one_prompt() -> Flow:
        yield Play(("welcome",))
        return Goodbye(served=True)

    def held() -> Flow:
        yield Ask(("welcome",), "1", timeout_s=3600)
        return Goodbye(served=True)

    site = Site("bench", "CN", read_opening_hours("mon-sun 00:00-24:00", "UTC"), budget_s=5.0)
    database: Any = Database(database_url) if database_url else _AcceptsAll()
    server = AgiServer(site, database, {"front_desk": one_prompt, "held": held}, Deadlines(answer_within_s=7200))
    await server.listen("127.0.0.1", port)
    collect_seldom()
    await asyncio.Event().wait()


class _AcceptsAll:
    """A database without a server behind it."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[_AcceptsAll]:
        yield self

    async def execute(self, *_statement: object) -> None:
        return None


async def serve_panoramisk(port: int) -> None:
    """panoramisk.fast_agi as its documentation shows it."""
    from panoramisk import fast_agi

    async def answer(request: Any) -> None:
        for command in COMMANDS:
            await request.send_command(command)

    application = fast_agi.Application(loop=asyncio.get_running_loop())
    application.add_route("front_desk", answer)
    server = await asyncio.start_server(application.handler, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def serve_threads(port: int) -> None:
    """pyst2's AGI (as repaired in agi.phone_line: unrepaired it runs in no thread) with a thread a call."""
    from agi.phone_line import PhoneLine, read_environment

    class Call(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), "")
            env = read_environment(list(lines))
            line = PhoneLine(self, env)
            line.set_variable("TIMEOUT(absolute)", 20)
            line.stream_file("kefu/welcome")
            line.set_variable("NEXT_STEP", "goodbye")

        def readline(self) -> str:
            return self.rfile.readline().decode("utf-8", "replace")

        def write(self, text: str) -> None:
            self.wfile.write(text.encode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 1024

    with Server(("127.0.0.1", port), Call) as server:
        server.serve_forever()


# Callers ----------------------------------------------------------------------------------------------------------


class Caller(asyncio.Protocol):
    """Asterisk's side of one session: answers three commands and waits for the close."""

    def __init__(self, over: asyncio.Future[int]) -> None:
        self.over = over
        self.answered = 0
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.transport.write(ENVIRONMENT)

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.answered += 1
            self.transport.write(b"200 result=0 endpos=8000\n" if line.startswith(b"STREAM") else b"200 result=1\n")

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(self.answered)


async def call(port: int, sessions: int, at_once: int) -> float:
    """Seconds that `sessions` sessions took. Fails when one did not run its three commands."""
    loop = asyncio.get_running_loop()
    left = iter(range(sessions))

    async def ring() -> None:
        for _ in left:
            over: asyncio.Future[int] = loop.create_future()
            transport, _caller = await loop.create_connection(lambda over=over: Caller(over), "127.0.0.1", port)
            answered = await over
            transport.close()
            if answered != len(COMMANDS):
                raise SystemExit(f"a session ran {answered} commands instead of {len(COMMANDS)}")

    began = time.perf_counter()
    await asyncio.gather(*(ring() for _ in range(at_once)))
    return time.perf_counter() - began


# The run ----------------------------------------------------------------------------------------------------------


def measure(kind: str, options: argparse.Namespace) -> tuple[float, float]:
    """(sessions/s, server's CPU ms a session), the median of the rounds after one to warm up."""
    port = _free_port()
    command = [sys.executable, __file__, "--serve", kind, "--port", str(port)]
    if options.database_url and kind == "postgres":
        command += ["--database-url", options.database_url]
    server = subprocess.Popen(command)
    try:
        _wait_for(port)
        uvloop.run(call(port, options.sessions // 10, options.at_once))
        rates, costs = [], []
        for _ in range(options.rounds):
            before_s = _cpu_s(server.pid)
            took_s = uvloop.run(call(port, options.sessions, options.at_once))
            rates.append(options.sessions / took_s)
            costs.append((_cpu_s(server.pid) - before_s) * 1000 / options.sessions)
        return statistics.median(rates), statistics.median(costs)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def _cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - a kernel file, read once
        fields = stat.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            # A whole session: panoramisk's server spins for ever when a peer closes before it has said anything.
            uvloop.run(call(port, 1, 1))
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("a server did not start within 20 s")


def main() -> None:
    """Measure and print; or, with --serve, be one of the servers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=3000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database-url", default=os.environ.get("KEFU_DATABASE_URL"))
    parser.add_argument("--serve", choices=["ours", "postgres", "threads", "panoramisk"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve == "threads":
        serve_threads(options.port)
    elif options.serve == "panoramisk":
        uvloop.run(serve_panoramisk(options.port))
    elif options.serve:
        uvloop.run(serve_ours(options.port, options.database_url if options.serve == "postgres" else None))
    else:
        report(options)


def report(options: argparse.Namespace) -> None:
    rows = {"threads": "pyst2, a thread a call", "panoramisk": "panoramisk's own FastAGI", "ours": "Kefu"}
    if options.database_url:
        rows["postgres"] = "Kefu, each visit in Postgres"
    figures = {kind: measure(kind, options) for kind in rows}
    base = figures["threads"][0]
    print(f"{options.sessions} sessions of 3 commands, {options.at_once} at once, median of {options.rounds}")
    print(f"{'server':<30} {'sessions/s':>10} {'CPU ms each':>12} {'ratio':>6}")
    for kind, title in rows.items():
        rate, cost = figures[kind]
        print(f"{title:<30} {rate:>10.0f} {cost:>12.3f} {rate / base:>6.2f}")


if __name__ == "__main__":
    main()
