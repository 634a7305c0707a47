"""`kefu retention`: how long rows are kept, and taking out what is too old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.retention import Kept
    from crm.settings import Settings


@click.group()
def retention() -> None:
    """How long rows are kept (retention_days of the settings), and taking out what is too old."""


@retention.command()
@database_option
@json_option
def show(database_url: str | None, as_json: bool) -> None:
    """Each kind with its days, its rows, how many are too old, and how many of those are under legal hold."""
    from msgspec import structs

    from crm import retention as rows

    async def work(database: Database, settings: Settings) -> list[Kept]:
        async with database.reading() as session:
            return await rows.show(session, settings.retention_days)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], ("table", "days", "rows", "due", "held"))


@retention.command()
@database_option
@json_option
def run(database_url: str | None, as_json: bool) -> None:
    """Take out what is too old and not held, in small batches. The worker does it each night."""
    from crm import retention as rows

    async def work(database: Database, settings: Settings) -> dict[str, int]:
        return await rows.run(database, settings)

    taken = with_database(work, database_url=database_url)
    if as_json:
        print_json(taken)
    else:
        say(", ".join(f"{count} of {table}" for table, count in taken.items()) or "nothing is too old")
