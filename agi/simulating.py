"""One call on paper or with the real CRM behind it, for `kefu ivr simulate` and `rehearse`.

On paper the caller is who the options say, with an invented order; `live_crm` asks the database as a real call would,
within the same time limit, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from crm.refusals import Refusal

from .answers import Balance, Caller, OrderStatus
from .flows.menu import walk
from .menu.tree import Menu
from .paper_desk import Paper, PaperDesk
from .questions import Desk
from .rehearsal import Line, Press, Rehearsal
from .shipped import load_prompts


class Simulated(Struct, frozen=True):
    """Who rings which menu, when."""

    menu: Menu
    number: str | None = None
    dialled: str = ""
    at: str | None = None
    language: str | None = None
    tier: str | None = None
    closed: bool = False
    no_order: bool = False
    live_crm: bool = False
    database_url: str | None = None


def simulate_call(wanted: Simulated, press: Press, show: Callable[[Line], object]) -> None:
    """Play the call, showing each line as it happens."""
    from crm.rules.opening_hours import is_open
    from crm.settings import read_settings

    from .service import site_of

    settings = read_settings(database_url=wanted.database_url)
    try:
        at = datetime.fromisoformat(wanted.at) if wanted.at else datetime.now(settings.zone)
    except ValueError:
        raise Refusal(f"--at: {wanted.at!r} is no time, write it as 2026-10-01T09:30") from None
    at = at.astimezone(settings.zone) if at.tzinfo else at.replace(tzinfo=settings.zone)
    if wanted.live_crm:
        _live(wanted, press, show, at)
        return
    hours = site_of(settings).hours
    caller = (
        Caller(wanted.number, UUID(int=1), wanted.language, tier=wanted.tier or "ordinary", code="K-1")
        if wanted.number
        else Caller()
    )
    order = OrderStatus("A-1024", "shipped", date(2026, 3, 5))
    paper = Paper(
        caller=caller,
        at=at,
        is_open=not wanted.closed and is_open(hours, at),
        order="not_found" if wanted.no_order else order,
        balance=Balance(Decimal("88.50"), "CNY"),
        customers={"1": caller} if wanted.number else {},
    )
    _play(wanted, press, show, PaperDesk(paper))


def _play(wanted: Simulated, press: Press, show: Callable[[Line], object], desk: Desk) -> None:
    for line in Rehearsal(walk(wanted.menu), load_prompts()[0], press, desk, dialled=wanted.dialled):
        show(line)


def _live(wanted: Simulated, press: Press, show: Callable[[Line], object], at: datetime) -> None:
    """As a real call asks, from the same rows; the clock is the one said."""
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
        await database.ping()
        await in_thread_of_its_own(_play, wanted, press, show, desk)

    with_database(work, database_url=wanted.database_url)
