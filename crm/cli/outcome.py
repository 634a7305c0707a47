"""`kefu outcome`: how calls can end, which queue offers which outcomes, and where one is demanded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import database_option, json_option, option, with_database
from .output import print_json, print_table, say

if TYPE_CHECKING:
    from crm.database import Database
    from crm.settings import Settings

TONES = ("good", "warm", "cool", "bad")
COLUMNS = ("code", "title_en", "title_zh", "tone", "settles", "active", "queues")


@click.group()
def outcome() -> None:
    """How calls end: list and set outcomes, say which queue offers them and demands one."""


@outcome.command("list")
@option("--queue", metavar="NAME", help="Only those that a call of this queue is offered, in its order.")
@database_option
@json_option
def list_(queue: str | None, database_url: str | None, as_json: bool) -> None:
    """All outcomes, and the queues that demand one (`after_s`: of talks of so many seconds)."""

    async def work(database: Database, _: Settings) -> dict[str, Any]:
        from msgspec import structs

        from crm import outcomes

        async with database.reading() as session:
            found = await outcomes.listed(session)
            rows = [structs.asdict(each) for each in (outcomes.offered(found, queue) if queue else found)]
            return {"outcomes": rows, "demands": await outcomes.demands(session)}

    answer = with_database(work, database_url=database_url)
    if as_json:
        print_json(answer)
        return
    print_table([{**row, "queues": sorted(row["queues"])} for row in answer["outcomes"]], COLUMNS)
    for name, after_s in answer["demands"].items():
        say(f"{name} demands an outcome of talks of {after_s} s and more")


@outcome.command("set")
@click.argument("code")
@option("--en", "title_en", metavar="TEXT", help="Its name in English (default: the code).")
@option("--zh", "title_zh", metavar="TEXT", help="Its name in Chinese (default: the English name).")
@option("--place", type=click.IntRange(0, 10_000), help="Its place among all (default: 100).")
@option("--tone", type=click.Choice(TONES), help="The colour it is shown in (default: none).")
@option("--settles", metavar="WORD", help="What it says of the case if nothing else is said: none:REASON or new:CATEGORY.")  # fmt: skip # noqa: E501
@option("--active/--retired", "active", default=None, help="Whether it is offered (default: yes).")
@database_option
def set_(code: str, database_url: str | None, **said: Any) -> None:
    """Make an outcome, or change one: what is not given stays."""

    async def work(database: Database, _: Settings) -> None:
        from crm import outcomes

        async with database.transaction() as session:
            await outcomes.define(session, code, **said)

    with_database(work, database_url=database_url)
    say(f"outcome {code} is set")


@outcome.command("remove")
@click.argument("code")
@database_option
def remove(code: str, database_url: str | None) -> None:
    """Take an outcome away; one that calls have had is kept for them, and offered no more."""

    async def work(database: Database, _: Settings) -> bool:
        from crm import outcomes

        async with database.transaction() as session:
            return await outcomes.remove(session, code)

    gone = with_database(work, database_url=database_url)
    say(f"outcome {code} is {'removed' if gone else 'retired: calls have had it'}")


@outcome.command("offer")
@click.argument("queue")
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@database_option
def offer(queue: str, codes: tuple[str, ...], database_url: str | None) -> None:
    """Let a queue offer these outcomes, in this order; without any, all there are."""

    async def work(database: Database, _: Settings) -> None:
        from crm import outcomes

        async with database.transaction() as session:
            await outcomes.offer(session, queue, codes)

    with_database(work, database_url=database_url)
    say(f"{queue} offers {', '.join(codes) or 'all outcomes'}")


@outcome.command("demand")
@click.argument("queue")
@option("--after", "after_s", type=click.IntRange(0, 3600), metavar="S", help="Of talks of so many seconds and more.")
@option("--off", is_flag=True, help="Of none.")
@database_option
def demand(queue: str, after_s: int | None, off: bool, database_url: str | None) -> None:
    """Demand an outcome of a queue's calls before the agent is ready again."""
    if off == (after_s is not None):
        raise click.UsageError("say either --after S or --off")

    async def work(database: Database, _: Settings) -> None:
        from crm import outcomes

        async with database.transaction() as session:
            await outcomes.demand(session, queue, after_s)

    with_database(work, database_url=database_url)
    say(f"{queue} demands {'no outcome' if off else f'an outcome of talks of {after_s} s and more'}")
