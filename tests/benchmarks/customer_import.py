"""How fast a file of customers with three numbers each comes in, and in how much memory: rows a second of the dry run
and of the making of customers, and the most memory that the importing process ever held.

    python tests/benchmarks/customer_import.py [--rows 50000]
    python tests/benchmarks/customer_import.py --megabytes 500 --seconds 180

The second writes a file of that size and reads it as far as it comes in the time (the dry run alone), telling memory
and pace as it goes: whether either depends on how far it is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
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
BYTES_A_ROW = 77


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


async def read_on(url: str, path: Path, seconds: float) -> None:
    """The dry run for so long: every tenth of it, rows so far, pace and the memory of this process and its readers."""
    from sqlalchemy import select

    from crm import spreadsheets
    from crm.database import Database
    from crm.deeds import import_customers
    from crm.tables.imports import CustomerImport

    database, began = Database(url), time.monotonic()
    wanted = import_customers.Wanted(spreadsheets.look_at(path), "CN")
    print(f"looked at in {time.monotonic() - began:.1f} s ({wanted.file.encoding}), {_held_mb():,.0f} MB", flush=True)
    told_at = [0, time.monotonic(), 0]  # tenths told, since when, bytes so far

    def told(_: str, done: int, of: int) -> None:
        spent = time.monotonic() - told_at[1]
        told_at[2] = done
        if spent >= seconds / 10 * (told_at[0] + 1):
            told_at[0] += 1
            print(
                f"{spent:>6.0f} s {done / 2**20:>6.0f} of {of / 2**20:.0f} MB, {_held_mb():>6,.0f} MB held", flush=True
            )
        if spent >= seconds:
            raise TimeoutError

    try:
        await import_customers.check(database, wanted, told)
    except TimeoutError:
        print("stopped by time")
    spent = time.monotonic() - told_at[1]
    async with database.reading() as session:
        rows = await session.scalar(select(CustomerImport.lines_read)) or 0
    await database.close()
    whole_s = spent * wanted.file.size / max(told_at[2], 1)
    print(
        f"{rows:,} rows in {spent:.0f} s: {rows / spent:,.0f} rows/s; the whole file would take {whole_s / 60:.0f} min"
    )
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB of the import alone")


def _held_mb() -> float:
    """What this process and its readers hold now; Postgres is none of its children (it runs as another account)."""
    mine = {str(os.getpid())}
    for status in sorted(Path("/proc").glob("[0-9]*/status"), key=lambda path: int(path.parent.name)):
        try:
            said = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if said["PPid"].strip() in mine and said["Name"].strip().startswith("python"):
            mine.add(status.parent.name)
    held = (re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in mine)
    return sum(int(found[1]) for found in held if found) / 1024


def huge(megabytes: int, seconds: float) -> None:
    """A file of that size, beside the other temporary files, and read for so long."""
    from crm.embedded import EmbeddedPostgres
    from crm.migrations import upgrade

    folder = Path(tempfile.mkdtemp(prefix="kefu-import-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        write(folder / "customers.csv", megabytes * 2**20 // BYTES_A_ROW)
        with EmbeddedPostgres(folder / "postgres") as server:
            upgrade(server.url)
            asyncio.run(read_on(server.url, folder / "customers.csv", seconds))
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Print the figures; exit 1 below the floor."""
    from crm.embedded import EmbeddedPostgres
    from crm.migrations import upgrade

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--megabytes", type=int, help="Instead: a file of this size, read for --seconds.")
    parser.add_argument("--seconds", type=float, default=180.0)
    asked = parser.parse_args()
    if asked.megabytes:
        huge(asked.megabytes, asked.seconds)
        return
    rows = asked.rows
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
