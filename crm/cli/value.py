"""`kefu value`: what customers are worth: rank them, see the pyramid, change its thresholds, find who may be lost."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.deeds.rank_customers import Ranked
    from crm.settings import Settings

LEVELS = ("tier", "customers", "amount", "held", "at_risk", "lapsed")
LOSING = ("code", "name", "tier", "amount", "orders_ever", "last_at", "held_by")
RULES = ("name", "value", "own_value", "changed_by", "changed_at", "meaning")


@click.group()
def value() -> None:
    """What customers are worth: rank them, see the pyramid, change its thresholds, find who may be lost."""


@value.command()
@database_option
@json_option
def run(database_url: str | None, as_json: bool) -> None:
    """Rank all customers now, as the worker does each night. Calls and pages wait for none of it."""

    async def work(database: Database, settings: Settings) -> Ranked:
        from crm.deeds.rank_customers import rank

        return await rank(database, settings)

    done = with_database(work, database_url=database_url)
    from msgspec import structs

    if as_json:
        print_json(structs.asdict(done))
    else:
        seconds = done.gathered_s + done.written_s
        say(f"{done.customers} customers with orders, {done.moved} tiers moved, {seconds:.1f} s")
        if done.left_out:
            say(f"{done.left_out} orders are in currencies without a rate: see `kefu value set rate.USD 7.1`")


@value.command()
@database_option
@json_option
def pyramid(database_url: str | None, as_json: bool) -> None:
    """The four levels: customers, the money of their orders, tiers set by hand, and who may be lost."""

    async def work(database: Database, settings: Settings) -> list[dict[str, Any]]:
        from msgspec import structs

        from crm import value

        async with database.reading() as session:
            return [structs.asdict(level) for level in await value.pyramid(session)]

    rows = with_database(work, database_url=database_url)
    print_json(rows) if as_json else print_table(rows, LEVELS)


@value.command("list")
@click.argument("standing", type=click.Choice(["at_risk", "lapsed"]))
@option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Those of the most money.")
@database_option
@json_option
def list_(standing: str, limit: int, database_url: str | None, as_json: bool) -> None:
    """Customers who pause far longer than is their way (at_risk), or have not ordered for a year (lapsed)."""

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Settings]:
        from msgspec import structs

        from crm import value

        async with database.reading() as session:
            return [structs.asdict(each) for each in await value.losing(session, standing, limit=limit)], settings

    rows, settings = with_database(work, database_url=database_url)
    print_json(rows) if as_json else print_table(rows, LOSING, settings.zone)


@value.command()
@database_option
@json_option
def rules(database_url: str | None, as_json: bool) -> None:
    """All thresholds and weights, who changed which, and what each means."""

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Settings]:
        from crm import value
        from crm.rules.value_segments import RATES, RULES

        async with database.reading() as session:
            found = await value.rules(session)
            changed = {rule.name: rule for rule in await value.changed_rules(session)}
        rows = []
        for name, now in found.items():
            rule, limit = changed.get(name), RULES.get(name, RATES)
            said = {"changed_by": rule.changed_by, "changed_at": rule.changed_at} if rule else {}
            own = f"{limit.value:f}" if name in RULES else None
            plain = f"{now.normalize():f}"
            rows.append({"name": name, "value": plain, "own_value": own, "meaning": limit.meaning} | said)
        return rows, settings

    rows, settings = with_database(work, database_url=database_url)
    print_json(rows) if as_json else print_table(rows, RULES, settings.zone)


@value.command("set")
@click.argument("name")
@click.argument("number", metavar="NUMBER|default")
@option("--by", default="operator", envvar="KEFU_BY", help="Who says so, for the history.")
@database_option
@json_option
def set_(name: str, number: str, by: str, database_url: str | None, as_json: bool) -> None:
    """Change a threshold, a weight or a currency's rate (rate.USD). It counts from the next ranking on."""
    try:
        said = None if number == "default" else Decimal(number)
    except InvalidOperation:
        raise click.UsageError(f"{number!r} is neither a number nor `default`") from None

    async def work(database: Database, settings: Settings) -> dict[str, Decimal]:
        from crm.deeds.change_value import change_rule

        async with database.transaction() as session:
            return await change_rule(session, name, said, by=by)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json({name: str(rule) for name, rule in found.items()})
    else:
        say(f"{name} is {found.get(name, 'gone')} from the next ranking on: `kefu value run` ranks now")
