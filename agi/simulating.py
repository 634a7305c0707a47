"""One call on paper or with the real CRM behind it, for `kefu ivr simulate` and `rehearse`.

On paper the caller is who the options say, with an invented order, and hours are those of the settings; `live_crm` asks
the database as a real call would, within the same time limit, and writes nothing. What is closed or announced, and the
credit that a caller joins a queue with, are as in a real call either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct, structs

from crm.refusals import Refusal

from .answers import Balance, Caller, OrderStatus
from .flows.menu import walk
from .menu.tree import Menu
from .paper_desk import Paper, PaperDesk
from .questions import Desk
from .rehearsal import Line, Press, Rehearsal
from .shipped import known as shipped_known
from .shipped import load_prompts

if TYPE_CHECKING:
    from crm.hours import Openings

    from .doors import Doors


class Simulated(Struct, frozen=True):
    """Who rings which menu, when."""

    menu: Menu
    number: str | None = None
    dialled: str = ""
    at: str | None = None
    language: str | None = None
    tier: str | None = None
    closed: bool = False
    closed_queues: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    no_order: bool = False
    live_crm: bool = False
    database_url: str | None = None


def simulate_call(wanted: Simulated, press: Press, show: Callable[[Line], object]) -> None:
    """Play the call, showing each line as it happens."""
    from crm.hours import by_settings
    from crm.settings import read_settings

    settings = read_settings(database_url=wanted.database_url)
    try:
        at = datetime.fromisoformat(wanted.at) if wanted.at else datetime.now(settings.zone)
    except ValueError:
        raise Refusal(f"--at: {wanted.at!r} is no time, write it as 2026-10-01T09:30") from None
    at = at.astimezone(settings.zone) if at.tzinfo else at.replace(tzinfo=settings.zone)
    if wanted.live_crm:
        _live(wanted, press, show, at)
        return
    caller = (
        Caller(wanted.number, UUID(int=1), wanted.language, tier=wanted.tier or "ordinary", code="K-1")
        if wanted.number
        else Caller()
    )
    order = OrderStatus("A-1024", "shipped", date(2026, 3, 5))
    paper = Paper(
        caller=caller,
        at=at,
        order="not_found" if wanted.no_order else order,
        balance=Balance(Decimal("88.50"), "CNY"),
        customers={"1": caller} if wanted.number else {},
        credit=settings.waiting_credit,
    )
    _play(wanted, press, show, PaperDesk(paper), _doors(wanted, by_settings(settings), at))


def _play(wanted: Simulated, press: Press, show: Callable[[Line], object], desk: Desk, doors: Doors) -> None:
    texts = load_prompts()[0]
    for line in Rehearsal(walk(wanted.menu), texts, press, desk, dialled=wanted.dialled, doors=doors):
        show(line)


def _doors(wanted: Simulated, openings: Openings, at: datetime, more_queues: Iterable[str] = ()) -> Doors:
    """What is open and announced at that time, and what the options say of it besides."""
    from crm.hours import Notice, Openings
    from crm.rules.opening_hours import read_opening_hours

    from .doors import Doors

    if wanted.closed:
        openings = Openings(read_opening_hours("", openings.site.zone), {}, notices=openings.notices)
    known = shipped_known(more_queues).queues or ()
    said: list[tuple[str, str, str | None]] = [(queue, "closed", None) for queue in wanted.closed_queues]
    for announced in wanted.announced:
        queue, _, prompt = announced.partition("=")
        if not prompt:
            raise Refusal(f"--announce: {announced!r} names no prompt, write it as support=welcome")
        said.append((queue, "announcement", prompt))
    for queue, _kind, _prompt in said:
        if queue not in known:
            raise Refusal(f"{queue!r} is no queue: there are {', '.join(sorted(known))}")
    notices = tuple(Notice(queue, kind, prompt, "", at, None, "simulate") for queue, kind, prompt in said)
    return Doors(structs.replace(openings, notices=(*notices, *openings.notices)), lambda: at)


def _live(wanted: Simulated, press: Press, show: Callable[[Line], object], at: datetime) -> None:
    """As a real call asks, from the same rows, of hours and notices, too; the clock is the one said."""
    from crm import hours, menus
    from crm.cli.options import with_database
    from crm.database import Database
    from crm.settings import Settings

    from .call_thread import in_thread_of_its_own
    from .desk import CrmDesk
    from .service import site_of
    from .visit_book import VisitBook

    async def work(database: Database, settings: Settings) -> None:
        desk = CrmDesk(
            site_of(settings),
            database,
            VisitBook(database),
            wanted.number or "",
            lambda: at,
        )
        async with database.reading() as session:
            openings = await hours.read(session, hours.by_settings(settings))
            doors = _doors(wanted, openings, at, await menus.queue_names(session))
        await in_thread_of_its_own(_play, wanted, press, show, desk, doors)

    with_database(work, database_url=wanted.database_url)
