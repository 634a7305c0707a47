"""`kefu message`: what supervisors tell agents at their desks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from .hours import account, by_option
from .options import database_option, json_option, option, with_database
from .output import print_json, print_listed, say

if TYPE_CHECKING:
    from datetime import tzinfo

    from crm.database import Database
    from crm.settings import Settings

COLUMNS = ("sent_at", "by", "login", "queue", "body", "until_at", "read", "concerns")


@click.group()
def message() -> None:
    """Tell agents something at their desks, and see who has read it."""


@message.command("send")
@click.argument("body")
@option("--agent", "login", metavar="LOGIN", help="To one agent.")
@option("--queue", metavar="NAME", help="To those who serve a queue (default: to everybody).")
@option("--until", type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%H:%M"]),
        help="Shown until then at most (time zone of the settings; HH:MM is today).")  # fmt: skip
@by_option
@database_option
@json_option
def send(
    body: str,
    login: str | None,
    queue: str | None,
    until: datetime | None,
    by: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Send BODY; it appears at once on the desks it concerns."""

    async def work(database: Database, settings: Settings) -> UUID:
        from crm.deeds.tell_desks import tell_desks

        async with database.transaction() as session:
            return await tell_desks(
                session,
                body,
                by=by or account(),
                login=login,
                queue=queue,
                until_at=_moment(until, settings.zone),
            )

    sent = with_database(work, database_url=database_url)
    if as_json:
        print_json({"id": sent})
    else:
        say("sent")


@message.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """The last hundred, the newest first, with how many of those concerned have read each."""

    async def work(database: Database, settings: Settings) -> tuple[Any, tzinfo]:
        from crm import desk_messages

        async with database.reading() as session:
            return await desk_messages.listed(session), settings.zone

    found, zone = with_database(work, database_url=database_url)
    print_listed(found, COLUMNS, zone=zone, as_json=as_json)


@message.command("withdraw")
@click.argument("message_id", type=click.UUID, metavar="ID")
@database_option
def withdraw(message_id: UUID, database_url: str | None) -> None:
    """Show a message on no desk any more."""

    async def work(database: Database, _: Settings) -> None:
        from crm import desk_messages
        from crm.refusals import Refusal

        async with database.transaction() as session:
            if not await desk_messages.withdraw(session, message_id):
                raise Refusal(f"there is no message {message_id}: see `kefu message list --json`")

    with_database(work, database_url=database_url)
    say("withdrawn")


def _moment(said: datetime | None, zone: tzinfo) -> datetime | None:
    if said is None:
        return None
    if said.year == 1900:  # only a time of day was written
        today = datetime.now(zone)
        said = said.replace(year=today.year, month=today.month, day=today.day)
    return said.replace(tzinfo=zone)
