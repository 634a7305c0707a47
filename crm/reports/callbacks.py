"""Figures of promises: kept, reached, waiting saved; and overtakes, of which there must be none.

An overtake: somebody whose place was worse was given an agent in a queue while somebody with a better place stood in
the same queue, more than `SLACK_S` apart. A live caller's place is the first join of the call, less the credit; a
callback's its row's. Called by the command line and pages.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callback_tries, callbacks

SLACK_S = 2.0
"""Asterisk's places have whole seconds, and its queues look once a second."""

# Two of one queue, of whom at least one is a callback: who was served while a better place stood there.
_OVERTAKES = text(
    """
WITH places AS (
  SELECT w.id, w.queue, w.node, w.entered_at, w.left_at, w.outcome, promise.id AS callback_id,
         coalesce(promise.place_at,
                  (SELECT min(f.entered_at) FROM wait f WHERE f.conversation_id = c.id)
                  - make_interval(secs => coalesce((SELECT r.credit_s FROM routing r
                      WHERE r.node = c.node AND r.linkedid = c.linkedid ORDER BY r.decided_at DESC LIMIT 1), 0)))
             AS place_at
    FROM wait w JOIN conversation c ON c.id = w.conversation_id
    LEFT JOIN LATERAL (SELECT p.id, p.joined_at - make_interval(secs => p.credit_s) AS place_at
                         FROM callback_attempt a JOIN callback p ON p.id = a.callback_id
                        WHERE a.id::text = c.linkedid) AS promise ON true
   WHERE (CAST(:since AS timestamptz) IS NULL OR w.entered_at >= :since)
     AND (CAST(:until AS timestamptz) IS NULL OR w.entered_at < :until)
     AND (CAST(:queue AS text) IS NULL OR w.queue = :queue))
SELECT count(*) FROM places served JOIN places stood
    ON stood.node = served.node AND stood.queue = served.queue AND stood.id <> served.id
 WHERE served.outcome = 'answered' AND (served.callback_id IS NOT NULL OR stood.callback_id IS NOT NULL)
   AND stood.place_at < served.place_at - make_interval(secs => :slack_s)
   AND stood.entered_at < served.left_at - make_interval(secs => :slack_s)
   AND coalesce(stood.left_at, 'infinity') > served.left_at + make_interval(secs => :slack_s)
"""
)


async def promises_kept(
    session: AsyncSession,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    queue: str | None = None,
    soon_s: float = callbacks.SOON_S,
) -> dict[str, Any]:
    """The figures by name; shares in percent, None where there is nothing to judge. Beside them the promises that are
    at risk now, the most urgent first: their window ends within `soon_s`, or the forecast has their turn later."""
    found = await callbacks.figures(session, since=since, until=until, queue=queue, soon_s=soon_s)
    risky = await callbacks.listed(session, "at_risk", queue=queue, soon_s=soon_s)
    asked = {"since": since, "until": until, "queue": queue, "slack_s": SLACK_S}
    overtakes = int(await session.scalar(_OVERTAKES, asked) or 0)
    now = await callback_tries.dialling_now(session, queue)
    return {
        "promised": found.promised,
        "open": found.open,
        "due": found.due,
        "at_risk": found.at_risk,
        "promise_kept": _share(found.kept, found.judged),
        "kept": found.kept,
        "broken": found.judged - found.kept,
        "callback_reach": _share(found.reached, found.dialled),
        "reached": found.reached,
        "dialled": found.dialled,
        "dials": found.dials,
        "attached": found.attached,
        "cancelled": found.cancelled,
        "given_up": found.given_up,
        "wait_saved_s": round(found.wait_saved_s, 1),
        "overtakes": overtakes,
        "customers_dialled_first": now.dials,
        "seats_kept_free": now.kept_free,
        "dials_beyond_seats": now.dials - now.kept_free,
        "risky": [
            {"id": each.id, "queue": each.queue, "window_end": each.window_end, "why": each.at_risk_why or "window"}
            for each in sorted(risky, key=lambda each: each.window_end)
        ],
    }


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
