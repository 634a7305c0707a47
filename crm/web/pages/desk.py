"""The agent's desk: the page, its picture, what an agent can ask for on it, its stream of hints."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, follow_ups, metrics, outcomes, pops
from crm.database import Database
from crm.deeds.after_call import REASONS as EXTENSIONS
from crm.deeds.after_call import work_ends_at
from crm.deeds.ask_for_pause import ask_for_pause
from crm.deeds.finish_call import finish_without_outcome
from crm.deeds.save_wrap_up import save_wrap_up
from crm.deeds.settle_call import settle_call
from crm.notice_board import NoticeBoard
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.call_controls import in_hand
from crm.web.desk_picture import Desk, desk_picture
from crm.web.errors import NotThere
from crm.web.live import Live
from crm.web.outcome_words import OutcomeWords
from crm.web.rights import allowed_at_seat
from crm.web.sessions import Writing
from crm.web.sign_in import Me
from crm.wrap_ups import NOTE_CHARACTERS

from .show import show

router = APIRouter(prefix="/desk")

AtDesk = Annotated[Me, allowed_at_seat("desk.use")]
Deed = Callable[[AsyncSession, Settings], Awaitable[None]]


@router.get("")
async def page(request: Request, me: AtDesk) -> Response:
    """The whole page, with its first picture in it: it says something also where no script runs."""
    return await _show(request, me, "desk.html")


@router.get("/picture")
async def picture(request: Request, me: AtDesk) -> Response:
    """The part of the desk that changes. Fetched at every hint."""
    return await _show(request, me, "desk/picture.html")


@router.get("/live", response_class=EventSourceResponse)
async def live(request: Request, me: AtDesk) -> AsyncIterator[ServerSentEvent]:
    """Hints for this seat. The sign-in was looked up before the first byte; no transaction is open from here on."""
    database: Database = request.app.state.database
    async with database.transaction() as session:
        await agents.show_oneself(session, me.agent_id)
    streams: Live = request.app.state.live
    async for event in streams.events((str(me.node), str(me.seat))):
        yield event


@router.post("/pause")
async def pause(request: Request, me: AtDesk, reason: Annotated[str, Form(max_length=100)]) -> Response:
    """Wish for a pause; the state changes when Asterisk says so."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await ask_for_pause(
            session,
            node=str(me.node),
            seat=str(me.seat),
            reason=reason,
            asked_by=me.login,
            expiry_s=settings.wish_expiry_seconds,
        )

    return await carry_out(request, me, wish)


@router.post("/unpause")
async def unpause(request: Request, me: AtDesk) -> Response:
    """Wish to be ready again; also ends after-call work without an outcome."""

    async def wish(session: AsyncSession, settings: Settings) -> None:
        await finish_without_outcome(
            session,
            agent_id=me.agent_id,
            node=str(me.node),
            seat=str(me.seat),
            asked_by=me.login,
            expiry_s=settings.wish_expiry_seconds,
        )

    return await carry_out(request, me, wish)


@router.post("/wrap-up")
async def wrap_up(
    request: Request,
    me: AtDesk,
    conversation: Annotated[UUID, Form()],
    outcome: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=2 * NOTE_CHARACTERS)] = "",
    case: Annotated[str, Form(max_length=60)] = "",
    customer: Annotated[UUID | Literal[""], Form()] = "",
    follow_up: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Save how a call ended, which case it was about and when to come back to it; that ends its after-call work."""

    async def save(session: AsyncSession, settings: Settings) -> None:
        agent = await session.get_one(Agent, me.agent_id)
        await save_wrap_up(
            session,
            agent=agent,
            node=str(me.node),
            seat=str(me.seat),
            conversation_id=conversation,
            outcome=outcome,
            note=note,
            expiry_s=settings.wish_expiry_seconds,
        )
        await settle_call(
            session,
            settings,
            agent=agent,
            conversation_id=conversation,
            said=case,
            outcome=outcome,
            note=note,
            customer_id=customer or None,
        )
        if follow_up:
            await follow_ups.plan(
                session,
                agent_id=me.agent_id,
                conversation_id=conversation,
                due_on=_day(follow_up),
                today=datetime.now(settings.zone).date(),
                about=note,
                customer_id=customer or None,
            )

    return await carry_out(request, me, save)


class Painted(msgspec.Struct):
    """What the browser says of a painted card: milliseconds from hint to paint, if a hint brought it."""

    hint_ms: float | None = None


@router.post("/pops/{pop_id}/shown")
async def shown(request: Request, pop_id: UUID, me: AtDesk, session: Writing) -> Response:
    """The card has been painted on this agent's screen. Said twice, the first counts."""
    try:
        painted = msgspec.json.decode(await request.body(), type=Painted)
    except msgspec.MsgspecError as unreadable:
        raise Refusal(f"the acknowledgement cannot be read: {unreadable}") from None
    hint_ms = painted.hint_ms
    if hint_ms is not None and not (math.isfinite(hint_ms) and 0 <= hint_ms < 86_400_000):
        hint_ms = None  # a browser whose clock was set meanwhile: the server's own figure still holds
    latency_ms = await pops.mark_shown(
        session, pop_id=pop_id, agent_id=me.agent_id, node=str(me.node), seat=str(me.seat), hint_ms=hint_ms
    )
    if latency_ms is None:
        raise NotThere("there is no such card at your seat")
    if hint_ms is not None:  # painted because it rang, not because a page was opened while it rang
        metrics.web().pop_painted_s.observe(latency_ms / 1000)
    return Response(status_code=204)


async def carry_out(request: Request, me: Me, deed: Deed) -> Response:
    """Carry out one deed and show the desk after it; a refusal is shown on the desk, nothing of the deed is kept."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    notice = None
    try:
        async with database.transaction() as session:
            await deed(session, settings)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        notice = str(refused)
    scripted = "hx-request" in request.headers
    if notice is None and not scripted:
        return RedirectResponse("/desk", status_code=303)
    template = "desk/picture.html" if scripted else "desk.html"
    return await _show(request, me, template, notice)


async def _show(request: Request, me: Me, template: str, notice: str | None = None) -> Response:
    """Asked for at every ring: by crm.questions alone, without a session."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    today = datetime.now(settings.zone).date()
    midnight = datetime.combine(today, time(), tzinfo=settings.zone)
    desk = await desk_picture(database, me, settings, midnight)
    notices: NoticeBoard = request.app.state.notices
    beside = await notices.look(database, in_haste=bool(desk.cards))
    messages = beside.new_for(me.agent_id, everyone=me.may("voicemail.take_over"), boxes=me.queues)
    context = {**desk.context(), "messages": messages, "notice": notice, "reasons": desk.budgets, "today": today}
    context["titles"] = {budget.name: budget.title(me.language) for budget in desk.budgets}
    wraps_up = desk.state.shown.word == "wrapping_up"
    ends_at = await work_ends_at(database, node=str(me.node), seat=str(me.seat)) if wraps_up else None
    context |= {"work_ends_at": ends_at, "extensions": EXTENSIONS}
    context |= await in_hand(database, me, desk)
    return show(request, template, me, **context, **await _endings(request, database, me, desk))


async def _endings(request: Request, database: Database, me: Me, desk: Desk) -> dict[str, Any]:
    """How the calls on the desk may end. Nothing is asked of it while a phone only rings."""
    if desk.cards and all(card.phase == "ringing" for card in desk.cards):
        return {"offered": {}, "owed": None}
    words: OutcomeWords = request.app.state.outcomes
    await words.look(database)
    owed = None
    if desk.cards:
        owed = await outcomes.owed(database, node=str(me.node), seat=str(me.seat), agent_id=me.agent_id)
    return {"offered": {card.key: words.offered(card.queue) for card in desk.cards}, "owed": owed}


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise Refusal("a day is written as 2026-10-01") from None
