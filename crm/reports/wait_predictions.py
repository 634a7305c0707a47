"""What callers were told of their wait, held against how long they waited. Called by `kefu report wait-predictions`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Answered waits alone: who hung up or was moved says nothing of how long it would have been.
_COMPARED = text(
    """
SELECT r.queue, r.decided_at, c.id::text AS conversation_id, c.caller, r.position, r.low_s, r.high_s, r.announced,
       round(extract(epoch FROM w.left_at - w.entered_at)::numeric, 1)::float8 AS waited_s
  FROM routing r
  JOIN conversation c ON c.node = r.node AND c.linkedid = r.linkedid
  JOIN LATERAL (SELECT entered_at, left_at FROM wait WHERE wait.conversation_id = c.id AND wait.queue = r.queue
                   AND wait.entered_at >= r.decided_at - interval '1 s' AND wait.outcome = 'answered'
                 ORDER BY entered_at LIMIT 1) AS w ON true
 WHERE r.low_s IS NOT NULL
   AND (CAST(:queue AS text) IS NULL OR r.queue = :queue)
   AND (CAST(:since AS timestamptz) IS NULL OR r.decided_at >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR r.decided_at < :until)
 ORDER BY r.decided_at
"""
)


class Kept(Struct, frozen=True):
    """One queue's predictions. `inside`, `shorter`, `longer`: answered waits in the range, below, above."""

    queue: str
    predicted: int
    announced: int
    inside: int
    shorter: int
    longer: int

    @property
    def share_inside(self) -> float:
        """0 to 1."""
        return self.inside / self.predicted if self.predicted else 0.0


async def compare(
    session: AsyncSession,
    *,
    queue: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[list[Kept], list[dict[str, Any]]]:
    """Per queue, and each call with its prediction; since/until bound the moment of the prediction, half open."""
    rows = (await session.execute(_COMPARED, {"queue": queue, "since": since, "until": until})).mappings().all()
    calls = [{**row, "verdict": _verdict(row["low_s"], row["high_s"], row["waited_s"])} for row in rows]
    kept = []
    for name in sorted({call["queue"] for call in calls}):
        mine = [call for call in calls if call["queue"] == name]
        verdicts = [call["verdict"] for call in mine]
        told = sum(1 for call in mine if call["announced"])
        counts = (verdicts.count(word) for word in ("inside", "shorter", "longer"))
        kept.append(Kept(name, len(mine), told, *counts))
    return kept, calls


def _verdict(low_s: int, high_s: int, waited_s: float) -> str:
    if waited_s < low_s:
        return "shorter"
    return "longer" if waited_s > high_s else "inside"
