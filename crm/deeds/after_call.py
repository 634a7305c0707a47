"""Longer after a call: the limit of the queue moves, and the reason is kept.

The work after a call ends by its outcome, by the agent, or by the limit of its queue (crm/deeds/end_by_time.py).
Called by the agent's page and the command line.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes
from crm.hints import hint_live
from crm.questions import Question, Where
from crm.refusals import Refusal
from crm.tables.pauses import AfterCallExtension
from crm.tables.postures import Posture

REASONS = ("notes", "case", "callback", "colleague", "other")
AT_MOST_S = 900
STEP_S = 120
"""What one click gives."""

WORK_ENDS = """
     SELECT p.node, p.seat, p.conversation_id, p.since, p.since + make_interval(secs => queue.acw_limit_s + coalesce((
                SELECT sum(e.extra_s) FROM after_call_extension e WHERE e.node = p.node AND e.seat = p.seat
                   AND e.asked_at > p.since - interval '1 minute' AND e.conversation_id = p.conversation_id), 0)) AS at
       FROM posture p
       JOIN LATERAL (SELECT s.queue FROM segment s WHERE s.conversation_id = p.conversation_id AND s.node = p.node
                        AND s.seat = p.seat ORDER BY s.started_at DESC LIMIT 1) AS talk ON true
       JOIN queue ON queue.name = talk.queue AND queue.acw_limit_s IS NOT NULL
      WHERE p.node = CAST(:node AS text) AND p.word = 'wrapping_up'
"""
"""When the after-call work of each seat of a node ends by itself; none of a queue without a limit."""


class _End(Struct, frozen=True):
    at: datetime


_ENDS = Question(f"SELECT at FROM ({WORK_ENDS}) AS work WHERE seat = CAST(:seat AS text)", _End)  # noqa: S608 - our own


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


async def work_ends_at(where: Where, *, node: str, seat: str) -> datetime | None:
    """When the after-call work at this seat ends by itself; None when never, or when none goes on."""
    found = await _ENDS.first(where, node=node, seat=seat)
    return None if found is None else found.at
