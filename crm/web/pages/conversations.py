"""The calls of late: who called, how long they waited, whom it rang for, who talked, how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select

from crm import conversations
from crm.tables.agents import Agent
from crm.tables.queues import Queue
from crm.web.sessions import Reading
from crm.web.sign_in import SignedIn

from .show import show

router = APIRouter()

CALLS_SHOWN = 100


@router.get("/conversations")
async def page(request: Request, me: SignedIn, session: Reading) -> Response:
    """The newest calls first. An agent sees their own, a supervisor all."""
    everyone = me.role == "supervisor"
    rows = await conversations.listed(session, agent_id=None if everyone else me.agent_id, limit=CALLS_SHOWN)
    now = datetime.now(request.app.state.settings.zone)
    calls = [_with_times(row) for row in reversed(rows)]
    people = dict((await session.execute(select(Agent.login, Agent.name))).all())
    title = Queue.title_zh if me.language == "zh" else Queue.title_en
    titles = dict((await session.execute(select(Queue.name, title))).all())
    context: dict[str, Any] = {"calls": calls, "now": now, "everyone": everyone, "people": people, "titles": titles}
    return show(request, "conversations.html", me, **context)


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its own times as datetimes; those of its parts are not shown."""
    started_at = datetime.fromisoformat(row["started_at"])
    ended_at = datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None
    return row | {"started_at": started_at, "ended_at": ended_at}
