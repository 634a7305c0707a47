"""How long the search that runs while one types takes among many customers: each prefix of names, companies, codes and
numbers as an agent types them, one after the other, on the kept crowd (many_customers.py).

    python tests/benchmarks/customer_search.py [--scale 1.0]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from many_customers import Crowd, many_customers

from crm import customer_search
from crm.database import Database

CEILING_P95_MS = 100.0
TYPED = ("王伟", "李", "Grace Miller", "miller", "Company 公司 12", "公司", "K-4711", "oscar wang", "zzzz", "陈芳")


async def measure(crowd: Crowd) -> dict[str, list[float]]:
    """Milliseconds of each key pressed, by what was being typed."""
    database = Database(crowd.url)
    numbers = [crowd.number(index) for index in (4, 44_444 % crowd.customers)]
    words = [*TYPED, *numbers, *(number[3:] for number in numbers), *(number[-6:] for number in numbers)]
    taken: dict[str, list[float]] = {}
    try:
        for word in ("warm", *words):
            for end in range(1, len(word) + 1):
                began = time.perf_counter()
                async with database.reading() as session:
                    await customer_search.search(session, word[:end], country="CN")
                if word != "warm":
                    taken.setdefault(word, []).append((time.perf_counter() - began) * 1000)
    finally:
        await database.close()
    return taken


def main() -> None:
    """Print the figures; exit 1 above the ceiling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.05)
    with many_customers(parser.parse_args().scale) as crowd:
        taken = asyncio.run(measure(crowd))
        customers = crowd.customers
    everything = [each for times in taken.values() for each in times]
    p95 = statistics.quantiles(everything, n=20)[-1]
    print(f"customers {customers:,}, keys pressed {len(everything)}")
    for word, times in taken.items():
        print(f"  {word:<18} worst key {max(times):>7.1f} ms")
    print(f"median {statistics.median(everything):.1f} ms, p95 {p95:.1f} ms (ceiling {CEILING_P95_MS:.0f}), "
          f"most {max(everything):.1f} ms")  # fmt: skip
    if p95 > CEILING_P95_MS:
        sys.exit("above the ceiling")


if __name__ == "__main__":
    main()
