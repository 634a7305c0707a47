"""`kefu callback`: promises to call back: made, listed, moved, halted; why one is not dialled yet, and how many were
kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from .callback_figures import WHEN, by_option, owed, promises, queue_option, simulate
from .options import database_option, json_option, option, with_database
from .output import print_json, print_listed, print_table, say

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncSession

    from crm.callbacks import Promise
    from crm.database import Database
    from crm.settings import Settings

COLUMNS = (
    *("id", "queue", "number_e164", "customer_name", "state", "window_begin", "window_end", "due_at", "mode", "dials"),
    *("outcome", "not_now", "owner"),
)
# As crm.callbacks has them, whose import is slow.
LISTS = ("open", "due", "at_risk", "late", "done", "all")

callback_argument = click.argument("callback_id", metavar="CALLBACK", type=click.UUID)


@click.group()
def callback() -> None:
    """Promises to call back: make, list, move and halt them; why one is not dialled, how many were kept."""


@callback.command("list")
@option("--list", "which", type=click.Choice(LISTS), default="open", show_default=True,
        help="at_risk: nobody was rung, the window ends soon; late: past it, never dialled; done: closed.")  # fmt: skip
@queue_option
@option("--limit", type=click.IntRange(1, 100_000), default=200, show_default=True, help="So many at most.")
@database_option
@json_option
def list_(which: str, queue: str | None, limit: int, database_url: str | None, as_json: bool) -> None:
    """Promises in the order of their places; closed ones after them, the last first."""

    async def work(database: Database, settings: Settings) -> tuple[list[Promise], Any]:
        from crm import callbacks

        async with database.reading() as session:
            return await callbacks.listed(session, which, queue=queue, limit=limit), settings.zone

    found, zone = with_database(work, database_url=database_url)
    print_listed(found, COLUMNS, zone=zone, as_json=as_json)


@callback.command()
@callback_argument
@database_option
@json_option
def show(callback_id: UUID, database_url: str | None, as_json: bool) -> None:
    """One promise with each try to keep it."""

    async def work(database: Database, settings: Settings) -> tuple[dict[str, Any], Any]:
        from msgspec import structs

        from crm import callbacks
        from crm.refusals import Refusal

        async with database.reading() as session:
            found = await callbacks.find(session, callback_id)
            if found is None:
                raise Refusal("there is no such callback: see `kefu callback list --list all`")
            tries = [structs.asdict(each) for each in await callbacks.attempts_of(session, callback_id)]
        return {**structs.asdict(found), "attempts": tries}, settings.zone

    found, zone = with_database(work, database_url=database_url)
    if as_json:
        print_json(found)
        return
    tries = found.pop("attempts")
    print_table([{"what": name, "value": value} for name, value in found.items()], ("what", "value"), zone)
    columns = (
        *("number", "kind", "seat", "claimed_at", "dialled_at", "chose", "queued_at", "talked_at", "ended_at"),
        *("outcome", "why"),
    )
    print_table(tries, columns, zone)


@callback.command()
@click.argument("number")
@option("--queue", required=True, metavar="QUEUE", help="Whose agents call.")
@option("--at", type=WHEN, help="The beginning of a slot, by the site's clock (default: in turn).")
@option("--language", type=click.Choice(["en", "zh"]), help="The customer's (default: as the customer has it).")
@option("--about", default="", help="What for: the agent sees it.")
@option("--zone", metavar="ZONE", help="Where the customer is, where the number does not tell it.")
@option("--wish", metavar="HOURS", help='When the customer wants to be called ("mon-fri 18:00-20:00").')
@option("--owner", metavar="LOGIN", help="The agent whose customer it is.")
@by_option
@database_option
@json_option
def add(
    number: str, queue: str, at: datetime | None, language: str | None, about: str, zone: str | None, wish: str | None,
    owner: str | None, by: str, database_url: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Promise to call a number back; promised already, the promise that stands is shown."""

    async def work(database: Database, settings: Settings) -> tuple[Promise, bool]:
        from crm.deeds.book_callback import Wanted, book

        begin = at.replace(tzinfo=settings.zone) if at else None
        asked = Wanted(queue, number, "cli", by, language, about=about, begin=begin, zone=zone, wish=wish, owner=owner)
        async with database.transaction() as session:
            booked = await book(session, settings, asked)
        return booked.promise, booked.already

    promise, already = with_database(work, database_url=database_url)
    _told(promise, as_json, "promised already" if already else "promised")


@callback.command()
@callback_argument
@option("--why", default="", help="What the customer said.")
@by_option
@database_option
@json_option
def cancel(callback_id: UUID, why: str, by: str, database_url: str | None, as_json: bool) -> None:
    """The customer wants it no more."""

    async def work(session: AsyncSession, settings: Settings) -> Promise:
        from crm.deeds import steer_callback

        return await steer_callback.cancel(session, callback_id, by=by, why=why)

    _told(_steer(work, database_url), as_json, "cancelled")


@callback.command()
@callback_argument
@click.argument("at", type=WHEN)
@by_option
@database_option
@json_option
def reschedule(callback_id: UUID, at: datetime, by: str, database_url: str | None, as_json: bool) -> None:
    """Move a promise to the slot that begins AT ("2026-11-24 14:00", by the site's clock)."""

    async def work(session: AsyncSession, settings: Settings) -> Promise:
        from crm.deeds import steer_callback

        begin = at.replace(tzinfo=settings.zone)
        return await steer_callback.reschedule(session, settings, callback_id, begin, by=by)

    _told(_steer(work, database_url), as_json, "moved")


@callback.command()
@callback_argument
@by_option
@database_option
@json_option
def requeue(callback_id: UUID, by: str, database_url: str | None, as_json: bool) -> None:
    """Open a closed promise again, in turn from now on."""

    async def work(session: AsyncSession, settings: Settings) -> Promise:
        from crm.deeds import steer_callback

        return await steer_callback.requeue(session, settings, callback_id, by=by)

    _told(_steer(work, database_url), as_json, "opened again")


@callback.command("dial-now")
@callback_argument
@by_option
@database_option
@json_option
def dial_now(callback_id: UUID, by: str, database_url: str | None, as_json: bool) -> None:
    """Place a promise now, where the number may be rung now."""

    async def work(session: AsyncSession, settings: Settings) -> Promise:
        from crm.deeds import steer_callback

        return await steer_callback.dial_now(session, settings, callback_id, by=by)

    _told(_steer(work, database_url), as_json, "due now")


@callback.command("why-not")
@callback_argument
@database_option
@json_option
def why_not(callback_id: UUID, database_url: str | None, as_json: bool) -> None:
    """What keeps a promise from being dialled now."""

    async def work(database: Database, settings: Settings) -> list[str]:
        from crm.deeds import steer_callback

        async with database.reading() as session:
            return await steer_callback.why_not_dialled(session, settings, callback_id)

    found = with_database(work, database_url=database_url)
    if as_json:
        print_json({"why_not": found})
    else:
        for sentence in found:
            click.echo(sentence)


@callback.command("pause-all")
@option("--queue", default="", metavar="QUEUE", help="Of one queue (default: all).")
@option("--reason", default="", help="Why; `kefu callback why-not` tells it.")
@by_option
@database_option
@json_option
def pause_all(queue: str, reason: str, by: str, database_url: str | None, as_json: bool) -> None:
    """Place no callback until `resume`; what stands in queues stays."""

    async def work(database: Database, settings: Settings) -> None:
        from crm.deeds import steer_callback

        async with database.transaction() as session:
            await steer_callback.pause_all(session, settings, queue, by=by, reason=reason)

    with_database(work, database_url=database_url)
    _halted({"halted": True, "queue": queue or None}, as_json, f"callbacks of {queue or 'all queues'} are halted")


@callback.command()
@option("--queue", default="", metavar="QUEUE", help="Of one queue (default: all).")
@by_option
@database_option
@json_option
def resume(queue: str, by: str, database_url: str | None, as_json: bool) -> None:
    """Place callbacks again."""

    async def work(database: Database, settings: Settings) -> bool:
        from crm.deeds import steer_callback

        async with database.transaction() as session:
            return await steer_callback.resume(session, settings, queue, by=by)

    ended = with_database(work, database_url=database_url)
    told = "callbacks are placed again" if ended else "nothing was halted"
    _halted({"halted": False, "queue": queue or None, "was_halted": ended}, as_json, told)


def _steer(deed: Callable[[AsyncSession, Settings], Awaitable[Promise]], database_url: str | None) -> Promise:
    async def work(database: Database, settings: Settings) -> Promise:
        async with database.transaction() as session:
            return await deed(session, settings)

    return with_database(work, database_url=database_url)


def _told(promise: Promise, as_json: bool, what: str) -> None:
    from msgspec import structs

    if as_json:
        print_json(structs.asdict(promise))
    else:
        when = f"between {promise.window_begin:%Y-%m-%d %H:%M} and {promise.window_end:%H:%M} UTC"
        say(f"{what}: {promise.id}, {promise.number_e164} in {promise.queue}, {when} ({promise.state})")


def _halted(answer: dict[str, Any], as_json: bool, sentence: str) -> None:
    if as_json:
        print_json(answer)
    else:
        say(sentence)


for each in (owed, promises, simulate):
    callback.add_command(each)
