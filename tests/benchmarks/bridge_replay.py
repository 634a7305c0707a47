"""Messages a second of `kefu bridge replay` into Postgres, beside panoramisk alone on the same stream, in one run.

    python tests/benchmarks/bridge_replay.py [--trace FILE] [--repeat 5] [--rounds 3] [--calls 300] [--record]

panoramisk dispatches the stream to an empty callback and does nothing else; ours follows the calls, writes ledger and
journal, and commits, on a durable Postgres of its own. Without --trace the stream is recorded from a private Asterisk
under load (all event classes, kept in the cache folder; --record makes it anew). It is repeated with fresh ids and
times. "followed only" is the same stream without the messages that framing would skip. Each measurement is a process
of its own, in turns, the median counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import lzma
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BLANK = b"\r\n\r\n"
_EPOCH = re.compile(rb"(?<=: )(\d{10})(?=\.\d)")
_CHUNK = 64 * 1024


def main() -> None:
    """Measure and print."""
    chosen = _arguments()
    if chosen.panoramisk_alone:
        print(json.dumps(panoramisk_alone(chosen.panoramisk_alone)))
        return
    stream = _read(chosen.trace or recorded(chosen.calls, anew=chosen.record))
    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as folder:
        whole, followed = Path(folder) / "whole.ami", Path(folder) / "followed.ami"
        whole.write_bytes(repeated(stream, chosen.repeat))
        followed.write_bytes(repeated(only_followed(stream), chosen.repeat))
        measure(whole, followed, chosen.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trace", type=Path, help="a recorded .ami or .ami.xz file")
    parser.add_argument("--repeat", type=int, default=5, help="how often the stream is repeated with fresh ids")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each; the median counts")
    parser.add_argument("--calls", type=int, default=300, help="calls to record")
    parser.add_argument("--record", action="store_true", help="record the stream anew")
    parser.add_argument("--panoramisk-alone", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(whole: Path, followed: Path, rounds: int) -> None:
    """All rounds in turns, then the table."""
    from crm.embedded import EmbeddedPostgres
    from crm.migrations import upgrade

    alone: list[float] = []
    ours: list[float] = []
    every: list[float] = []
    # Not the usual temporary folder: Postgres runs as another account where we are root.
    with tempfile.TemporaryDirectory(prefix="kefu-bench-pg-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "postgres") as server:
            upgrade(server.url)
            for number in range(rounds):
                alone.append(_run(__file__, "--panoramisk-alone", str(whole))["messages_per_second"])
                ours.append(_replay(server.url, whole, f"whole{number}"))
                every.append(_replay(server.url, followed, f"followed{number}"))
                print(f"round {number + 1}: {alone[-1]:,.0f} {ours[-1]:,.0f} {every[-1]:,.0f}", file=sys.stderr)
            _print(alone, ours, every)
            _print_cost(server.url)


def _print(alone: list[float], ours: list[float], every: list[float]) -> None:
    base = statistics.median(alone)
    print(f"{'messages/s (median)':44}{'':>10}  ratio")
    for name, found in (
        ("panoramisk alone, to an empty callback", alone),
        ("kefu bridge replay, committed in Postgres", ours),
        ("the same, every message followed", every),
    ):
        print(f"{name:44}{statistics.median(found):>10,.0f}  {statistics.median(found) / base:.1f}")


def _print_cost(url: str) -> None:
    import psycopg

    with psycopg.connect(url) as connection:
        calls = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE outcome = 'answered'), count(*) FILTER (WHERE ended_at IS NULL) "
            "FROM conversation WHERE node = 'whole0'"
        ).fetchone()
        journal = connection.execute("SELECT sum(length(block)) FROM journal WHERE node = 'whole0'").fetchone()
    assert calls is not None
    assert journal is not None
    kilobytes = (journal[0] or 0) / max(1, calls[0]) / 1000
    print(f"{calls[0]} conversations, {calls[1]} answered, {calls[2]} open; journal {kilobytes:.1f} kB a conversation")


def _replay(url: str, file: Path, node: str) -> float:
    arguments = ["bridge", "replay", str(file), "--node", node, "--json", "--database-url", url]
    return _run("-m", "crm.cli", *arguments)["messages_per_second"]


def _run(*arguments: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def panoramisk_alone(file: Path) -> dict[str, float]:
    """Its own protocol and manager, no socket, one callback that does nothing."""
    from panoramisk.ami_protocol import AMIProtocol
    from panoramisk.manager import Manager

    async def dispatch() -> float:
        manager = Manager(encoding="utf8", loop=asyncio.get_running_loop())
        manager.register_event("*", lambda manager, event: None)
        protocol = AMIProtocol()
        protocol.connection_made(None)
        protocol.factory, protocol.encoding = manager, "utf8"
        manager.connection_lost = lambda exc: None
        began = time.perf_counter()
        for at in range(0, len(data), _CHUNK):
            protocol.data_received(data[at : at + _CHUNK])
        return time.perf_counter() - began

    data = file.read_bytes()
    return {"messages_per_second": data.count(BLANK) / asyncio.run(dispatch())}


def repeated(stream: bytes, times: int) -> bytes:
    """The stream several times over, ids and times of each later than those of the one before."""
    epochs = [int(found) for found in _EPOCH.findall(stream)]
    span = max(epochs) - min(epochs) + 60
    return b"".join(
        _EPOCH.sub(lambda found, later=number * span: str(int(found[1]) + later).encode(), stream)
        for number in range(times)
    )


def only_followed(stream: bytes) -> bytes:
    """The stream without what framing skips by its first line."""
    from ami_bridge.bridge import followed

    blocks = [block for block in followed().feed(stream) if isinstance(block, bytes)]
    return BLANK.join([*blocks, b""])


def _read(file: Path) -> bytes:
    return lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()


def recorded(calls: int, *, anew: bool) -> Path:
    """The recording of so many simulated calls; made when it is not there."""
    cache = Path(os.environ.get("KEFU_CACHE_DIR") or Path.home() / ".cache" / "kefu")
    file = cache / "traces" / f"bridge-replay-{calls}.ami"
    if anew or not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        print(f"recording {calls} calls from a private Asterisk into {file}", file=sys.stderr)
        asyncio.run(_record(file, calls))
    return file


async def _record(file: Path, calls: int, calls_per_s: float = 15.0, agents: int = 40) -> None:
    from ami_bridge.recording import record_stream
    from crm.pbx.sandbox import Sandbox
    from crm.settings import read_settings

    with tempfile.TemporaryDirectory(prefix="kefu-rec-") as folder:
        with Sandbox(Path(folder) / "pbx") as sandbox:
            secret = _hear_everything(sandbox)
            settings = read_settings(ami_port=sandbox.ami_port, ami_username="bench", ami_secret=secret)
            unfinished, stop = Path(folder) / "stream.ami", asyncio.Event()
            recording = asyncio.ensure_future(record_stream(settings, unfinished, stop, None, True, print))
            await asyncio.to_thread(_load, sandbox, calls, calls_per_s, agents)
            stop.set()
            await recording
        unfinished.replace(file)


def _hear_everything(sandbox) -> str:  # type: ignore[no-untyped-def]
    """An account without a filter: the benchmark is about skipping, too."""
    secret = secrets.token_urlsafe(16)
    with (sandbox.folder / "etc" / "manager.conf").open("a") as accounts:
        accounts.write(f"\n[bench]\nsecret = {secret}\nread = all\nwrite = reporting\nwritetimeout = 10000\n")
    sandbox.cli("manager reload")
    return secret


def _load(sandbox, calls: int, calls_per_s: float, agents: int) -> None:  # type: ignore[no-untyped-def]
    from crm.pbx.sandbox_calls import CallFile

    quick = {"__SANDBOX_RING_S": "0.1", "__SANDBOX_TALK_S": "0.3"}
    with sandbox.ami(sandbox.actor) as actor:
        for number in range(agents):
            interface = f"Local/{7000 + number}@sandbox-agents/n"
            actor.ask({"Action": "QueueAdd", "Queue": "reception", "Interface": interface})
    for number in range(calls):
        sandbox.originate_local(CallFile(number=f"139{number:08}", name=f"Caller {number}", variables=quick))
        time.sleep(1 / calls_per_s)
    deadline = time.monotonic() + 60
    while " 0 active calls" not in " " + sandbox.cli("core show channels") and time.monotonic() < deadline:
        time.sleep(0.5)


if __name__ == "__main__":
    main()
