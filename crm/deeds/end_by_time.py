"""What ends by time alone becomes a wish: pauses that end by themselves, after-call work beyond its limit.

The bridge of the node calls it each second, with its fence: one at a time, and what it writes is claimed like every
wish. While a wish about the seat's pause is open, or was just written here, none is added: a kill at any moment repeats
nothing. Times are those of the postures, which are Asterisk's.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.hints import hint_live, hint_wishes
from crm.rules.pause_steps import MISSED, PAUSING, RESERVED, RONA
from crm.rules.ring_no_answer import Policy
from crm.tables.callbacks import DIALS_CUSTOMER

from .after_call import WORK_ENDS

ASKED_BY = "time"
RESERVED_AT_MOST_S = 60.0
"""Whoever reserved the seat to dial has not done so: it is nobody's any more."""
_AGAIN_AFTER_S = 10.0

_END = text(
    """
WITH due AS (
     SELECT p.node, p.seat, 'unpause' AS kind, p.pause_reason AS reason, CAST(NULL AS uuid) AS conversation_id,
            p.since
       FROM posture p LEFT JOIN pause_reason r ON r.name = p.pause_reason
      WHERE p.node = :node AND p.word = 'paused' AND p.since < clock_timestamp()
            - CASE p.pause_reason WHEN :rona THEN make_interval(secs => :away_s)
                                  WHEN :missed THEN make_interval(secs => :rest_s)
                                  WHEN :reserved THEN make_interval(secs => :reserved_s)
                                  ELSE make_interval(mins => r.auto_end_min) END
        AND NOT (p.pause_reason = :reserved AND EXISTS (/* a customer is dialled */))
     UNION ALL
     SELECT node, seat, 'end_after_call_work', NULL, conversation_id, since
       FROM (/* work ends */) AS work WHERE work.at < clock_timestamp())
INSERT INTO pbx_request (id, node, kind, seat, reason, asked_by, conversation_id, state, expires_at)
SELECT gen_random_uuid(), due.node, due.kind, due.seat, due.reason, CAST(:asked_by AS text), due.conversation_id,
       'wanted', clock_timestamp() + make_interval(secs => :expiry_s)
  FROM due
 WHERE EXISTS (SELECT 1 FROM node WHERE name = :node AND fence = :fence)
   AND NOT EXISTS (SELECT 1 FROM pbx_request o WHERE o.node = due.node AND o.seat = due.seat AND o.kind = ANY(:pausing)
                      AND o.wanted_at > clock_timestamp() - interval '1 hour'
                      AND (o.state IN ('wanted', 'sent') AND o.expires_at > clock_timestamp()
                           OR o.asked_by = CAST(:asked_by AS text) AND o.wanted_at > due.since
                              AND o.wanted_at > clock_timestamp() - make_interval(secs => :again_s)))
RETURNING seat
""".replace("/* work ends */", WORK_ENDS).replace(
        "/* a customer is dialled */",
        f"SELECT FROM callback_attempt a WHERE a.node = p.node AND a.seat = p.seat AND {DIALS_CUSTOMER}",
    )
)


async def end_by_time(session: AsyncSession, *, node: str, fence: int, policy: Policy, expiry_s: float) -> list[str]:
    """Write the wishes that are due; the seats they are about."""
    asked = {
        "node": node,
        "fence": fence,
        "away_s": policy.away_s,
        "rest_s": policy.rest_s,
        "reserved_s": RESERVED_AT_MOST_S,
        "rona": RONA,
        "missed": MISSED,
        "reserved": RESERVED,
        "pausing": list(PAUSING),
        "asked_by": ASKED_BY,
        "expiry_s": expiry_s,
        "again_s": _AGAIN_AFTER_S,
    }
    seats = list((await session.scalars(_END, asked)).all())
    if seats:
        await hint_wishes(session, node)
        await hint_live(session, node, seats=sorted(set(seats)))
    return seats
