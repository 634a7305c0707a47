"""Everything that `test_survival.py` tries once, again and again, with faults at any moment: `make prove`.

Each round takes every fault, service and pace in a new order, and lets the fault come at a moment of its own. Prints a
line a trial, and at the end the median, the 95th percentile and the worst of each time; exits 1 when a trial failed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import traceback
from collections import defaultdict
from collections.abc import Awaitable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from center import spoken_prompts  # noqa: E402 - run as a script, it finds by itself what tests share
from four_callers import Pace  # noqa: E402
from kept_center import SERVICES, KeptCenter, open_folder  # noqa: E402
from trials import (  # noqa: E402
    FAULTS,
    Trial,
    asterisk_falls,
    everything_falls,
    postgres_falls,
    service_falls,
)

Try = partial[Awaitable[Trial]]


def one_round(dice: random.Random) -> list[Try]:
    """Every trial once, in a new order."""
    each: list[Try] = [partial(service_falls, name=name, fault=fault) for name in SERVICES for fault in FAULTS]
    each += [
        partial(everything_falls),
        partial(postgres_falls),
        partial(asterisk_falls, kill=True),
        partial(asterisk_falls, kill=False),
    ]
    dice.shuffle(each)
    return each


def some_pace(dice: random.Random) -> Pace:
    """Answers and goodbyes while Kefu is away, and after."""
    return Pace(*(round(dice.uniform(low, 8.0), 2) for low in (1.0, 0.0, 0.1)))


async def prove(rounds: int, version: str, dice: random.Random) -> int:
    """Returns how many trials failed."""
    failed = 0
    times: dict[str, list[float]] = defaultdict(list)
    with open_folder() as folder:
        async with KeptCenter(folder, await spoken_prompts(), version=version) as center:
            for each in [each for _ in range(rounds) for each in one_round(dice)]:
                pace = some_pace(dice)
                try:
                    trial = await each(center, pace)
                except Exception:  # noqa: BLE001 - the others are tried all the same
                    failed += 1
                    print(f"FAILED {each.func.__name__} {each.keywords} {pace}\n{traceback.format_exc()}")
                    print(center.services["up"].said(), flush=True)
                    continue
                print(trial, flush=True)
                times[f"{trial.what}: back"].append(trial.back_s)
                for stage, queue_s in (trial.queue_s or {}).items():
                    times[f"{trial.what}: {stage} in the queue"].append(queue_s)
    _print_table(times)
    print(f"{sum(len(found) for what, found in times.items() if what.endswith('back'))} trials passed, {failed} failed")
    return failed


def _print_table(times: dict[str, list[float]]) -> None:
    print(f"\n{'':44}{'trials':>8}{'median':>8}{'p95':>8}{'worst':>8}  (seconds)")
    for what, found in sorted(times.items()):
        p95 = statistics.quantiles(found, n=20)[-1] if len(found) > 1 else found[0]
        print(f"{what:44}{len(found):8}{statistics.median(found):8.2f}{min(p95, max(found)):8.2f}{max(found):8.2f}")


def main() -> None:
    """`prove_survival.py [--rounds N] [--asterisk 22|16] [--seed N]`."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--asterisk", default="22", choices=("22", "16"))
    asked.add_argument("--seed", type=int, default=None)
    said = asked.parse_args()
    seed = said.seed if said.seed is not None else random.randrange(10**6)
    print(f"Asterisk {said.asterisk}, {said.rounds} rounds, seed {seed}", flush=True)
    sys.exit(1 if asyncio.run(prove(said.rounds, said.asterisk, random.Random(seed))) else 0)


if __name__ == "__main__":
    main()
