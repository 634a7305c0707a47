"""The public page on which anybody may ask to be called back: `/call-me`, where the site offers it
(`callback_page_queues`). A web site links to it, or opens it in a window of its own.

Nobody is signed in here, so every answer is one that strangers may read: whether a number is known, or asked not to be
called, is not among it. How often is counted by address, by number, and for all together.
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy import select

from crm.database import Database
from crm.deeds.book_callback import CannotPromise, Wanted, book
from crm.rules.phone_numbers import to_e164
from crm.settings import Settings
from crm.tables.queues import Queue
from crm.web.pace import Pace
from crm.web.sign_in import language_of

from .show import show

router = APIRouter(prefix="/call-me")

AN_ADDRESS, A_NUMBER, ALL = 6, 2, 120  # a minute
TELLABLE = frozenset({"withheld", "unreadable", "premium", "country_not_served", "closing", "closed", "nobody_works"})
_pace = Pace()


@router.get("")
async def page(request: Request) -> Response:
    """The form."""
    return await _show(request)


@router.post("")
async def ask(
    request: Request,
    number: Annotated[str, Form(max_length=40)],
    queue: Annotated[str, Form(max_length=64)] = "",
    about: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Promise it, and say when the phone will ring; or one sentence why not."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    offered = settings.callback_page_queues.replace(",", " ").split()
    if not offered:
        return await _show(request)
    wait_s = _too_often(request, to_e164(number, settings.country) or number)
    if wait_s:
        answer = await _show(request, status=429, number=number, about=about, why="too_often")
        answer.headers["Retry-After"] = str(int(wait_s) + 1)
        return answer
    chosen = queue if queue in offered else offered[0]
    wanted = Wanted(chosen, number, "web", "web page", language_of(request, None), about=about)
    try:
        async with database.transaction() as session:
            booked = await book(session, settings, wanted)
    except CannotPromise as refused:
        why = refused.why if refused.why in TELLABLE else "not_now"
        return await _show(request, status=409, number=number, about=about, why=why)
    return await _show(request, promise=booked.promise)


def _too_often(request: Request, number: str) -> float:
    now = time.monotonic()
    address = request.client.host if request.client else ""
    counts = ((("address", address), AN_ADDRESS), (("number", number), A_NUMBER), (("all", ""), ALL))
    return max(_pace.take(key, now, a_minute=most) for key, most in counts)


async def _show(request: Request, *, status: int = 200, **more: object) -> Response:
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    names = settings.callback_page_queues.replace(",", " ").split()
    async with database.reading() as session:
        rows = await session.scalars(select(Queue).where(Queue.name.in_(names)).order_by(Queue.name))
        queues = list(rows)
    if not queues:
        status, more = 404, {}
    known = {"queues": queues, "number": "", "about": "", "why": None, "promise": None}
    return show(request, "call_me.html", None, status=status, **{**known, **more})
