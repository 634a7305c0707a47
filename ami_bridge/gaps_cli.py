"""`kefu bridge gaps` and `kefu bridge backfill`: what was not seen, and reconstructing it by hand.

Joined to the group in cli.py. Imports only click at its top.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crm.cli.options import database_option, json_option, node_option, option, with_database
from crm.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

    from .backfill.filling import Outcome

SHOWN_HOURS = 24
_COLUMNS = (
    "node",
    "from_at",
    "to_at",
    "blind_s",
    "why",
    "backfilled_at",
    "rows_reconstructed",
    "calls_pending",
    "trouble",
)


@click.command()
@option("--node", metavar="NAME", help="One Asterisk (default: all).")
@option("--hours", type=click.FloatRange(min=0, min_open=True), default=SHOWN_HOURS, help="How far to look back.")
@database_option
@json_option
def gaps(node: str | None, hours: float, database_url: str | None, as_json: bool) -> None:
    """Blind windows, what was reconstructed for them, and the drift: what looks had to mend per 1 000 messages."""
    from crm import sight
    from crm.settings import read_settings

    since = datetime.now(UTC) - timedelta(hours=hours)

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        async with database.reading() as session:
            drifts = await sight.drift(session, since=since, node=node)
            return {
                "windows": await sight.gaps(session, node=node, since=since),
                "drift": [
                    {
                        "node": each.node,
                        "messages": each.messages,
                        "corrections": each.corrections,
                        "found_after_blindness": each.found_after_blindness,
                        "drift_per_1000": each.per_1000,
                    }
                    for each in drifts
                ],
                "corrections": await sight.corrections(session, since=since, node=node),
            }

    told = with_database(work, database_url=database_url)
    if as_json:
        print_json(told)
        return
    zone = read_settings().zone
    if told["windows"]:
        print_table([_times(window, "from_at", "to_at", "backfilled_at") for window in told["windows"]], _COLUMNS, zone)
    else:
        say(f"no blind window in the last {hours:g} hours")
    if told["drift"]:
        print_table(told["drift"], list(told["drift"][0]), zone)
    if told["corrections"]:
        print_table([_times(each, "at") for each in told["corrections"]], ("node", "at", "drift", "what"), zone)


_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@node_option
@option("--queue-log", type=_file, envvar="KEFU_QUEUE_LOG_FILE", help="Asterisk's queue_log, or a copy of it.")
@option("--cel", type=_file, envvar="KEFU_CEL_FILE", help="Its call events (cel-custom/kefu.csv), or a copy.")
@database_option
@json_option
def backfill(
    node: str | None, queue_log: Path | None, cel: Path | None, database_url: str | None, as_json: bool
) -> None:
    """Reconstruct from Asterisk's own files what happened while no bridge looked.

    A running bridge does this by itself; this is for a node that none watches now. What was seen live is never
    overwritten, and doing it twice changes nothing.
    """
    from msgspec import structs

    from crm.refusals import Refusal

    from .backfill.by_hand import fill_by_hand
    from .backfill.filling import Files

    async def work(database: Database, settings: Settings) -> Outcome:
        files = Files(queue_log or settings.queue_log_file, cel or settings.cel_file)
        if not files.all:
            raise Refusal("no file to read: name Asterisk's own with --queue-log and --cel")
        return await fill_by_hand(database, settings.node, files)

    outcome = with_database(work, database_url=database_url, node=node)
    told = structs.asdict(outcome)
    if as_json:
        print_json(told)
    else:
        print_table([told], list(told))
    if not outcome.files_read:
        raise Refusal("; ".join(outcome.trouble))


def _times(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**row, **{name: datetime.fromisoformat(row[name]) for name in names if row[name] is not None}}
