"""Agents' pauses, asked for by other systems: the same wishes as the desk's buttons and `kefu agent pause`.

What is answered is a wish; the agent is paused when Asterisk says so, in a call after it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes
from crm.deeds.pause_agent import NoSuchAgent, pause_agent, unpause_agent
from crm.rules.pause_steps import PAUSING
from crm.tables.agents import SeatSession
from crm.tables.requests import PbxRequest

from . import replies
from .asking import Asking, asked
from .fields import Code, Given
from .problems import Refused, answers
from .replies import Key, Reply

router = APIRouter(tags=["floor"])

Login = Annotated[Code, Path(description="The agent's login.")]
MayPause = Annotated[Asking, asked("agent.pause")]
MEANS = {"description": "It is so already, or will be after the call: nothing was asked"}


class Pause(Given):
    """`reason`: of those under /pause-reasons."""

    reason: Code


class WishAnswer(BaseModel):
    """What was asked of Asterisk. `state`: wanted, sent, then confirmed, refused or expired with `why`; so: it was so
    already, and there is no wish."""

    id: UUID | None
    node: str
    seat: str
    state: str
    why: str | None
    wanted_at: datetime | None


@router.post(
    "/agents/{login}/pause",
    status_code=202,
    response_model=WishAnswer,
    responses=answers(404, 409, _200=MEANS),
)
async def pause(request: Request, login: Login, wanted: Pause, asking: MayPause, key: Key = None) -> Response:
    """Wish that the agent pauses in all queues; in the middle of a call, after it."""

    async def work(session: AsyncSession) -> Reply:
        expiry_s = asking.settings.wish_expiry_seconds
        try:
            return _reply(*await pause_agent(session, login, wanted.reason, by=asking.by, expiry_s=expiry_s))
        except NoSuchAgent as unknown:
            raise Refused(404, str(unknown)) from None

    return await replies.once(request, asking, key, work)


@router.post(
    "/agents/{login}/unpause",
    status_code=202,
    response_model=WishAnswer,
    responses=answers(404, 409, _200=MEANS),
)
async def unpause(request: Request, login: Login, asking: MayPause, key: Key = None) -> Response:
    """Wish that the agent is ready again; a pause that was to come after the call is withdrawn. After-call work ends by
    it, too, unless its queue demands an outcome."""

    async def work(session: AsyncSession) -> Reply:
        expiry_s = asking.settings.wish_expiry_seconds
        try:
            return _reply(*await unpause_agent(session, login, by=asking.by, expiry_s=expiry_s))
        except NoSuchAgent as unknown:
            raise Refused(404, str(unknown)) from None

    return await replies.once(request, asking, key, work)


@router.get("/pause-wishes/{wish_id}", responses=answers(404))
async def get_pause_wish(
    wish_id: Annotated[UUID, Path(description="As it was answered.")], asking: MayPause
) -> WishAnswer:
    """What became of a wish that this token asked for."""
    async with asking.database.reading() as session:
        wish = await session.get(PbxRequest, wish_id)
        if wish is None or wish.kind not in PAUSING or wish.asked_by != asking.by:
            raise Refused(404, "this token asked for no such wish")
        state, why = await wishes.settled(session, wish_id) or (wish.state, None)
    return _answer(wish.node, wish.seat, wish).model_copy(update={"state": state, "why": why})


def _reply(at: SeatSession, wish: PbxRequest | None) -> Reply:
    headers = {"Location": f"/api/v1/pause-wishes/{wish.id}"} if wish else {}
    return Reply(_answer(at.node, at.seat, wish), 202 if wish else 200, headers)


def _answer(node: str, seat: str, wish: PbxRequest | None) -> WishAnswer:
    if wish is None:
        return WishAnswer(id=None, node=node, seat=seat, state="so", why=None, wanted_at=None)
    return WishAnswer(id=wish.id, node=node, seat=seat, state=wish.state, why=wish.why, wanted_at=wish.wanted_at)
