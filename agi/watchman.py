"""Ends a menu server that stands still, so that its callers go on.

Asterisk waits for a frozen server as long as the step may last; a closed connection sends the caller on at once. So
`kefu ivr serve` starts this beside itself and says every BEAT_S that it lives. A server that has said nothing for
SILENT_S and does nothing either is killed: its callers go to reception by the dialplan, and whoever runs the server
(`kefu up`, systemd) starts it again. One that is merely busy, or starved by others, gets BUSY_S. Ends with the server.
The second process runs this file alone: it imports the standard library and nothing of ours.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

BEAT_S = 0.5
SILENT_S = 2.0
BUSY_S = 10.0


class Watchman:
    """The server's side: the process that watches, and the beats it hears."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", __file__, str(os.getpid())], stdin=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdin is not None
        self._beats = self._process.stdin.fileno()
        os.set_blocking(self._beats, False)

    async def tell(self) -> None:
        """Say that we live, until cancelled."""
        with suppress(BrokenPipeError):  # it was killed: nobody watches, and calls go on
            while True:
                with suppress(BlockingIOError):
                    os.write(self._beats, b".")
                await asyncio.sleep(BEAT_S)

    def dismiss(self) -> None:
        """Before an orderly end."""
        self._process.kill()
        self._process.wait()


def watch(beats: int, server: int) -> str:
    """Return why the watch is over: "ended" with the server, or "killed" it."""
    silent_since = None
    used_before = _cpu_ticks(server)
    while True:
        heard, _, _ = select.select([beats], [], [], SILENT_S if silent_since is None else BEAT_S)
        if heard:
            if not os.read(beats, 4096):
                return "ended"
            silent_since, used_before = None, _cpu_ticks(server)
            continue
        now = time.monotonic()
        if silent_since is None:
            # A machine that slept may wake us before the server: look once more.
            silent_since = now
            continue
        used = _cpu_ticks(server)
        stands_still = _state(server) in "TtS" and used == used_before
        used_before = used
        if stands_still or now - silent_since > BUSY_S - SILENT_S:
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
            return "killed"


def _state(server: int) -> str:
    return (_stat(server) or ["?"])[0]


def _cpu_ticks(server: int) -> int:
    fields = _stat(server)
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0


def _stat(server: int) -> list[str]:
    try:
        return Path(f"/proc/{server}/stat").read_text("ascii", "replace").rpartition(") ")[2].split()
    except OSError:
        return []


if __name__ == "__main__" and watch(0, int(sys.argv[1])) == "killed":
    said = f"the menu server stood still for {SILENT_S:g} s and was killed, so that its callers go on"
    sys.stderr.write(f'{{"level": "error", "service": "ivr", "event": "{said}"}}\n')
