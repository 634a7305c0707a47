"""Calls by which customers to whom a callback is promised came to us meanwhile, as the ledger has them.

Called by the deed that looks after such callers. A number stands in conversations as it came: who asks knows its
spellings.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.callbacks import Callback, CallbackAttempt

# Numbers that are this customer's alone: of a shared phone nobody knows who calls.
_PHONES = text(
    """
SELECT f.customer_id, f.e164 FROM customer_phone f
 WHERE f.customer_id = ANY(CAST(:customers AS uuid[]))
   AND NOT EXISTS (SELECT FROM customer_phone o JOIN customer u ON u.id = o.customer_id
                    WHERE o.e164 = f.e164 AND o.customer_id <> f.customer_id AND u.merged_into IS NULL)
"""
)
# Who waited for the agent that served them last waited in that seat's own queue, and had come for the routed one.
_MEANT = """(SELECT r.queue FROM routing r WHERE r.node = {node} AND r.linkedid = {linkedid}
        ORDER BY r.decided_at DESC LIMIT 1)"""
_SERVED = text(
    """
SELECT DISTINCT ON (p.id) p.id, c.linkedid, met.at
  FROM unnest(CAST(:ids AS uuid[]), CAST(:spelled AS text[])) AS s(id, spelling)
  JOIN callback p ON p.id = s.id
  JOIN conversation c ON c.caller = s.spelling AND c.direction = 'inbound' AND c.node = p.node
   AND c.started_at >= p.asked_at - interval '1 day' AND c.linkedid IS DISTINCT FROM p.linkedid
  JOIN LATERAL (
       SELECT queue, left_at AS at FROM wait WHERE conversation_id = c.id AND outcome = 'answered'
       UNION ALL /* where nobody saw how the wait ended, the talk says it */
       SELECT queue, started_at FROM segment WHERE conversation_id = c.id) AS met
    ON met.at >= greatest(p.asked_at, least(p.joined_at, p.window_begin))
   AND (met.queue = p.queue OR met.queue LIKE 'seat-%' AND p.queue = {meant})
 ORDER BY p.id, met.at
""".replace("{meant}", _MEANT.format(node="c.node", linkedid="c.linkedid"))
)
_ROUTED = text("SELECT " + _MEANT.format(node=":node", linkedid=":linkedid"))


class Served(Struct, frozen=True):
    """A call that an agent has answered in the queue of a promise, after it was made."""

    callback_id: UUID
    linkedid: str
    at: datetime


async def own_numbers(session: AsyncSession, customers: Collection[UUID]) -> dict[UUID, set[str]]:
    """By customer, the numbers in E.164 from which nobody else calls."""
    found: dict[UUID, set[str]] = {}
    if customers:
        for row in await session.execute(_PHONES, {"customers": list(customers)}):
            found.setdefault(row.customer_id, set()).add(row.e164)
    return found


async def served(session: AsyncSession, spelled: Sequence[tuple[UUID, str]]) -> list[Served]:
    """Of these promises, each with a spelling of a number: those whose customer was served otherwise, by the first call
    that did it."""
    if not spelled:
        return []
    asked = {"ids": [each[0] for each in spelled], "spelled": [each[1] for each in spelled]}
    return [Served(*row) for row in await session.execute(_SERVED, asked)]


async def routed_to(session: AsyncSession, node: str, linkedid: str) -> str | None:
    """The queue that a call was meant for."""
    found: str | None = await session.scalar(_ROUTED, {"node": node, "linkedid": linkedid})
    return found


async def standing(session: AsyncSession, node: str) -> Sequence[Callback]:
    """Promises that have a try of which nobody was rung yet."""
    tries = select(CallbackAttempt.callback_id).where(
        CallbackAttempt.settled_at.is_(None), CallbackAttempt.dialled_at.is_(None), CallbackAttempt.node == node
    )
    return (await session.scalars(select(Callback).where(Callback.state == "placed", Callback.id.in_(tries)))).all()
