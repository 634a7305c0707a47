"""Reports for supervisors: what callers did in the menus, as a drawing and a table, every number open to its calls."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from crm import conversations
from crm.refusals import Refusal
from crm.reports import ivr, sankey
from crm.reports.ivr import Asked
from crm.settings import Settings
from crm.tables.customers import LANGUAGES
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .conversations import show_calls
from .show import show

router = APIRouter(prefix="/reports")

DAYS = 7
MOST_DAYS = 93
CALLS_SHOWN = 200
Day = Annotated[str, Query(max_length=10)]
Word = Annotated[str, Query(max_length=120)]


@router.get("/ivr")
async def menus(
    request: Request,
    me: Annotated[Me, allowed("report.read")],
    session: Reading,
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
    menu: Word = "",
    language: Word = "",
) -> Response:
    """Steps, drop-offs, times, containment and repeats of the menus."""
    days, notice = _days(request, first, last)
    asked = _asked(request, days, menu, language)
    told = await ivr.report(session, asked)
    names = ivr.options_of(asked, await ivr.menus(session, asked))
    context: dict[str, Any] = {
        "told": told,
        "drawing": sankey.draw(told.ways),
        "width": sankey.WIDTH,
        "height": sankey.HEIGHT,
        "node_width": sankey.NODE_WIDTH,
        "rest": sankey.REST,
        "days": days,
        "menu": menu,
        "menus": names,
        "of_language": language,
        "languages_there": LANGUAGES,
        "asked": urlencode({"from": days[0], "to": days[1], "menu": menu, "language": language}),
        "notice": notice,
    }
    return show(request, "reports_ivr.html", me, **context)


@router.get("/ivr/calls")
async def calls(
    request: Request,
    me: Annotated[Me, allowed("report.read")],
    session: Reading,
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
    menu: Word = "",
    language: Word = "",
    what: Word = "visits",
    step: Word = "",
    ending: Word = "",
) -> Response:
    """The calls behind one figure."""
    days, _ = _days(request, first, last)
    asked = _asked(request, days, menu, language)
    found, without = await ivr.calls_behind(session, asked, what=what, step=step or None, ending=ending or None)
    rows = await conversations.listed(session, ids=found[-CALLS_SHOWN:], queues=me.queues, limit=CALLS_SHOWN)
    back = urlencode({"from": days[0], "to": days[1], "menu": menu, "language": language})
    return await show_calls(
        request,
        me,
        session,
        "reports_ivr_calls.html",
        rows,
        what=what,
        step=step,
        ending=ending,
        count=len(found),
        without=without,
        back=back,
    )


def _days(request: Request, first: str, last: str) -> tuple[tuple[date, date], str | None]:
    """The days asked for, both included; without them, or with nonsense, the last week."""
    settings: Settings = request.app.state.settings
    today = datetime.now(settings.zone).date()
    try:
        begin = date.fromisoformat(first) if first else today - timedelta(days=DAYS - 1)
        end = date.fromisoformat(last) if last else max(today, begin)
    except ValueError:
        return (today - timedelta(days=DAYS - 1), today), "a day is written as 2026-10-01"
    if not timedelta() <= end - begin <= timedelta(days=MOST_DAYS) or not 2000 <= begin.year <= 2999:
        return (today - timedelta(days=DAYS - 1), today), f"the days must be in order, {MOST_DAYS} of them at most"
    return (begin, end), None


def _asked(request: Request, days: tuple[date, date], menu: str, language: str) -> Asked:
    settings: Settings = request.app.state.settings
    since, until = (
        datetime.combine(day, time(), tzinfo=settings.zone) for day in (days[0], days[1] + timedelta(days=1))
    )
    if "\x00" in menu + language:
        raise Refusal("this did not work")
    return Asked(since, until, menu or None, language or None)
