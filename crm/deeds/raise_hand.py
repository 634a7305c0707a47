"""An agent asks for a supervisor, and a supervisor says that they come."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, handovers
from crm.hints import hint_live
from crm.refusals import Refusal
from crm.tables.postures import Posture

from .own_call import AtSeat, allowed


async def raise_own_hand(session: AsyncSession, at: AtSeat, about: str = "") -> None:
    """The hand is up, with the call that is on the phone, if any. Done twice, the last words count."""
    allowed(at, "call.control")
    posture = await session.get(Posture, (at.node, at.seat), populate_existing=True)
    call = posture.conversation_id if posture is not None else None
    await handovers.raise_hand(
        session, agent_id=at.agent_id, node=at.node, seat=at.seat, about=about, conversation_id=call
    )
    await hint_live(session, at.node, seats=[at.seat])


async def lower_own_hand(session: AsyncSession, at: AtSeat) -> None:
    """It has been settled without help. Nothing happens when it was not up."""
    await handovers.lower_hand(session, agent_id=at.agent_id)
    await hint_live(session, at.node, seats=[at.seat])


async def come_to(session: AsyncSession, login: str, *, by: str) -> None:
    """A supervisor comes. Refusal when this agent's hand is not up (any more)."""
    agent = await agents.find(session, login)
    where = None if agent is None else await handovers.lower_hand(session, agent_id=agent.id, seen_by=by)
    if where is None:
        raise Refusal(f"the hand of {login[:64]} is not up any more")
    await hint_live(session, where[0], seats=[where[1]])
