"""`kefu voicemail`: the messages that callers left, who looks after them, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from datetime import tzinfo
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.settings import Settings
    from crm.tables.agents import Agent
    from crm.voicemails import Message

COLUMNS = ("id", "left_at", "box", "caller", "customer", "duration_s", "state", "due_at", "overdue", "owner", "note")
# As crm.voicemails has them, whose import is slow.
LISTS = ("open", "new", "mine", "done", "short", "all")

agent_option = option("--agent", "login", required=True, metavar="LOGIN", envvar="KEFU_AGENT", help="Who does it.")


@click.group()
def voicemail() -> None:
    """The messages that callers left: list them, take one, finish one."""


@voicemail.command("list")
@option("--list", "which", type=click.Choice(LISTS), default="open", show_default=True,
        help="open: new and taken; short: nothing was said in them.")  # fmt: skip
@option("--queue", metavar="QUEUE", help="Messages of one queue.")
@option("--agent", "login", metavar="LOGIN", help="Only what this agent may hear; `mine` needs it.")
@option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="The newest so many.")
@database_option
@json_option
def list_(
    which: str, queue: str | None, login: str | None, limit: int, database_url: str | None, as_json: bool
) -> None:
    """Messages with their clocks; open ones by the clock, others the newest first."""
    from crm.deeds import voicemail as deed

    if which == "mine" and login is None:
        raise click.UsageError("--list mine needs --agent")

    async def work(database: Database, settings: Settings) -> tuple[list[Message], tzinfo]:
        await deed.measure(database, settings)
        async with database.reading() as session:
            listener = await _agent(session, login) if login else None
            found = await deed.worklist(session, settings, which, listener=listener, box=queue, limit=limit)
        return found, settings.zone

    found, zone = with_database(work, database_url=database_url)
    rows = [_row(message) for message in found]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, zone)


@voicemail.command()
@click.argument("message", type=click.UUID)
@agent_option
@database_option
@json_option
def take(message: UUID, login: str, database_url: str | None, as_json: bool) -> None:
    """Make a message one agent's; a supervisor may take one over."""

    async def work(database: Database, settings: Settings) -> Message:
        from crm.deeds import voicemail as deed

        async with database.transaction() as session:
            return await deed.take(session, settings, message, await _agent(session, login))

    _told(with_database(work, database_url=database_url), as_json)


@voicemail.command()
@click.argument("message", type=click.UUID)
@option("--note", default="", help="What became of it.")
@agent_option
@database_option
@json_option
def done(message: UUID, note: str, login: str, database_url: str | None, as_json: bool) -> None:
    """Say that a message is answered."""

    async def work(database: Database, settings: Settings) -> Message:
        from crm.deeds import voicemail as deed

        async with database.transaction() as session:
            return await deed.finish(session, settings, message, await _agent(session, login), note)

    _told(with_database(work, database_url=database_url), as_json)


async def _agent(session: AsyncSession, login: str) -> Agent:
    from crm import agents
    from crm.refusals import Refusal

    found = await agents.find(session, login)
    if found is None or not found.active:
        raise Refusal(f"there is no agent {login!r}: see `kefu agent list`")
    return found


def _row(message: Message) -> dict[str, Any]:
    from datetime import UTC, datetime

    from msgspec import structs

    from crm.deeds.voicemail import overdue

    return {**structs.asdict(message), "overdue": overdue(message, datetime.now(UTC))}


def _told(message: Message, as_json: bool) -> None:
    if as_json:
        print_json(_row(message))
    else:
        say(f"{message.state}: message {message.id} of {message.caller or 'a withheld number'}, by {message.owner}")
