"""Longer after a call: the limit of the queue moves, and the reason is kept.

The work after a call ends by its outcome, by the agent, or by the limit of its queue (crm/deeds/end_by_time.py).
Called by the agent's page and the command line.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes
from crm.hints import hint_live
from crm.refusals import Refusal
from crm.tables.pauses import AfterCallExtension
from crm.tables.postures import Posture

REASONS = ("notes", "case", "callback", "colleague", "other")
AT_MOST_S = 900


async def extend_after_call_work(
    session: AsyncSession, *, agent_id: UUID, node: str, seat: str, extra_s: int, reason: str
) -> int:
    """So many seconds more for the call at hand; returns all that it was given so far."""
    if reason not in REASONS:
        raise Refusal(f"reason {reason!r} of an extension is unknown: it is one of {', '.join(REASONS)}")
    await wishes.take_turn(session, node, seat)
    posture = await session.get(Posture, (node, seat), populate_existing=True)
    if posture is None or posture.word != "wrapping_up":
        raise Refusal(f"no after-call work is going on at {seat}")
    call = posture.conversation_id
    of_call = (
        AfterCallExtension.node == node,
        AfterCallExtension.seat == seat,
        AfterCallExtension.conversation_id == call,
    )
    given = await session.scalar(select(func.coalesce(func.sum(AfterCallExtension.extra_s), 0)).where(*of_call)) or 0
    if extra_s < 1 or given + extra_s > AT_MOST_S:
        raise Refusal(f"the work after one call can be made longer by at most {AT_MOST_S} s: {given} s were given")
    session.add(
        AfterCallExtension(
            node=node, seat=seat, agent_id=agent_id, conversation_id=call, extra_s=extra_s, reason=reason
        )
    )
    await session.flush()
    await hint_live(session, node, seats=[seat])
    return given + extra_s
