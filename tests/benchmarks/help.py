"""How long `kefu --help` takes beside what no command in Python can do without: Python itself, and click.

Each is started anew and in turns, so that a busy moment of the machine meets all alike.

    python tests/benchmarks/help.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

TARGET_MS = 100
KEFU = str(Path(sys.executable).with_name("kefu"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "kefu --help": [KEFU, "--help"],
    "kefu conversation list --help": [KEFU, "conversation", "list", "--help"],
}


def once(command: list[str]) -> float:
    """Milliseconds from start to end."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rounds", type=int, default=15)
    rounds = asked.parse_args().rounds
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            took_ms = once(command)
            if number:  # the first one fills the disk's cache
                found[name].append(took_ms)
    click_ms = statistics.median(found["python -c 'import click'"])
    print(f"{rounds} rounds; milliseconds")
    print(f"{'':32}{'median':>8}{'best':>8}{'ratio':>7}{'above click':>13}")
    for name, each in found.items():
        median = statistics.median(each)
        print(f"{name:32}{median:8.0f}{min(each):8.0f}{median / click_ms:7.2f}{median - click_ms:13.0f}")
    above_ms = statistics.median(found["kefu --help"]) - click_ms
    verdict = "kept" if above_ms <= TARGET_MS else "NOT KEPT"
    print(f"kefu --help: {above_ms:.0f} ms above click, of at most {TARGET_MS}: {verdict}")


if __name__ == "__main__":
    main()
