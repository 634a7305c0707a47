"""Who is at the browser: the cookie, its row, and the forgery check of everything that changes something.

The cookie holds a random token of which only SHA-256 is stored. Every request that may change something carries the
sign-in's CSRF token (before the sign-in: the one of a short-lived cookie). Called by the pages and the api as
dependencies; passwords are crm.agents' business.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from fastapi import Depends, Request, Response
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from crm.database import Database
from crm.questions import Question
from crm.refusals import Refusal
from crm.rules import rights
from crm.settings import Settings
from crm.tables.agents import SignIn

from .headers import LARGEST_BODY
from .language import accepted, chosen

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
GATE_COOKIE_S = 12 * 3600


class NotSignedIn(Refusal):
    """Nobody is signed in at this browser (any more)."""


class ForgeryRefused(Refusal):
    """A request without the token that only our own pages know."""


class Me(msgspec.Struct, frozen=True):
    """The agent at this browser. `node` and `seat` are None while they sit nowhere."""

    agent_id: UUID
    login: str
    name: str
    role: str
    language: str
    csrf: str
    token_hash: bytes
    node: str | None
    seat: str | None
    queues: list[str] | None = None
    """The queues whose calls this person may see; None: of all."""
    scopes: frozenset[str] | None = None
    """For a program with a token: the permissions it was given; None: all that the role holds."""
    has_codes: bool = False
    """Whether a one-time code is asked of this person beside the password."""

    def may(self, permission: str) -> bool:
        """Whether this person, or the program that speaks for them, holds the permission."""
        return rights.may(self.role, permission) and (self.scopes is None or permission in self.scopes)


# Asked by every request. JSON has no bytes: they travel as msgspec reads them.
_WHO = Question(
    """
SELECT agent.id AS agent_id, agent.login, agent.name, agent.role, agent.language, s.csrf,
       encode(s.token_hash, 'base64') AS token_hash, seated.node, seated.seat,
       coalesce((SELECT array_agg(queue) FROM agent_scope WHERE agent_id = agent.id),
                (SELECT array_agg(queue) FROM role_scope WHERE role_scope.role = agent.role)) AS queues,
       EXISTS (SELECT FROM second_factor f WHERE f.agent_id = agent.id AND f.confirmed_at IS NOT NULL) AS has_codes
  FROM sign_in s JOIN agent ON agent.id = s.agent_id
  LEFT JOIN seat_session seated ON seated.agent_id = agent.id AND seated.signed_out_at IS NULL
 WHERE s.token_hash = :token_hash AND s.expires_at > clock_timestamp() AND agent.active
""",
    Me,
)


def hash_of(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def cookie_name(settings: Settings, name: str) -> str:
    """`__Host-` binds a cookie to this very host and to https; browsers refuse the prefix without both."""
    return f"__Host-{name}" if settings.secure_cookies else name


def set_cookie(response: Response, settings: Settings, name: str, value: str, lasts_s: float) -> None:
    """A cookie that scripts cannot read and other sites cannot send along with a form."""
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=int(lasts_s),
        path="/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, settings: Settings, name: str) -> None:
    """Take a cookie back."""
    set_cookie(response, settings, name, "", 0)


async def begin_sign_in(session: AsyncSession, agent_id: UUID, *, hours: float) -> str:
    """Write a new sign-in, forget those that have run out, and return the token for the cookie."""
    token = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    await session.execute(delete(SignIn).where(SignIn.expires_at < now))
    expires_at = now + timedelta(hours=hours)
    csrf = secrets.token_urlsafe(24)
    session.add(SignIn(token_hash=hash_of(token), agent_id=agent_id, csrf=csrf, expires_at=expires_at))
    return token


async def end_sign_in(session: AsyncSession, me: Me) -> None:
    """The cookie of this browser is worth nothing from here on."""
    await session.execute(delete(SignIn).where(SignIn.token_hash == me.token_hash))


async def who_is(request: Request) -> Me | None:
    """The agent of the request's cookie; None without a valid one."""
    settings: Settings = request.app.state.settings
    token = request.cookies.get(cookie_name(settings, "kefu"))
    if not token or len(token) > 100:
        return None
    database: Database = request.app.state.database
    return await _WHO.first(database, token_hash=hash_of(token))


Somebody = Annotated[Me | None, Depends(who_is, scope="function")]


async def signed_in(me: Somebody) -> Me:
    """The agent of this request; NotSignedIn sends the browser to the sign-in page."""
    if me is None:
        raise NotSignedIn("sign in first")
    return me


SignedIn = Annotated[Me, Depends(signed_in, scope="function")]


async def seated(me: SignedIn) -> Me:
    """The agent of this request, who sits at a seat."""
    if me.seat is None:
        raise NotSeated("choose a seat first")
    return me


class NotSeated(Refusal):
    """The agent is signed in and sits nowhere."""


def gate_token(request: Request) -> str:
    """The forgery token of a browser nobody is signed in at; a new one when it has none."""
    kept = request.cookies.get(cookie_name(request.app.state.settings, "kefu-gate"))
    return kept if kept and len(kept) <= 100 else secrets.token_urlsafe(24)


def language_of(request: Request, me: Me | None) -> str:
    """The agent's own language; else the browser's last choice here, else what it asks for in general."""
    header = request.headers.get("accept-language")
    return chosen(me.language if me else None, request.cookies.get("kefu-language")) or accepted(header)


async def refuse_forgery(request: Request, me: Somebody) -> None:
    """Every request that may change something must come from a page of ours, in this browser, of this sign-in."""
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForgeryRefused("this request came from another site: use the page itself")
    settings: Settings = request.app.state.settings
    if me is None and int(request.headers.get("content-length", 0)) > LARGEST_BODY:
        raise NotSignedIn("sign in first")  # before a stranger's file is read
    expected = me.csrf if me else request.cookies.get(cookie_name(settings, "kefu-gate"))
    given = request.headers.get("x-csrf-token") or await _form_token(request)
    if not expected:
        raise ForgeryRefused(
            "your browser did not keep this page's cookie: open the page by https, or set secure_cookies = false"
        )
    if not given or not secrets.compare_digest(given.encode(), expected.encode()):
        raise ForgeryRefused("this page is too old: reload it and try again")


async def _form_token(request: Request) -> str | None:
    form: Any = await request.form()
    token = form.get("csrf")
    return token if isinstance(token, str) else None
