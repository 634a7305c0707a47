"""`kefu report wait-predictions`: the wait as foretold, and as it was."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table

if TYPE_CHECKING:
    from crm.database import Database
    from crm.reports.wait_predictions import Kept
    from crm.settings import Settings


@click.command("wait-predictions")
@option("--queue", metavar="QUEUE", help="One queue (default: all).")
@option("--from", "since", type=click.DateTime(), help="Foretold at this time or later (time zone of the settings).")
@option("--to", "until", type=click.DateTime(), help="Foretold before this time.")
@database_option
@json_option
def wait_predictions(
    queue: str | None, since: datetime | None, until: datetime | None, database_url: str | None, as_json: bool
) -> None:
    """How many answered callers waited as long as was foretold: inside the range, shorter, longer."""
    from msgspec import structs

    from crm.reports.wait_predictions import compare

    async def work(database: Database, settings: Settings) -> tuple[list[Kept], list[dict[str, Any]]]:
        first = since.replace(tzinfo=settings.zone) if since else None
        last = until.replace(tzinfo=settings.zone) if until else None
        async with database.reading() as session:
            return await compare(session, queue=queue, since=first, until=last)

    kept, calls = with_database(work, database_url=database_url)
    shown = [{**structs.asdict(one), "share_inside": round(one.share_inside, 3)} for one in kept]
    if as_json:
        print_json({"queues": shown, "calls": calls})
    else:
        print_table(shown, ("queue", "predicted", "announced", "inside", "shorter", "longer", "share_inside"))
