"""An agent's own day so far: figures against their targets, promises owed, callers who called again.

Figures as everywhere: talk without hold a segment, after-call work as the seat's own state, missed rings without those
that the caller gave up. States are counted only while the agent sat at the seat. Read by the desk's own-day part.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct, convert
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import figure_targets
from crm.rules.lights import Light, light

SHOWN = 5
REPEAT_HOURS = 48

_DAY = text(
    """
WITH sat AS (
    SELECT node, seat, greatest(signed_in_at, :midnight) AS since, coalesce(signed_out_at, clock_timestamp()) AS until
      FROM seat_session
     WHERE agent_id = :agent_id AND coalesce(signed_out_at, 'infinity') > :midnight),
talks AS (
    SELECT s.conversation_id, s.started_at, s.ended_at, s.hold_s,
           extract(epoch FROM coalesce(s.ended_at, clock_timestamp()) - s.started_at)::float8 AS lasted_s
      FROM sat JOIN segment s ON s.node = sat.node AND s.seat = sat.seat
     WHERE s.agent_id = :agent_id AND s.started_at >= :midnight
       AND s.started_at >= sat.since AND s.started_at < sat.until),
steps AS (
    SELECT c.node, c.seat, c.word, c.at, lead(c.at) OVER (PARTITION BY c.node, c.seat ORDER BY c.at) AS later
      FROM posture_change c
     WHERE (c.node, c.seat) IN (SELECT node, seat FROM sat) AND c.at > :midnight - interval '12 hours'),
spent AS (
    SELECT word, sum(greatest(0, extract(epoch FROM least(coalesce(later, clock_timestamp()), sat.until)
                                               - greatest(at, sat.since))))::float8 AS seconds
      FROM steps JOIN sat USING (node, seat) GROUP BY word),
over AS (
    SELECT DISTINCT conversation_id FROM talks
     WHERE ended_at IS NOT NULL AND NOT EXISTS (
           SELECT FROM posture p JOIN sat USING (node, seat)
            WHERE p.word = 'wrapping_up' AND p.conversation_id = talks.conversation_id))
SELECT (SELECT count(*) FROM talks) AS calls,
       (SELECT coalesce(sum(lasted_s - hold_s), 0)::float8 FROM talks) AS talk_s,
       (SELECT coalesce(sum(hold_s), 0)::float8 FROM talks) AS hold_s,
       (SELECT coalesce(sum(seconds), 0)::float8 FROM spent WHERE word = 'wrapping_up') AS acw_s,
       (SELECT coalesce(sum(seconds), 0)::float8 FROM spent WHERE word = 'ready') AS ready_s,
       (SELECT count(*) FROM sat JOIN offer o ON o.node = sat.node AND o.seat = sat.seat
         WHERE o.started_at >= sat.since AND o.started_at < sat.until
           AND o.outcome IN ('no_answer', 'rejected', 'busy')) AS missed,
       (SELECT count(*) FROM over) AS ended,
       (SELECT count(*) FROM over JOIN wrap_up w USING (conversation_id) WHERE w.agent_id = :agent_id) AS said,
       (SELECT coalesce(json_agg(again), '[]') FROM (
            SELECT c.caller, max(customer.name) AS who, count(DISTINCT e.id) AS calls, max(e.started_at) AS last_at
              FROM (SELECT DISTINCT conversation_id FROM talks) AS t
              JOIN conversation c ON c.id = t.conversation_id AND c.direction = 'inbound' AND c.caller IS NOT NULL
              JOIN conversation e ON e.caller = c.caller AND e.direction = 'inbound'
                   AND e.started_at > clock_timestamp() - make_interval(hours => :hours)
              LEFT JOIN caller_facts f ON f.node = c.node AND f.linkedid = c.linkedid
              LEFT JOIN customer ON customer.id = f.customer_id
             GROUP BY c.caller HAVING count(DISTINCT e.id) > 1
             ORDER BY calls DESC, last_at DESC LIMIT :shown) AS again) AS repeats,
       (SELECT coalesce(json_agg(owed ORDER BY owed.window_end), '[]') FROM (
            SELECT b.number_e164 AS caller, customer.name AS who, b.about, b.window_begin, b.window_end,
                   b.window_end < clock_timestamp() AS late
              FROM callback b LEFT JOIN customer ON customer.id = b.customer_id
             WHERE b.owner_id = :agent_id AND b.state IN ('waiting', 'placed')
             ORDER BY b.window_end LIMIT :shown) AS owed) AS promises
"""
)


class Figure(Struct, frozen=True):
    """One figure. `value` None: nothing to count yet; `light` None without a target or a value."""

    name: str
    value: float | None
    light: Light | None
    green: float | None


class Repeat(Struct, frozen=True):
    """A caller of today who called several times within two days."""

    caller: str
    who: str | None
    calls: int
    last_at: datetime


class Promised(Struct, frozen=True):
    """A callback that this agent owes."""

    caller: str
    who: str | None
    about: str
    window_begin: datetime
    window_end: datetime
    late: bool


class OwnDay(Struct, frozen=True):
    """All of it."""

    figures: list[Figure]
    repeats: list[Repeat]
    promises: list[Promised]


async def own_day(session: AsyncSession, agent_id: UUID, midnight: datetime) -> OwnDay:
    """The day since `midnight`, the call center's own."""
    asked = {"agent_id": agent_id, "midnight": midnight, "shown": SHOWN, "hours": REPEAT_HOURS}
    row = (await session.execute(_DAY, asked)).mappings().one()
    targets = {each.figure: each for each in await figure_targets.listed(session)}
    figures = []
    for name, value in _values(row).items():
        target = targets.get(name)
        shown = light(value, green=target.green, red=target.red) if target else None
        figures.append(Figure(name, value, shown, target.green if target else None))
    return OwnDay(figures, convert(row["repeats"], list[Repeat]), convert(row["promises"], list[Promised]))


def _values(row: Any) -> dict[str, float | None]:
    calls, busy_s = row["calls"], row["talk_s"] + row["hold_s"] + row["acw_s"]
    worked_s = busy_s + row["ready_s"]
    return {
        "calls": calls,
        "talk": row["talk_s"] / calls if calls else None,
        "acw": row["acw_s"] / calls if calls else None,
        "occupancy": busy_s / worked_s if worked_s else None,
        "missed": row["missed"],
        "outcome_share": row["said"] / row["ended"] if row["ended"] else None,
    }
