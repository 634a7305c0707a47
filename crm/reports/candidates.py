"""Who stood in a queue when it rang a seat: from Asterisk's own rows of its members, as the journal keeps them.

Each such row is a whole state (penalty, pause, device), so the last one before a moment is the truth of that moment.
Called by the routing story.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import journal
from crm.journal import Heard
from crm.rules.ring_choice import Candidate

LOOKED_BACK = (timedelta(minutes=10), timedelta(hours=2), timedelta(hours=12), timedelta(days=2))
# Who sat where, what they can, and which seats the mirror knows in this queue at the moment.
_SEATS = text(
    """
SELECT m.seat, a.login,
       coalesce((SELECT json_object_agg(skill, level) FROM agent_skill s WHERE s.agent_id = a.id), '{}') AS skills
  FROM membership m
  LEFT JOIN LATERAL (SELECT agent.id, agent.login FROM seat_session s JOIN agent ON agent.id = s.agent_id
                      WHERE s.node = m.node AND s.seat = m.seat AND s.signed_in_at <= :at
                        AND (s.signed_out_at IS NULL OR s.signed_out_at >= :at)
                      ORDER BY s.signed_in_at DESC LIMIT 1) AS a ON true
 WHERE m.node = :node AND m.queue = :queue AND m.joined_at <= :at AND (m.left_at IS NULL OR m.left_at >= :at)
"""
)


async def candidates(session: AsyncSession, node: str, queue: str, at: float) -> list[Candidate]:
    """The members of a queue at a moment, by seat. What the journal no longer has is left out."""
    moment = datetime.fromtimestamp(at, UTC)
    known = {row.seat: row for row in await session.execute(_SEATS, {"node": node, "queue": queue, "at": moment})}
    found: dict[str, Heard] = {}
    for back in LOOKED_BACK:
        found = _last(await journal.member_rows(session, node, moment - back, moment), queue, at)
        if known.keys() <= found.keys():
            break
    standing = [row for row in found.values() if row.get("Event") != "QueueMemberRemoved"]
    told = [_candidate(row) for row in standing]
    return sorted(
        (
            Candidate(
                one.seat,
                one.penalty,
                one.status,
                one.paused,
                one.reason,
                one.last_call,
                known[one.seat].login if one.seat in known else None,
                dict(known[one.seat].skills) if one.seat in known else {},
            )
            for one in told
        ),
        key=lambda one: one.seat,
    )


def _last(rows: Sequence[Heard], queue: str, at: float) -> dict[str, Heard]:
    last: dict[str, Heard] = {}
    for row in rows:
        if row.get("Queue") == queue and row.at < at:
            last[_seat(row)] = row
    return last


def _seat(row: Heard) -> str:
    # A list's row says Location where events say Interface.
    return row.get("Interface") or row.get("Location")


def _candidate(row: Heard) -> Candidate:
    return Candidate(
        _seat(row),
        _whole(row.get("Penalty")),
        _whole(row.get("Status")),
        row.get("Paused") == "1",
        row.get("PausedReason") or None,
        float(_whole(row.get("LastCall"))),
    )


def _whole(said: str) -> int:
    return int(said) if said.isdecimal() else 0
