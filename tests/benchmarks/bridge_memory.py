"""Peak memory of the bridge over a million AMI messages: replayed, live, and live with a Postgres that stands still.

A recorded stream is repeated with fresh ids and times until it holds so many messages. `kefu bridge replay` plays it
from a file; then a forged Asterisk pours it into `kefu bridge run` as fast as it is read, without and with the raw
ring; at last every message a followed one, while Postgres takes connections and answers nothing, until no more is read,
and then all is written.
Peaks are the kernel's own (VmHWM), processor time is user and system, of the bridge alone.

    python tests/benchmarks/bridge_memory.py [--trace FILE] [--messages 1000000] [--calls 300]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from bridge_process import BridgeProcess
from bridge_replay import _EPOCH, BLANK, _read, only_followed, recorded
from cable import Cable
from forged_asterisk import ForgedAsterisk, Session

from crm.embedded import EmbeddedPostgres
from crm.migrations import upgrade

PROMISED_MB = 200
_CHUNK = 64 * 1024
_QUIET_S = 3.0
_ANSWERS = 100  # answers to pings come all the time
Found = dict[str, float]


def main() -> None:
    """Measure and print; exit code 1 when a peak is above what is promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trace", type=Path, help="a recorded .ami or .ami.xz file")
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many messages to play at least")
    parser.add_argument("--calls", type=int, default=300, help="calls to record, without --trace")
    chosen = parser.parse_args()
    # Not the usual temporary folder: Postgres runs as another account where we are root.
    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        stream, followed = folder / "stream.ami", folder / "followed.ami"
        trace = _read(chosen.trace or recorded(chosen.calls, anew=False))
        for data, file in ((trace, stream), (only_followed(trace), followed)):
            messages = write_repeated(data, file, chosen.messages)
            print(f"{file.stem}: {messages:,} messages, {file.stat().st_size / 1e6:,.0f} MB")
        del trace, data
        with EmbeddedPostgres(folder / "postgres") as server:
            upgrade(server.url)
            highest = max(asyncio.run(measure(server.url, stream, followed, folder)))
    print(f"promised: at most {PROMISED_MB} MB")
    sys.exit(highest > PROMISED_MB)


def write_repeated(data: bytes, stream: Path, messages: int) -> int:
    """The trace again and again, ids and times of each round later than those of the one before."""
    epochs = [int(found) for found in _EPOCH.findall(data)]
    span, each, rounds = max(epochs) - min(epochs) + 60, data.count(BLANK), 0
    back = len(epochs) and (messages // each + 1) * span  # all of it in the past: nothing comes from the future
    with stream.open("wb") as file:
        while rounds * each < messages:
            later = rounds * span - back
            file.write(re.sub(_EPOCH, lambda found, later=later: str(int(found[1]) + later).encode(), data))
            rounds += 1
    return rounds * each


async def measure(url: str, stream: Path, followed: Path, folder: Path) -> list[float]:
    """One line a way."""
    print(f"{'':46}{'peak MB':>9}{'seconds':>9}{'cpu s':>8}{'messages/s':>12}")
    peaks = [_print("kefu bridge replay", await replayed(url, stream))]
    for name, ring in (("live, no raw ring", 0), ("live, raw ring of 64 MB", 64)):
        peaks.append(_print(name, await live(url, stream, folder, f"live{ring}", ring)))
    peaks.append(_print("live, all followed, Postgres stands still", await stalled(url, followed, folder)))
    return peaks


def _print(name: str, found: Found) -> float:
    per_s = found["messages"] / found["seconds"]
    print(f"{name:46}{found['mb']:>9.0f}{found['seconds']:>9.1f}{found['cpu_s']:>8.1f}{per_s:>12,.0f}")
    if "stopped_mb" in found:
        print(f"{'  before it goes on':46}{found['stopped_mb']:>9.0f}{'':>9}{'':>8}", end="")
        print(f"  backlog {found['backlog_mb']:.0f} MB")
    return found["mb"]


async def replayed(url: str, stream: Path) -> Found:
    """The file by `kefu bridge replay`."""
    command = ["-m", "crm.cli", "bridge", "replay", str(stream), "--node", "replayed", "--json", "--database-url", url]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    done = asyncio.ensure_future(process.communicate())
    used: Found = {}
    while not done.done():
        used = _used(process.pid) or used
        await asyncio.wait((done,), timeout=0.05)
    told = json.loads(done.result()[0])
    return {**used, "seconds": told["seconds"], "messages": told["messages"]}


async def live(url: str, stream: Path, folder: Path, node: str, ring: int) -> Found:
    """Over a socket, as fast as it is read."""
    async with ForgedAsterisk() as peer, _running(url, peer, folder, node, ring) as bridge:
        session = await peer.session(60)
        before, began = _used(bridge.pid), time.monotonic()
        poured = asyncio.ensure_future(_pour(session, stream))
        await poured
        await bridge.quiet()
        used = _used(bridge.pid)
        return {**used, "cpu_s": used["cpu_s"] - before["cpu_s"], "seconds": bridge.busy_until - began, **_all(poured)}


async def stalled(url: str, stream: Path, folder: Path) -> Found:
    """The same while Postgres answers nothing; when reading has stopped, Postgres goes on."""
    async with AsyncExitStack() as open_now:
        cable = await open_now.enter_async_context(Cable(url))
        peer = await open_now.enter_async_context(ForgedAsterisk())
        bridge = await open_now.enter_async_context(_running(cable.url, peer, folder, "stalled", 0))
        session = await peer.session(60)
        began = time.monotonic()
        cable.stall()
        poured = asyncio.ensure_future(_pour(session, stream))
        await bridge.stuck()
        stopped, told = _used(bridge.pid), await bridge.facts()
        cable.flow()
        await poured
        await bridge.quiet()
        return {
            **_used(bridge.pid),
            "seconds": bridge.busy_until - began,
            "stopped_mb": stopped["mb"],
            "backlog_mb": told["backlog_bytes"] / 1e6,
            **_all(poured),
        }


def _all(poured: asyncio.Future[int]) -> Found:
    return {"messages": poured.result()}


class _running:  # noqa: N801 - reads as a sentence
    """A bridge under measurement, and what it tells of itself."""

    def __init__(self, url: str, peer: ForgedAsterisk, folder: Path, node: str, ring: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        settings = {"node": node, "raw_ring_megabytes": ring, "bridge_health_port": self._port}
        self._process = BridgeProcess(url, peer.port, folder, **settings)
        self.busy_until = 0.0

    async def __aenter__(self) -> _running:
        await self._process.__aenter__()
        self.pid = self._process.process.pid
        return self

    async def __aexit__(self, *fault: Any) -> None:
        await self._process.end(signal.SIGTERM)

    async def facts(self) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
            return found

        return await asyncio.to_thread(ask)

    async def quiet(self) -> None:
        """Return when all that was read is written."""
        while (await self.facts())["backlog_bytes"] > 100_000:  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(0.1)
        self.busy_until = time.monotonic()

    async def stuck(self) -> None:
        """Return when nothing more is read."""
        heard, since = -_ANSWERS, time.monotonic()
        while time.monotonic() - since < _QUIET_S:
            now = (await self.facts())["messages"]
            if now > heard + _ANSWERS:
                heard, since = now, time.monotonic()
            await asyncio.sleep(0.2)


async def _pour(session: Session, stream: Path) -> int:
    """The stream into the socket, in whole messages: answers come between them. A full socket is waited for."""
    messages, rest = 0, b""
    with stream.open("rb") as file:
        while chunk := file.read(_CHUNK):
            whole, blank, rest = (rest + chunk).rpartition(BLANK)
            session.send(whole + blank)
            messages += whole.count(BLANK) + 1
            await session._writer.drain()
    return messages


def _used(pid: int) -> Found:
    """Peak megabytes and processor seconds of a process so far; {} when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return {}
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    if peak is None:
        return {}
    return {"mb": int(peak[1]) / 1000, "cpu_s": (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")}


if __name__ == "__main__":
    main()
