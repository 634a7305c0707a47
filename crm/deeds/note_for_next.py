"""A note for whoever takes the call next, told at once to those who are being asked about it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import handovers
from crm.hints import hint_live
from crm.tables.pops import Pop

from .own_call import AtSeat, own_call


async def note_for_next(session: AsyncSession, at: AtSeat, body: str, conversation_id: UUID | None = None) -> None:
    """Keep it, over what this agent said before. Refusal where no call is."""
    call = await own_call(session, at, conversation_id)
    await handovers.note(session, conversation_id=call, agent_id=at.agent_id, body=body)
    shown = select(Pop.seat).where(Pop.node == at.node, Pop.conversation_id == call, Pop.taken_at.is_(None))
    await hint_live(session, at.node, seats=await session.scalars(shown))
