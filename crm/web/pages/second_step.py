"""One-time codes: asked for after the password, set up and turned off on one's own page."""

from __future__ import annotations

import time
from math import ceil
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from crm import second_factor
from crm.database import Database
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web import half_way
from crm.web.qr import picture
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter()

HERE = "/security"
"""Where the language is changed from pages that answer a form."""
Mine = Annotated[Me, allowed("own.settings")]
Code = Annotated[str, Form(max_length=40)]


@router.get("/sign-in/code")
async def ask_code(request: Request, session: Reading) -> Response:
    """The form, for a browser whose password was right a moment ago."""
    if await half_way.waiting(request, session) is None:
        return RedirectResponse("/sign-in", status_code=303)
    return show(request, "sign_in_code.html", None)


@router.post("/sign-in/code")
async def give_code(request: Request, code: Code = "") -> Response:
    """Check the code of the phone, or of paper. After too many wrong ones the agent waits, whatever the browser."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    async with request.app.state.judging, database.transaction() as session:
        agent = await half_way.waiting(request, session)
        if agent is None:
            return RedirectResponse("/sign-in", status_code=303)
        wait_s = request.app.state.by_code.wait_s(agent.login, time.monotonic())
        if wait_s > 0:
            answer: Response = show(request, "sign_in_code.html", None, status=429, wait_min=ceil(wait_s / 60))
            answer.headers["Retry-After"] = str(ceil(wait_s))
            return answer
        if await second_factor.check(session, settings, agent, code, time.time()):
            await half_way.end(request, session)
            token = await half_way.let_in(session, settings, agent, "password and code")
            request.app.state.by_code.forgive(agent.login)
        else:
            await half_way.failed(request, session)
            request.app.state.by_code.failed(agent.login, time.monotonic())
            return show(request, "sign_in_code.html", None, status=401, wrong=True)
    return half_way.arrived(settings, agent.role, token)


@router.get("/security")
async def own_page(request: Request, me: Mine, session: Reading) -> Response:
    """How one's own sign-in is kept."""
    return await _show(request, session, me)


@router.post("/security/codes/begin")
async def begin(request: Request, me: Mine) -> Response:
    """A secret for the phone, as a picture and in letters; it counts once a code made with it was given."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    async with database.transaction() as session:
        secret = await second_factor.begin(session, settings, me.agent_id)
    return _setting_up(request, me, secret)


@router.post("/security/codes/confirm")
async def confirm(request: Request, me: Mine, code: Code = "") -> Response:
    """The first code: from now on one is asked for. The codes for paper are shown this once."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    async with database.transaction() as session:
        agent = await session.get_one(Agent, me.agent_id)
        codes = await second_factor.confirm(session, settings, agent, code, time.time())
        if codes is None:
            secret = await second_factor.begin(session, settings, me.agent_id)
            return _setting_up(request, me, secret, wrong=True)
        return await _show(request, session, me, codes=codes)


@router.post("/security/codes/paper")
async def paper(request: Request, me: Mine, code: Code = "") -> Response:
    """Fresh codes for paper, for whoever can give a code now."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    async with request.app.state.judging, database.transaction() as session:
        agent = await session.get_one(Agent, me.agent_id)
        if not await _given(request, session, agent, code):
            return await _show(request, session, me, wrong=True, status=401)
        codes = await second_factor.new_recovery_codes(session, settings, agent)
        return await _show(request, session, me, codes=codes)


@router.post("/security/codes/off")
async def off(request: Request, me: Mine, code: Code = "") -> Response:
    """Ask for no code any more, for whoever can give one now."""
    database: Database = request.app.state.database
    async with request.app.state.judging, database.transaction() as session:
        agent = await session.get_one(Agent, me.agent_id)
        if not await _given(request, session, agent, code):
            return await _show(request, session, me, wrong=True, status=401)
        await second_factor.turn_off(session, agent, by=me.login)
    return RedirectResponse("/security", status_code=303)


async def _given(request: Request, session: AsyncSession, agent: Agent, code: str) -> bool:
    """Whether the code is right; wrong ones count as at the sign-in."""
    throttle = request.app.state.by_code
    if throttle.wait_s(agent.login, time.monotonic()) > 0:
        return False
    if await second_factor.check(session, request.app.state.settings, agent, code, time.time()):
        throttle.forgive(agent.login)
        return True
    throttle.failed(agent.login, time.monotonic())
    return False


def _setting_up(request: Request, me: Me, secret: str, *, wrong: bool = False) -> Response:
    drawn = picture(second_factor.address(secret, me.login))
    spelled = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    status = 401 if wrong else 200
    return show(request, "security_codes.html", me, status=status, drawn=drawn, spelled=spelled, wrong=wrong, here=HERE)


async def _show(
    request: Request,
    session: AsyncSession,
    me: Me,
    *,
    codes: list[str] | None = None,
    wrong: bool = False,
    status: int = 200,
) -> Response:
    settings: Settings = request.app.state.settings
    context = {
        "on": await second_factor.is_on(session, me.agent_id),
        "left": await second_factor.left(session, me.agent_id),
        "needed": me.role in settings.second_factor_roles,
        "codes": codes,
        "here": HERE,
        "wrong": wrong,
    }
    return show(request, "security.html", me, status=status, **context)
