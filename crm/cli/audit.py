"""`kefu audit`: who did what, and whether anybody has touched the rows since."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from datetime import tzinfo

    from crm.audit import Noted, Verified
    from crm.database import Database
    from crm.settings import Settings

COLUMNS = ("number", "at", "by", "did", "subject", "subject_id", "detail")


@click.group()
def audit() -> None:
    """Who did what, and whether the rows are as they were written."""


@audit.command("list")
@option("--by", metavar="LOGIN", help="Deeds of one person or program.")
@option("--did", metavar="DEED", help="One deed (customer.merge), or all of a kind (customer).")
@option("--subject", metavar="KIND", help="What it was done to, such as customer or voicemail.")
@option("--id", "subject_id", metavar="ID", help="Of which one.")
@option("--since", type=click.DateTime(), help="At this time or later (time zone of the settings).")
@option("--until", type=click.DateTime(), help="Before this time.")
@option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The newest so many.")
@database_option
@json_option
def list_(
    by: str | None,
    did: str | None,
    subject: str | None,
    subject_id: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    database_url: str | None,
    as_json: bool,
) -> None:
    """The newest deeds first."""
    from msgspec import structs

    from crm import audit as rows

    async def work(database: Database, settings: Settings) -> tuple[list[Noted], tzinfo]:
        async with database.reading() as session:
            found = await rows.listed(
                session,
                by=by,
                did=did,
                subject=subject,
                subject_id=subject_id,
                since=since.replace(tzinfo=settings.zone) if since else None,
                until=until.replace(tzinfo=settings.zone) if until else None,
                limit=limit,
            )
        return found, settings.zone

    found, zone = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([{**structs.asdict(row), "detail": _spoken(row.detail)} for row in found], COLUMNS, zone)


@audit.command()
@option("--expect", metavar="ROWS:HASH", help="As an earlier verify told it: those rows must still be the same.")
@database_option
@json_option
def verify(expect: str | None, database_url: str | None, as_json: bool) -> None:
    """Reckon the chain from the first row on, and name the first broken one."""
    from crm import audit as rows
    from crm.refusals import Refusal

    noted = _noted(expect) if expect else None

    async def work(database: Database, _: Settings) -> tuple[Verified, str | None]:
        async with database.reading() as session:
            found = await rows.verify(session)
            then = await rows.hash_at(session, noted[0]) if noted else None
        return found, then

    found, then = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    if found.fault:
        raise Refusal(f"the audit is broken at row {found.at_row}: {found.fault}")
    if noted and then != noted[1]:
        raise Refusal(f"the audit was written anew: row {noted[0]} is not the one that was noted")
    if not as_json:
        gone = f", the words of {found.redacted} taken out by erasures" if found.redacted else ""
        say(f"{found.rows} rows, all as they were written{gone}")
        say(f"note this elsewhere, and give it to --expect later: {found.rows}:{found.hash}")


def _noted(said: str) -> tuple[int, str]:
    rows, _, mark = said.partition(":")
    if not rows.isdigit() or len(mark) != 64:
        raise click.BadParameter("write ROWS:HASH as `kefu audit verify` tells it", param_hint="--expect")
    return int(rows), mark.lower()


def _spoken(detail: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in detail.items())
