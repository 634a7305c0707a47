"""Ports that `kefu up` chose for its services' health, kept where `kefu doctor` finds them.

A file `up.json` in the data folder, written when services start, gone when they have ended. One that a killed `kefu up`
left behind is recognised by its process id. Called by cli/up and doctor; may fail, as neither needs it to do its work.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def told(folder: Path, ports: Mapping[str, int]) -> Iterator[None]:
    """While the block runs, `read(folder)` gives these ports: service → port."""
    file = folder / "up.json"
    fresh = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps({"pid": os.getpid(), "health_ports": dict(ports)}), encoding="utf-8")
        fresh.replace(file)
    try:
        yield
    finally:
        if _kept(file).get("pid") == os.getpid():
            with contextlib.suppress(OSError):
                file.unlink()


def read(folder: Path) -> dict[str, int]:
    """Service → port of the `kefu up` that runs now; empty when none does, or none that we can see."""
    kept = _kept(folder / "up.json")
    pid, ports = kept.get("pid"), kept.get("health_ports")
    if not isinstance(pid, int) or not isinstance(ports, dict) or not _runs(pid):
        return {}
    return {str(name): port for name, port in ports.items() if isinstance(port, int)}


def _kept(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # somebody else's process, and alive
    except (OSError, OverflowError):
        return False
    return True
