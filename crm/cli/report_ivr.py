"""`kefu report ivr`: what callers did in the menus, and the calls behind each figure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from uuid import UUID

    from crm.database import Database
    from crm.reports.ivr import Asked, IvrReport
    from crm.settings import Settings

# As crm.reports.ivr has them, whose import is slow.
WHAT = ("visits", "drop_offs", "served", "repeats_48h")
STEPS = ("step", "visits", "entries", "drop_offs", "drop_off_rate", "median_s", "p90_s", "containment", "keys")
LEAVES = ("step", "ending", "visits", "served", "repeats_48h", "repeat_rate")
DAYS = 7


@click.command()
@option("--from", "since", type=click.DateTime(), help=f"Visits from this time on (default: {DAYS} days ago).")
@option("--to", "until", type=click.DateTime(), help="Visits before this time (default: now).")
@option("--tz", metavar="ZONE", help="Time zone of --from and --to (default: of the settings).")
@option("--menu", metavar="NAME", help="Visits of one menu.")
@option("--language", type=click.Choice(["en", "zh"]), help="Visits in one language.")
@option("--calls", "what", type=click.Choice(WHAT), help="The calls behind this figure instead of the figures.")
@option("--step", metavar="STEP", help="With --calls: of this step.")
@option("--ending", metavar="ENDING", help="With --calls: of visits that ended so.")
@database_option
@json_option
def ivr(
    since: datetime | None,
    until: datetime | None,
    tz: str | None,
    menu: str | None,
    language: str | None,
    what: str | None,
    step: str | None,
    ending: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Each step's visits, drop-offs and times, containment, and who called again within 48 hours."""
    from crm.reports import ivr as figures

    async def work(database: Database, settings: Settings) -> tuple[IvrReport | None, tuple[list[UUID], int]]:
        asked = _asked(settings, since, until, menu, language)
        async with database.reading() as session:
            if what is None:
                return await figures.report(session, asked), ([], 0)
            return None, await figures.calls_behind(session, asked, what=what, step=step, ending=ending)

    if what is None and (step or ending):
        raise click.UsageError("--step and --ending go with --calls")
    told, (calls, without) = with_database(work, database_url=database_url, timezone=tz)
    if told is None:
        _show_calls(calls, without, as_json)
    elif as_json:
        print_json(told.document())
    else:
        _show(told.document())


def _asked(
    settings: Settings, since: datetime | None, until: datetime | None, menu: str | None, language: str | None
) -> Asked:
    from crm.refusals import Refusal
    from crm.reports.ivr import Asked

    now = datetime.now(settings.zone)
    begin = since.replace(tzinfo=settings.zone) if since else _midnight(now - timedelta(days=DAYS - 1))
    end = until.replace(tzinfo=settings.zone) if until else now
    if begin >= end:
        raise Refusal("--from must lie before --to")
    return Asked(begin, end, menu, language)


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(), tzinfo=at.tzinfo)


def _show_calls(calls: list[UUID], without: int, as_json: bool) -> None:
    if as_json:
        print_json({"conversations": calls, "visits_without_a_call": without})
        return
    for call in calls:
        click.echo(str(call))
    if without:
        say(f"{without} visits have no call in the ledger")


def _show(told: dict[str, Any]) -> None:
    print_table(told["steps"], STEPS)
    click.echo("")
    print_table(told["leaves"], LEAVES)
    contained = "-" if told["containment"] is None else f"{100 * told['containment']:.1f} %"
    say(
        f"{told['visits']} visits, {told['served']} served by the menus ({contained}); of {told['known_callers']} with "
        f"a number {told['repeats_48h']} called again within 48 hours ({told['report']})"
    )
