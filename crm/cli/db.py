"""`kefu db`: the tables."""

from __future__ import annotations

import asyncio

import click

from .options import database_option, json_option, with_database
from .output import print_json, say


@click.group()
def db() -> None:
    """Make or upgrade the tables, load demo data."""


@db.command()
@database_option
@json_option
def upgrade(database_url: str | None, as_json: bool) -> None:
    """Bring the tables up to date. Safe to repeat, also while calls are in progress."""
    from crm import migrations
    from crm.embedded import database_address
    from crm.settings import read_settings

    settings = read_settings(database_url=database_url)
    with database_address(settings) as address:
        ran = migrations.upgrade(address)
        asyncio.run(_keep_journal(address, settings.journal_days))
    if as_json:
        print_json({"migrations": ran})
    else:
        say(f"migrated: {', '.join(ran)}" if ran else "the tables are up to date")


async def _keep_journal(address: str, kept_days: int) -> None:
    """The journal's days from today on; the bridge goes on with it each hour."""
    from datetime import UTC, datetime

    from crm import journal
    from crm.database import Database

    database = Database(address, application_name="kefu-cli", pool_size=1)
    try:
        await journal.keep(database, kept_days, datetime.now(UTC))
    finally:
        await database.close()


@db.command()
@database_option
@json_option
def demo(database_url: str | None, as_json: bool) -> None:
    """Load demo customers, orders, queues and agents. Safe to repeat; what is there is left as it is."""
    from crm.database import Database
    from crm.demo_data import DEMO_PASSWORD, load
    from crm.settings import Settings

    async def work(database: Database, settings: Settings) -> dict[str, int]:
        async with database.transaction() as session:
            return await load(session, country=settings.country)

    added = with_database(work, database_url=database_url)
    if as_json:
        print_json({"added": added})
    else:
        say(f"added: {', '.join(f'{count} {what}' for what, count in added.items())}")
        say(f"sign in as amy, ben, chen or dana (a supervisor), password {DEMO_PASSWORD}")
