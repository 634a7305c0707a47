"""`kefu up` keeps services running: real child processes that die, freeze, refuse to end, and lose their parent."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crm.cancelling import cancelled
from crm.cli import own_postgres
from crm.cli import supervisor as module
from crm.cli.supervisor import Service, Supervisor

HEALTHY = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
ILL_AFTER_A_WHILE = HEALTHY.replace(
    "self.send_response(200)",
    "self.server.asked = n = getattr(self.server, 'asked', 0) + 1; self.send_response(200 if n < 2 else 503)",
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
)
SHORT = "import sys; sys.exit(3)"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Said:
    """What the supervisor tells, to be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def __call__(self, sentence: str) -> None:
        self.lines.append(sentence)
        self._more.set()

    async def line(self, fits: Callable[[str], bool], times: int = 1) -> str:
        async with asyncio.timeout(30):
            while len(found := [line for line in self.lines if fits(line)]) < times:
                self._more.clear()
                await self._more.wait()
        return found[times - 1]


@asynccontextmanager
async def _running(*services: Service) -> AsyncIterator[tuple[Supervisor, Said]]:
    said = Said()
    supervisor = Supervisor(services, os.environ, said)
    run = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, said
    finally:
        supervisor.stop()
        async with asyncio.timeout(30):
            await run
        assert supervisor.pids() == {}


def _service(script: str, *arguments: str, health: tuple[str, int] | None = None) -> Service:
    return Service("web", [sys.executable, "-c", script, *arguments], health)


async def test_a_service_that_ends_is_started_again() -> None:
    async with _running(_service(SHORT)) as (_, said):
        assert (
            await said.line(lambda line: "exit code 3" in line) == "web ended with exit code 3: started again in 0.2 s"
        )
        assert await said.line(lambda line: "exit code 3" in line, times=2) == (
            "web ended with exit code 3: started again in 0.5 s"
        )


async def test_a_start_that_fails_is_tried_again_and_ends_no_other_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory, no process or no file left for a moment: the callers in the menus must not pay for it."""
    port = _free_port()
    begin, refusals = asyncio.create_subprocess_exec, [OSError(errno.EAGAIN, "Resource temporarily unavailable")]

    async def begin_some(*command: str, **how: Any) -> asyncio.subprocess.Process:
        if command[-1] == SHORT and refusals:
            raise refusals.pop()
        return await begin(*command, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin_some)
    menus = Service("ivr", [sys.executable, "-c", HEALTHY, str(port)], ("127.0.0.1", port))
    async with _running(_service(SHORT), menus) as (supervisor, said):
        assert await said.line(lambda line: line.startswith("web")) == (
            "web could not be started (Resource temporarily unavailable): started again in 0.2 s"
        )
        await said.line(lambda line: "exit code 3" in line)
        await said.line(lambda line: line.startswith("ivr is well"))
        assert supervisor.failures["web"] >= 2
        assert supervisor.failures["ivr"] == 0


async def test_our_own_postgres_is_tried_again_where_no_process_could_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_postgres, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(own_postgres, "TRY_AGAIN_AFTER_S", (0.0,))

    class Server:
        is_alive = False
        refusals: ClassVar = [OSError(errno.ENOMEM, "Cannot allocate memory")]

        def start(self) -> None:
            if self.refusals:
                raise self.refusals.pop()
            self.is_alive = True

    said = Said()
    keeping = asyncio.create_task(own_postgres.keep_serving(Server(), said))  # type: ignore[arg-type]
    assert "Cannot allocate memory" in await said.line(lambda line: "tried again" in line)
    await said.line(lambda line: "is well" in line)
    await cancelled(keeping)


async def test_a_service_that_is_killed_is_named_and_started_again() -> None:
    port = _free_port()
    async with _running(_service(HEALTHY, str(port), health=("127.0.0.1", port))) as (supervisor, said):
        await said.line(lambda line: "is well" in line)
        first = supervisor.pids()["web"]
        os.kill(first, signal.SIGKILL)
        assert (await said.line(lambda line: "SIGKILL" in line)).startswith("web was ended by SIGKILL")
        await said.line(lambda line: "is well" in line, times=2)
        assert supervisor.pids()["web"] != first


async def test_a_frozen_service_is_killed_and_started_again() -> None:
    port = _free_port()
    async with _running(_service(HEALTHY, str(port), health=("127.0.0.1", port))) as (supervisor, said):
        await said.line(lambda line: "is well" in line)
        os.kill(supervisor.pids()["web"], signal.SIGSTOP)
        began = asyncio.get_running_loop().time()
        assert (await said.line(lambda line: "silent" in line)).startswith("web was silent for 2 s and was killed")
        assert asyncio.get_running_loop().time() - began < 5
        await said.line(lambda line: "is well" in line, times=2)


async def test_a_service_that_says_it_is_ill_is_started_again() -> None:
    """503 from /healthz: a part of it has ended for good, the rest would serve nobody."""
    port = _free_port()
    async with _running(_service(ILL_AFTER_A_WHILE, str(port), health=("127.0.0.1", port))) as (_, said):
        assert (await said.line(lambda line: "killed" in line)).startswith("web was ill for 2 s and was killed")
        await said.line(lambda line: "is well" in line, times=2)


async def test_a_service_that_never_gets_well_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_DEADLINE_S", 0.5)
    async with _running(_service(STUBBORN, health=("127.0.0.1", _free_port()))) as (_, said):
        assert "was not well 0.5 s after its start" in await said.line(lambda line: "not well" in line)


async def test_a_service_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "DRAIN_S", 0.5)
    started = tmp_path / "started"
    os.mkfifo(started)
    script = STUBBORN.replace("time.sleep", f"open({str(started)!r}, 'w').close(); time.sleep")
    async with _running(_service(script)) as (supervisor, _):
        await asyncio.to_thread(started.read_text)  # both ends open: the process runs
        pid = supervisor.pids()["web"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_services_end_with_a_supervisor_that_is_killed() -> None:
    script = f"""
import asyncio, os, sys
from crm.cli.supervisor import Service, Supervisor
async def main():
    supervisor = Supervisor([Service("web", [sys.executable, "-c", {HEALTHY!r}, "{_free_port()}"])], os.environ, print)
    run = asyncio.create_task(supervisor.run())
    while not supervisor.pids():
        await asyncio.sleep(0.01)
    print(supervisor.pids()["web"], flush=True)
    await run
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        assert select.select([child], [], [], 20)[0], "the service outlived its supervisor"
        os.close(child)


def test_a_supervisor_that_was_stopped_itself_blames_nobody() -> None:
    """A suspended machine, a terminal's Ctrl-Z: the silence was ours."""
    script = f"""
import asyncio, os, sys
from crm.cli.supervisor import Service, Supervisor
health = ("127.0.0.1", {_free_port()})
web = Service("web", [sys.executable, "-c", {HEALTHY!r}, str(health[1])], health)
asyncio.run(Supervisor([web], os.environ, lambda sentence: print(sentence, flush=True)).run())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        assert "is well" in up.stdout.readline()
        up.send_signal(signal.SIGSTOP)
        time.sleep(module.SILENCE_S + 2 * module.ASK_EVERY_S)
        up.send_signal(signal.SIGCONT)
        time.sleep(module.SILENCE_S + 2 * module.ASK_EVERY_S)
        up.kill()
        assert up.stdout.read() == "", "it said something about a service that was well"
