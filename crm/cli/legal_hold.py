"""`kefu privacy hold|release|holds`: persons of whom nothing may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say
from .privacy import BY, person_argument

if TYPE_CHECKING:
    from uuid import UUID

    from crm.database import Database
    from crm.erasures import Hold
    from crm.settings import Settings

COLUMNS = ("id", "at", "by", "reason", "numbers", "released_at")


@click.command()
@person_argument
@option("--reason", required=True, help="Why, such as a court's file number.")
@database_option
@json_option
def hold(person: str, reason: str, database_url: str | None, as_json: bool) -> None:
    """Keep everything of a person: neither erasure nor retention touches it until it is released."""
    from crm import erasures
    from crm.deeds.find_person import find_person

    async def work(database: Database, settings: Settings) -> UUID:
        async with database.transaction() as session:
            found = await find_person(session, settings, person)
            customer = found.customers[0] if found.customers else None
            return await erasures.hold(session, customer_id=customer, numbers=found.spellings, reason=reason, by=BY)

    made = with_database(work, database_url=database_url)
    if as_json:
        print_json({"id": made})
    else:
        say(f"held: release it by `kefu privacy release {made}`")


@click.command()
@click.argument("hold", type=click.UUID)
@database_option
def release(hold: UUID, database_url: str | None) -> None:
    """End a hold."""
    from crm import erasures

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await erasures.release(session, hold, by=BY)

    with_database(work, database_url=database_url)
    say("released")


@click.command()
@option("--released", is_flag=True, help="Also those that are over.")
@database_option
@json_option
def holds(released: bool, database_url: str | None, as_json: bool) -> None:
    """Who is held, since when and why."""
    from msgspec import structs

    from crm import erasures
    from crm.settings import read_settings

    async def work(database: Database, _: Settings) -> list[Hold]:
        async with database.reading() as session:
            return await erasures.holds(session, released=released)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], COLUMNS, read_settings().zone)
