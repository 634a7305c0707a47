"""Who asked to sign out after the call does, once it is over; a seat whose page was not seen for long is free again.

The bridge of the node calls it each second (ami_bridge/duties.py). Neither happens in the middle of a call, or of the
work after it. A session opened by the command line has no page, and no lease.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from .sign_out_of_seat import sign_out_of_seat

_DUE = text(
    """
SELECT s.agent_id, agent.login, s.leaving_at IS NOT NULL AS leaving
  FROM seat_session s JOIN agent ON agent.id = s.agent_id
  LEFT JOIN posture p ON p.node = s.node AND p.seat = s.seat
 WHERE s.node = :node AND s.signed_out_at IS NULL
   AND coalesce(p.word, 'unseen') NOT IN ('ringing', 'talking', 'wrapping_up')
   AND EXISTS (SELECT 1 FROM node WHERE name = :node AND fence = :fence)
   AND (s.leaving_at IS NOT NULL
        OR :lease_s > 0 AND s.seen_at < clock_timestamp() - make_interval(secs => :lease_s))
"""
)


async def leave_by_time(session: AsyncSession, *, node: str, fence: int, lease_s: float, expiry_s: float) -> list[str]:
    """Sign them out; the logins. lease_s 0: a seat is held for good."""
    found = (await session.execute(_DUE, {"node": node, "fence": fence, "lease_s": float(lease_s)})).all()
    for row in found:
        by, why = (row.login, "signed_out") if row.leaving else ("time", "lease_over")
        await sign_out_of_seat(session, agent_id=row.agent_id, asked_by=by, expiry_s=expiry_s, why=why)
    return [row.login for row in found]
