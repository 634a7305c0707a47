"""`kefu number`: numbers that are not let in, numbers that always are, and how a number is written."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings
    from crm.tables.routing import NumberListed

COLUMNS = ("number", "kind", "reason", "until", "by", "at")


@click.group()
def number() -> None:
    """Block and allow callers by number; write a number in E.164."""


_reason = option("--reason", required=True, help="Shown with each call that it decides.")
_until = option(
    "--until", type=click.DateTime(), help="Until this time (time zone of the settings; default: for ever)."
)


@number.command()
@click.argument("what", metavar="NUMBER")
@_reason
@_until
@database_option
@json_option
def block(what: str, reason: str, until: datetime | None, database_url: str | None, as_json: bool) -> None:
    """Let a number in no more: NUMBER, or a beginning such as '+8617*'. Its callers hear one sentence."""
    _put("block", what, reason, until, database_url, as_json)


@number.command()
@click.argument("what", metavar="NUMBER")
@_reason
@_until
@database_option
@json_option
def allow(what: str, reason: str, until: datetime | None, database_url: str | None, as_json: bool) -> None:
    """Let a number in whatever is blocked: it skips nothing else."""
    _put("allow", what, reason, until, database_url, as_json)


@number.command("list")
@option("--kind", type=click.Choice(["block", "allow"]), help="One list only (default: both).")
@database_option
@json_option
def list_(kind: str | None, database_url: str | None, as_json: bool) -> None:
    """Both lists by number, with who put it there, why, and until when."""
    from crm import number_lists
    from crm.settings import read_settings

    async def work(database: Database, _: Settings) -> list[NumberListed]:
        async with database.reading() as session:
            return await number_lists.listed(session, kind)

    rows = [
        {**{name: getattr(row, name) for name in COLUMNS}, "number": f"{row.number}*" if row.is_prefix else row.number}
        for row in with_database(work, database_url=database_url)
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS, read_settings().zone)


@number.command()
@click.argument("what", metavar="NUMBER")
@database_option
@json_option
def forget(what: str, database_url: str | None, as_json: bool) -> None:
    """Take a number off its list."""
    from crm import number_lists
    from crm.refusals import Refusal

    async def work(database: Database, settings: Settings) -> None:
        written = number_lists.read_number(what, settings.country)
        async with database.transaction() as session:
            if not await number_lists.forget(session, written):
                raise Refusal(f"{written} is on no list: see `kefu number list`")

    with_database(work, database_url=database_url)
    if as_json:
        print_json({"number": what})
    else:
        say(f"{what} is on no list any more")


@number.command()
@click.argument("what", metavar="NUMBER")
@option("--country", metavar="CC", help="Read as dialled from there, such as CN (default: country of the settings).")
@json_option
def normalise(what: str, country: str | None, as_json: bool) -> None:
    """A number as E.164 writes it."""
    from crm.refusals import Refusal
    from crm.rules.phone_numbers import to_e164
    from crm.settings import read_settings

    read_from = (country or read_settings().country).upper()
    e164 = to_e164(what, read_from)
    if e164 is None:
        raise Refusal(f"{what!r} is no number that can be dialled from {read_from}")
    if as_json:
        print_json({"number": what, "country": read_from, "e164": e164})
    else:
        click.echo(e164)


def _put(kind: str, what: str, reason: str, until: datetime | None, database_url: str | None, as_json: bool) -> None:
    from crm import number_lists

    async def work(database: Database, settings: Settings) -> str:
        written = number_lists.read_number(what, settings.country)
        async with database.transaction() as session:
            await number_lists.put(
                session,
                written,
                kind=kind,
                reason=reason,
                by="command line",
                until=until.replace(tzinfo=settings.zone) if until else None,
            )
        return str(written)

    written = with_database(work, database_url=database_url)
    if as_json:
        print_json({"number": written, "kind": kind})
    else:
        say(f"{written}: {kind}")
