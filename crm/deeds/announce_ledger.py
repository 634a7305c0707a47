"""Reads what the bridge wrote and announces it: calls that began and ended, cards that went up, messages left.

The bridge writes its ledger and nothing else, and never waits for us; so its rows are looked for. Each is announced
once, whatever the number of looks: the row's id is the announcement's. A call is told in order: begun, its pops, ended.
Called by the worker at each of the bridge's hints and once a second; of several workers one looks at a time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import announcements
from crm.database import Database

QUICK = timedelta(minutes=10)
"""How far a usual look goes back for calls that began and ended between two looks."""
THOROUGH = timedelta(days=2)
"""How far a look goes back now and then: what Asterisk's own files told of a blind window comes late."""
AT_A_TIME = 500

_MY_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('announce ledger', 0))")
_BEGUN = text(
    """
SELECT c.id AS conversation_id, c.node, c.linkedid, c.direction, c.caller, c.caller_name, c.dialled, c.started_at
  FROM conversation c
 WHERE c.id IN (SELECT id FROM conversation WHERE started_at >= now() - CAST(:back AS interval)
                UNION
                SELECT id FROM conversation
                 WHERE ended_at IS NULL AND started_at >= now() - CAST(:thorough AS interval))
   AND NOT EXISTS (SELECT FROM announcement a WHERE a.kind = 'conversation.begun' AND a.source_id = c.id)
 ORDER BY c.started_at, c.id LIMIT :at_a_time
"""
)
_WATCH = text("INSERT INTO conversation_watch (conversation_id) VALUES (:id) ON CONFLICT DO NOTHING")
_POPS = text(
    """
SELECT p.id AS pop_id, p.conversation_id, p.node, p.seat, p.rung_at, c.caller, c.caller_name, c.dialled,
       (SELECT agent.login FROM seat_session s JOIN agent ON agent.id = s.agent_id
         WHERE s.node = p.node AND s.seat = p.seat AND s.signed_in_at <= p.rung_at
           AND (s.signed_out_at IS NULL OR s.signed_out_at > p.rung_at)
         ORDER BY s.signed_in_at DESC LIMIT 1) AS agent,
       (SELECT CASE WHEN w.queue LIKE 'seat-%' THEN coalesce((
                 SELECT r.queue FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
                  ORDER BY r.decided_at DESC LIMIT 1), w.queue) ELSE w.queue END
          FROM wait w WHERE w.conversation_id = c.id AND (p.wait_id IS NULL OR w.id = p.wait_id)
         ORDER BY w.entered_at DESC LIMIT 1) AS queue,
       (SELECT k.code FROM caller_facts f JOIN customer k ON k.id = f.customer_id
         WHERE f.node = c.node AND f.linkedid = c.linkedid) AS customer_code
  FROM conversation_watch x
  JOIN conversation c ON c.id = x.conversation_id
  JOIN pop p ON p.conversation_id = c.id
 WHERE NOT EXISTS (SELECT FROM announcement a WHERE a.kind = 'pop.shown' AND a.source_id = p.id)
 ORDER BY p.rung_at, p.id LIMIT :at_a_time
"""
)
# One statement sees the call's end and all pops before it: none is left behind.
_ENDED = text(
    """
SELECT c.id AS conversation_id, c.node, c.linkedid, c.direction, c.caller, c.caller_name, c.dialled, c.started_at,
       c.ended_at, c.outcome, c.ended_by, c.reconstructed,
       ARRAY(SELECT w.queue FROM wait w WHERE w.conversation_id = c.id ORDER BY w.entered_at, w.id) AS queues,
       ARRAY(SELECT agent.login FROM segment s JOIN agent ON agent.id = s.agent_id
              WHERE s.conversation_id = c.id ORDER BY s.started_at, s.id) AS agents,
       (SELECT coalesce(round(sum(extract(epoch FROM w.left_at - w.entered_at)), 3), 0)::float8
          FROM wait w WHERE w.conversation_id = c.id) AS wait_s,
       (SELECT coalesce(round(sum(extract(epoch FROM s.ended_at - s.started_at) - s.hold_s)::numeric, 3), 0)::float8
          FROM segment s WHERE s.conversation_id = c.id) AS talk_s,
       (SELECT k.code FROM caller_facts f JOIN customer k ON k.id = f.customer_id
         WHERE f.node = c.node AND f.linkedid = c.linkedid) AS customer_code
  FROM conversation_watch x
  JOIN conversation c ON c.id = x.conversation_id
 WHERE c.ended_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM pop p WHERE p.conversation_id = c.id AND NOT EXISTS (
        SELECT FROM announcement a WHERE a.kind = 'pop.shown' AND a.source_id = p.id))
 ORDER BY c.ended_at, c.id LIMIT :at_a_time
"""
)
_WATCHED = text("DELETE FROM conversation_watch WHERE conversation_id = :id")
_MESSAGES = text(
    """
SELECT v.id AS voicemail_id, v.conversation_id, v.node, v.box, v.left_at,
       (SELECT caller FROM conversation c WHERE c.id = v.conversation_id) AS caller
  FROM voicemail v
 WHERE v.left_at >= now() - CAST(:back AS interval)
   AND NOT EXISTS (SELECT FROM announcement a WHERE a.kind = 'voicemail.left' AND a.source_id = v.id)
 ORDER BY v.left_at, v.id LIMIT :at_a_time
"""
)
_GONE = text(
    "DELETE FROM conversation_watch x WHERE NOT EXISTS (SELECT FROM conversation c WHERE c.id = x.conversation_id)"
)


async def announce_ledger(database: Database, *, back: timedelta = QUICK) -> int:
    """Announce what is new since the last look; return how many things were. `back`: how old a call may be that nobody
    has seen going on."""
    async with database.transaction() as session:
        if not (await session.execute(_MY_TURN)).scalar_one():
            return 0
        asked = {"back": back, "at_a_time": AT_A_TIME}
        begun = await _tell(session, _BEGUN, "conversation.begun", "conversation_id", {**asked, "thorough": THOROUGH})
        for row in begun:
            await session.execute(_WATCH, {"id": row["conversation_id"]})
        pops = await _tell(session, _POPS, "pop.shown", "pop_id", {"at_a_time": AT_A_TIME})
        messages = await _tell(session, _MESSAGES, "voicemail.left", "voicemail_id", asked)
        ended = await _tell(session, _ENDED, "conversation.ended", "conversation_id", {"at_a_time": AT_A_TIME})
        for row in ended:
            await session.execute(_WATCHED, {"id": row["conversation_id"]})
        if back > QUICK:
            await session.execute(_GONE)
    return len(begun) + len(pops) + len(messages) + len(ended)


async def _tell(
    session: AsyncSession, statement: Any, kind: str, source: str, asked: dict[str, object]
) -> list[dict[str, Any]]:
    rows = [dict(row) for row in (await session.execute(statement, asked)).mappings()]
    for row in rows:
        key = str(row["conversation_id"])
        await announcements.announce(session, kind, key=key, data=row, source_id=row[source])
    return rows
