"""How fast a file of customers with three numbers each comes in, and in how much memory: rows a second of the dry run
and of the making of customers, and the most memory that the importing process ever held.

    python tests/benchmarks/customer_import.py [--rows 50000]
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

if TYPE_CHECKING:  # the readers' processes import this file: they need nothing of what follows
    from crm.deeds import import_customers

FLOOR_ROWS_A_SECOND = 2000


def write(path: Path, rows: int) -> None:
    """Names in both languages, three numbers as people write them."""
    with path.open("w", encoding="utf-8") as file:
        file.write("code,name,company,phone,phone 2,phone 3\n")
        for n in range(rows):
            number = f"{n * 7919 % 10**8:08}"
            name = f"王{chr(0x4E00 + n % 3000)}" if n % 2 else f"Grace Miller {n}"
            file.write(f"C{n},{name},远山 {n // 50},138{number},+86 139 {number[:4]} {number[4:]},010 6{number[:7]}\n")


async def measure(url: str, path: Path) -> tuple[float, float, import_customers.Counts]:
    """Seconds of the dry run, seconds of the rest."""
    from crm import spreadsheets
    from crm.database import Database
    from crm.deeds import import_customers

    database = Database(url)
    try:
        started = time.monotonic()
        wanted = import_customers.Wanted(spreadsheets.look_at(path), "CN")
        begun = await import_customers.check(database, wanted, lambda what, done, of: None)
        checked = time.monotonic()
        counts = await import_customers.apply(database, begun, lambda what, done, of: None)
        return checked - started, time.monotonic() - checked, counts
    finally:
        await database.close()


def main() -> None:
    """Print the figures; exit 1 below the floor."""
    from crm.embedded import EmbeddedPostgres
    from crm.migrations import upgrade

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    rows = parser.parse_args().rows
    folder = Path(tempfile.mkdtemp(prefix="kefu-import-"))
    folder.chmod(0o755)  # the account that Postgres runs as passes through
    try:
        write(folder / "customers.csv", rows)
        with EmbeddedPostgres(folder / "postgres") as server:
            upgrade(server.url)
            before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            check_s, apply_s, counts = asyncio.run(measure(server.url, folder / "customers.csv"))
        most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        spent_s = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    finally:
        shutil.rmtree(folder)
    assert counts.created == rows, counts
    whole = rows / (check_s + apply_s)
    print(f"rows                {rows:>10,}  of three numbers each")
    print(f"dry run             {rows / check_s:>10,.0f}  rows/s ({check_s:.1f} s)")
    print(f"making customers    {rows / apply_s:>10,.0f}  rows/s ({apply_s:.1f} s)")
    print(f"both                {whole:>10,.0f}  rows/s (floor {FLOOR_ROWS_A_SECOND:,})")
    print(f"processor time      {spent_s / rows * 1000:>10.2f}  ms a row, readers, Postgres and its making included")
    print(f"memory of the import{most_mb:>10,.0f}  MB at most, {most_mb - before_mb:,.0f} MB more than before it began")
    if whole < FLOOR_ROWS_A_SECOND:
        sys.exit(f"below the floor of {FLOOR_ROWS_A_SECOND} rows/s")


if __name__ == "__main__":
    main()
