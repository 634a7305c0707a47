"""A caller who waits is given another credit: the place changes once, by Asterisk's own means, never step by step.

Asterisk 22 moves the caller in the queue (QueueChangePriorityCaller, Immediate). 16 says Success to that and moves
nobody: there the caller is withdrawn with the new credit as its word, and the dialplan joins the same queue again with
JOINED kept. Called by the command line.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import wishes
from crm.refusals import Refusal
from crm.rules.personal_queues import is_personal
from crm.rules.waiting_credit import priority
from crm.tables.nodes import Node

REASON_CHARACTERS = 200
MOVES_SINCE = 11
"""The AMI version of Asterisk 22. Some late 18 and 20 could move callers, too, but their version does not tell."""
_WAITING = text(
    """
SELECT c.id, wait.queue, wait.caller_uniqueid,
       floor(extract(epoch FROM (SELECT min(entered_at) FROM wait w WHERE w.conversation_id = c.id)))::bigint AS joined,
       (SELECT visit_id FROM routing r WHERE r.node = c.node AND r.linkedid = c.linkedid
         ORDER BY decided_at DESC LIMIT 1) AS visit_id
  FROM conversation c JOIN wait ON wait.conversation_id = c.id AND wait.left_at IS NULL
 WHERE c.node = :node AND (c.linkedid = :identity OR c.id = CAST(:id AS uuid)) LIMIT 1
"""
)
_NOTE = text(
    """
UPDATE routing SET credit_s = :seconds,
       credit_reasons = credit_reasons || jsonb_build_array(jsonb_build_object('why', CAST(:why AS text),
                                                                               'seconds', CAST(:seconds AS int)))
 WHERE visit_id = :visit_id
"""
)


async def change_credit(
    session: AsyncSession,
    *,
    identity: str,
    node: str,
    seconds: int,
    at_most_s: int,
    reason: str,
    asked_by: str,
    expiry_s: float,
) -> tuple[int, str]:
    """(credit in force, the wish that was written). Refusal when nobody waits under this id."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_CHARACTERS or not reason.isprintable():
        raise Refusal(f"a reason of 1 to {REASON_CHARACTERS} printable characters is needed")
    found = (await session.execute(_WAITING, {"node": node, "identity": identity, "id": _uuid(identity)})).first()
    if found is None or is_personal(found.queue):
        raise Refusal(f"no caller {identity!r} waits in a queue of {node}: see `kefu conversation list --open`")
    seconds = max(0, min(seconds, at_most_s))
    known = await session.get(Node, node)
    moves = known is not None and int((known.asterisk_version or "0").partition(".")[0] or 0) >= MOVES_SINCE
    await wishes.take_turn(session, node, found.caller_uniqueid)
    wish = await wishes.ask(
        session,
        node=node,
        seat=found.caller_uniqueid,
        kind="set_priority" if moves else "withdraw",
        queue=found.queue,
        reason=None if moves else f"{found.queue}/{seconds}",
        priority=priority(found.joined, seconds),
        asked_by=asked_by,
        expiry_s=expiry_s,
        conversation_id=found.id,
    )
    if found.visit_id is not None:
        why = f"{asked_by}, while waiting: {reason}"
        await session.execute(_NOTE, {"seconds": seconds, "why": why, "visit_id": found.visit_id})
    return seconds, wish.kind


def _uuid(identity: str) -> UUID | None:
    try:
        return UUID(identity)
    except ValueError:
        return None
