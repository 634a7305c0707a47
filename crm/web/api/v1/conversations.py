"""Calls as they were and as they are, in the words of `kefu conversation list --json`."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from sqlalchemy import select, tuple_

from crm import conversations
from crm.queue_sight import came_to
from crm.rules import page_cursor
from crm.tables.conversations import Conversation
from crm.web.api.conversations import ConversationAnswer

from .asking import Asking, asked
from .fields import PAGE, Cursor, Limit, Page
from .problems import Refused, answers

router = APIRouter(tags=["conversations"])


@router.get("/conversations", responses=answers())
async def list_conversations(
    asking: Annotated[Asking, asked("conversation.read_all", bound=True)],
    since: Annotated[AwareDatetime | None, Query(description="Begun then or later; with a zone.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Begun before then; with a zone.")] = None,
    caller: Annotated[str | None, Query(max_length=64, description="The caller as Asterisk heard it.")] = None,
    going_on: Annotated[bool, Query(description="Only calls that go on now.")] = False,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[ConversationAnswer]:
    """The newest calls first."""
    try:
        after = page_cursor.read(cursor)
    except ValueError as strange:
        raise Refused(422, f"cursor: {strange}") from None
    rows = select(Conversation.id, Conversation.started_at)
    if since is not None:
        rows = rows.where(Conversation.started_at >= since)
    if until is not None:
        rows = rows.where(Conversation.started_at < until)
    if caller is not None:
        rows = rows.where(Conversation.caller == caller.replace("\x00", ""))
    if going_on:
        rows = rows.where(Conversation.ended_at.is_(None))
    if asking.queues is not None:
        rows = rows.where(came_to(asking.queues))
    if after is not None:
        rows = rows.where(tuple_(Conversation.started_at, Conversation.id) < after)
    rows = rows.order_by(Conversation.started_at.desc(), Conversation.id.desc()).limit(limit + 1)
    async with asking.database.reading() as session:
        found = (await session.execute(rows)).all()
        shown = found[:limit]
        told = await conversations.listed(session, ids=[row.id for row in shown]) if shown else []
    by_id = {UUID(each["id"]): each for each in told}
    items = [_answer(by_id[row.id]) for row in shown]
    last = shown[-1] if len(found) > limit else None
    return Page(items=items, next=page_cursor.written(last.started_at, last.id) if last else None)


@router.get("/conversations/{conversation_id}", responses=answers(404))
async def get_conversation(
    conversation_id: UUID, asking: Annotated[Asking, asked("conversation.read_all", bound=True)]
) -> ConversationAnswer:
    """One call."""
    async with asking.database.reading() as session:
        queues = None if asking.queues is None else list(asking.queues)
        told = await conversations.listed(session, ids=[conversation_id], queues=queues)
    if not told:
        raise Refused(404, "there is no call of this id")
    return _answer(told[0])


def _answer(told: dict[str, Any]) -> ConversationAnswer:
    return ConversationAnswer.model_validate(told)
