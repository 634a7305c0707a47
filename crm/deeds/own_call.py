"""Whoever acts on the call at their own phone, and that call: what every deed of call control asks first.

Called by the deeds beside it. The rights are the actor's own; the leg is found by the bridge when the wish is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes
from crm.refusals import Refusal
from crm.tables.postures import Posture
from crm.tables.requests import PbxRequest


class AtSeat(Struct, frozen=True):
    """An agent at a seat. `by`: who asks, as the wish will say; `may`: whether they hold a permission; `expiry_s`: how
    long a wish is worth sending."""

    agent_id: UUID
    by: str
    node: str
    seat: str
    may: Callable[[str], bool]
    expiry_s: float


async def own_call(session: AsyncSession, at: AtSeat, conversation_id: UUID | None = None) -> UUID:
    """The conversation at this seat. Refusal when there is none, or another than was meant."""
    allowed(at, "call.control")
    await wishes.take_turn(session, at.node, at.seat)
    posture = await session.get(Posture, (at.node, at.seat), populate_existing=True)
    if posture is None or posture.word != "talking" or posture.conversation_id is None:
        raise Refusal("there is no call on your phone now")
    if conversation_id is not None and posture.conversation_id != conversation_id:
        raise Refusal("that call is over: another one is on your phone now")
    return posture.conversation_id


async def wish_about(
    session: AsyncSession, at: AtSeat, kind: str, conversation_id: UUID, target: str | None = None
) -> PbxRequest:
    """Ask for something about the call at this seat."""
    return await wishes.ask(
        session,
        node=at.node,
        seat=at.seat,
        kind=kind,
        target=target,
        asked_by=at.by,
        expiry_s=at.expiry_s,
        conversation_id=conversation_id,
    )


def allowed(at: AtSeat, permission: str) -> None:
    """Refusal for whoever does not hold it."""
    if not at.may(permission):
        raise Refusal(f"your role does not include this ({permission}): ask a supervisor")
