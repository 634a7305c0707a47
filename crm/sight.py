"""What was not seen of each Asterisk, and how far the mirror was wrong: blind windows, corrections, drift.

Written by the bridge alone; read by the wallboard and `kefu bridge gaps`. The JSON of `gaps` is relied on by tools
outside: fields are added, never renamed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_GAPS = text(
    """
SELECT node, to_json(from_at) AS from_at, to_json(to_at) AS to_at,
       round(extract(epoch FROM coalesce(to_at, clock_timestamp()) - from_at), 3)::float AS blind_s, why,
       to_json(backfilled_at) AS backfilled_at, rows_reconstructed, calls_pending, trouble
  FROM blind_window
 WHERE (CAST(:node AS text) IS NULL OR node = :node)
   AND (CAST(:since AS timestamptz) IS NULL OR coalesce(to_at, 'infinity') >= :since)
 ORDER BY blind_window.from_at, node
"""
)
_DRIFT = text(
    """
SELECT node.name AS node, coalesce(heard.messages, 0) AS messages, coalesce(mended.drift, 0) AS corrections,
       coalesce(mended.found, 0) AS found_after_blindness
  FROM node
  LEFT JOIN LATERAL (SELECT sum(messages)::bigint AS messages FROM journal
                      WHERE journal.node = node.name AND first_at >= :since) AS heard ON true
  LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE drift) AS drift, count(*) FILTER (WHERE NOT drift) AS found
                       FROM correction WHERE correction.node = node.name AND at >= :since) AS mended ON true
 WHERE CAST(:node AS text) IS NULL OR node.name = :node
 ORDER BY node.name
"""
)
_CORRECTIONS = text(
    """
SELECT node, to_json(at) AS at, what, drift FROM correction
 WHERE (CAST(:node AS text) IS NULL OR node = :node) AND at >= :since
 ORDER BY correction.at DESC, id LIMIT :limit
"""
)


class Drift(msgspec.Struct, frozen=True):
    """How far the mirror of one node was wrong. `corrections` counts what looks had to mend although everything had
    been seen; `found_after_blindness` what they found after a blind window, which is what they are for."""

    node: str
    messages: int
    corrections: int
    found_after_blindness: int

    @property
    def per_1000(self) -> float | None:
        """Corrections for each 1 000 messages of Asterisk; None when none came."""
        return round(1000 * self.corrections / self.messages, 3) if self.messages else None


async def gaps(
    session: AsyncSession, *, node: str | None = None, since: datetime | None = None
) -> list[dict[str, Any]]:
    """Blind windows that lasted until `since` or longer, oldest first, ready for JSON. `blind_s`: so far, while one
    lasts."""
    return [dict(row) for row in (await session.execute(_GAPS, {"node": node, "since": since})).mappings()]


async def drift(session: AsyncSession, *, since: datetime, node: str | None = None) -> list[Drift]:
    """Each node's drift since then."""
    found = await session.execute(_DRIFT, {"node": node, "since": since})
    return [msgspec.convert(dict(row), Drift) for row in found.mappings()]


async def corrections(
    session: AsyncSession, *, since: datetime, node: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """What looks had to mend, the newest first, each with its sentence."""
    found = await session.execute(_CORRECTIONS, {"node": node, "since": since, "limit": limit})
    return [dict(row) for row in found.mappings()]
