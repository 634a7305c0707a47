"""`kefu target`: from where on the figures of an agent's own day are green, and from where on red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .hours import account, by_option
from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

FIGURES = ("calls", "talk", "acw", "occupancy", "missed", "outcome_share")
COLUMNS = ("figure", "green", "red", "changed_by")


@click.group()
def target() -> None:
    """Traffic lights of an agent's own day."""


@target.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """All targets. Shares are from 0 to 1, talk and acw are mean seconds a call."""

    async def work(database: Database, _: Settings) -> list[dict[str, Any]]:
        from crm import figure_targets

        async with database.reading() as session:
            return [{name: getattr(row, name) for name in COLUMNS} for row in await figure_targets.listed(session)]

    rows = with_database(work, database_url=database_url)
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS)


@target.command("set")
@click.argument("figure", type=click.Choice(FIGURES))
@option("--green", type=float, required=True, help="From here on the target is met.")
@option("--red", type=float, required=True, help="From here on it is missed; between the two the light is yellow.")
@by_option
@database_option
def set_(figure: str, green: float, red: float, by: str | None, database_url: str | None) -> None:
    """Set a target. Less is better where green is the smaller number."""

    async def work(database: Database, _: Settings) -> None:
        from crm import figure_targets

        async with database.transaction() as session:
            await figure_targets.define(session, figure, green=green, red=red, by=by or account())

    with_database(work, database_url=database_url)
    say(f"{figure} is green from {green:g}, red from {red:g}")
