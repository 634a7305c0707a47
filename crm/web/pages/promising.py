"""An agent promises a callback to the caller on the card, the sender of a message, or a customer: first the window is
shown, to be read to them; Enter promises it. A part of other pages, and a page of its own where no script runs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents
from crm.database import Database
from crm.deeds.book_callback import ABOUT_CHARACTERS, CannotPromise
from crm.deeds.promise_to import Said, Whom, promise_to, promised_to, what_would_be, whom
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.queues import Queue
from crm.web.errors import NotThere
from crm.web.language import catalog
from crm.web.promise_form import TIME_PASSED, shown, when_said
from crm.web.rights import allowed
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/callbacks/for")

Booking = Annotated[Me, allowed("callback.edit")]
Kind = Literal["call", "message", "customer"]
NUMBER_CHARACTERS = 40


@router.get("/{kind}/{about_id}")
async def look(
    request: Request,
    kind: Kind,
    about_id: UUID,
    me: Booking,
    queue: Annotated[str, Query(max_length=80)] = "",
    number: Annotated[str, Query(max_length=NUMBER_CHARACTERS)] = "",
    about: Annotated[str, Query(max_length=ABOUT_CHARACTERS)] = "",
    owner: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """What would be promised, for what is chosen so far."""
    database: Database = request.app.state.database
    async with database.reading() as session:
        to, queues = await _known(request, session, me, kind, about_id)
        said = Said(_queue(queue or to.queue, queues), number, about, owner == "me")
        standing = None if number else await promised_to(session, to, request.app.state.settings.country)
        if standing is not None:
            return _show(request, me, to, queues, said, promise=standing, already=True)
        return await _look(request, session, me, to, queues, said)


@router.post("/{kind}/{about_id}")
async def promise(
    request: Request,
    kind: Kind,
    about_id: UUID,
    me: Booking,
    queue: Annotated[str, Form(max_length=80)] = "",
    number: Annotated[str, Form(max_length=NUMBER_CHARACTERS)] = "",
    about: Annotated[str, Form(max_length=2 * ABOUT_CHARACTERS)] = "",
    owner: Annotated[str, Form(max_length=10)] = "",
    when: Annotated[str, Form(max_length=40)] = "",
    begin: Annotated[str, Form(max_length=40)] = "",
    end: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Promise it, or say why not."""
    database: Database = request.app.state.database
    settings: Settings = request.app.state.settings
    try:
        chosen = when_said(when, begin, end)
    except ValueError:
        raise Refusal("this page is too old: reload it and try again") from None
    async with database.reading() as session:
        to, queues = await _known(request, session, me, kind, about_id)
    said = Said(_queue(queue, queues), number, about, owner == "me", **chosen)
    try:
        async with database.transaction() as session:
            agent = await session.get_one(Agent, me.agent_id)
            note = catalog(me.language).gettext("A callback is promised.")
            booked = await promise_to(session, settings, agent, to, said, note=note)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        passed = isinstance(refused, CannotPromise) and refused.why in TIME_PASSED
        async with database.reading() as session:
            anew = Said(said.queue, said.number, said.about, said.mine)
            return await _look(request, session, me, to, queues, anew, notice=None if passed else str(refused))
    return _show(request, me, to, queues, said, promise=booked.promise, already=booked.already)


async def _known(
    request: Request, session: AsyncSession, me: Me, kind: str, about_id: UUID
) -> tuple[Whom, list[Queue]]:
    """Whom it is for, and the queues that may be chosen, the agent's own first."""
    agent = await session.get_one(Agent, me.agent_id)
    try:
        to = await whom(session, request.app.state.settings, agent, (me.node, me.seat), kind, about_id)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        raise NotThere(str(refused)) from None
    own = [each.queue for each in await agents.queues_of(session, me.agent_id)]
    rows = await session.scalars(select(Queue).order_by(Queue.name))
    queues = [each for each in rows if me.queues is None or each.name in me.queues]
    return to, sorted(queues, key=lambda each: (each.name not in own, each.name))


def _queue(wanted: str | None, queues: list[Queue]) -> str:
    names = [each.name for each in queues]
    return wanted if wanted in names else (names[0] if names else wanted or "")


async def _look(
    request: Request,
    session: AsyncSession,
    me: Me,
    to: Whom,
    queues: list[Queue],
    said: Said,
    notice: str | None = None,
) -> Response:
    settings: Settings = request.app.state.settings
    agent = await session.get_one(Agent, me.agent_id)
    try:
        foreseen = await what_would_be(session, settings, agent, to, said)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        return _show(request, me, to, queues, said, notice=notice or str(refused))
    if foreseen.standing is not None:
        return _show(request, me, to, queues, said, promise=foreseen.standing, already=True)
    return _show(request, me, to, queues, said, notice=notice, **shown(foreseen, settings))


def _show(request: Request, me: Me, to: Whom, queues: list[Queue], said: Said, **more: Any) -> Response:
    part = "hx-request" in request.headers
    template = "callbacks/promising.html" if part else "callbacks_for.html"
    now = datetime.now(request.app.state.settings.zone)
    known = {"foreseen": None, "slots": (), "clock": "", "promise": None, "already": False, "notice": None}
    place = f"promise-{to.kind}-{to.id}"
    context = {"to": to, "asked": said, "queues": queues, "now": now, "place": place, **known, **more}
    return show(request, template, me, **context)
