"""Pause and unpause as wishes. The state changes when Asterisk says so; until then the screen says *pausing*.

Called by the agent's page and by `kefu agent pause`. Done twice, it is done once.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes
from crm.refusals import Refusal
from crm.rules.agent_state import ACW
from crm.tables.postures import Posture
from crm.tables.requests import PbxRequest

REASON_CHARACTERS = 60


async def ask_for_pause(
    session: AsyncSession, *, node: str, seat: str, reason: str, asked_by: str, expiry_s: float
) -> PbxRequest | None:
    """The wish, or None when the seat is paused for this reason already."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_CHARACTERS or not reason.isprintable():
        raise Refusal(f"a pause needs a reason of 1 to {REASON_CHARACTERS} printable characters")
    if reason.upper() == ACW:
        raise Refusal(f"{ACW} is kept for after-call work, which begins by itself: give another reason")
    await wishes.take_turn(session, node, seat)
    posture = await session.get(Posture, (node, seat), populate_existing=True)
    paused = posture is not None and posture.paused and posture.pause_reason == reason
    if paused and not await _pause_wishes(session, node, seat):
        return None
    return await wishes.ask(
        session, node=node, seat=seat, kind="pause", reason=reason, asked_by=asked_by, expiry_s=expiry_s
    )


async def ask_for_unpause(
    session: AsyncSession,
    *,
    node: str,
    seat: str,
    asked_by: str,
    expiry_s: float,
    conversation_id: UUID | None = None,
) -> PbxRequest | None:
    """The wish, or None when the seat is not paused. `conversation_id`: whose after-call work ends."""
    await wishes.take_turn(session, node, seat)
    posture = await session.get(Posture, (node, seat), populate_existing=True)
    if posture is not None and not posture.paused and not await _pause_wishes(session, node, seat):
        return None
    return await wishes.ask(
        session,
        node=node,
        seat=seat,
        kind="unpause",
        asked_by=asked_by,
        expiry_s=expiry_s,
        conversation_id=conversation_id,
    )


async def _pause_wishes(session: AsyncSession, node: str, seat: str) -> list[PbxRequest]:
    return [wish for wish in await wishes.open_of(session, node, seat) if wish.kind in ("pause", "unpause")]
