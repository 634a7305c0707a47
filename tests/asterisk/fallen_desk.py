"""A real menu server beside a real Asterisk, to kill and to freeze while callers stand at every step of its menu.

Used by test_ivr_fails_open.py; KEFU_TEST_FALLS repeats each fall with callers at other steps (`make prove`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forked_kefu import ForkedKefu

from crm.pbx.ami_probe import Message
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile


class Arrivals:
    """When each caller, by number, came to the steps of the way that Asterisk tells of (monotonic seconds)."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._probe = sandbox.ami()
        self._lock = threading.Condition()
        self.at: dict[tuple[str, str], float] = {}
        self.status: dict[str, str] = {}
        self.queue: dict[str, str] = {}
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with suppress(TimeoutError, OSError):
            for message in self._probe.messages(3600):
                self._note(message)

    def _note(self, message: Message) -> None:
        name = message.get("UserEvent") or message.get("Event") or ""
        number = message.get("CallerIDNum", "")
        with self._lock:
            self.at.setdefault((number, name), time.monotonic())
            if name == "IvrLeft":
                # The first word is the menu's: who presses 1 while waiting asks for a callback, in an AGI() of its own.
                self.status.setdefault(number, message.get("AgiStatus", ""))
            if name == "QueueCallerJoin":
                self.queue[number] = message.get("Queue", "")
            self._lock.notify_all()

    def wait(self, numbers: list[str], event: str, within_s: float) -> dict[str, float | None]:
        """When each came there; None for who did not within the time."""
        with self._lock:
            self._lock.wait_for(lambda: all((number, event) in self.at for number in numbers), within_s)
            return {number: self.at.get((number, event)) for number in numbers}

    def close(self) -> None:
        self._probe.close()


class MenuServer:
    """`kefu ivr serve` as a process."""

    def __init__(self, port: int, database_url: str, folder: Path) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
        self.log = folder / "ivr.log"
        settings = {**env, "KEFU_DATABASE_URL": database_url, "KEFU_DATA_FOLDER": str(folder)}
        self.process = ForkedKefu(["ivr", "serve", "--port", str(port)], settings, self.log)
        until = time.monotonic() + 30
        while not self.log.exists() or b'"answering"' not in self.log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the menu server did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)  # a process that is not ours tells its readiness in its log

    def watchmen(self) -> list[int]:
        """The processes that watch it."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout
        return [int(pid) for pid in found.split()]

    def fall(self, how: str) -> float:
        """Killed, frozen, or frozen with nobody to notice; return when."""
        if how == "unnoticed":
            for pid in self.watchmen():
                os.kill(pid, signal.SIGKILL)
        self.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        return time.monotonic()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def menu_server(sandbox: Sandbox, database_url: str, folder: Path) -> Iterator[MenuServer]:
    """A server for the length of the block."""
    server = MenuServer(sandbox.agi_port, database_url, folder)
    try:
        yield server
    finally:
        server.end()


def spread_out(sandbox: Sandbox, numbers: list[str], keys: list[str], apart_s: float) -> None:
    """Callers one after another, so that at any moment each stands at another step of the menu."""
    for number, pressed in zip(numbers, keys, strict=True):
        sandbox.originate_local(CallFile(number=number, keys=pressed, stay_s=60))
        time.sleep(apart_s)  # the distance between two callers is what this is about
