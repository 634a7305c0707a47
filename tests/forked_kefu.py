"""`kefu …` as a process of its own that is killed, frozen and stopped like any other, forked from one that has
everything imported: starting one costs its imports only once. As operators start it, by its command line, it is met
in test_cli_up.py, test_demo.py, test_survival.py and by `kefu doctor`.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import multiprocessing.util  # registers its own end before ours
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_context = multiprocessing.get_context("forkserver")
_IMPORTED = (
    *("crm.cli", "crm.cli.web", "crm.web.serve", "crm.web.app", "crm.worker", "crm.cli.worker"),
    *("ami_bridge.cli", "ami_bridge.bridge", "agi.cli", "agi.server", "agi.service", "crm.pbx.sandbox"),
)
_started: list[Any] = []


@atexit.register
def _leave_none() -> None:
    """A frozen one would be asked to end, and waited for, for ever."""
    for process in _started:
        process.kill()


class ForkedKefu:
    """As subprocess.Popen. What it says is appended to `log`. `hold_before_sending`: it freezes at the moment between
    a committed claim and the first byte of its action."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        hold_before_sending: bool = False,
    ) -> None:
        _context.set_forkserver_preload(list(_IMPORTED))
        what = (list(arguments), dict(environment), str(log), hold_before_sending)
        self._process = _context.Process(target=_run, args=what, daemon=True)
        self._process.start()
        _started.append(self._process)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code; minus the signal that ended it; None while it lives."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit code. subprocess.TimeoutExpired after `timeout_s`."""
        self._process.join(timeout_s)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("kefu", timeout_s or 0)
        return self.returncode

    async def ended(self, deadline_s: float) -> int:
        """Its exit code, once it ends by itself. TimeoutError."""
        try:
            return await asyncio.to_thread(self.wait, deadline_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"it still runs after {deadline_s:g} s") from None

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


def _run(arguments: list[str], environment: dict[str, str], log: str, hold: bool) -> None:
    os.environ.clear()
    os.environ.update(environment)
    said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(said, stream)
    sys.argv = ["kefu", *arguments]
    if hold:
        _hold_before_sending()
    from crm.cli import main

    main(arguments)


def _hold_before_sending() -> None:
    import time

    from ami_bridge.listener import Listener

    whole = Listener.post

    def post(self: Listener, headers: dict[str, str]) -> object:
        if headers["Action"] == "QueuePause":
            time.sleep(60)
        return whole(self, headers)

    Listener.post = post  # type: ignore[method-assign,assignment]
