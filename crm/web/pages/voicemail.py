"""The messages that callers left: listen, take, finish, with a clock on each.

A recording is asked for by the message's id; which file that is says the row. What an agent may not hear does not
exist for them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm.database import Database
from crm.deeds import voicemail
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.queues import Queue
from crm.voicemails import LISTS, NOTE_CHARACTERS, Message
from crm.web.errors import NotThere
from crm.web.rights import allowed
from crm.web.sessions import Reading, Writing
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/voicemail")

SOON_S = 15 * 60
"""A clock with less than this left is yellow."""


class Clock(msgspec.Struct, frozen=True):
    """How a message stands to its time: colour, and the words for those who see none. `span_s`: to it, or over it."""

    tone: str
    word: str
    span_s: float


Which = Annotated[str, Query(alias="list", max_length=10)]
OfQueue = Annotated[str, Query(max_length=80)]


class Shown(msgspec.Struct, frozen=True):
    """One message with its clock."""

    message: Message
    clock: Clock


@router.get("")
async def page(
    request: Request,
    me: Annotated[Me, allowed("voicemail.read")],
    session: Reading,
    which: Which = "open",
    queue: OfQueue = "",
) -> Response:
    """The list and its filters."""
    return await _show(request, session, me, which, queue, "voicemail.html")


@router.get("/picture")
async def picture(
    request: Request,
    me: Annotated[Me, allowed("voicemail.read")],
    session: Reading,
    which: Which = "open",
    queue: OfQueue = "",
) -> Response:
    """The part that changes. Fetched at every hint."""
    return await _show(request, session, me, which, queue, "voicemail/picture.html")


@router.get("/{message_id}/sound")
async def sound(
    request: Request, message_id: UUID, me: Annotated[Me, allowed("recording.listen")], session: Writing
) -> Response:
    """The recording, whole or the ranges asked for. That this person listened to it is noted."""
    settings: Settings = request.app.state.settings
    listener = await session.get_one(Agent, me.agent_id)
    try:
        message = await voicemail.find(session, settings, message_id, listener)
        path = await voicemail.recording(settings, message)
    except voicemail.NoSuchMessage as refused:
        raise NotThere(str(refused)) from None
    except voicemail.NoRecording:
        raise NotThere("the recording is not there any more") from None
    await voicemail.heard(session, message.id, by=me.login)
    name = f"voicemail-{message.left_at.astimezone(settings.zone):%Y%m%d-%H%M%S}.wav"
    return FileResponse(path, media_type="audio/wav", filename=name, content_disposition_type="inline")


@router.post("/{message_id}/take")
async def take(
    request: Request,
    message_id: UUID,
    me: Annotated[Me, allowed("voicemail.work")],
    which: Annotated[str, Form(alias="list", max_length=10)] = "open",
    queue: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """Make the message one's own."""
    return await _do(request, me, message_id, which, queue, None)


@router.post("/{message_id}/done")
async def done(
    request: Request,
    message_id: UUID,
    me: Annotated[Me, allowed("voicemail.work")],
    which: Annotated[str, Form(alias="list", max_length=10)] = "open",
    queue: Annotated[str, Form(max_length=80)] = "",
    note: Annotated[str, Form(max_length=2 * NOTE_CHARACTERS)] = "",
) -> Response:
    """Say that it is answered, and how."""
    return await _do(request, me, message_id, which, queue, note)


async def _do(request: Request, me: Me, message_id: UUID, which: str, queue: str, note: str | None) -> Response:
    """Take the message (no note), or finish it; a refusal is shown above the list."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    notice = None
    try:
        async with database.transaction() as session:
            agent = await session.get_one(Agent, me.agent_id)
            if note is None:
                await voicemail.take(session, settings, message_id, agent)
            else:
                await voicemail.finish(session, settings, message_id, agent, note)
    except CrmUnavailable:
        raise
    except voicemail.NoSuchMessage as refused:
        raise NotThere(str(refused)) from None
    except Refusal as refused:
        notice = str(refused)
    scripted = "hx-request" in request.headers
    if notice is None and not scripted:
        return RedirectResponse(f"/voicemail{_query(which, queue)}", status_code=303)
    template = "voicemail/picture.html" if scripted else "voicemail.html"
    async with database.reading() as session:
        return await _show(request, session, me, which, queue, template, notice)


def _query(which: str, queue: str) -> str:
    """The filters as a query."""
    return "?" + urlencode({"list": which, "queue": queue})


async def _show(
    request: Request,
    session: AsyncSession,
    me: Me,
    which: str,
    queue: str,
    template: str,
    notice: str | None = None,
) -> Response:
    settings: Settings = request.app.state.settings
    which = which if which in LISTS else "open"
    queue = queue.replace("\x00", "")
    listener = await session.get_one(Agent, me.agent_id)
    found = await voicemail.worklist(session, settings, which, listener=listener, mine=me.agent_id, box=queue or None)
    now = datetime.now(settings.zone)
    title = Queue.title_zh if me.language == "zh" else Queue.title_en
    queues = (await session.execute(select(Queue.name, title.label("title")).order_by(Queue.name))).all()
    context: dict[str, Any] = {
        "messages": [Shown(message, _clock(message, now)) for message in found],
        "which": which,
        "lists": LISTS,
        "queue": queue,
        "queues": queues,
        "asked": _query(which, queue),
        "now": now,
        "notice": notice,
    }
    return show(request, template, me, **context)


def _clock(message: Message, now: datetime) -> Clock:
    if message.due_at is None:
        return Clock("", "none", 0.0)
    if message.state == "done":
        late = (message.done_at - message.due_at).total_seconds() if message.done_at else 0.0
        return Clock("bad", "late", late) if late > 0 else Clock("good", "in_time", 0.0)
    left_s = (message.due_at - now).total_seconds()
    if message.short and message.state == "new":
        return Clock("", "none", 0.0)
    if left_s < 0:
        return Clock("bad", "overdue", -left_s)
    return Clock("warm" if left_s < SOON_S else "good", "due", left_s)
