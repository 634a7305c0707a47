"""`kefu case`: cases listed and shown, and the calls that have none; what can be done to one is in case_deeds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from .case_deeds import DEEDS, agent_of, columns_of
from .case_settings import category, team, template
from .options import database_option, json_option, option, with_database
from .output import print_json, print_listed, print_table

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

# As crm.cases has them, whose import is slow.
LISTS = ("mine", "queue", "overdue", "open", "closed", "all")
COLUMNS = ("number", "state", "tier", "category", "subject", "customer", "owner", "handler", "due_at", "overdue")
WITHOUT = ("started_at", "caller", "customer", "agent", "wrap_up", "id")


@click.group()
def case() -> None:
    """Cases: list them, open one, work at it, close it with a solution."""


for command in (*DEEDS, category, team, template):
    case.add_command(command)


@case.command("list")
@option("--list", "which", type=click.Choice(LISTS), default="open", show_default=True,
        help="mine: of --agent; queue: of their tiers, not taken; overdue: a clock is over.")  # fmt: skip
@option("--agent", "login", metavar="LOGIN", help="Whose; `mine` and `queue` need it.")
@option("--search", default="", metavar="TEXT", help="A number, or words of the subject or the customer's name.")
@option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="So many at most.")
@database_option
@json_option
def list_(which: str, login: str | None, search: str, limit: int, database_url: str | None, as_json: bool) -> None:
    """Cases: those with a clock by its end, others the newest first."""
    if which in ("mine", "queue") and login is None:
        raise click.UsageError(f"--list {which} needs --agent")

    async def work(database: Database, settings: Settings) -> tuple[list[Any], Any]:
        from crm import cases

        async with database.reading() as session:
            agent_id = (await agent_of(session, login)).id if login else None
            found = await cases.listed(session, which, agent_id=agent_id, search=search, limit=limit)
        return found, settings.zone

    found, zone = with_database(work, database_url=database_url)
    print_listed(found, COLUMNS, zone=zone, as_json=as_json)


@case.command()
@click.argument("number")
@database_option
@json_option
def show(number: str, database_url: str | None, as_json: bool) -> None:
    """One case with everything that happened to it."""

    async def work(database: Database, settings: Settings) -> tuple[dict[str, Any], Any]:
        from msgspec import structs

        from crm import cases, work_orders
        from crm.cases import tellings

        async with database.reading() as session:
            found = await cases.find(session, number)
            if found is None:
                raise cases.NoSuchCase(f"there is no case {number[:40]}")
            history = [columns_of(row) for row in await cases.history(session, found.id)]
            orders = [structs.asdict(row) for row in await work_orders.listed(session, "all", case_id=found.id)]
            told = [columns_of(row) for row in await tellings.of_case(session, found.id)]
        return {**structs.asdict(found), "history": history, "work_orders": orders, "tellings": told}, settings.zone

    found, zone = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
        return
    print_table([found], COLUMNS, zone)
    for what in ("description", "solution"):
        if found[what]:
            click.echo(f"{what}: " + "".join(sign if sign.isprintable() else " " for sign in found[what]))
    print_table(found["history"], ("at", "by", "did", "field", "was", "became", "said"), zone)
    if found["work_orders"]:
        print_table(found["work_orders"], ("number", "department", "state", "due_at", "wanted", "answer"), zone)


@case.command()
@option("--days", type=click.IntRange(1, 366), default=1, show_default=True, help="Of the last so many days.")
@database_option
@json_option
def without(days: int, database_url: str | None, as_json: bool) -> None:
    """Answered calls that have neither a case nor a stated reason; exit 1 if there are any."""

    async def work(database: Database, settings: Settings) -> tuple[list[Any], Any]:
        from crm.cases import calls

        now = datetime.now(UTC)
        async with database.reading() as session:
            return await calls.without(session, now - timedelta(days=days), now), settings.zone

    found, zone = with_database(work, database_url=database_url)
    print_listed(found, WITHOUT, zone=zone, as_json=as_json)
    if found:
        raise SystemExit(1)
