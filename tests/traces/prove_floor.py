"""The floor against everything that a stream can become: `python tests/traces/prove_floor.py [--messages N]`.

Every trace without every beginning, and blind from every event on, healed by the next of its looks and by the last
(what is compared then, and what nobody can know: tests/pure/attached_late.py); a million messages of broken bytes on
one floor that is never restarted; 20 000 streams that hypothesis breaks. CI does the same in small
(tests/pure/test_floor_*.py).
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "pure"))

from ami_stream import played, recorded
from attached_late import gaps
from broken_bytes import OPEN_AT_MOST, RAW, Listening, broken, streams
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def beginnings() -> str:
    began, tried, faults = time.perf_counter(), 0, 0
    for name in RAW:
        stream = recorded(name)
        whole = played(stream)
        for missed, differences in gaps(stream, whole):
            tried += 1
            if differences:
                faults += 1
                print(f"{name}, {missed}:", *differences, sep="\n  ", flush=True)
    if faults:
        raise SystemExit(f"{faults} of {tried} gaps end otherwise than the whole")
    return f"{tried} gaps in {len(RAW)} traces: what can be known is known after each, {_since(began)}"


def broken_bytes(messages: int) -> str:
    began, dice, listening = time.perf_counter(), random.Random(4), Listening()
    names, most = sorted(RAW), 0
    while listening.messages < messages:
        name = dice.choice(names)
        listening.hear(broken(RAW[name], dice, dice.randrange(1, 40)), dice.choice((999, 8_192, 65_536)))
        most = max(most, listening.open_things)
        if most > OPEN_AT_MOST:
            raise SystemExit(f"{most} things are open after {listening.messages} messages")
    listening.heals()
    if not listening.floor.empty:
        raise SystemExit("a look did not heal the floor")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{listening.messages} mutated messages, {listening.unreadable} unreadable, at most {most} things open, "
        f"{peak_mb} MB, {_since(began)}"
    )


def of_hypothesis(examples: int) -> str:
    began = time.perf_counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(streams(), st.integers(200, 6_000))
    def crash_nothing(data: bytes, cut: int) -> None:
        listening = Listening()
        listening.hear(data, cut)
        listening.heals()
        assert listening.floor.empty

    crash_nothing()
    return f"{examples} examples of hypothesis: no crash, nothing left open, {_since(began)}"


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--examples", type=int, default=20_000)
    arguments = parser.parse_args()
    print(beginnings(), flush=True)
    print(broken_bytes(arguments.messages), flush=True)
    print(of_hypothesis(arguments.examples), flush=True)


if __name__ == "__main__":
    main()
