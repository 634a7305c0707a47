"""Options that many commands share, and the way from a command to the database. Imports only click at its top."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click

from .output import hide

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

_Answer = TypeVar("_Answer")

option = partial(click.option, show_envvar=True)
"""click's own, with the name of its environment variable in the help."""

json_option = option("--json", "as_json", is_flag=True, envvar="KEFU_JSON", help="Print JSON.")
database_option = option(
    "--database-url",
    metavar="URL",
    envvar="KEFU_DATABASE_URL",
    help="The Postgres database (default: database_url of the settings, else one of our own).",
)
node_option = option("--node", metavar="NAME", envvar="KEFU_NODE", help="Which Asterisk (default: of the settings).")


def with_database(
    work: Callable[[Database, Settings], Awaitable[_Answer]],
    *,
    database_url: str | None,
    node: str | None = None,
    timezone: str | None = None,
) -> _Answer:
    """Run `work` with the database of the settings; our own Postgres is started for it when none is set."""
    from crm.embedded import database_address
    from crm.rules.rights import masked
    from crm.settings import read_settings

    settings = read_settings(database_url=database_url, node=node, timezone=timezone)
    hide(masked(settings.cli_role, settings.masked_fields))

    async def run(address: str) -> _Answer:
        from crm.database import Database

        database = Database(address, application_name="kefu-cli", pool_size=2)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    with database_address(settings) as address:
        return asyncio.run(run(address))
