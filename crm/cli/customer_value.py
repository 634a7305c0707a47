"""`kefu customer explain`, `timeline`, `tier` and `note`: what a customer is worth and why, and all that happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say, seen

if TYPE_CHECKING:
    from crm.database import Database
    from crm.reports.customer_timeline import Page
    from crm.reports.value_explained import Explained
    from crm.settings import Settings

# As crm.reports.customer_timeline and crm.tables.customers have them, whose imports are slow.
KINDS = ("conversation", "voicemail", "callback", "case", "order", "note", "tier")
TIERS = ("key", "main", "ordinary", "small")
by_option = option("--by", default="operator", envvar="KEFU_BY", help="Who says so, for the history.")


@click.command()
@click.argument("customer")
@database_option
@json_option
def explain(customer: str, database_url: str | None, as_json: bool) -> None:
    """Why CUSTOMER (printed number or id) is in their tier: each figure, each rule, and the history of tiers."""

    async def work(database: Database, settings: Settings) -> tuple[Explained, Settings]:
        from crm.reports.value_explained import customer_of
        from crm.reports.value_explained import explain as reckon

        async with database.reading() as session:
            found = await customer_of(session, customer)
            return await reckon(session, found, currency=settings.value_currency), settings

    from crm.reports.value_told import document, lines

    told, settings = with_database(work, database_url=database_url)
    if as_json:
        print_json(document(told))
        return
    print_table([{"what": what, "told": text} for what, text in lines(seen(told), settings.zone)], ("what", "told"))


@click.command()
@click.argument("customer")
@option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only these (default: all).")
@option("--cursor", help="Go on behind the last page.")
@option("--limit", type=click.IntRange(1, 200), default=30, show_default=True, help="So many a page.")
@database_option
@json_option
def timeline(
    customer: str, kinds: tuple[str, ...], cursor: str | None, limit: int, database_url: str | None, as_json: bool
) -> None:
    """All that happened with CUSTOMER, the newest first, and why each entry is there."""

    async def work(database: Database, settings: Settings) -> tuple[Page, Settings]:
        from crm.reports.customer_timeline import timeline as read
        from crm.reports.value_explained import customer_of

        async with database.reading() as session:
            found = await customer_of(session, customer)
            page = await read(session, found.id, cursor=cursor, kinds=kinds or KINDS, limit=limit)
        return page, settings

    from msgspec import structs

    page, settings = with_database(work, database_url=database_url)
    rows = [structs.asdict(entry) for entry in page.entries]
    if as_json:
        print_json({"entries": rows, "next": page.next})
        return
    print_table(
        [row | {"what": _what(row)} for row in seen(rows)], ("at", "kind", "what", "why", "about"), settings.zone
    )
    if page.next:
        say(f"more: --cursor {page.next}")


@click.command()
@click.argument("customer")
@click.argument("tier", type=click.Choice([*TIERS, "auto"]))
@option("--why", default="", help="The reason, needed unless auto.")
@by_option
@database_option
@json_option
def tier(customer: str, tier: str, why: str, by: str, database_url: str | None, as_json: bool) -> None:
    """Set CUSTOMER's tier by hand: it stays whatever the ranking finds. `auto` lets the ranking decide again."""

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        from crm.deeds.change_value import hold_tier, release_tier
        from crm.reports.value_explained import customer_of

        async with database.transaction() as session:
            found = await customer_of(session, customer)
            if tier == "auto":
                await release_tier(session, found, by=by)
            else:
                await hold_tier(session, found, tier, by=by, why=why)
            return {"code": found.code, "tier": found.tier, "held": tier != "auto"}

    said = with_database(work, database_url=database_url)
    if as_json:
        print_json(said)
    else:
        say(f"{said['code']} is {said['tier']}, {'by hand' if said['held'] else 'as the ranking finds'}")


@click.command()
@click.argument("customer")
@click.argument("text")
@by_option
@database_option
@json_option
def note(customer: str, text: str, by: str, database_url: str | None, as_json: bool) -> None:
    """Write a note into CUSTOMER's timeline."""

    async def work(database: Database, settings: Settings) -> dict[str, Any]:
        from crm import notes
        from crm.reports.value_explained import customer_of

        async with database.transaction() as session:
            found = await customer_of(session, customer)
            written = await notes.write(session, found.id, text, author=by)
            return {"id": written.id, "customer": found.code}

    said = with_database(work, database_url=database_url)
    print_json(said) if as_json else say(f"noted for {said['customer']}")


@click.command()
@click.argument("customer")
@database_option
@json_option
def facts(customer: str, database_url: str | None, as_json: bool) -> None:
    """What other systems say of CUSTOMER: each fact with its unit, its time and its source."""
    columns = ("name", "value", "unit", "as_of", "source")

    async def work(database: Database, settings: Settings) -> tuple[list[dict[str, Any]], Settings]:
        from crm import customer_facts
        from crm.reports.value_explained import customer_of

        async with database.reading() as session:
            found = await customer_facts.of(session, (await customer_of(session, customer)).id)
        return [{name: getattr(fact, name) for name in columns} for fact in found], settings

    rows, settings = with_database(work, database_url=database_url)
    print_json(rows) if as_json else print_table(rows, columns, settings.zone)


COMMANDS = (explain, timeline, tier, note, facts)


def _what(row: dict[str, Any]) -> str:
    """An entry in one line."""
    told: dict[str, Any] = row["detail"]
    names = {
        "conversation": ("direction", "caller", "dialled", "outcome", "queue", "agent", "wrap_up", "note"),
        "voicemail": ("caller", "box", "state"),
        "case": ("number", "what", "subject", "state"),
        "order": ("number", "item", "amount", "currency", "state"),
        "note": ("text",),
        "tier": ("from", "to", "because"),
    }
    return " ".join(str(told[name]) for name in names[row["kind"]] if told.get(name))
