"""`kefu order`: orders and other facts of other systems, taken in from files, listed and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from uuid import UUID

    from crm.database import Database
    from crm.settings import Settings
    from crm.tables.facts import FeedFile
    from crm.tables.orders import Order

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# As crm.tables.orders has them, whose import is slow.
STATES = ("received", "paid", "packed", "shipped", "delivered", "cancelled")
COLUMNS = ("number", "customer", "state", "item", "amount", "currency", "placed_at", "expected_on", "source")
FEEDS = ("began_at", "name", "kind", "source", "state", "rows_done", "added", "changed", "same", "faulty")
FAULTS_SHOWN = 20


@click.group()
def order() -> None:
    """Orders and other facts of other systems: take them in from files, list, show."""


@order.command("import")
@click.argument("file", type=_FILE)
@option("--kind", type=click.Choice(["orders", "facts"]), default="orders", show_default=True,
        help="orders: number, customer or phone, state, item, amount, placed_at; facts: customer or phone, name, "
             "value, as_of.")  # fmt: skip
@option("--source", metavar="NAME", help="Which system says so (default: the file's name).")
@option("--again", is_flag=True, help="Read a file once more that was read before.")
@option("--quiet", is_flag=True, help="Announce nothing to webhooks: a history of years.")
@database_option
@json_option
def import_(
    file: Path, kind: str, source: str | None, again: bool, quiet: bool, database_url: str | None, as_json: bool
) -> None:
    """Take in a CSV file or JSON lines. The same file read again changes nothing; a cut reading goes on where it was.

    Lines that cannot be used are left out and named; exit code 1 when there are any.
    """

    async def work(database: Database, settings: Settings) -> FeedFile:
        from crm.deeds.feed_files import read_file

        more = {"again": again, "tell": not quiet, "progress": None if as_json else _progress}
        return await read_file(database, settings, file, kind=kind, source=source, **more)  # type: ignore[arg-type]

    read = with_database(work, database_url=database_url)
    if as_json:
        print_json(_feed(read) | {"faults": read.faults})
    else:
        for fault in read.faults[:FAULTS_SHOWN]:
            say(f"row {fault['line']}: {fault['why']}")
        if read.faulty > FAULTS_SHOWN:
            say(f"… {read.faulty - min(len(read.faults), FAULTS_SHOWN)} more rows were left out")
        say(f"{read.added} new, {read.changed} changed, {read.same} said nothing new, {read.faulty} left out")
    if read.faulty:
        raise click.exceptions.Exit(1)


@order.command("list")
@option("--customer", metavar="CODE", help="Of one customer.")
@option("--state", type=click.Choice(STATES), help="In one state.")
@option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The newest so many.")
@database_option
@json_option
def list_(customer: str | None, state: str | None, limit: int, database_url: str | None, as_json: bool) -> None:
    """Orders, the newest first."""

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Settings]:
        from crm import orders
        from crm.reports.value_explained import customer_of

        async with database.reading() as session:
            whose = (await customer_of(session, customer)).id if customer else None
            found = await orders.listed(session, customer_id=whose, state=state, limit=limit)
            codes = await orders.codes_of(session, found)
        return [_row(each, codes) for each in found], settings

    rows, settings = with_database(work, database_url=database_url)
    print_json(rows) if as_json else print_table(rows, COLUMNS, settings.zone)


@order.command()
@click.argument("number")
@database_option
@json_option
def show(number: str, database_url: str | None, as_json: bool) -> None:
    """One order."""

    async def work(database: Database, settings: Settings) -> tuple[dict[str, Any], Settings]:
        from crm import orders
        from crm.refusals import Refusal

        async with database.reading() as session:
            found = await orders.find(session, number)
            if found is None:
                raise Refusal(f"there is no order {number!r}")
            return _row(found, await orders.codes_of(session, [found])), settings

    row, settings = with_database(work, database_url=database_url)
    if as_json:
        print_json(row)
    else:
        print_table([{"what": name, "value": value} for name, value in row.items()], ("what", "value"), settings.zone)


@order.command("feeds")
@option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="The last so many.")
@database_option
@json_option
def feeds_(limit: int, database_url: str | None, as_json: bool) -> None:
    """The files that were read, how far, and what came of them."""

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Settings]:
        from crm import feeds

        async with database.reading() as session:
            return [_feed(each) for each in await feeds.listed(session, limit=limit)], settings

    rows, settings = with_database(work, database_url=database_url)
    print_json(rows) if as_json else print_table(rows, FEEDS, settings.zone)


def _progress(rows: int) -> None:
    if rows % 10_000 == 0:
        say(f"{rows} rows …")


def _feed(file: FeedFile) -> dict[str, Any]:
    return {name: getattr(file, name) for name in (*FEEDS, "ended_at")}


def _row(order: Order, codes: dict[UUID, str]) -> dict[str, Any]:
    more = {"customer": codes.get(order.customer_id), "amount": str(order.amount), "learnt_at": order.learnt_at}
    return {name: getattr(order, name, None) for name in (*COLUMNS, "changed_at")} | more
