"""What those who wait now are worth, and how many of them call again: for the wallboard.

Who waits is known by what the menu learnt, else by a number that is one customer's alone. One statement over the open
waits, read at most once a second and shared by all who ask meanwhile.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.conversations import CALLER_WAITS
from .tables.customers import TIERS

KEPT_S = 1.0
MOST_WAITING = 500
AGAIN_HOURS = 48

_WAITING = text(
    f"""
WITH waiting AS (
  SELECT DISTINCT c.id, c.node, c.linkedid, c.caller, c.started_at
    FROM wait JOIN conversation c ON c.id = wait.conversation_id
   WHERE wait.left_at IS NULL AND {CALLER_WAITS} LIMIT :most),
known AS (
  SELECT waiting.*, coalesce(facts.customer_id, alone.customer_id) AS customer_id
    FROM waiting
    LEFT JOIN caller_facts facts ON facts.node = waiting.node AND facts.linkedid = waiting.linkedid
    LEFT JOIN LATERAL (
         SELECT min(p.customer_id::text)::uuid AS customer_id FROM customer_phone p
          WHERE p.e164 = coalesce(facts.number_e164, CASE WHEN waiting.caller LIKE '+%' THEN waiting.caller END)
         HAVING count(*) = 1) AS alone ON true)
SELECT count(*) AS callers, count(customer.id) AS known, coalesce(sum(v.amount), 0) AS amount,
       count(*) FILTER (WHERE before.calls > 0) AS again, count(*) FILTER (WHERE before.calls > 1) AS third,
       coalesce(jsonb_agg(customer.tier) FILTER (WHERE customer.tier IS NOT NULL), '[]') AS tiers,
       count(*) FILTER (WHERE v.standing IN ('at_risk', 'lapsed')) AS losing
  FROM known
  LEFT JOIN customer ON customer.id = known.customer_id
  LEFT JOIN customer_value v ON v.customer_id = known.customer_id
  LEFT JOIN LATERAL (
       SELECT count(*) AS calls FROM conversation b
        WHERE b.caller = known.caller AND b.direction = 'inbound' AND b.id <> known.id
          AND b.started_at < known.started_at
          AND b.started_at >= known.started_at - make_interval(hours => :hours)) AS before ON true
"""  # noqa: S608 - a constant of ours
)


class Worth(Struct, frozen=True):
    """Callers who wait now: how many, of whom we know so many; the money of their orders in the ranking's window; how
    many call again (`third`: for the third time or more); their tiers; how many may be lost."""

    callers: int
    known: int
    amount: Decimal
    again: int
    third: int
    tiers: list[str]
    losing: int

    @property
    def by_tier(self) -> dict[str, int]:
        """How many of each tier, the highest first; none of those that nobody has."""
        return {tier: self.tiers.count(tier) for tier in TIERS if tier in self.tiers}


class WaitingWorth:
    """What one process last saw."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: Worth | None = None
        self._read_at = 0.0

    def changed(self) -> None:
        """A hint: look again at the next asking."""
        self._kept = None

    async def look(self, session: AsyncSession) -> Worth:
        """As of a second ago at most, read by the session of whoever asks where it is due."""
        clock = asyncio.get_running_loop().time
        async with self._turn:
            if self._kept is None or clock() - self._read_at > KEPT_S:
                row = (await session.execute(_WAITING, {"most": MOST_WAITING, "hours": AGAIN_HOURS})).mappings().one()
                self._kept = msgspec.convert(dict(row), Worth)
                self._read_at = clock()
            return self._kept
