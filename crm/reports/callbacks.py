"""Figures of promises: kept, reached, waiting saved; and overtakes, of which there must be none.

An overtake: somebody whose place was worse was given an agent in a queue while somebody with a better place stood in
the same queue, more than `SLACK_S` apart. A live caller's place is the first join of the call, less the credit; a
callback's its row's. Called by the command line and pages.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import callback_tries, callbacks
from crm.rules.phone_numbers import to_e164
from crm.tables.callbacks import Callback

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


# Who gave up waiting, or left a menu, and has neither talked with anybody since nor been promised a call.
_OWED = text(
    """
SELECT DISTINCT ON (c.caller) c.id, c.caller, c.caller_name, c.started_at, c.ended_at, c.outcome,
       (SELECT w.queue FROM wait w WHERE w.conversation_id = c.id ORDER BY w.entered_at DESC LIMIT 1) AS queue,
       (SELECT max(extract(epoch FROM coalesce(w.left_at, w.entered_at) - w.entered_at))::float8
          FROM wait w WHERE w.conversation_id = c.id) AS waited_s,
       coalesce((SELECT f.language FROM caller_facts f WHERE f.node = c.node AND f.linkedid = c.linkedid),
                (SELECT v.language FROM visit v WHERE v.node = c.node AND v.linkedid = c.linkedid
                  ORDER BY v.started_at DESC LIMIT 1)) AS language, c.linkedid
  FROM conversation c
 WHERE c.direction = 'inbound' AND c.outcome = 'abandoned' AND c.caller IS NOT NULL
   AND c.started_at >= :since AND c.ended_at < clock_timestamp() - make_interval(mins => :minutes)
   AND NOT EXISTS (SELECT FROM conversation again WHERE again.outcome IN ('answered', 'callback_booked')
                      AND (again.caller = c.caller OR again.dialled = c.caller) AND again.started_at > c.started_at)
 ORDER BY c.caller, c.started_at DESC
"""
)


class Owed(Struct, frozen=True):
    """A caller whom we owe a call: the last time they gave up."""

    conversation_id: UUID
    caller: str
    caller_name: str | None
    gave_up_at: datetime
    queue: str | None
    waited_s: float | None
    language: str | None
    linkedid: str


async def callers_owed(session: AsyncSession, *, since: datetime, country: str, minutes: int = 5) -> list[Owed]:
    """Callers who gave up and heard nothing of us since, the earliest first. minutes: so long ago at least: many
    ring again at once."""
    rows = (await session.execute(_OWED, {"since": since, "minutes": minutes})).all()
    spelled = {row.caller: to_e164(row.caller, country) for row in rows}
    promised = select(Callback.number_e164).where(
        Callback.number_e164.in_([number for number in spelled.values() if number]), Callback.asked_at >= since
    )
    known = set(await session.scalars(promised))
    found = [
        Owed(row.id, row.caller, row.caller_name, row.ended_at, row.queue, row.waited_s, row.language, row.linkedid)
        for row in rows
        if spelled[row.caller] not in known
    ]
    return sorted(found, key=lambda each: each.gave_up_at)


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
