"""Messages to desks: a supervisor writes one, and sees who has read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import desk_messages, queues
from crm.database import Database
from crm.deeds.tell_desks import tell_desks
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.own_day import DeskMessage
from crm.web.carried_out import Deed, carry_out
from crm.web.rights import allowed
from crm.web.sent_once import fresh_key, id_made
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/messages")
Sender = Annotated[Me, allowed("message.send")]


@router.get("")
async def page(request: Request, me: Sender, session: Reading) -> Response:
    """What was said, and the form for more."""
    return await _show(request, session, me, None)


@router.post("")
async def send(
    request: Request,
    me: Sender,
    body: Annotated[str, Form(max_length=4000)],
    to: Annotated[str, Form(max_length=100)] = "",
    until: Annotated[str, Form(max_length=20)] = "",
    key: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Send one. `to`: empty for everybody, `queue:NAME`, `agent:LOGIN`. Sent twice it is one message."""
    settings: Settings = request.app.state.settings
    kind, _, whom = to.partition(":")

    async def deed(session: AsyncSession) -> None:
        if me.queues is not None and kind != "agent" and whom not in me.queues:
            raise Refusal("you are bound to queues: write to one of them, or to one agent")
        message_id = await id_made(session, me.agent_id, key)
        if await session.get(DeskMessage, message_id) is not None:
            return
        await tell_desks(
            session,
            body,
            by=me.login,
            login=whom if kind == "agent" else None,
            queue=whom if kind == "queue" else None,
            until_at=_moment(until, settings),
            message_id=message_id,
        )

    return await _do(request, me, deed, {"body": body, "to": to, "until": until, "key": key})


@router.post("/{message_id}/withdraw")
async def withdraw(request: Request, message_id: UUID, me: Sender) -> Response:
    """Show it on no desk any more; who is bound to queues, where they may write themselves."""

    async def deed(session: AsyncSession) -> None:
        message = await session.get(DeskMessage, message_id)
        if me.queues is not None and message and message.agent_id is None and message.queue not in me.queues:
            raise Refusal("you are bound to queues: withdraw what was written to them, or to one agent")
        await desk_messages.withdraw(session, message_id)

    return await _do(request, me, deed)


def _moment(written: str, settings: Settings) -> datetime | None:
    if not written:
        return None
    try:
        return datetime.fromisoformat(written).replace(tzinfo=settings.zone)
    except ValueError:
        raise Refusal("a moment is written as 2026-10-01T18:00") from None


async def _do(request: Request, me: Me, deed: Deed, typed: dict[str, str] | None = None) -> Response:
    database: Database = request.app.state.database
    if refused := await carry_out(database, deed):
        async with database.reading() as session:
            return await _show(request, session, me, refused, typed)
    return RedirectResponse("/messages", status_code=303)


async def _show(
    request: Request, session: AsyncSession, me: Me, notice: str | None, typed: dict[str, str] | None = None
) -> Response:
    settings: Settings = request.app.state.settings
    people = await session.scalars(select(Agent).where(Agent.active).order_by(Agent.name))
    return show(
        request,
        "messages.html",
        me,
        now=datetime.now(settings.zone),
        sent=await desk_messages.listed(session),
        people=list(people),
        queues=await queues.listed(session),
        notice=notice,
        typed=typed or {"body": "", "to": "", "until": "", "key": fresh_key()},
    )
