"""Who keeps the sandbox in a folder: taking it, ending its keeper from elsewhere, speaking to its console.

The keeper holds a file lock that dies with it, so no stale file can say that a sandbox runs. Used by sandbox.py and
`kefu pbx sandbox`.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from pathlib import Path
from typing import IO

from crm.refusals import Refusal

LONGEST_FOLDER = 80
"""A Unix socket's path holds 107 bytes, Asterisk's control socket lies inside our folder."""
STOP_PATIENCE_S = 20.0


class SandboxFailed(Refusal):
    """The private Asterisk did not start, died, or is not there; the message says what it said last."""


def hold(folder: Path) -> IO[str]:
    """Take the folder for this process; the lock is held until the file is closed, or this process ends."""
    if len(str(folder)) > LONGEST_FOLDER:
        raise SandboxFailed(f"{folder} is longer than {LONGEST_FOLDER} letters: choose a shorter folder")
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("a+")
    if not _locked_by_us(lock):
        lock.close()
        raise SandboxFailed(f"another sandbox runs in {folder}: stop it or choose another folder")
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def stop(folder: Path) -> None:
    """End the process that keeps this folder's sandbox, and wait until all is gone."""
    path = folder / "lock"
    if not path.exists():
        raise SandboxFailed(f"no sandbox runs in {folder}")
    with path.open("r+") as lock:
        if _locked_by_us(lock):
            raise SandboxFailed(f"no sandbox runs in {folder}")
        os.kill(int(lock.read()), signal.SIGTERM)
        until = time.monotonic() + STOP_PATIENCE_S
        while not _locked_by_us(lock):
            if time.monotonic() > until:
                raise SandboxFailed(f"the sandbox in {folder} did not end within {STOP_PATIENCE_S:.0f} s")
            time.sleep(0.05)


def console(folder: Path, command: str) -> str:
    """What Asterisk's console prints for one command. For people and tests; state is read from AMI."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        try:
            line.connect(str(folder / "run" / "asterisk.ctl"))
        except OSError as error:
            raise SandboxFailed(f"no Asterisk answers in {folder}: start it first") from error
        line.recv(1024)  # a banner: host, process id, version
        line.sendall(f"cli quit after {command}".encode() + b"\0")
        said = b"".join(iter(lambda: line.recv(65536), b""))
    return said.decode("utf-8", "replace").replace("\x00", "")


def _locked_by_us(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
