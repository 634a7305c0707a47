"""`kefu queue`: what queues are called, who waits now, and who could answer. More in routing.py."""

from __future__ import annotations

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say
from .queue_notices import announce, close_now, reopen
from .routing import credit, need, rules

COLUMNS = ("name", "waiting", "longest_wait_s", "callback_dialling", "members")


@click.group()
def queue() -> None:
    """List queues: who waits, who could answer; name one."""


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
        print_table([structs.asdict(each) for each in found], COLUMNS)


@queue.command("name")
@click.argument("name")
@option("--title", metavar="TEXT", help="What English screens call it (default: its name).")
@option("--title-zh", metavar="TEXT", help="What Chinese screens call it (default: the English title).")
@option("--service-level", "service_level_s", type=click.IntRange(1, 3600), metavar="S",
        help="An answer within so many seconds counts as in time (default: 20).")  # fmt: skip
@option("--last-agent", "last_agent_s", type=click.IntRange(0, 120), metavar="S",
        help="So long callers wait for the agent who served them last, before all others (default: 0).")  # fmt: skip
@option("--announce-wait/--no-announce-wait", default=None,
        help="Tell callers their place and an honest range before they wait (default: yes).")  # fmt: skip
@option("--acw-limit-s", type=click.IntRange(0, 3600),
        help="The work after a call ends by itself after so many seconds; 0: never (default).")  # fmt: skip
@option("--callbacks", type=click.Choice(["agent-first", "customer-first"]),
        help="Whose phone rings first for a promised callback (default: the agent's).")  # fmt: skip
@database_option
@json_option
def name_(
    name: str,
    title: str | None,
    title_zh: str | None,
    service_level_s: int | None,
    last_agent_s: int | None,
    announce_wait: bool | None,
    acw_limit_s: int | None,
    callbacks: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Name a queue of Asterisk's, so that agents can serve it. May be repeated: what is not given stays."""
    from crm import queues
    from crm.database import Database
    from crm.settings import Settings

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await queues.define(
                session,
                name,
                title_en=title,
                title_zh=title_zh,
                service_level_s=service_level_s,
                last_agent_s=last_agent_s,
                announce_wait=announce_wait,
                acw_limit_s=acw_limit_s,
                callback_dialling=callbacks.replace("-", "_") if callbacks else None,
            )

    with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name})
    else:
        say(f"named {name}")


for more in (need, rules, credit):
    queue.add_command(more)


for command in (close_now, announce, reopen):
    queue.add_command(command)
