"""`kefu pause-reason`: what agents may pause for, how long a day, and when a pause ends by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

COLUMNS = ("name", "title_en", "title_zh", "paid", "budget_min", "auto_end_min", "place")


@click.group("pause-reason")
def pause_reason() -> None:
    """List, set and remove the reasons for which agents may pause."""


@pause_reason.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """The reasons in the order of the screen."""
    from crm import pauses

    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        async with database.reading() as session:
            return [{name: getattr(row, name) for name in COLUMNS} for row in await pauses.listed(session)]

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table(found, COLUMNS)


@pause_reason.command("set")
@click.argument("name")
@option("--title-en", help="As shown on English screens.")
@option("--title-zh", help="As shown on Chinese screens.")
@option("--paid/--unpaid", default=None, help="Whether it counts as working time.")
@option("--budget-minutes", type=int, help="How long a day in all; 0: as long as they like.")
@option("--ends-after-minutes", type=int, help="When one pause ends by itself; 0: never.")
@option("--place", type=int, help="Its order on the screen, low ones first.")
@database_option
@json_option
def set_(
    name: str,
    title_en: str | None,
    title_zh: str | None,
    paid: bool | None,
    budget_minutes: int | None,
    ends_after_minutes: int | None,
    place: int | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Add a reason, or change it: what is not said stays."""
    from crm import audit, pauses

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await pauses.define(
                session,
                name,
                title_en=title_en,
                title_zh=title_zh,
                paid=paid,
                budget_min=budget_minutes,
                auto_end_min=ends_after_minutes,
                place=place,
            )
            who = {"by": "command line", "subject": "pause_reason", "subject_id": name}
            await audit.note(session, did="pause_reason.set", detail={}, **who)

    with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name})
    else:
        say(f"set {name}")


@pause_reason.command()
@click.argument("name")
@database_option
@json_option
def remove(name: str, database_url: str | None, as_json: bool) -> None:
    """Nobody can choose this reason any more."""
    from crm import audit, pauses

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await pauses.remove(session, name)
            who = {"by": "command line", "subject": "pause_reason", "subject_id": name}
            await audit.note(session, did="pause_reason.remove", detail={}, **who)

    with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name})
    else:
        say(f"removed {name}")
