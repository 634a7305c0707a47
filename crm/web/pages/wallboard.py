"""The wallboard: one page for the whole floor, told by the same hints as the desks, at most four times a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from crm import handovers
from crm.deeds.raise_hand import come_to
from crm.notice_board import NoticeBoard
from crm.waiting_worth import WaitingWorth
from crm.wallboard import CALLS_SHOWN, KEPT_S, Wallboard
from crm.web.live import FLOOR, Live
from crm.web.rights import allowed
from crm.web.sessions import Reading, Writing
from crm.web.sign_in import Me

from .show import show

router = APIRouter(prefix="/wallboard")

Watching = Annotated[Me, allowed("wallboard.read")]
Coming = Annotated[Me, allowed("conversation.read_all")]


@router.get("")
async def page(request: Request, me: Watching, session: Reading) -> Response:
    """The whole page."""
    return await _show(request, me, session, "wallboard.html")


@router.get("/picture")
async def picture(request: Request, me: Watching, session: Reading) -> Response:
    """The tiles."""
    return await _show(request, me, session, "wallboard/picture.html")


@router.post("/hands")
async def come(me: Coming, session: Writing, login: Annotated[str, Form(max_length=64)]) -> Response:
    """A supervisor comes to an agent whose hand is up."""
    await come_to(session, login, by=me.login)
    return RedirectResponse("/wallboard", status_code=303)


@router.get("/live", response_class=EventSourceResponse)
async def live(request: Request, me: Watching) -> AsyncIterator[ServerSentEvent]:
    """Hints about anything on the floor."""
    streams: Live = request.app.state.live
    async for event in streams.events(FLOOR, gap_s=KEPT_S):
        yield event


async def _show(request: Request, me: Me, session: AsyncSession, template: str) -> Response:
    # One look serves all screens that wait for it, and it needs a connection: none of them may hold one meanwhile.
    await session.close()
    wallboard: Wallboard = request.app.state.wallboard
    board = (await wallboard.board()).within(me.queues)
    notices: NoticeBoard = request.app.state.notices
    beside = (await notices.look(session)).within(me.queues)
    calls = board.calls[:CALLS_SHOWN]
    worths: WaitingWorth = request.app.state.waiting_worth
    worth = await worths.look(session) if me.queues is None else None  # of all queues together
    hands = await handovers.hands(session)
    more = {
        "hands": hands,
        "comes": me.may("conversation.read_all"),
        "worth": worth,
        "currency": request.app.state.settings.value_currency,
    }
    return show(request, template, me, board=board, now=board.now, calls=calls, beside=beside, **more)
