"""Which conversations were about which case, and why others have none: every answered one ends with one of the two."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.tables.cases import NO_CASE_REASONS, Case, CaseCall, NoCase

_WITHOUT = text(
    """
SELECT c.id, c.node, c.linkedid, c.started_at, c.caller, customer.name AS customer,
       talk.login AS agent, talk.name AS agent_name, w.outcome AS wrap_up
  FROM conversation c
  LEFT JOIN LATERAL (
       SELECT agent.id, agent.login, agent.name FROM segment JOIN agent ON agent.id = segment.agent_id
        WHERE segment.conversation_id = c.id ORDER BY segment.started_at DESC LIMIT 1) AS talk ON true
  LEFT JOIN wrap_up w ON w.conversation_id = c.id AND w.agent_id = talk.id
  LEFT JOIN caller_facts facts ON facts.node = c.node AND facts.linkedid = c.linkedid
  LEFT JOIN customer ON customer.id = facts.customer_id
 WHERE c.outcome = 'answered' AND c.direction <> 'internal' AND c.started_at >= :since AND c.started_at < :until
   AND NOT EXISTS (SELECT FROM case_conversation k WHERE k.conversation_id = c.id)
   AND NOT EXISTS (SELECT FROM no_case n WHERE n.conversation_id = c.id)
   AND (CAST(:agent_id AS uuid) IS NULL OR talk.id = :agent_id)
   AND (CAST(:queues AS text[]) IS NULL
        OR EXISTS (SELECT FROM wait WHERE wait.conversation_id = c.id AND wait.queue = ANY(:queues))
        OR EXISTS (SELECT FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid AND r.queue = ANY(:queues))
        OR EXISTS (SELECT FROM segment WHERE segment.conversation_id = c.id AND segment.agent_id = :viewer))
 ORDER BY c.started_at DESC LIMIT :limit
"""
)


class Without(Struct, frozen=True):
    """An answered conversation that nobody has accounted for."""

    id: UUID
    node: str
    linkedid: str
    started_at: datetime
    caller: str | None
    customer: str | None
    agent: str | None
    agent_name: str | None
    wrap_up: str | None


async def link(session: AsyncSession, conversation_id: UUID, case_id: UUID, *, by: str) -> bool:
    """Say that a conversation was about a case; False when that was known. A reason for having none is void."""
    row = insert(CaseCall).values(conversation_id=conversation_id, case_id=case_id, by=by)
    added = await session.execute(row.on_conflict_do_nothing().returning(CaseCall.case_id))
    await session.execute(delete(NoCase).where(NoCase.conversation_id == conversation_id))
    return added.first() is not None


async def explain(session: AsyncSession, conversation_id: UUID, reason: str, *, by: str) -> None:
    """Say why a conversation has no case; the last word counts. Refusal for an unknown reason."""
    if reason not in NO_CASE_REASONS:
        raise Refusal(f"reason {reason[:40]!r} is unknown: it is one of {', '.join(NO_CASE_REASONS)}")
    if await is_linked(session, conversation_id):
        return
    row = insert(NoCase).values(conversation_id=conversation_id, reason=reason, by=by)
    await session.execute(
        row.on_conflict_do_update(index_elements=["conversation_id"], set_={"reason": reason, "by": by})
    )


async def is_linked(session: AsyncSession, conversation_id: UUID) -> bool:
    """Whether a conversation belongs to a case."""
    return bool(await session.scalar(select(exists().where(CaseCall.conversation_id == conversation_id))))


async def is_settled(session: AsyncSession, conversation_id: UUID) -> bool:
    """Whether a conversation has a case, or a reason for having none."""
    told = exists().where(NoCase.conversation_id == conversation_id)
    return await is_linked(session, conversation_id) or bool(await session.scalar(select(told)))


async def cases_of(session: AsyncSession, conversation_id: UUID) -> list[Case]:
    """The cases a conversation was about."""
    rows = select(Case).join(CaseCall, CaseCall.case_id == Case.id).where(CaseCall.conversation_id == conversation_id)
    return list(await session.scalars(rows.order_by(Case.opened_at.desc())))


async def without(
    session: AsyncSession,
    since: datetime,
    until: datetime,
    *,
    agent_id: UUID | None = None,
    queues: Sequence[str] | None = None,
    viewer: UUID | None = None,
    limit: int = 500,
) -> list[Without]:
    """Answered conversations with neither, the newest first. `agent_id`: only those that this agent talked in last.
    `queues`: only those that came to one of these, or in which `viewer` talked."""
    asked: dict[str, Any] = {"since": since, "until": until, "agent_id": agent_id, "limit": limit, "viewer": viewer}
    asked["queues"] = None if queues is None else list(queues)
    return [Without(**row) for row in (await session.execute(_WITHOUT, asked)).mappings()]
