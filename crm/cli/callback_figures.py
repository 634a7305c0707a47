"""`kefu callback owed|promises|simulate`: whom we owe a call, how many promises were kept, a day by the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from datetime import datetime

    from crm.database import Database
    from crm.settings import Settings

WHEN = click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"])
by_option = option("--by", default="cli", show_default=True, metavar="NAME", envvar="KEFU_AGENT", help="Who does it.")
queue_option = option("--queue", metavar="QUEUE", help="Of one queue.")


@click.command()
@option("--hours", type=click.IntRange(1, 8760), default=24, show_default=True, help="Of the last so many hours.")
@option("--promise", is_flag=True, help="Promise each of them a callback, in the queue they waited for.")
@by_option
@database_option
@json_option
def owed(hours: int, promise: bool, by: str, database_url: str | None, as_json: bool) -> None:
    """Callers whom we owe a call: they gave up waiting and have neither talked with us since nor been promised one."""

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Any]:
        from datetime import UTC, datetime, timedelta

        from msgspec import structs

        from crm.deeds.book_callback import CannotPromise, Wanted, book
        from crm.reports.callers_owed import callers_owed

        async with database.reading() as session:
            since = datetime.now(UTC) - timedelta(hours=hours)
            found = await callers_owed(session, since=since, country=settings.country)
        told = []
        for each in found:
            said = None
            if promise and each.queue:
                try:
                    async with database.transaction() as session:
                        wanted = Wanted(each.queue, each.caller, "abandoned", by, each.language, linkedid=each.linkedid)
                        await book(session, settings, wanted)
                    said = "promised"
                except CannotPromise as refused:
                    said = str(refused)
            told.append({**structs.asdict(each), "promised": said})
        return told, settings.zone

    found, zone = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table(found, ("gave_up_at", "caller", "caller_name", "queue", "waited_s", "promised"), zone)


@click.command()
@option("--from", "since", type=WHEN, help="Asked for since, by the site's clock.")
@option("--to", "until", type=WHEN, help="Asked for before.")
@queue_option
@database_option
@json_option
def promises(
    since: datetime | None, until: datetime | None, queue: str | None, database_url: str | None, as_json: bool
) -> None:
    """How many were promised, kept, reached; what is due and at risk now; overtakes, and dials beyond the seats that
    are kept free for them (there must be none)."""

    async def work(database: Database, settings: Settings) -> tuple[dict[str, Any], Any]:
        from crm.reports.callbacks import promises_kept

        zone = settings.zone
        asked = {
            "since": since.replace(tzinfo=zone) if since else None,
            "until": until.replace(tzinfo=zone) if until else None,
        }
        async with database.reading() as session:
            soon_s = settings.callback_risk_minutes * 60
            return await promises_kept(session, queue=queue, soon_s=soon_s, **asked), zone

    found, zone = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
        return
    risky = found.pop("risky")
    print_table([{"figure": name, "value": value} for name, value in found.items()], ("figure", "value"))
    if risky:
        say("at risk now:")
        print_table(risky, ("id", "queue", "window_end", "why"), zone)


@click.command()
@option("--callers", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True, help="How many come.")
@option("--agents", type=click.IntRange(1, 5_000), default=40, show_default=True, help="Who serve them.")
@option("--per-hour", type=click.FloatRange(1, 1_000_000), default=720.0, show_default=True, help="So many an hour.")
@option("--asks", type=click.FloatRange(0, 1), default=0.5, show_default=True,
        help="The share that presses for a callback where the wait is long.")  # fmt: skip
@option("--seed", type=int, default=1, show_default=True, help="The same seed plays the same day.")
@json_option
def simulate(callers: int, agents: int, per_hour: float, asks: float, seed: int, as_json: bool) -> None:
    """Play a day of callers and promises with the rules that hold in earnest; exit 1 when one of them breaks."""
    from msgspec import structs

    from crm.rules.callback_simulation import Center, simulate

    report = simulate(Center(callers=callers, agents=agents, per_hour=per_hour, asks_share=asks), seed)
    found = structs.asdict(report)
    if as_json:
        print_json(found)
    else:
        print_table([{"figure": name, "value": value} for name, value in found.items()], ("figure", "value"))
    if report.overtakes or report.dials_beyond_agents or report.two_tries_at_once or report.lost:
        raise click.exceptions.Exit(1)
