"""What a stranger asks of us on a web page: to be called back. First they see what would be promised, then they
confirm.

Called by the page `/call-me` and by the frame that other sites embed. Nobody is signed in here, so every answer is one
that strangers may read: whether a number is known, or asked not to be called, is not among it. How often is counted by
address, by number, and for all together.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Form, Request
from msgspec import Struct
from sqlalchemy import select

from crm import callbacks
from crm.database import Database
from crm.deeds.book_callback import CannotPromise, Wanted, book, foresee
from crm.rules.calling_hours import Refused
from crm.rules.phone_numbers import to_e164
from crm.settings import Settings
from crm.tables.queues import Queue

from .pace import Pace
from .promise_form import TIME_PASSED, shown, when_said

AN_ADDRESS, A_NUMBER, ALL, LOOKS = 6, 2, 120, 12  # a minute; a look at what would be promised costs less
TELLABLE = frozenset(
    {
        "withheld",
        "unreadable",
        "premium",
        "country_not_served",
        "closing",
        "closed",
        "nobody_works",
        "moved",
        "slot_taken",
    }
)
_pace = Pace()


class Asked(Struct):
    """The form as it was sent. `when`: the beginning of a slot ("" for in turn); `begin`, `end`: the window in turn
    that was shown; `website`: a field that people do not see."""

    number: str
    queue: str
    about: str
    when: str
    begin: str
    end: str
    website: str
    sure: bool


class Answer(Struct):
    """What to show. `retry_s`: too many tries, so long until the next."""

    context: dict[str, Any]
    status: int = 200
    retry_s: float = 0.0


async def asked_by_form(
    number: Annotated[str, Form()] = "",
    queue: Annotated[str, Form()] = "",
    about: Annotated[str, Form()] = "",
    when: Annotated[str, Form()] = "",
    begin: Annotated[str, Form()] = "",
    end: Annotated[str, Form()] = "",
    website: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Asked:
    """The fields, cut to what can be meant."""
    return Asked(number[:40], queue[:64], about[:200], when[:40], begin[:40], end[:40], website[:40], sure == "1")


async def queues_offered(request: Request, only: str = "") -> list[Queue]:
    """The queues for which the site lets strangers ask; `only`: that one, if it is among them."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    names = [name for name in settings.callback_page_queues.replace(",", " ").split() if only in ("", name)]
    async with database.reading() as session:
        return list(await session.scalars(select(Queue).where(Queue.name.in_(names)).order_by(Queue.name)))


def nothing_asked(queues: list[Queue], **known: Any) -> dict[str, Any]:
    """What the form shows before anything was asked."""
    settled = {"number": "", "about": "", "why": None, "promise": None, "foreseen": None, "queue": ""}
    return {**settled, "queues": queues, "now": datetime.now(UTC), **known}


async def answer(request: Request, asked: Asked, queues: list[Queue], *, language: str, by: str) -> Answer:
    """What would be promised; confirmed, the promise; or why not."""
    if not queues:
        return Answer(nothing_asked(queues), 404)
    chosen = next((queue.name for queue in queues if queue.name == asked.queue), queues[0].name)
    known = nothing_asked(queues, number=asked.number, about=asked.about, queue=chosen)
    if asked.website:
        return Answer({**known, "why": "robot"}, 422)
    settings: Settings = request.app.state.settings
    wait_s = _too_often(request, to_e164(asked.number, settings.country) or asked.number, sure=asked.sure)
    if wait_s:
        return Answer({**known, "why": "too_often"}, 429, wait_s)
    try:
        when = when_said(asked.when, asked.begin, asked.end) if asked.sure else {}
        wanted = Wanted(chosen, asked.number, "web", by, language, about=asked.about, **when)
        return Answer({**known, **await _promise(request, settings, wanted, sure=asked.sure)})
    except ValueError:
        return Answer({**known, "why": "not_now"}, 422)
    except CannotPromise as refused:
        return await _refused(request, wanted, known, refused.why)


async def _promise(request: Request, settings: Settings, wanted: Wanted, *, sure: bool) -> dict[str, Any]:
    database: Database = request.app.state.database
    if not sure:
        async with database.reading() as session:
            foreseen = await foresee(session, settings, wanted)
        return {"promise": foreseen.standing} if foreseen.standing else shown(foreseen, settings)
    async with database.transaction() as session:
        if await callbacks.count_open(session, "web") >= settings.callback_page_open:
            raise CannotPromise(Refused("full", "so many strangers as may (callback_page_open) wait already"))
        return {"promise": (await book(session, settings, wanted)).promise}


async def _refused(request: Request, wanted: Wanted, known: dict[str, Any], why: str) -> Answer:
    """Why not; where only the time has passed meanwhile, with what is left."""
    told = {**known, "why": why if why in TELLABLE else "not_now"}
    if why in TIME_PASSED:
        settings: Settings = request.app.state.settings
        anew = Wanted(wanted.queue, wanted.number, "web", wanted.by, wanted.language)
        try:
            return Answer({**told, **await _promise(request, settings, anew, sure=False)}, 409)
        except CannotPromise:
            told["why"] = "not_now"
    return Answer(told, 409)


def _too_often(request: Request, number: str, *, sure: bool) -> float:
    now = time.monotonic()
    address = request.client.host if request.client else ""
    if not sure:
        return max(_pace.take(("look", address), now, a_minute=LOOKS), _pace.take(("looks", ""), now, a_minute=2 * ALL))
    counts = ((("address", address), AN_ADDRESS), (("number", number), A_NUMBER), (("all", ""), ALL))
    return max(_pace.take(key, now, a_minute=most) for key, most in counts)
