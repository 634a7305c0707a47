"""The agent's outcome of a call; saving it ends the after-call work of that call.

Saved while still talking, or for an older call, it changes nobody's state.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes, wrap_ups
from crm.hints import hint_live
from crm.refusals import Refusal
from crm.rules.pause_steps import ACW
from crm.tables.agents import Agent
from crm.tables.conversations import Offer, Segment
from crm.tables.postures import Posture
from crm.tables.requests import PbxRequest
from crm.tables.wrap_ups import WrapUp

from .ask_for_pause import end_after_call_work


async def save_wrap_up(
    session: AsyncSession,
    *,
    agent: Agent,
    node: str,
    seat: str,
    conversation_id: UUID,
    outcome: str,
    note: str,
    expiry_s: float,
) -> tuple[WrapUp, PbxRequest | None]:
    """The saved row, and the wish to end it when this call was being wrapped up. Refusal for a stranger's call."""
    await wishes.take_turn(session, node, seat)
    posture = await session.get(Posture, (node, seat), populate_existing=True)
    at_hand = posture is not None and posture.conversation_id == conversation_id
    if not at_hand and not await _took_part(session, agent.id, conversation_id):
        raise Refusal("this call was not yours: open it from your own list of calls")
    saved = await wrap_ups.save(session, conversation_id=conversation_id, agent_id=agent.id, outcome=outcome, note=note)
    await hint_live(session, node, seats=[seat])
    wrapping_up = at_hand and posture is not None and posture.word == "wrapping_up"
    if not wrapping_up and not await _about_to_wrap_up(session, node, seat, conversation_id):
        return saved, None
    wish = await end_after_call_work(
        session,
        node=node,
        seat=seat,
        asked_by=agent.login,
        expiry_s=expiry_s,
        conversation_id=conversation_id,
    )
    return saved, wish


async def _took_part(session: AsyncSession, agent_id: UUID, conversation_id: UUID) -> bool:
    offered = exists().where(Offer.conversation_id == conversation_id, Offer.agent_id == agent_id)
    talked = exists().where(Segment.conversation_id == conversation_id, Segment.agent_id == agent_id)
    return bool(await session.scalar(select(or_(offered, talked))))


async def _about_to_wrap_up(session: AsyncSession, node: str, seat: str, conversation_id: UUID) -> bool:
    """The bridge has asked for this call's after-call pause, and Asterisk has not confirmed it yet."""
    return any(
        wish.kind == "pause" and wish.reason == ACW and wish.conversation_id == conversation_id
        for wish in await wishes.open_of(session, node, seat)
    )
