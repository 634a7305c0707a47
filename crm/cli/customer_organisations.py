"""`kefu customer organisation`: households, companies and the like; which may be one, made one, parted again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.duplicates import Pair
    from crm.organisations import Listed
    from crm.settings import Settings
    from crm.tables.organisations import Organisation

BY = "command line"


@click.group()
def organisation() -> None:
    """Households, companies, dealers, …: list them, merge those that are one, undo it."""


@organisation.command("list")
@click.argument("typed", metavar="[TEXT]", default="")
@option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at most.")
@database_option
@json_option
def list_(typed: str, limit: int, database_url: str | None, as_json: bool) -> None:
    """Organisations by name; with TEXT those whose name it is a part of."""
    from msgspec import structs

    from crm import organisations

    async def work(database: Database, _: Settings) -> list[Listed]:
        async with database.reading() as session:
            return await organisations.listed(session, typed=typed, limit=limit)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], ("code", "name", "kind", "people", "phones"))


@organisation.command()
@option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="So many pairs at most.")
@database_option
@json_option
def duplicates(limit: int, database_url: str | None, as_json: bool) -> None:
    """Organisations that may be one: with one number and name, one number, or one name and kind."""
    from crm import duplicates as report

    async def work(database: Database, _: Settings) -> list[Pair]:
        async with database.reading() as session:
            return await report.organisation_pairs(session, limit=limit)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        rows = [
            {"why": p.why, "number": p.number, "older": p.older.code, "name": p.older.name, "newer": p.newer.code,
             "newer_name": p.newer.name} for p in found
        ]  # fmt: skip
        print_table(rows, ("why", "number", "older", "name", "newer", "newer_name"))


@organisation.command()
@click.argument("kept")
@click.argument("merged")
@database_option
@json_option
def merge(kept: str, merged: str, database_url: str | None, as_json: bool) -> None:
    """Make organisation MERGED a part of organisation KEPT (codes): its people and numbers go over."""
    from crm.deeds import merge_organisations

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        async with database.transaction() as session:
            one, other = await _find(session, kept), await _find(session, merged)
            row = await merge_organisations.merge(session, kept_id=one.id, merged_id=other.id, by=BY)
            moved = {where: len(rows) for where, rows in row.moved.items()}
            return {"merge": row.id, "kept": one.code, "merged": other.code, "moved": moved}

    done = with_database(work, database_url=database_url)
    if as_json:
        print_json(done)
    else:
        parts = f"`kefu customer organisation unmerge {done['merge']}` parts them"
        say(f"{done['merged']} is a part of {done['kept']} now; {parts}")


@organisation.command()
@click.argument("merge_id", metavar="MERGE", type=click.UUID)
@database_option
@json_option
def unmerge(merge_id: Any, database_url: str | None, as_json: bool) -> None:
    """Part two organisations again that were merged (MERGE as `merge` prints it)."""
    from crm.deeds import merge_organisations

    async def work(database: Database, _: Settings) -> str:
        async with database.transaction() as session:
            return (await merge_organisations.unmerge(session, merge_id, by=BY)).code

    code = with_database(work, database_url=database_url)
    if as_json:
        print_json({"code": code})
    else:
        say(f"{code} is there again")


async def _find(session: AsyncSession, code: str) -> Organisation:
    from crm import organisations
    from crm.refusals import Refusal

    found = await organisations.find(session, code)
    if found is None:
        raise Refusal(f"there is no organisation {code!r}: look with `kefu customer organisation list`")
    return found
