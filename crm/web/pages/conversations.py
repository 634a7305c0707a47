"""The calls of late: who called, how long they waited, whom it rang for, who talked, how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import conversations
from crm.tables.agents import Agent
from crm.tables.queues import Queue
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

from .show import show

router = APIRouter()

CALLS_SHOWN = 100


@router.get("/conversations")
async def page(
    request: Request, me: Annotated[Me, allowed("conversation.read")], session: Reading, after_hours: bool = False
) -> Response:
    """The newest calls first. An agent sees their own, a supervisor all; calls after hours rang nobody: all see. Who is
    bound to queues sees of others' calls only those."""
    everyone = me.may("conversation.read_all")
    whose = None if everyone or after_hours else me.agent_id
    queues = me.queues if everyone or after_hours else None
    rows = await conversations.listed(
        session, agent_id=whose, queues=queues, after_hours=after_hours, limit=CALLS_SHOWN
    )
    return await show_calls(
        request, me, session, "conversations.html", rows, everyone=everyone, after_hours=after_hours
    )


async def show_calls(
    request: Request, me: Me, session: AsyncSession, template: str, rows: list[dict[str, Any]], **more: Any
) -> Response:
    """Calls as a table, the newest first, with the names of people and queues."""
    now = datetime.now(request.app.state.settings.zone)
    calls = [_with_times(row) for row in reversed(rows)]
    people = dict((await session.execute(select(Agent.login, Agent.name))).all())
    title = Queue.title_zh if me.language == "zh" else Queue.title_en
    titles = dict((await session.execute(select(Queue.name, title))).all())
    return show(request, template, me, calls=calls, now=now, people=people, titles=titles, **more)


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its own times as datetimes; those of its parts are not shown."""
    started_at = datetime.fromisoformat(row["started_at"])
    ended_at = datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None
    return row | {"started_at": started_at, "ended_at": ended_at}
