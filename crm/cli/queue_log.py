"""`kefu queue-log`: a history of queue_log into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, node_option, option, with_database
from .output import print_json, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings


@click.group("queue-log")
def queue_log() -> None:
    """Take a history of queue_log into the ledger."""


@queue_log.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE…"
)
@node_option
@option("--tz", metavar="ZONE", help="Time zone of times that are no epoch seconds (default: of the settings).")
@database_option
@json_option
def import_(files: tuple[Path, ...], node: str | None, tz: str | None, database_url: str | None, as_json: bool) -> None:
    """Read queue_log FILEs, oldest first (also .gz, .xz, .bz2), into the ledger as reconstructed calls.

    Safe to repeat: the same lines give the same rows, and what is there is never changed. Lines that cannot be read
    are counted and named.
    """
    from msgspec import structs

    from crm.reports.history import import_history
    from crm.reports.log_files import Faults

    faults = Faults()

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        with _progress(files) as progress:
            done = await import_history(
                database, settings.node, files, zone=settings.zone, faults=faults, progress=progress
            )
        return {"node": settings.node, **structs.asdict(done)}

    told = with_database(work, database_url=database_url, node=node, timezone=tz)
    if as_json:
        print_json({**told, "bad_lines": structs.asdict(faults)})
        return
    for fault in faults.named:
        say(f"{fault['file']}:{fault['line']}: {fault['why']}: {fault['text']}")
    if faults.count:
        say(f"{faults.count} lines could not be read")
    say(
        f"{told['lines']} lines, {told['calls']} calls: {told['added']} stays added ({told['rows']} rows), "
        f"{told['already']} already there, {told['seen_live']} seen live, "
        f"{told['begun_before']} begun before the first line, {told['unfinished']} unfinished at the last"
    )


@contextmanager
def _progress(files: Sequence[Path]) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr for a person; none for a pipe, and none for packed files, whose length is not known."""
    import sys

    if not sys.stderr.isatty() or any(file.suffix in (".gz", ".xz", ".bz2") for file in files):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=sum(file.stat().st_size for file in files))
        yield lambda read: bar.advance(task, read)
