"""`kefu conversation`: calls as they were, and why the ledger says so."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, node_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.reports.explain import Explained
    from crm.settings import Settings

SHOWN = 50
COLUMNS = (
    "started_at",
    "direction",
    "caller",
    "caller_name",
    "dialled",
    "queue",
    "wait_s",
    "agents",
    "talk_s",
    "outcome",
    "after_hours",
)


@click.group()
def conversation() -> None:
    """List calls, explain one."""


@conversation.command("list")
@option("--node", metavar="NAME", help="Calls of one Asterisk (default: all).")
@option("--caller", metavar="NUMBER", help="Calls of one number, as Asterisk showed it.")
@option("--since", type=click.DateTime(), help="Calls that began at this time or later (time zone of the settings).")
@option("--until", type=click.DateTime(), help="Calls that began before this time.")
@option("--open", "open_only", is_flag=True, help="Calls that still go on.")
@option("--after-hours", is_flag=True, help="Calls that were told that we are closed.")
@option("--limit", type=click.IntRange(1), help=f"The newest so many (default: all with --json, else {SHOWN}).")
@database_option
@json_option
def list_(
    node: str | None,
    caller: str | None,
    since: datetime | None,
    until: datetime | None,
    open_only: bool,
    after_hours: bool,
    limit: int | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Calls by their beginning, oldest first."""
    from crm import conversations
    from crm.settings import read_settings

    most = limit or (None if as_json else SHOWN)

    async def work(database: Database, settings: Settings) -> list[dict[str, Any]]:
        async with database.reading() as session:
            return await conversations.listed(
                session,
                node=node,
                caller=caller,
                since=since.replace(tzinfo=settings.zone) if since else None,
                until=until.replace(tzinfo=settings.zone) if until else None,
                open_only=open_only,
                after_hours=after_hours,
                limit=most,
            )

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
        return
    print_table([_line(call) for call in found], COLUMNS, read_settings().zone)
    if limit is None and len(found) == SHOWN:
        say(f"the newest {SHOWN}: use --limit for more, --json for all")


def _line(call: dict[str, Any]) -> dict[str, Any]:
    waits, segments = call["waits"], call["segments"]
    return {
        **call,
        "started_at": datetime.fromisoformat(call["started_at"]),
        "queue": [wait["queue"] for wait in waits],
        "wait_s": [wait["wait_s"] for wait in waits],
        "agents": [segment["agent"] or segment["seat"] for segment in segments],
        "talk_s": [segment["talk_s"] for segment in segments],
    }


@conversation.command()
@click.argument("identity", metavar="ID")
@option("--events", is_flag=True, help="Print the whole AMI events behind each line (default: their names).")
@node_option
@database_option
@json_option
def explain(identity: str, events: bool, node: str | None, database_url: str | None, as_json: bool) -> None:
    """The timeline of one call, with what Asterisk said behind each line. ID: of `list --json`, or a Linkedid."""
    from crm.reports import explain as explaining
    from crm.settings import read_settings

    async def work(database: Database, settings: Settings) -> Explained:
        async with database.reading() as session:
            return await explaining.explain(session, identity, settings.node)

    told = with_database(work, database_url=database_url, node=node)
    if as_json:
        print_json(told.document())
        return
    zone = read_settings().zone
    rows: list[dict[str, Any]] = []
    for line in told.timeline:
        text = f"{line.text} (reconstructed)" if line.reconstructed else line.text
        names = [event.get("UserEvent") or event.get("Event") for event in line.events]
        rows.append({"at": _moment(line.at, zone), "what": line.what, "": text, "events": names})
        if events:
            rows += [
                {"at": _moment(event.at, zone), "what": "", "": f"  {key}: {value}"}
                for event in line.events
                for key, value in event.headers
            ]
    print_table(rows, ("at", "what", "", "events") if not events else ("at", "what", ""), zone)
    say(f"{told.heard} messages of this call in the journal, {told.further} of them behind no line")


def _moment(at: float, zone: Any) -> str:
    return f"{datetime.fromtimestamp(at, zone):%H:%M:%S.%f}"[:-3]
