"""Calls as they were, in the words and fields that `kefu conversation list --json` has too."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from crm import conversations
from crm.web.rights import allowed
from crm.web.sessions import Reading
from crm.web.sign_in import Me

router = APIRouter()

PAGE = 100
LARGEST_PAGE = 1000


class WaitAnswer(BaseModel):
    """One stay in one queue; `wait_s` is null while it goes on."""

    queue: str
    entered_at: datetime
    left_at: datetime | None
    outcome: str | None
    wait_s: float | None


class OfferAnswer(BaseModel):
    """One ringing of one agent."""

    seat: str
    agent: str | None
    started_at: datetime
    outcome: str | None


class SegmentAnswer(BaseModel):
    """One talk; `talk_s` is without hold, null while it goes on."""

    seat: str
    agent: str | None
    started_at: datetime
    ended_at: datetime | None
    talk_s: float | None
    hold_s: float


class TransferAnswer(BaseModel):
    """One handing-over."""

    kind: Literal["blind", "attended", "blonde"]
    from_seat: str | None
    to: str | None
    outcome: str


class ConversationAnswer(BaseModel):
    """One caller's matter from first ring to last goodbye."""

    id: str
    node: str
    linkedid: str
    direction: str
    caller: str | None
    caller_name: str | None
    dialled: str | None
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    ended_by: str | None
    hangup_cause: int | None
    waits: list[WaitAnswer]
    offers: list[OfferAnswer]
    segments: list[SegmentAnswer]
    transfers: list[TransferAnswer]
    reconstructed: bool
    after_hours: bool


@router.get("/conversations")
async def list_conversations(
    me: Annotated[Me, allowed("conversation.read")],
    session: Reading,
    since: datetime | None = None,
    until: datetime | None = None,
    caller: Annotated[str | None, Query(max_length=64)] = None,
    going_on: bool = False,
    after_hours: bool = False,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
) -> list[ConversationAnswer]:
    """The newest calls, oldest of them first. An agent sees their own, a supervisor all, or those of the queues they
    are bound to."""
    everyone = me.may("conversation.read_all")
    rows = await conversations.listed(
        session,
        since=since,
        until=until,
        caller=caller.replace("\x00", "") if caller else None,
        open_only=going_on,
        after_hours=after_hours,
        agent_id=None if everyone else me.agent_id,
        queues=me.queues if everyone else None,
        limit=limit,
    )
    return [ConversationAnswer.model_validate(row) for row in rows]
