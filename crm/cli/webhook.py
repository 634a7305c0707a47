"""`kefu webhook`: who is told of what happens, how far each is, and what was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings
    from crm.webhooks import Dead, WebhookListed

COLUMNS = ("name", "url", "kinds", "queues", "active", "behind", "dead", "last_told_at", "pause_until", "last_fault")
DEAD = ("id", "number", "kind", "key", "at", "attempts", "last_status", "last_fault")


@click.group()
def webhook() -> None:
    """Tell other systems what happens: subscribers, their state, what was given up."""


@webhook.command()
@click.argument("name")
@click.argument("url")
@option("--kind", "kinds", multiple=True, metavar="KIND", help="What to tell; may be repeated; `case.*` for a family.")
@option("--queue", "queues", multiple=True, metavar="QUEUE", help="Only what came to this queue; may be repeated.")
@option("--secret", envvar="KEFU_WEBHOOK_SECRET", help="One that the receiver has already (whsec_…); else one is made.")
@database_option
@json_option
def add(
    name: str,
    url: str,
    kinds: tuple[str, ...],
    queues: tuple[str, ...],
    secret: str | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Tell URL what happens from now on (default: everything). Prints the secret that signs, once."""
    from crm.deeds import keep_webhooks

    from .hours import account

    async def work(database: Database, settings: Settings) -> str:
        async with database.transaction() as session:
            return await keep_webhooks.add(
                session, settings, name=name, url=url, kinds=kinds, queues=queues, by=account(), secret=secret
            )

    made = with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name, "url": url, "kinds": list(kinds), "secret": made})
    else:
        click.echo(made)
        say(f"{name} is told from now on; this secret signs, it is shown this once")


@webhook.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """Subscribers, and how far each is behind."""
    from msgspec import structs

    from crm import webhooks
    from crm.settings import read_settings

    async def work(database: Database, _: Settings) -> list[WebhookListed]:
        async with database.reading() as session:
            return await webhooks.listed(session)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], COLUMNS, read_settings().zone)


@webhook.command()
@json_option
def events(as_json: bool) -> None:
    """The catalogue: every kind of event; with --json, the schema of its data."""
    from crm.rules.event_catalogue import CATALOGUE, schema

    kinds = [
        {
            "kind": kind.name,
            "version": kind.version,
            "in_order_of": kind.key,
            "means": kind.means,
            "schema": schema(kind),
        }
        for kind in CATALOGUE.values()
    ]
    if as_json:
        print_json(kinds)
    else:
        print_table(kinds, ("kind", "version", "in_order_of", "means"))


@webhook.command()
@click.argument("name")
@database_option
@json_option
def test(name: str, database_url: str | None, as_json: bool) -> None:
    """Send `webhook.test` now, and tell what was answered. Exit code 1 unless it was taken (2xx)."""
    from crm import webhooks
    from crm.deeds.deliver_webhooks import try_out
    from crm.refusals import Refusal

    async def work(database: Database, settings: Settings) -> int:
        async with database.reading() as session:
            found = await webhooks.find(session, name)
        return (await try_out(settings, found.url, found.secret)).status

    status = with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name, "status": status})
    if not 200 <= status < 300:
        raise Refusal(f"{name} answered {status}: a receiver answers 200 to 299 for what it has taken")
    if not as_json:
        say(f"{name} took it: {status}")


@webhook.command()
@click.argument("name")
@option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="The oldest so many.")
@database_option
@json_option
def dead(name: str, limit: int, database_url: str | None, as_json: bool) -> None:
    """What was given up for a subscriber, and why."""
    from msgspec import structs

    from crm import webhooks
    from crm.settings import read_settings

    async def work(database: Database, _: Settings) -> list[Dead]:
        async with database.reading() as session:
            return await webhooks.dead(session, name, limit=limit)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
    else:
        print_table([structs.asdict(each) for each in found], DEAD, read_settings().zone)


@webhook.command()
@click.argument("name")
@click.argument("deliveries", type=click.UUID, nargs=-1)
@option("--from-number", type=click.IntRange(1), metavar="N", help="All from this number on, also what was delivered.")
@database_option
@json_option
def replay(
    name: str, deliveries: tuple[UUID, ...], from_number: int | None, database_url: str | None, as_json: bool
) -> None:
    """Send again what was given up: DELIVERIES, or all of it. The ids stay the same."""
    from crm.deeds import keep_webhooks

    from .hours import account

    async def work(database: Database, _: Settings) -> int:
        async with database.transaction() as session:
            return await keep_webhooks.replay(session, name, by=account(), ids=deliveries, from_number=from_number)

    again = with_database(work, database_url=database_url)
    if as_json:
        print_json({"name": name, "replayed": again})
    else:
        say(f"{again} deliveries are sent to {name} again")


@webhook.command()
@click.argument("name")
@database_option
@json_option
def pause(name: str, database_url: str | None, as_json: bool) -> None:
    """Stop telling a subscriber. What happens meanwhile is not kept for it: it reads the snapshot later."""
    _switch(name, database_url, as_json, active=False)


@webhook.command()
@click.argument("name")
@database_option
@json_option
def resume(name: str, database_url: str | None, as_json: bool) -> None:
    """Tell a subscriber again, at once."""
    _switch(name, database_url, as_json, active=True)


@webhook.command()
@click.argument("name")
@click.confirmation_option(prompt="What it was still to be told is lost with it. Remove it?")
@database_option
@json_option
def remove(name: str, database_url: str | None, as_json: bool) -> None:
    """Forget a subscriber, with all that it was still to be told."""
    from crm.deeds import keep_webhooks

    from .hours import account

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await keep_webhooks.remove(session, name, by=account())

    with_database(work, database_url=database_url)
    _told(as_json, {"name": name, "removed": True}, f"{name} is told nothing any more")


def _switch(name: str, database_url: str | None, as_json: bool, *, active: bool) -> None:
    from crm.deeds import keep_webhooks

    from .hours import account

    async def work(database: Database, _: Settings) -> None:
        async with database.transaction() as session:
            await keep_webhooks.switch(session, name, active=active, by=account())

    with_database(work, database_url=database_url)
    _told(as_json, {"name": name, "active": active}, f"{name} is {'told again' if active else 'left alone'}")


def _told(as_json: bool, answer: dict[str, object], sentence: str) -> None:
    if as_json:
        print_json(answer)
    else:
        say(sentence)
