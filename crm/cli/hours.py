"""`kefu hours`: when each queue answers, why, and the days that are unlike the others."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.hours import Openings
    from crm.settings import Settings

PREVIEW = ("day", "weekday", "hours", "why", "name")
DAYS = ("day", "queue", "hours", "reason", "added_by", "added_at")


class Day(click.ParamType[date]):
    """A calendar day as ISO writes it."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """`2026-10-01`."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day: write it as 2026-10-01", param, ctx)


DAY = Day()
queue_option = option("--queue", metavar="QUEUE", default="", help="One queue (default: the whole site).")
by_option = option("--by", metavar="NAME", envvar="KEFU_BY", help="Who says so (default: your account's name).")


@click.group()
def hours() -> None:
    """When each queue answers, why, and the days that are unlike the others."""


@hours.command()
@option("--days", "count", type=click.IntRange(1, 366), default=14, show_default=True, help="How many days.")
@option("--from", "first", type=DAY, help="The first of them (default: today).")
@queue_option
@database_option
@json_option
def preview(count: int, first: date | None, queue: str, database_url: str | None, as_json: bool) -> None:
    """The coming days, each with its hours and why they are so."""
    from crm.rules.opening_hours import write_spans
    from crm.rules.public_days import makeup_days_known

    async def work(database: Database, settings: Settings) -> tuple[Openings, Settings]:
        return await _openings(database, settings), settings

    openings, settings = with_database(work, database_url=database_url)
    first = first or datetime.now(settings.zone).date()
    rows = [
        {
            "day": day.on.isoformat(),
            "weekday": f"{day.on:%a}",
            "hours": write_spans(day.spans) or "closed",
            "why": day.why,
            "name": (f"{day.name_en} {day.name_zh}" if day.name_zh != day.name_en else day.name_en) or None,
        }
        for day in openings.days(queue, first, count)
    ]
    if as_json:
        print_json(rows)
        return
    print_table(rows, PREVIEW)
    for year in sorted({first.year, (first + timedelta(days=count - 1)).year}):
        if settings.holidays and not makeup_days_known(year, settings.holidays):
            say(f"the make-up workdays of {year} are not known yet: add them with `kefu hours add` when announced")


@hours.command("list")
@option("--from", "first", type=DAY, help="From this day on (default: today).")
@database_option
@json_option
def list_(first: date | None, database_url: str | None, as_json: bool) -> None:
    """The one-off days to come."""
    from crm import hours as subject

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Settings]:
        since = first or datetime.now(settings.zone).date()
        async with database.reading() as session:
            days = await subject.special_days(session, since=since)
        rows = [
            {
                "day": day.day.isoformat(),
                "queue": day.queue or None,
                "hours": day.spans or "closed",
                "reason": day.reason,
                "added_by": day.added_by,
                "added_at": day.added_at,
            }
            for day in days
        ]
        return rows, settings

    rows, settings = with_database(work, database_url=database_url)
    if as_json:
        print_json(rows)
    else:
        print_table(rows, DAYS, settings.zone)


@hours.command()
@click.argument("day", type=DAY)
@click.argument("spans", nargs=-1, metavar="closed|open|HH:MM-HH:MM ...")
@option("--reason", required=True, help="Why: shown in the preview.")
@queue_option
@by_option
@database_option
@json_option
def add(
    day: date,
    spans: tuple[str, ...],
    reason: str,
    queue: str,
    by: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Give one day hours of its own: `kefu hours add 2026-12-31 09:00-12:00 --reason "Year's end"`."""
    from crm import hours as subject

    text = _spans(spans)

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await subject.add_special_day(session, day, text, reason=reason, by=by or account(), queue=queue)

    with_database(work, database_url=database_url)
    _told(
        as_json,
        {"day": day.isoformat(), "queue": queue or None, "hours": text or "closed"},
        f"{day}: {text or 'closed'}",
    )


@hours.command()
@click.argument("day", type=DAY)
@queue_option
@database_option
@json_option
def remove(day: date, queue: str, database_url: str | None, as_json: bool) -> None:
    """Make a day like the others again."""
    from crm import hours as subject

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await subject.remove_special_day(session, day, queue=queue)

    with_database(work, database_url=database_url)
    _told(as_json, {"day": day.isoformat(), "queue": queue or None}, f"{day} is a day like the others")


def account() -> str:
    """Who is at this terminal."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _spans(spans: tuple[str, ...]) -> str:
    if spans in (("closed",), ("open",)):
        return "" if spans == ("closed",) else "00:00-24:00"
    if not spans:
        raise click.UsageError("say how it is: closed, open, or spans such as 09:00-12:00 13:00-15:00")
    return " ".join(spans)


async def _openings(database: Database, settings: Settings) -> Openings:
    from crm import hours as subject

    async with database.reading() as session:
        return await subject.read(session, subject.by_settings(settings))


def _told(as_json: bool, answer: dict[str, Any], sentence: str) -> None:
    if as_json:
        print_json(answer)
    else:
        say(sentence)
