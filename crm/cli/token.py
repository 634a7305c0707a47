"""`kefu token`: the keys of programs that ask the REST door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.api_tokens import TokenListed
    from crm.database import Database
    from crm.settings import Settings

COLUMNS = ("name", "scopes", "queues", "a_minute", "created_by", "expires_at", "last_used_at", "revoked_at")


@click.group()
def token() -> None:
    """Tokens of programs: make one, list them, take one back."""


@token.command()
@click.argument("name")
@option(
    "--scope", "scopes", multiple=True, metavar="SCOPE", help="What it may do; may be repeated. `kefu token scopes`."
)
@option(
    "--queue",
    "queues",
    multiple=True,
    metavar="QUEUE",
    help="It is shown what came to this queue alone; may be repeated (default: everything).",
)
@option("--days", type=click.IntRange(1, 3650), metavar="N", help="It ends after so many days (default: never).")
@option("--a-minute", type=click.IntRange(1, 100_000), default=600, show_default=True, help="Requests in any minute.")
@database_option
@json_option
def add(
    name: str,
    scopes: tuple[str, ...],
    queues: tuple[str, ...],
    days: int | None,
    a_minute: int,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Make a token. It is printed now, and never again: only a hash of it is kept."""
    from crm.deeds import program_tokens

    from .hours import account

    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None

    async def work(database: Database, _: Settings) -> str:
        async with database.transaction() as session:
            return await program_tokens.add(
                session,
                name=name,
                scopes=scopes,
                queues=queues,
                by=account(),
                a_minute=a_minute,
                expires_at=expires_at,
            )

    made = with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name, "token": made})
    else:
        click.echo(made)
        say(f"the token of {name}: keep it now, it is shown this once")


@token.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """All tokens by name, with what they may do and when they were last used."""
    from msgspec import structs

    from crm import api_tokens
    from crm.settings import read_settings

    async def work(database: Database, _: Settings) -> list[TokenListed]:
        async with database.reading() as session:
            return await api_tokens.listed(session)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], COLUMNS, read_settings().zone)


@token.command()
@click.argument("name")
@database_option
@json_option
def revoke(name: str, database_url: str | None, as_json: bool) -> None:
    """Take a token back: from now on it opens nothing."""
    from crm.deeds import program_tokens

    from .hours import account

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await program_tokens.revoke(session, name, by=account())

    with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        say(f"the token of {name} opens nothing any more")


@token.command()
@json_option
def scopes(as_json: bool) -> None:
    """What a token may be given."""
    from crm.api_tokens import SCOPES

    rows = [{"scope": name, "lets": lets} for name, lets in SCOPES.items()]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, ("scope", "lets"))
