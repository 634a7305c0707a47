"""Who is asking, and what their seat does now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel

from crm import agents
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

router = APIRouter()


class MeAnswer(BaseModel):
    """The signed-in agent. `state` is the word that the desk shows; `seat` is null while they sit nowhere."""

    login: str
    name: str
    role: str
    language: str
    node: str | None
    seat: str | None
    state: str
    since: datetime | None
    reason: str | None
    next: str | None
    queues: list[str]


@router.get("/me")
async def who_am_i(me: Annotated[Me, allowed("own.settings")], session: Reading) -> MeAnswer:
    """The agent of this session."""
    row = next(listed for listed in await agents.listed(session) if listed.login == me.login)
    return MeAnswer(
        login=me.login,
        name=me.name,
        role=me.role,
        language=me.language,
        node=me.node,
        seat=me.seat,
        state=row.state,
        since=row.since,
        reason=row.reason,
        next=row.next,
        queues=row.queues,
    )
