"""The own day on an idle desk: figures with their lights, what is to be done, what supervisors say; and ticking off.

A part of the desk that is fetched only while no call is there, so that no ring waits for it.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import desk_messages, follow_ups
from crm.reports import own_day
from crm.settings import Settings
from crm.web.errors import NotThere
from crm.web.rights import allowed_at_seat
from crm.web.sessions import Reading, Writing
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/desk")
AtDesk = Annotated[Me, allowed_at_seat("desk.use")]


@router.get("/day")
async def day(request: Request, me: AtDesk, session: Reading) -> Response:
    """The part itself."""
    return await _show(request, session, me)


@router.post("/messages/{message_id}/read")
async def read(request: Request, message_id: UUID, me: AtDesk, session: Writing) -> Response:
    """This agent has read it."""
    if not await desk_messages.mark_read(session, message_id, me.agent_id):
        raise NotThere("there is no such message, or it is not of your queues")
    return await _done(request, session, me)


@router.post("/follow-ups/{follow_up_id}/done")
async def done(request: Request, follow_up_id: UUID, me: AtDesk, session: Writing) -> Response:
    """It is done; ticking off twice is ticking off once."""
    await follow_ups.tick_off(session, follow_up_id, me.agent_id)
    return await _done(request, session, me)


async def _done(request: Request, session: AsyncSession, me: Me) -> Response:
    if "hx-request" not in request.headers:
        return RedirectResponse("/desk", status_code=303)
    return await _show(request, session, me)


async def _show(request: Request, session: AsyncSession, me: Me) -> Response:
    settings: Settings = request.app.state.settings
    now = datetime.now(settings.zone)
    midnight = datetime.combine(now.date(), time(), tzinfo=settings.zone)
    return show(
        request,
        "desk/day.html",
        me,
        now=now,
        day=await own_day.own_day(session, me.agent_id, midnight),
        due=await follow_ups.due(session, me.agent_id, now.date()),
        told=await desk_messages.unread(session, me.agent_id),
    )
