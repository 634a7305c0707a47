"""`kefu customer import` and `export`: files of customers, with a bar that says how far they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, refuse_masked, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.deeds.import_customers import Faulty, Progress
    from crm.settings import Settings

BY = "command line"
FAULTS_SHOWN = 20
FAULTS_IN_JSON = 1000


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@option("--apply", "do", is_flag=True, help="Make customers of the good lines (default: only say what would be).")
@option("--country", metavar="CC", help="Where numbers are dialled from that say none (default: of the settings).")
@option("--leave-out", "left_out", multiple=True, metavar="COLUMN", help="A column to pass over. May be repeated.")
@option("--faults", type=click.Path(path_type=Path), metavar="FILE",
        help="Write every line that is not taken, and why, to this CSV file.")  # fmt: skip
@database_option
@json_option
def import_(
    file: Path,
    do: bool,
    country: str | None,
    left_out: tuple[str, ...],
    faults: Path | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Take in customers from a CSV or XLSX FILE: a dry run first, which says what every line would do.

    The first line names the columns: name, and any of code, phone (several), country, company, tier, language, note,
    do_not_call, organisation, organisation_kind; in English or Chinese. Cut off, it goes on where it stopped when it is
    run again.
    """
    from crm import customers, spreadsheets
    from crm.deeds import import_customers as deed

    async def work(database: Database, settings: Settings) -> tuple[deed.Counts, list[Faulty]]:
        home = customers.read_country(country) if country else settings.country
        with _bar() as told:
            wanted = deed.Wanted(spreadsheets.look_at(file), home, left_out, BY)
            async with database.reading() as session:
                begun = await deed.half_done(session, wanted) if do else None
            begun = begun or await deed.check(database, wanted, told)
            if do:
                await deed.apply(database, begun, told)
        async with database.reading() as session:
            return await deed.counts_of(session, begun), await _faults(deed.faults_of(session, begun), faults)

    counts, faulty = with_database(work, database_url=database_url)
    if as_json:
        print_json({"applied": do, **_fields(counts), "faults": faulty[:FAULTS_IN_JSON]})
        return
    for each in faulty[:FAULTS_SHOWN]:
        say(f"line {each.line}, {each.sentence}")
    if len(faulty) > FAULTS_SHOWN:
        say(f"… and more: {counts.invalid + counts.duplicate} lines are not taken; --faults FILE writes them all")
    for name, value in _fields(counts).items():
        click.echo(f"{name}\t{value}")
    if not do:
        say("nothing was written yet: --apply makes customers of the valid lines")


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@database_option
@json_option
def export_(file: Path, database_url: str | None, as_json: bool) -> None:
    """Write all customers to FILE (.csv or .xlsx); `import` reads it again."""
    from crm.deeds import export_customers as deed

    async def work(database: Database, _: Settings) -> int:
        refuse_masked("an export")
        with _bar() as told:
            async with database.reading() as session:
                count = await deed.export(session, file, told=lambda done: told("export", done, 0))
        async with database.transaction() as session:
            await deed.note_export(session, by=BY, customers=count)
        return count

    count = with_database(work, database_url=database_url)
    if as_json:
        print_json({"file": str(file), "customers": count})
    else:
        say(f"{count} customers written to {file}")


async def _faults(found: Any, to: Path | None) -> list[Faulty]:
    """The first of them, to be shown; all of them into the file."""
    import csv

    from crm.deeds.export_customers import safe
    from crm.refusals import Refusal

    first: list[Faulty] = []
    try:
        with to.open("w", encoding="utf-8-sig", newline="") if to else _nothing() as file:
            write = csv.writer(file).writerow if file else None
            if write:
                write(("line", "state", "fault"))
            async for each in found:
                if write:
                    write((each.line, each.state, safe(each.sentence)))
                if len(first) <= FAULTS_IN_JSON:
                    first.append(each)
                elif not write:
                    break
    except OSError as full:
        raise Refusal(f"{to} cannot be written: {full.strerror or full}") from None
    return first


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


@contextmanager
def _bar() -> Iterator[Progress]:
    """A bar at a terminal; silence in a pipe."""
    if not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    words = {"read": "reading and checking", "apply": "making customers", "export": "writing"}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(words[what], total=of or None)
            bar.update(tasks[what], completed=done, total=of or None)

        yield told


def _fields(counts: Any) -> dict[str, int]:
    from msgspec import structs

    return structs.asdict(counts)
