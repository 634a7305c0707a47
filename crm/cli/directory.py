"""`kefu directory`: whom to reach in the company; departments; a list taken in from a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

COLUMNS = ("name", "department", "position", "extension", "mobile", "email", "matters", "login")
FIELDS = ("name", "department", "position", "matters", "extension", "mobile", "email")
ROWS_AT_MOST = 50_000
BYTES_AT_MOST = 20_000_000


@click.group()
def directory() -> None:
    """Whom to reach in the company: by name, pinyin, initials, department or matter."""


@directory.command("list")
@click.argument("search", default="")
@option("--department", metavar="CODE", help="Only people of one department.")
@option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="So many at most.")
@database_option
@json_option
def list_(search: str, department: str | None, limit: int, database_url: str | None, as_json: bool) -> None:
    """Who is found by SEARCH (nothing: everybody)."""

    async def work(database: Database, settings: Settings) -> list[Any]:
        from crm import directory as entries

        async with database.reading() as session:
            return await entries.search(session, search, department=department, limit=limit)

    from msgspec import structs

    rows = [structs.asdict(each) for each in with_database(work, database_url=database_url)]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS)


@directory.command()
@click.argument("code")
@option("--en", "name_en", required=True, help="Its name in English.")
@option("--zh", "name_zh", required=True, help="Its name in Chinese.")
@option("--answer-minutes", type=int, default=480, show_default=True, help="Open minutes within which it answers.")
@database_option
def department(code: str, name_en: str, name_zh: str, answer_minutes: int, database_url: str | None) -> None:
    """Make or change a department."""

    async def work(database: Database, settings: Settings) -> None:
        from crm import directory as entries

        async with database.transaction() as session:
            await entries.define_department(
                session, code, name_en=name_en, name_zh=name_zh, answer_minutes=answer_minutes
            )

    with_database(work, database_url=database_url)
    say(f"department {code} is set")


@directory.command()
@click.argument("name")
@option("--department", required=True, metavar="CODE", help="Of which department.")
@option("--position", default="", help="What they are.")
@option("--matters", default="", help="What to reach them for.")
@option("--extension", default="", help="Their phone inside.")
@option("--mobile", default="", help="Their phone outside.")
@option("--email", default="", help="Their address.")
@option("--login", metavar="LOGIN", help="The account by which they answer their department's work orders.")
@database_option
def add(name: str, login: str | None, database_url: str | None, **said: str) -> None:
    """Add somebody, or change what is said of them."""

    async def work(database: Database, settings: Settings) -> bool:
        from crm import directory as entries

        from .case_deeds import agent_of

        async with database.transaction() as session:
            agent_id = (await agent_of(session, login)).id if login else None
            _, new = await entries.put(session, {"name": name, **said}, agent_id=agent_id)
        return new

    new = with_database(work, database_url=database_url)
    say(f"{name} is {'in the directory' if new else 'changed'}")


@directory.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@option("--apply", "apply_", is_flag=True, help="Write it; without, only say what would be.")
@database_option
@json_option
def import_(file: Path, apply_: bool, database_url: str | None, as_json: bool) -> None:
    """Take in a CSV file (UTF-8 or GBK) with the columns name, department, position, matters, extension, mobile, email.

    All of it or nothing: a row that cannot be taken is named, and nothing is written.
    """
    rows = _read(file)

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        from crm import directory as entries
        from crm.refusals import Refusal

        counted: dict[str, Any] = {"rows": len(rows), "new": 0, "changed": 0, "written": apply_}
        try:
            async with database.transaction() as session:
                for number, row in enumerate(rows, 2):
                    try:
                        _, new = await entries.put(session, row)
                    except Refusal as refused:
                        raise Refusal(f"{file}, line {number}: {refused}; nothing was written") from None
                    counted["new" if new else "changed"] += 1
                if not apply_:
                    raise _DryRun
        except _DryRun:
            pass
        return counted

    counted = with_database(work, database_url=database_url)
    if as_json:
        print_json(counted)
    else:
        how = "taken in" if apply_ else "could be taken in (add --apply)"
        say(f"{counted['rows']} rows {how}: {counted['new']} new, {counted['changed']} known")


class _DryRun(Exception):
    """Undo everything: it was only a look."""


def _read(file: Path) -> list[dict[str, str]]:
    from crm.refusals import Refusal

    if file.stat().st_size > BYTES_AT_MOST:
        raise Refusal(f"{file} is larger than {BYTES_AT_MOST // 1_000_000} MB: is it a directory?")
    data = file.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            words = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Refusal(f"{file} is neither UTF-8 nor GBK: save it as CSV UTF-8")
    try:
        reader = csv.DictReader(io.StringIO(words, newline=""))
        missing = [field for field in ("name", "department") if field not in (reader.fieldnames or ())]
        if missing:
            raise Refusal(f"{file} has no column {missing[0]!r}: its first line names {', '.join(FIELDS)}")
        rows = [{field: row.get(field) or "" for field in FIELDS} for row in reader]
    except csv.Error as broken:
        raise Refusal(f"{file} is no CSV: {broken}") from None
    if len(rows) > ROWS_AT_MOST:
        raise Refusal(f"{file} has {len(rows)} rows: {ROWS_AT_MOST} at most")
    return rows
