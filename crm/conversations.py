"""Calls as they were: one row a conversation with its waits, offers, talks and transfers.

The JSON of `listed` is relied on by tools outside: fields are added, never renamed. Written by the bridge alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Postgres builds the nested lists: one round trip, whatever the number of calls.
_LISTED = """
SELECT c.id::text AS id, c.node, c.linkedid, c.direction, c.caller, c.caller_name, c.dialled,
       to_json(c.started_at) AS started_at, to_json(c.ended_at) AS ended_at, c.outcome, c.ended_by, c.hangup_cause,
       coalesce((SELECT json_agg(json_build_object(
              'queue', w.queue, 'entered_at', w.entered_at, 'left_at', w.left_at, 'outcome', w.outcome,
              'wait_s', round(extract(epoch FROM w.left_at - w.entered_at), 3)) ORDER BY w.entered_at, w.id)
          FROM wait w WHERE w.conversation_id = c.id), '[]') AS waits,
       coalesce((SELECT json_agg(json_build_object(
              'seat', o.seat, 'agent', a.login, 'started_at', o.started_at, 'outcome', o.outcome)
              ORDER BY o.started_at, o.id)
          FROM offer o LEFT JOIN agent a ON a.id = o.agent_id WHERE o.conversation_id = c.id), '[]') AS offers,
       coalesce((SELECT json_agg(json_build_object(
              'seat', s.seat, 'agent', a.login, 'started_at', s.started_at, 'ended_at', s.ended_at,
              'talk_s', round(extract(epoch FROM s.ended_at - s.started_at) - s.hold_s::numeric, 3),
              'hold_s', round(s.hold_s::numeric, 3)) ORDER BY s.started_at, s.id)
          FROM segment s LEFT JOIN agent a ON a.id = s.agent_id WHERE s.conversation_id = c.id), '[]') AS segments,
       coalesce((SELECT json_agg(json_build_object(
              'kind', t.kind, 'from_seat', t.from_seat, 'to', t."to", 'outcome', t.outcome) ORDER BY t.at, t.id)
          FROM transfer t WHERE t.conversation_id = c.id), '[]') AS transfers,
       c.reconstructed,
       EXISTS (SELECT FROM visit v WHERE v.linkedid = c.linkedid AND v.node = c.node AND v.closed_why IS NOT NULL)
          AS after_hours
  FROM conversation c
 WHERE (CAST(:node AS text) IS NULL OR c.node = :node)
   AND (CAST(:caller AS text) IS NULL OR c.caller = :caller)
   AND (CAST(:since AS timestamptz) IS NULL OR c.started_at >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR c.started_at < :until)
   AND (NOT :open_only OR c.ended_at IS NULL)
   AND (CAST(:ids AS uuid[]) IS NULL OR c.id = ANY(:ids))
   AND (NOT :after_hours OR EXISTS (
        SELECT FROM visit v WHERE v.linkedid = c.linkedid AND v.node = c.node AND v.closed_why IS NOT NULL))
   AND (CAST(:agent_id AS uuid) IS NULL
        OR EXISTS (SELECT FROM offer o WHERE o.conversation_id = c.id AND o.agent_id = :agent_id)
        OR EXISTS (SELECT FROM segment s WHERE s.conversation_id = c.id AND s.agent_id = :agent_id))
   AND (CAST(:queues AS text[]) IS NULL
        OR EXISTS (SELECT FROM wait w WHERE w.conversation_id = c.id AND w.queue = ANY(:queues))
        OR EXISTS (SELECT FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid AND r.queue = ANY(:queues)))
"""
_OLDEST_FIRST = text(_LISTED + " ORDER BY c.started_at, c.id")
_NEWEST = text(_LISTED + " ORDER BY c.started_at DESC, c.id DESC LIMIT :limit")


async def listed(
    session: AsyncSession,
    *,
    node: str | None = None,
    caller: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    open_only: bool = False,
    after_hours: bool = False,
    ids: Sequence[UUID] | None = None,
    agent_id: UUID | None = None,
    queues: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Conversations by their beginning, oldest first, ready for JSON: times are ISO 8601 with a zone.

    `ids`: only these. `after_hours`: only calls that were told that we are closed. `since`/`until` bound the beginning,
    half open. With `limit`, the newest so many. `agent_id`: only calls that rang for this agent or that they took.
    `queues`: only calls that came to one of these.
    `wait_s`, `talk_s` and `hold_s` are seconds; of a wait or talk that still goes on they are null (`hold_s`: so far).
    """
    asked: dict[str, Any] = {"node": node, "caller": caller, "since": since, "until": until}
    asked |= {"open_only": open_only, "agent_id": agent_id, "after_hours": after_hours}
    asked |= {"ids": None if ids is None else list(ids), "queues": None if queues is None else list(queues)}
    statement = _OLDEST_FIRST if limit is None else _NEWEST
    rows = (await session.execute(statement, asked if limit is None else {**asked, "limit": limit})).mappings().all()
    found = [dict(row) for row in rows]
    return found if limit is None else found[::-1]
