"""To the identity provider and back: the browser is sent there with a secret of its own, and believed only with it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, audit
from crm.database import Database
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.tables.second_factor import OidcIdentity, OidcTrip
from crm.web import half_way
from crm.web.errors import NotThere
from crm.web.oidc import Provider, ProviderFailed, Vouched
from crm.web.sign_in import cookie_name, drop_cookie, hash_of, set_cookie

from .show import show

router = APIRouter()

COOKIE = "kefu-trip"
LASTS_S = 600
Word = Annotated[str, Query(max_length=4000)]


@router.get("/sign-in/oidc")
async def depart(request: Request) -> Response:
    """Send the browser to the provider."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    try:
        trip = await _provider(request).depart(_back_to(request))
    except ProviderFailed as failed:
        return show(request, "sign_in.html", None, status=502, login="", refused=str(failed))
    browser, now = secrets.token_urlsafe(32), datetime.now(UTC)
    async with database.transaction() as session:
        await session.execute(delete(OidcTrip).where(OidcTrip.expires_at < now))
        kept = {"nonce": trip.nonce, "verifier": trip.verifier, "expires_at": now + timedelta(seconds=LASTS_S)}
        session.add(OidcTrip(state_hash=hash_of(trip.state), browser_hash=hash_of(browser), **kept))
    answer = RedirectResponse(trip.url, status_code=303)
    set_cookie(answer, settings, COOKIE, browser, LASTS_S)
    return answer


@router.get("/sign-in/oidc/back")
async def arrive(request: Request, state: Word = "", code: Word = "", error: Word = "") -> Response:
    """The browser is back: see that it is the one that left, ask the provider who it is, and let them in."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    try:
        trip = await _end_trip(request, database, state)
        if error or not code:
            raise ProviderFailed("the identity provider did not let you in: try again, or use your password")
        vouched = await _provider(request).arrive(code, _back_to(request), nonce=trip.nonce, verifier=trip.verifier)
        async with database.transaction() as session:
            agent = await _agent(session, vouched)
            token = await half_way.let_in(session, settings, agent, "oidc")
    except (ProviderFailed, NotKnown) as refused:
        answer: Response = show(request, "sign_in.html", None, status=401, login="", refused=str(refused))
        drop_cookie(answer, settings, COOKIE)
        return answer
    answer = half_way.arrived(settings, agent.role, token)
    drop_cookie(answer, settings, COOKIE)
    return answer


class NotKnown(Refusal):
    """The provider vouches for somebody who is no agent here, or no more."""


async def _end_trip(request: Request, database: Database, state: str) -> OidcTrip:
    """The trip of this state and this browser; it can be ended once."""
    browser = request.cookies.get(cookie_name(request.app.state.settings, COOKIE)) or ""
    ended = delete(OidcTrip).where(OidcTrip.state_hash == hash_of(state)).returning(OidcTrip)
    async with database.transaction() as session:
        trip: OidcTrip | None = await session.scalar(ended)
    if trip is None or trip.expires_at < datetime.now(UTC) or trip.browser_hash != hash_of(browser):
        raise ProviderFailed("this way back was used already, is too old, or began in another browser: try again")
    return trip


async def _agent(session: AsyncSession, vouched: Vouched) -> Agent:
    """The agent whom the provider means: by its own name for them, the first time by the login."""
    by_subject = select(Agent).join(OidcIdentity, OidcIdentity.agent_id == Agent.id)
    agent: Agent | None = await session.scalar(
        by_subject.where(OidcIdentity.issuer == vouched.issuer, OidcIdentity.subject == vouched.subject)
    )
    if agent is None:
        agent = await agents.find(session, vouched.login)
        taken = select(OidcIdentity).where(OidcIdentity.issuer == vouched.issuer)
        if agent is not None and await session.scalar(taken.where(OidcIdentity.agent_id == agent.id)) is not None:
            raise NotKnown(
                f"the login {vouched.login} is somebody else's at the identity provider: ask an administrator"
            )
        if agent is not None and agent.active:
            row = {"issuer": vouched.issuer, "subject": vouched.subject, "agent_id": agent.id}
            await session.execute(insert(OidcIdentity).values(row).on_conflict_do_nothing())
            await audit.note(session, by=agent.login, did="agent.oidc_known", subject="agent", subject_id=str(agent.id))
    if agent is None or not agent.active:
        raise NotKnown(f"nobody works here by the login {vouched.login}: ask an administrator")
    return agent


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.oidc
    if provider is None:
        raise NotThere("there is no such page")
    return provider


def _back_to(request: Request) -> str:
    settings: Settings = request.app.state.settings
    scheme = "https" if settings.secure_cookies else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}/sign-in/oidc/back"
