"""Keeps services running as processes: starts them, asks for their health, kills the frozen, starts the dead again.

Used by `kefu up` and the demo. A service is a command and, where it has one, a port with /healthz. One that was well
and then stays silent, or says that it is ill, for 2 s is killed: a frozen process holds its port, and with it every
caller and every page. Children end when we end, also when we are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from .patience import Patience

SILENCE_S = 2.0
ASK_EVERY_S = 0.5
HELD_UP_S = 0.5
"""A look at the clock that comes so late says that we did not run ourselves."""
START_DEADLINE_S = 60.0
DRAIN_S = 40.0
"""Longer than any service takes by itself: the menus let their callers finish for half a minute."""
STEADY_S = 30.0
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Service:
    """What to run, and where to ask for its health (host and port; None: it is judged by its exit alone)."""

    name: str
    command: Sequence[str]
    health: tuple[str, int] | None = None


class Supervisor:
    """Runs services until told to stop. `say` gets one sentence for each thing worth telling."""

    def __init__(
        self,
        services: Sequence[Service],
        environment: Mapping[str, str],
        say: Callable[[str], None],
        *,
        log_folder: Path | None = None,
    ) -> None:
        """`log_folder`: where each service's own words go, one file a service; else to our terminal."""
        self._services = services
        self._environment = dict(environment)
        self._say = say
        self._log_folder = log_folder
        self._stopping = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self.failures: dict[str, int] = {}
        """How often each service has ended in a row without being asked to."""

    async def run(self) -> None:
        """Return once `stop` was called and every service has ended."""
        async with asyncio.TaskGroup() as tasks:
            for service in self._services:
                tasks.create_task(self._keep(service))

    def stop(self) -> None:
        """Ask all services to finish; those that take too long are killed. A second call kills at once."""
        if self._stopping.is_set():
            for process in self._running.values():
                _signal(process, signal.SIGKILL)
        self._stopping.set()

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return {name: process.pid for name, process in self._running.items()}

    async def _keep(self, service: Service) -> None:
        failures = self.failures[service.name] = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                process = await self._start(service)
            except (OSError, subprocess.SubprocessError) as refused:
                # No memory, process or file is left for a moment: the other services must not end for it.
                why = f"could not be started ({getattr(refused, 'strerror', None) or refused})"
            else:
                self._running[service.name] = process
                why = await self._live(service, process)
                del self._running[service.name]
            if self._stopping.is_set():
                return
            failures = self.failures[service.name] = 0 if time.monotonic() - began > STEADY_S else failures + 1
            pause_s = PAUSES_S[min(failures, len(PAUSES_S)) - 1] if failures else PAUSES_S[0]
            self._say(f"{service.name} {why}: started again in {pause_s:g} s")
            await _event_within(self._stopping, pause_s)

    async def _start(self, service: Service) -> asyncio.subprocess.Process:
        with self._output(service) as output:
            return await asyncio.create_subprocess_exec(
                *service.command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C at the terminal reaches us; we pass it on in our own order
                preexec_fn=_die_with(os.getpid()),
            )

    def _output(self, service: Service) -> AbstractContextManager[IO[bytes] | None]:
        if self._log_folder is None:
            return nullcontext()
        return (self._log_folder / f"{service.name}.log").open("ab")

    async def _live(self, service: Service, process: asyncio.subprocess.Process) -> str:
        """Wait for the end of the process, or make one; say how it ended."""
        ended = asyncio.create_task(process.wait())
        told_to_stop = asyncio.create_task(self._stopping.wait())
        frozen = asyncio.create_task(self._frozen(service, process.pid))
        try:
            await asyncio.wait((ended, told_to_stop, frozen), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return _how(ended.result())
            if frozen.done():
                _signal(process, signal.SIGKILL)
                await ended
                return frozen.result()
            _signal(process, signal.SIGTERM)
            await asyncio.wait((ended,), timeout=DRAIN_S)
            if not ended.done():
                _signal(process, signal.SIGKILL)
                await ended
            return "ended"
        finally:
            for task in (told_to_stop, frozen):
                task.cancel()

    async def _frozen(self, service: Service, pid: int) -> str:
        """Return, with the reason, once the service must be killed; never for one without a health port."""
        if service.health is None:
            await asyncio.Event().wait()
            raise AssertionError
        patience = Patience(pid)
        was_well = False
        while True:
            asked = time.monotonic()
            await asyncio.sleep(ASK_EVERY_S)
            # The last question is given up at the moment when the silence has lasted long enough.
            within_s = max(ASK_EVERY_S, SILENCE_S - patience.silent_s()) if was_well else SILENCE_S
            state = await _state(*service.health, within_s)
            if state == "well":
                patience.begin()
                if not was_well:
                    was_well = True
                    self._say(f"{service.name} is well (http://{service.health[0]}:{service.health[1]})")
            elif time.monotonic() - asked > ASK_EVERY_S + within_s + HELD_UP_S:
                patience.begin()  # it was we who were stopped: no silence of theirs
            elif patience.silent_s() >= (SILENCE_S if was_well else START_DEADLINE_S):
                if was_well:
                    return f"was {state} for {SILENCE_S:g} s and was killed"
                return f"was not well {START_DEADLINE_S:g} s after its start and was killed"


async def _state(host: str, port: int, within_s: float) -> Literal["well", "ill", "silent"]:
    """What /healthz says: 200 is well, any other answer says that a part of the service has ended for good."""
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return "silent"
    if not status.startswith(b"HTTP/"):
        return "silent"
    return "well" if status.split(b" ")[1:2] == [b"200"] else "ill"


async def _event_within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """To the whole session of the service: it may have children of its own."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _die_with(parent: int) -> Callable[[], None]:
    """What the child does before it becomes the service: ask the kernel for SIGTERM when we die, of anything."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ask() -> None:
        if libc is None:
            return
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # we died before it could ask
            os._exit(1)

    return ask
