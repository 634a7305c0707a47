"""An agent is not heard for a while, and heard again. The phone's own mute key is another matter: nobody sees it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm.tables.requests import PbxRequest

from .own_call import AtSeat, own_call, wish_about


async def mute_call(
    session: AsyncSession, at: AtSeat, *, muted: bool, conversation_id: UUID | None = None
) -> PbxRequest:
    """The wish. Refusal when no call is there."""
    return await wish_about(session, at, "mute" if muted else "unmute", await own_call(session, at, conversation_id))
