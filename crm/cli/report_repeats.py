"""`kefu report repeats`: who called again within 10 minutes, 24 and 48 hours, 7 days, and first-contact resolution."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table

if TYPE_CHECKING:
    from uuid import UUID

    from crm.database import Database
    from crm.reports.repeats import RepeatFigures
    from crm.settings import Settings

# As crm.rules.repeats has them.
WINDOWS = ("10m", "24h", "48h", "7d")
COLUMNS = ("queue", "calls", "hidden", *WINDOWS, "rate_48h", "same_48h", "fcr")
DAYS = 7


@click.command()
@option("--from", "since", type=click.DateTime(), help=f"Calls from this time on (default: {DAYS} days ago).")
@option("--to", "until", type=click.DateTime(), help="Calls before this time (default: now).")
@option("--tz", metavar="ZONE", help="Time zone of --from and --to (default: of the settings).")
@option("--calls", "window", type=click.Choice(WINDOWS), help="The calls that were repeated within this time instead.")
@option("--queue", metavar="QUEUE", help="With --calls: of this queue ('-': of none).")
@database_option
@json_option
def repeats(
    since: datetime | None,
    until: datetime | None,
    tz: str | None,
    window: str | None,
    queue: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Calls that another of the same number followed, and the share that needed none (fcr)."""
    from crm.reports import repeats as figures

    async def work(database: Database, settings: Settings) -> tuple[list[RepeatFigures], list[UUID]]:
        now = datetime.now(settings.zone)
        begin = since.replace(tzinfo=settings.zone) if since else now - timedelta(days=DAYS)
        end = until.replace(tzinfo=settings.zone) if until else now
        async with database.reading() as session:
            if window:
                return [], await figures.calls_behind(session, begin, end, window=window, queue=queue)
            return await figures.figures(session, begin, end), []

    found, calls = with_database(work, database_url=database_url, timezone=tz)
    if window:
        if as_json:
            print_json({"conversations": calls})
        for call in () if as_json else calls:
            click.echo(str(call))
        return
    rows = [_row(each) for each in found]
    print_json({"report": figures.VERSION, "queues": rows}) if as_json else print_table(rows, COLUMNS)


def _row(found: RepeatFigures) -> dict[str, Any]:
    counted = {name: getattr(found, name) for name in ("queue", "calls", "hidden", "same_48h", "answered", "unsolved")}
    rates = {name: None if (rate := getattr(found, name)) is None else round(rate, 4) for name in ("rate_48h", "fcr")}
    return {**counted, **found.repeated, **rates}
