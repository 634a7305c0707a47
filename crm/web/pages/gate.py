"""Coming and going: the sign-in, the choice of a seat, the language, the way out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import ceil
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents
from crm.database import Database
from crm.deeds.sign_in_to_seat import PhoneAway, SeatTaken, sign_in_to_seat
from crm.deeds.sign_out_of_seat import leave_after_the_call, sign_out_of_seat
from crm.refusals import CrmUnavailable, Refusal
from crm.settings import Settings
from crm.tables.agents import Agent, SeatSession
from crm.tables.postures import Posture
from crm.web import half_way
from crm.web.language import NAMES
from crm.web.rights import allowed
from crm.web.sessions import Reading, Writing
from crm.web.sign_in import (
    Me,
    Somebody,
    drop_cookie,
    end_sign_in,
    set_cookie,
)
from crm.web.throttle import Throttle

from .show import show

router = APIRouter()

LANGUAGE_COOKIE_S = 365 * 24 * 3600
SEATS_SHOWN = 60
Counts = Sequence[tuple[Throttle, str]]


@router.get("/")
async def start(me: Somebody) -> Response:
    """The desk, or the way to it."""
    return RedirectResponse(half_way.home_of(me.role) if me else "/sign-in", status_code=303)


@router.get("/sign-in")
async def ask_who(request: Request, me: Somebody) -> Response:
    """The form; whoever is signed in goes on to the desk."""
    if me:
        return RedirectResponse(half_way.home_of(me.role), status_code=303)
    return show(request, "sign_in.html", None, login="")


@router.post("/sign-in")
async def sign_in(
    request: Request, login: Annotated[str, Form(max_length=100)], password: Annotated[str, Form(max_length=500)]
) -> Response:
    """Check the password; one sentence for every wrong pair, and a pause after too many of them."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    login = login.strip()
    address = request.client.host if request.client else ""
    counts = ((request.app.state.by_login, login.lower()), (request.app.state.by_address, address))
    if wait_s := _wait_s(counts):
        return _too_often(request, login, wait_s)
    async with request.app.state.checking:
        if wait_s := _wait_s(counts):  # those sent at once wait here together: each must see how the others ended
            return _too_often(request, login, wait_s)
        async with database.transaction() as session:
            agent = await agents.verify_password(session, login, password)
            owes = agent is not None and await half_way.needs_code(session, agent)
            half = await half_way.begin(session, agent) if agent is not None and owes else None
            token = await half_way.let_in(session, settings, agent, "password") if agent and not owes else ""
        if agent is None:
            for throttle, key in counts:
                throttle.failed(key, time.monotonic())
            return show(request, "sign_in.html", None, status=401, wrong=True, login=login)
    request.app.state.by_login.forgive(login.lower())
    if half is None:
        return half_way.arrived(settings, agent.role, token)
    answer: Response = RedirectResponse("/sign-in/code", status_code=303)
    set_cookie(answer, settings, half_way.COOKIE, half, half_way.LASTS_S)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, me: Annotated[Me, allowed("own.settings")], session: Writing) -> Response:
    """Leave the seat and the browser. Refused in the middle of a call."""
    await _leave_seat(request, session, me)
    await end_sign_in(session, me)
    answer = RedirectResponse("/sign-in", status_code=303)
    drop_cookie(answer, request.app.state.settings, "kefu")
    return answer


@router.get("/seat")
async def ask_seat(request: Request, me: Annotated[Me, allowed("desk.use")], session: Reading) -> Response:
    """Which phone is the agent's today; whoever sits already goes on to the desk."""
    if me.seat:
        return RedirectResponse("/desk", status_code=303)
    return await _seat_page(request, me, session, refusal=None)


@router.post("/seat")
async def sit_down(
    request: Request,
    me: Annotated[Me, allowed("desk.use")],
    seat: Annotated[str, Form(max_length=100)] = "",
    typed: Annotated[str, Form(max_length=100)] = "",
    insist: Annotated[Literal["", "take_over", "without_phone"], Form()] = "",
) -> Response:
    """Open the session at the seat and ask Asterisk to add it to the agent's queues. `insist`: what was said about the
    seat has been read."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    chosen = typed.strip() or seat
    try:
        async with database.transaction() as session:
            await sign_in_to_seat(
                session,
                agent_id=me.agent_id,
                node=settings.node,
                seat=chosen,
                expiry_s=settings.wish_expiry_seconds,
                take_over=insist == "take_over",
                without_phone=insist != "",
            )
            await agents.show_oneself(session, me.agent_id)
    except CrmUnavailable:
        raise
    except Refusal as refused:
        offer = {SeatTaken: "take_over", PhoneAway: "without_phone"}.get(type(refused))
        async with database.reading() as session:
            return await _seat_page(
                request, me, session, refusal=str(refused), typed=typed, chosen=chosen, offer=offer, status=409
            )
    return RedirectResponse("/desk", status_code=303)


@router.post("/seat/leave")
async def get_up(request: Request, me: Annotated[Me, allowed("desk.use")], session: Writing) -> Response:
    """Leave the seat and choose another; in the middle of a call, after it."""
    settings: Settings = request.app.state.settings
    await leave_after_the_call(session, agent_id=me.agent_id, asked_by=me.login, expiry_s=settings.wish_expiry_seconds)
    return RedirectResponse("/seat", status_code=303)


@router.post("/language")
async def speak(
    request: Request,
    me: Somebody,
    session: Writing,
    language: Annotated[str, Form(max_length=10)],
    back: Annotated[str, Form(max_length=100)] = "/",
) -> Response:
    """Another language, from here on and at the next sign-in."""
    if language not in NAMES:
        raise Refusal(f"language {language!r} is not spoken here: it is one of {', '.join(NAMES)}")
    if me:
        await session.execute(update(Agent).where(Agent.id == me.agent_id).values(language=language))
    home = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    answer = RedirectResponse(home, status_code=303)
    answer.set_cookie("kefu-language", language, max_age=LANGUAGE_COOKIE_S, path="/", httponly=True, samesite="lax")
    return answer


def _wait_s(counts: Counts) -> float:
    return max(throttle.wait_s(key, time.monotonic()) for throttle, key in counts)


def _too_often(request: Request, login: str, wait_s: float) -> Response:
    answer = show(request, "sign_in.html", None, status=429, wait_min=ceil(wait_s / 60), login=login)
    answer.headers["Retry-After"] = str(ceil(wait_s))
    return answer


async def _leave_seat(request: Request, session: AsyncSession, me: Me) -> None:
    settings: Settings = request.app.state.settings
    await sign_out_of_seat(session, agent_id=me.agent_id, asked_by=me.login, expiry_s=settings.wish_expiry_seconds)


async def _seat_page(
    request: Request,
    me: Me,
    session: AsyncSession,
    *,
    refusal: str | None,
    typed: str = "",
    chosen: str = "",
    offer: str | None = None,
    status: int = 200,
) -> Response:
    """`offer`: what can be insisted on about the seat `chosen`."""
    settings: Settings = request.app.state.settings
    taken = exists().where(
        SeatSession.node == Posture.node, SeatSession.seat == Posture.seat, SeatSession.signed_out_at.is_(None)
    )
    seats = select(Posture.seat).where(Posture.node == settings.node, ~taken).order_by(Posture.seat).limit(SEATS_SHOWN)
    last = (
        select(SeatSession.seat)
        .where(SeatSession.agent_id == me.agent_id, SeatSession.node == settings.node)
        .order_by(SeatSession.signed_in_at.desc())
        .limit(1)
    )
    free = list(await session.scalars(seats))
    usual = await session.scalar(last)
    typed = typed or ("" if usual in free else usual or "")
    words = {"refusal": refusal, "free": free, "usual": usual, "typed": typed, "chosen": chosen, "offer": offer}
    holder = await _holder(session, settings.node, chosen) if offer == "take_over" else None
    return show(request, "seat.html", me, status=status, **words, **await _lost(session, me), holder=holder)


async def _holder(session: AsyncSession, node: str, seat: str) -> Any:
    """Who sits there, and since when."""
    rows = select(Agent.name, SeatSession.signed_in_at).join(Agent, Agent.id == SeatSession.agent_id)
    rows = rows.where(SeatSession.node == node, SeatSession.seat == seat, SeatSession.signed_out_at.is_(None))
    return (await session.execute(rows)).one_or_none()


async def _lost(session: AsyncSession, me: Me) -> dict[str, Any]:
    """Who took the seat that this agent had, so that nobody wonders why the desk is gone."""
    ended = await agents.last_ended(session, me.agent_id)
    if ended is None or ended.ended_why not in ("taken_over", "lease_over"):
        return {"lost": None}
    by = await agents.find(session, ended.ended_by or "")
    return {"lost": ended, "lost_to": by.name if by else None}
