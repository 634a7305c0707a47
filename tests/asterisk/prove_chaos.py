"""The ledger under fire: `make chaos`. Thousands of real calls while everything that Kefu stands on falls.

Callers and seats are Local channels and SIP phones on a private Asterisk; their script is the truth. Meanwhile the
bridge is killed, its AMI line cut, Postgres killed, Asterisk restarted. Afterwards nothing may be open, `kefu report
reconcile` must explain every difference to queue_log and CEL, and each call must read as it was played. Exits 1 when
anything fails, says which calls, and keeps the folder.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from center import KEFU  # noqa: E402 - run as a script, it finds by itself what tests share
from chaos_faults import CRASHED, CUT, KILLED, POSTGRES, RESTARTED, Agents, ChaosCenter, Faults  # noqa: E402
from chaos_report import errors_of, failures, print_figures  # noqa: E402
from chaos_script import written  # noqa: E402
from chaos_street import Street  # noqa: E402
from chaos_truth import judged, postures, settled  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402


async def prove(said: argparse.Namespace, folder: Path) -> bool:
    """Whether all held."""
    dice = random.Random(said.seed)
    plan = written(said.calls, said.calls_per_s, dice)
    wanted = {KILLED: said.kills, CUT: said.cuts, POSTGRES: said.postgres_restarts}
    wanted |= {RESTARTED: said.asterisk_restarts, CRASHED: said.asterisk_crashes}
    faults = Faults(wanted, said.calls / said.calls_per_s, dice)
    began = time.monotonic()
    async with ChaosCenter(folder, version=said.asterisk) as center:
        async with Street(center.sandbox, plan) as street:
            agents = Agents(center, dice)
            with _progress() as progress:
                ringing = progress.add_task("callers rang in", total=len(plan))
                falling = progress.add_task("things fell", total=len(faults.plan))
                working = asyncio.create_task(agents.work())
                try:
                    await asyncio.gather(
                        street.play(lambda: progress.advance(ringing)),
                        faults.happen(center, street, lambda name: _fell(progress, falling, name)),
                    )
                    progress.console.print("the last callers talk …")
                    await street.over()
                finally:
                    working.cancel()
                    await asyncio.gather(working, return_exceptions=True)
            center.bridge_lives()
            played_s = time.monotonic() - began
            complaints = await settled(center)
            complaints += await postures(center)
        reconciled = await _reconciled(center)
        contradicted = {each["conversation"] for each in reconciled["differences"] if each["reason"] == "unexplained"}
        verdict = await judged(center, street, plan, contradicted)
        verdict.failures += complaints
        verdict.failures += [*failures(reconciled), *errors_of(center)]
        await print_figures(center, verdict, reconciled, faults.done, agents.asked, played_s, time.monotonic() - began)
        return not verdict.failures and not verdict.wrong


async def _reconciled(center: ChaosCenter) -> dict[str, Any]:
    """What `kefu report reconcile` says; it exits 1 when something is unexplained."""
    files = ("--queue-log", center.sandbox.queue_log_file, "--cel", center.sandbox.cel_file)
    command = [str(KEFU), "report", "reconcile", "--node", center.node, *map(str, files), "--json"]
    asked = await asyncio.create_subprocess_exec(*command, env=center.environment, stdout=PIPE, stderr=PIPE)
    said, complaint = await asked.communicate()
    assert said, complaint.decode()
    told: dict[str, Any] = json.loads(said)
    return told


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def _fell(progress: Progress, task: Any, name: str) -> None:
    progress.advance(task)
    progress.console.print(f"{time.strftime('%H:%M:%S')} {name}")


def main() -> None:
    """See --help."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--calls", type=int, default=2000)
    asked.add_argument("--calls-per-s", type=float, default=4.0)
    asked.add_argument("--seed", type=int, default=None)
    asked.add_argument("--asterisk", default="22", choices=("22", "16"))
    asked.add_argument("--kills", type=int, default=20, help="kill -9 of the bridge")
    asked.add_argument("--cuts", type=int, default=20, help="cuts of the AMI connection")
    asked.add_argument("--postgres-restarts", type=int, default=5, help="kill -9 of Postgres")
    asked.add_argument("--asterisk-restarts", type=int, default=1, help="orderly ends of Asterisk, its calls with it")
    asked.add_argument("--asterisk-crashes", type=int, default=0, help="kill -9 of Asterisk")
    said = asked.parse_args()
    said.seed = said.seed if said.seed is not None else random.randrange(10**6)
    print(f"Asterisk {said.asterisk}, {said.calls} calls at {said.calls_per_s:g} calls/s, seed {said.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="kefu-chaos-"))
    folder.chmod(0o755)  # Postgres runs as another account
    held = False
    try:
        held = asyncio.run(prove(said, folder))
    finally:
        if held:
            shutil.rmtree(folder)
        else:
            print(f"FAILED; everything is kept in {folder}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
