"""Who asks: a program with a token. `asking: Annotated[Asking, asked("customer.read")]` lets in one that has the scope.

The permission is readable on the dependency, as that of the pages is, so that a test finds a route without one. A token
that is bound to queues is let in only where the route keeps to them by itself (bounds.py) and says `bound=True`. How
often a token may ask is counted in this process; when it was last used is written once a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from crm import api_tokens
from crm.api_tokens import SCOPES, Program
from crm.database import Database
from crm.rules.rights import PERMISSIONS, TOKEN, masked
from crm.settings import Settings
from crm.web.pace import Pace

from .problems import Refused

TOUCH_EVERY_S = 60.0
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of `kefu token add`, sent as `Authorization: Bearer kefu_…`.",
)
Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class Asking(msgspec.Struct, frozen=True):
    """A program whose token is in force and has the scope."""

    program: Program
    database: Database
    settings: Settings

    @property
    def queues(self) -> frozenset[str] | None:
        """What these have seen is all that may be shown; None: everything."""
        return self.program.queues

    @property
    def by(self) -> str:
        """What is written down as who did it."""
        return f"token {self.program.name}"


class Doorkeeper:
    """What this process remembers of tokens: their pace, and when their use was last written down."""

    def __init__(self) -> None:
        self.pace = Pace()
        self._touched: dict[object, float] = {}

    def must_touch(self, token_id: object, now: float) -> bool:
        """Whether its use is to be written down (again)."""
        if now - self._touched.get(token_id, -TOUCH_EVERY_S) < TOUCH_EVERY_S:
            return False
        if len(self._touched) > 10_000:
            self._touched.clear()
        self._touched[token_id] = now
        return True


@cache
def asked(scope: str, *, bound: bool = False) -> Any:
    """A parameter of whoever shows a token with `scope`. `bound`: the route shows a token that is bound to queues no
    more than they have seen; without, such a token is refused."""
    if scope not in PERMISSIONS or scope not in SCOPES:
        raise ValueError(f"scope {scope!r} is in no list: add it to crm/rules/rights.py and crm/api_tokens.py")

    async def check(request: Request, shown: Shown) -> Asking:
        state = request.app.state
        program = await _program(state, shown)
        if scope not in program.scopes:
            raise Refused(403, f"the token {program.name} has no scope {scope}: make one that has")
        if program.queues is not None and not bound:
            raise Refused(403, f"the token {program.name} is bound to queues, and this is of no queue")
        request.state.hidden = masked(TOKEN, state.settings.masked_fields)
        return Asking(program, state.database, state.settings)

    chosen: Any = check
    chosen.permission = scope
    return Depends(check, scope="function")


def scopes_of(route: APIRoute) -> set[str]:
    """What a route declares."""
    return {found for call in _calls(route.dependant) if (found := getattr(call, "permission", None))}


async def _program(state: Any, shown: HTTPAuthorizationCredentials | None) -> Program:
    challenge = {"WWW-Authenticate": 'Bearer realm="kefu"'}
    if shown is None:
        raise Refused(401, "show a token: Authorization: Bearer kefu_…", challenge)
    database: Database = state.database
    async with database.reading() as session:
        program = await api_tokens.who_shows(session, shown.credentials)
    if program is None:
        raise Refused(401, "this token opens nothing: it is unknown, revoked or past its end", challenge)
    keeper: Doorkeeper = state.doorkeeper
    now = time.monotonic()
    wait_s = keeper.pace.take(program.token_id, now, a_minute=program.a_minute)
    if wait_s:
        told = f"the token {program.name} may ask {program.a_minute} times a minute"
        raise Refused(429, told, {"Retry-After": str(int(wait_s) + 1)})
    if keeper.must_touch(program.token_id, now):
        async with database.transaction() as session:
            await api_tokens.note_use(session, program.token_id)
    return program


def _calls(dependant: Dependant) -> Iterator[object]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
