"""Notes for whoever takes a call next, and hands raised for a supervisor. Called by deeds and pages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import DateTime, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .tables.agents import Agent
from .tables.handovers import HandoverNote, RaisedHand

NOTE_CHARACTERS = 1000
ABOUT_CHARACTERS = 200
_now = func.clock_timestamp(type_=DateTime(timezone=True))


class Hand(Struct, frozen=True):
    """A hand that is up."""

    id: UUID
    login: str
    name: str
    node: str
    seat: str
    about: str
    raised_at: datetime
    seen_by: str | None
    conversation_id: UUID | None


async def note(session: AsyncSession, *, conversation_id: UUID, agent_id: UUID, body: str) -> None:
    """Say something to the next one, over what this agent said before; an empty text takes it back. Refusal for an
    endless one."""
    kept = _line(body, NOTE_CHARACTERS, "note")
    row = insert(HandoverNote).values(conversation_id=conversation_id, agent_id=agent_id, body=kept)
    said = {"body": kept, "at": _now}
    await session.execute(row.on_conflict_do_update(index_elements=["conversation_id", "agent_id"], set_=said))


async def raise_hand(
    session: AsyncSession, *, agent_id: UUID, node: str, seat: str, about: str = "", conversation_id: UUID | None = None
) -> None:
    """Ask for a supervisor. Done twice, it is done once, with the last words."""
    kept = _line(about, ABOUT_CHARACTERS, "question")
    row = insert(RaisedHand).values(
        id=func.gen_random_uuid(),
        agent_id=agent_id,
        node=node,
        seat=seat,
        about=kept,
        conversation_id=conversation_id,
        raised_at=_now,
    )
    again = row.on_conflict_do_update(
        index_elements=["agent_id"], index_where=text("lowered_at IS NULL"), set_={"about": kept}
    )
    await session.execute(again)


async def lower_hand(session: AsyncSession, *, agent_id: UUID, seen_by: str | None = None) -> tuple[str, str] | None:
    """It is over; the (node, seat) where it was up, None when it was not. `seen_by`: the supervisor who came."""
    lowered = await session.execute(
        update(RaisedHand)
        .where(RaisedHand.agent_id == agent_id, RaisedHand.lowered_at.is_(None))
        .values(lowered_at=_now, seen_by=func.coalesce(seen_by, RaisedHand.seen_by))
        .returning(RaisedHand.node, RaisedHand.seat)
    )
    row = lowered.first()
    return (row.node, row.seat) if row else None


async def hands(session: AsyncSession, *, agent_id: UUID | None = None) -> list[Hand]:
    """The hands that are up, the first one first; of one agent, or all."""
    rows = (
        select(RaisedHand, Agent.login, Agent.name)
        .join(Agent, Agent.id == RaisedHand.agent_id)
        .where(RaisedHand.lowered_at.is_(None))
        .order_by(RaisedHand.raised_at, RaisedHand.id)
    )
    if agent_id is not None:
        rows = rows.where(RaisedHand.agent_id == agent_id)
    return [
        Hand(up.id, login, name, up.node, up.seat, up.about, up.raised_at, up.seen_by, up.conversation_id)
        for up, login, name in await session.execute(rows)
    ]


def _line(body: str, longest: int, what: str) -> str:
    kept = "".join(each for each in body if each.isprintable() or each in "\n\t").strip()
    if len(kept) > longest:
        raise Refusal(f"the {what} has {len(kept)} characters: {longest} fit")
    return kept
