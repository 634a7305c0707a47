"""An agent hangs up their own call from the page: in the ledger it was the agent who ended it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm.tables.requests import PbxRequest

from .own_call import AtSeat, own_call, wish_about


async def hang_up_call(session: AsyncSession, at: AtSeat, conversation_id: UUID | None = None) -> PbxRequest:
    """The wish. Refusal when no call is there."""
    return await wish_about(session, at, "hang_up", await own_call(session, at, conversation_id))
