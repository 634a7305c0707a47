"""`kefu customer`: who calls: list, show, add, edit, merge, import, export. Files are in customer_files.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .customer_files import export_, import_
from .customer_organisations import organisation
from .customer_value import COMMANDS
from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say, seen

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.database import Database
    from crm.settings import Settings
    from crm.tables.customers import Customer

BY = "command line"
COLUMNS = ("code", "name", "company", "tier", "language", "phones", "do_not_call")
_fields = (
    option("--company", metavar="TEXT", help="The company they call for."),
    option("--tier", metavar="WORD", help="key, main, ordinary or small."),
    option("--language", metavar="WORD", help="en or zh."),
    option("--note", metavar="TEXT", help="What everybody should know."),
)


@click.group()
def customer() -> None:
    """Customers: list, show, add, edit, merge, import, export; who may be one."""


def fields(command: Any) -> Any:
    """The options of what can be said of a customer."""
    for add in reversed(_fields):
        command = add(command)
    return command


@customer.command("list")
@click.argument("typed", metavar="[TEXT]", default="")
@option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at most.")
@database_option
@json_option
def list_(typed: str, limit: int, database_url: str | None, as_json: bool) -> None:
    """Customers by name; with TEXT those whose name, company, code or number it is a part of."""
    from msgspec import structs

    from crm import customer_search

    async def work(database: Database, settings: Settings) -> list[customer_search.Found]:
        async with database.reading() as session:
            return await customer_search.search(session, typed, country=settings.country, limit=limit)

    rows = [structs.asdict(each) for each in with_database(work, database_url=database_url)]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, COLUMNS)


@customer.command()
@click.argument("code")
@database_option
@json_option
def show(code: str, database_url: str | None, as_json: bool) -> None:
    """One customer: fields, numbers, organisations, what was changed by whom, what was merged into them."""

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        async with database.reading() as session:
            return await _shown(session, await _find(session, code))

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([{"field": name, "value": value} for name, value in _flat(found)], ("field", "value"))


@customer.command()
@click.argument("name")
@option("--code", metavar="CODE", help="Printed on their letters (default: the next one).")
@option("--phone", "phones", multiple=True, metavar="NUMBER",
        help="A number as it is dialled; GB:020… reads it from another country. May be repeated.")  # fmt: skip
@option("--country", metavar="CC", help="Where the numbers are dialled from (default: country of the settings).")
@fields
@database_option
@json_option
def add(
    name: str,
    code: str | None,
    phones: tuple[str, ...],
    country: str | None,
    database_url: str | None,
    as_json: bool,
    **said: str | None,
) -> None:
    """Add a customer."""
    from crm.deeds import keep_customer

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        values = {field: value for field, value in said.items() if value is not None}
        home = _country(country) or settings.country
        async with database.transaction() as session:
            made = await keep_customer.create(
                session, by=BY, country=home, name=name, code=code, phones=[_read_from(p) for p in phones], **values
            )
            return await _shown(session, made)

    _tell(with_database(work, database_url=database_url), "added", as_json)


@customer.command()
@click.argument("code")
@option("--name", metavar="TEXT", help="Another name.")
@option("--new-code", "new_code", metavar="CODE", help="Another code.")
@option("--add-phone", "added", multiple=True, metavar="NUMBER", help="One more number; GB:020… for a country.")
@option("--remove-phone", "removed", multiple=True, metavar="NUMBER", help="A number that is theirs no more.")
@option("--do-not-call", "silent", multiple=True, metavar="NUMBER", help="A number nobody may call for us.")
@option("--may-call", "loud", multiple=True, metavar="NUMBER", help="A number that may be called again.")
@option("--version", "seen", type=click.IntRange(1), metavar="N",
        help="The version you saw: what was changed since is not overwritten (default: as it is now).")  # fmt: skip
@fields
@database_option
@json_option
def edit(
    code: str,
    name: str | None,
    new_code: str | None,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    silent: tuple[str, ...],
    loud: tuple[str, ...],
    seen: int | None,
    database_url: str | None,
    as_json: bool,
    **said: str | None,
) -> None:
    """Change a customer: only what is named changes."""
    from crm.deeds import keep_customer

    wanted = {"name": name, "code": new_code, **said}

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        async with database.transaction() as session:
            found = await _find(session, code)
            values = {field: value for field, value in wanted.items() if value is not None}
            if values:
                await keep_customer.edit(session, found.id, values, by=BY, seen=seen or found.version)
            for raw in added:
                number, country = _read_from(raw)
                await keep_customer.add_phone(session, found.id, number, country=country or settings.country, by=BY)
            for raw in removed:
                await keep_customer.remove_phone(session, found.id, await _phone(session, settings, found, raw), by=BY)
            for raws, wish in ((silent, True), (loud, False)):
                for raw in raws:
                    phone = await _phone(session, settings, found, raw)
                    await keep_customer.set_do_not_call(session, found.id, phone, wish, by=BY)
            return await _shown(session, found)

    _tell(with_database(work, database_url=database_url), "changed", as_json)


@customer.command()
@click.argument("kept")
@click.argument("merged")
@database_option
@json_option
def merge(kept: str, merged: str, database_url: str | None, as_json: bool) -> None:
    """Make customer MERGED a part of customer KEPT (codes): all that was theirs goes over."""
    from crm.deeds import merge_customers

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        async with database.transaction() as session:
            one, other = await _find(session, kept), await _find(session, merged)
            row = await merge_customers.merge(session, kept_id=one.id, merged_id=other.id, by=BY)
            moved = {where: len(rows) for where, rows in row.moved.items()}
            return {"merge": row.id, "kept": one.code, "merged": other.code, "moved": moved}

    done = with_database(work, database_url=database_url)
    if as_json:
        print_json(done)
    else:
        say(f"{done['merged']} is a part of {done['kept']} now; `kefu customer unmerge {done['merge']}` parts them")


@customer.command()
@click.argument("merge_id", metavar="MERGE", type=click.UUID)
@database_option
@json_option
def unmerge(merge_id: Any, database_url: str | None, as_json: bool) -> None:
    """Part two customers again who were merged (MERGE as `merge` and `show` print it)."""
    from crm.deeds import merge_customers

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        async with database.transaction() as session:
            back = await merge_customers.unmerge(session, merge_id, by=BY)
            return await _shown(session, back)

    _tell(with_database(work, database_url=database_url), "there again:", as_json)


@customer.command()
@option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="So many pairs at most.")
@database_option
@json_option
def duplicates(limit: int, database_url: str | None, as_json: bool) -> None:
    """Customers who may be one: with one number and name, one number, or one name and company."""
    from crm import duplicates as report

    async def work(database: Database, _: Settings) -> list[report.Pair]:
        async with database.reading() as session:
            return await report.pairs(session, limit=limit)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        rows = [
            {"why": p.why, "number": p.number, "older": p.older.code, "name": p.older.name, "newer": p.newer.code,
             "newer_name": p.newer.name} for p in found
        ]  # fmt: skip
        print_table(rows, ("why", "number", "older", "name", "newer", "newer_name"))


async def _find(session: AsyncSession, code: str) -> Customer:
    from crm import customers
    from crm.refusals import Refusal

    found = await customers.find(session, code)
    if found is None:
        raise Refusal(f"there is no customer {code!r}: look with `kefu customer list`")
    return found


async def _shown(session: AsyncSession, found: Customer) -> dict[str, Any]:
    from crm import customers, organisations
    from crm.deeds import merge_customers

    phones = await customers.phones_of(session, found.id)
    return {
        **{name: getattr(found, name) for name in ("id", *customers.FIELDS, "version", "created_at")},
        "phones": [{name: getattr(phone, name) for name in PHONE} for phone in phones],
        "organisations": [
            {"code": one.code, "name": one.name, "kind": one.kind, "role": role}
            for one, role in await organisations.of_customer(session, found.id)
        ],
        "changes": await customers.changes_of(session, found.id),
        "merges": [
            {"merge": row.id, "code": gone.code, "name": gone.name, "at": row.at, "by": row.by}
            for row, gone in await merge_customers.merges_of(session, found.id)
        ],
    }


PHONE = ("raw", "e164", "country", "validity", "kind", "do_not_call", "do_not_call_since", "do_not_call_by")


async def _phone(session: AsyncSession, settings: Settings, found: Customer, raw: str) -> Any:
    from crm import customers
    from crm.refusals import Refusal
    from crm.rules.phone_numbers import to_e164

    number, country = _read_from(raw)
    e164 = to_e164(number, country or settings.country)
    for phone in await customers.phones_of(session, found.id):
        if (e164 is not None and phone.e164 == e164) or phone.raw == number:
            return phone.id
    raise Refusal(f"{raw} is no number of {found.code}: see `kefu customer show {found.code}`")


def _read_from(raw: str) -> tuple[str, str | None]:
    """GB:020… → the number, and the country it is read from."""
    country, colon, number = raw.partition(":")
    return (number, _country(country)) if colon and len(country) == 2 and country.isalpha() else (raw, None)


def _country(country: str | None) -> str | None:
    from crm import customers

    return customers.read_country(country) if country is not None else None


def _tell(shown: dict[str, Any], done: str, as_json: bool) -> None:
    if as_json:
        print_json(shown)
    else:
        known = seen(shown)
        say(f"{done} {known['code']} {known['name']}")


def _flat(found: dict[str, Any]) -> list[tuple[str, Any]]:
    from msgspec import to_builtins

    rows: list[tuple[str, Any]] = []
    for name, value in seen(to_builtins(found)).items():
        lines = value if isinstance(value, list) else [value]
        told = [", ".join(f"{k} {v}" for k, v in line.items()) if isinstance(line, dict) else line for line in lines]
        rows += [(name if place == 0 else "", line) for place, line in enumerate(told)]
    return rows


for command in (import_, export_, organisation, *COMMANDS):
    customer.add_command(command)
