"""`kefu queue`: who waits now, and who could answer."""

from __future__ import annotations

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table


@click.group()
def queue() -> None:
    """List queues: who waits, who could answer."""


@queue.command("list")
@option("--node", metavar="NAME", help="Callers and members of one Asterisk (default: of all).")
@database_option
@json_option
def list_(node: str | None, database_url: str | None, as_json: bool) -> None:
    """Queues by name, with callers waiting now and members by posture."""
    from msgspec import structs

    from crm import queues
    from crm.database import Database
    from crm.settings import Settings

    async def work(database: Database, _: Settings) -> list[queues.QueueListed]:
        async with database.reading() as session:
            return await queues.listed(session, node=node)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], ("name", "waiting", "longest_wait_s", "members"))
