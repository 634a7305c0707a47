"""`kefu report`: does the ledger agree with Asterisk's own files?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, node_option, option, with_database
from .output import print_json, print_table, say
from .report_ivr import ivr
from .report_repeats import repeats
from .wait_predictions import wait_predictions

if TYPE_CHECKING:
    from crm.database import Database
    from crm.reports.reconcile import Reconciled
    from crm.settings import Settings

SHOWN = 200
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_COLUMNS = ("reason", "at", "call", "source", "what", "ledger", "file")


@click.group()
def report() -> None:
    """Hold the ledger against Asterisk's own files, and what was foretold against what came."""


report.add_command(wait_predictions)


@report.command()
@node_option
@option("--queue-log", "queue_log", required=True, type=_FILE, metavar="FILE", help="Asterisk's queue_log.")
@option("--cel", type=_FILE, metavar="FILE", help="Its CEL as asterisk-conf writes it (cel-custom/kefu.csv).")
@option("--from", "since", type=click.DateTime(), help="Calls that began at this time or later (time zone: --tz).")
@option("--to", "until", type=click.DateTime(), help="Calls that began before this time.")
@option("--tz", metavar="ZONE", help="Time zone of --from, --to and of a table's dump (default: of the settings).")
@database_option
@json_option
def reconcile(
    node: str | None,
    queue_log: Path,
    cel: Path | None,
    since: datetime | None,
    until: datetime | None,
    tz: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Compare ledger, queue_log and CEL call by call; each difference with a reason.

    Exits 1 when one has none (reason `unexplained`), or when a file cannot be read.
    """
    from crm.reports.reconcile import reconcile as compare

    async def work(database: Database, settings: Settings) -> tuple[Reconciled, Any]:
        zone = settings.zone
        first = since.replace(tzinfo=zone).timestamp() if since else None
        last = until.replace(tzinfo=zone).timestamp() if until else None
        return await compare(database, settings.node, queue_log, cel, since=first, until=last, zone=zone), zone

    told, zone = with_database(work, database_url=database_url, node=node, timezone=tz)
    if as_json:
        print_json(told.document())
    else:
        _show(told, zone)
    if told.unexplained:
        raise click.exceptions.Exit(1)


def _show(told: Reconciled, zone: Any) -> None:
    from msgspec import structs

    from crm.reports.reasons import REASONS

    if told.differences:
        rows = [
            {**structs.asdict(each), "at": datetime.fromtimestamp(each.at, UTC)} for each in told.differences[:SHOWN]
        ]
        print_table(rows, _COLUMNS, zone)
    if len(told.differences) > SHOWN:
        say(f"… {len(told.differences) - SHOWN} more: use --json")
    for reason, count in told.by_reason.items():
        say(f"{count} × {reason}: {REASONS[reason]}")
    for fault in told.bad_lines.named[:10]:
        say(f"{fault['file']}:{fault['line']}: {fault['why']}: {fault['text']}")
    if told.bad_lines.count:
        say(f"{told.bad_lines.count} lines could not be read")
    compared = ", ".join(f"{count} in {source}" for source, count in told.compared.items())
    verdict = f"{len(told.unexplained)} unexplained" if told.unexplained else "nothing is unexplained"
    say(f"{compared}; {len(told.differences)} differences, {verdict}")


report.add_command(ivr)
report.add_command(repeats)
