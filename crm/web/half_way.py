"""Between the password and the desk: a browser that still owes a code, and letting somebody in for good.

A cookie of its own stands for the half sign-in; it opens nothing but the page that asks for the code, lasts five
minutes and a few wrong codes. Called by the pages of coming and going.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, second_factor
from crm.rules import rights
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.second_factor import HalfSignIn

from .sign_in import begin_sign_in, cookie_name, drop_cookie, hash_of, set_cookie

COOKIE = "kefu-half"
LASTS_S = 300
TRIES = 5
_HOMES = (
    *(("desk.use", "/desk"), ("workorder.answer", "/work-orders"), ("conversation.read", "/conversations")),
    ("own.settings", "/security"),
)


def home_of(role: str) -> str:
    """Where somebody of this role begins."""
    return next((path for permission, path in _HOMES if rights.may(role, permission)), "/sign-in")


async def begin(session: AsyncSession, agent: Agent) -> str:
    """Write that the password was right, forget those that ran out; the token for the cookie."""
    token, now = secrets.token_urlsafe(32), datetime.now(UTC)
    await session.execute(delete(HalfSignIn).where(HalfSignIn.expires_at < now))
    expires_at = now + timedelta(seconds=LASTS_S)
    session.add(HalfSignIn(token_hash=hash_of(token), agent_id=agent.id, expires_at=expires_at))
    return token


async def waiting(request: Request, session: AsyncSession) -> Agent | None:
    """Who has given the password at this browser and owes a code."""
    token = _token(request)
    if token is None:
        return None
    found: Agent | None = await session.scalar(
        select(Agent)
        .join(HalfSignIn, HalfSignIn.agent_id == Agent.id)
        .where(HalfSignIn.token_hash == hash_of(token), HalfSignIn.expires_at > datetime.now(UTC))
        .where(HalfSignIn.tries < TRIES, Agent.active)
    )
    return found


async def failed(request: Request, session: AsyncSession) -> None:
    """Count a wrong code: after a few the password is asked for again."""
    token = _token(request) or ""
    counted = update(HalfSignIn).where(HalfSignIn.token_hash == hash_of(token))
    await session.execute(counted.values(tries=HalfSignIn.tries + 1))


async def end(request: Request, session: AsyncSession) -> None:
    """The half has become whole, or is given up."""
    await session.execute(delete(HalfSignIn).where(HalfSignIn.token_hash == hash_of(_token(request) or "")))


async def needs_code(session: AsyncSession, agent: Agent) -> bool:
    """Whether the password alone does not let this agent in."""
    return await second_factor.is_on(session, agent.id)


async def let_in(session: AsyncSession, settings: Settings, agent: Agent, how: str) -> str:
    """A whole sign-in, noted with how it came about; the token for the cookie."""
    await audit.note(
        session, by=agent.login, did="agent.sign_in", subject="agent", subject_id=str(agent.id), detail={"how": how}
    )
    return await begin_sign_in(session, agent.id, hours=settings.sign_in_hours)


def arrived(settings: Settings, role: str, token: str) -> Response:
    """The answer that brings somebody home."""
    answer = RedirectResponse(home_of(role), status_code=303)
    set_cookie(answer, settings, "kefu", token, settings.sign_in_hours * 3600)
    drop_cookie(answer, settings, COOKIE)
    return answer


def _token(request: Request) -> str | None:
    token = request.cookies.get(cookie_name(request.app.state.settings, COOKIE))
    return token if token and len(token) <= 100 else None
