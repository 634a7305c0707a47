"""What other systems say of a customer: one value a name, with its unit, its time and its source.

So that IVR and card can speak of a balance or a contract. Written by feeds and the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from .questions import Question, Where
from .tables.facts import CustomerFact

BALANCE = "balance"
CURRENCY_OF_NONE = "CNY"

_PUT = text(
    """
WITH given AS (
  SELECT DISTINCT ON (customer_id, name) * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g(place int,
         customer_id uuid, name text, value text, unit text, as_of timestamptz)
   ORDER BY customer_id, name, as_of DESC, place DESC)
INSERT INTO customer_fact AS f (customer_id, name, value, unit, as_of, source)
SELECT customer_id, name, value, unit, as_of, :source FROM given ORDER BY customer_id, name
    ON CONFLICT (customer_id, name) DO UPDATE SET value = EXCLUDED.value, unit = EXCLUDED.unit,
       as_of = EXCLUDED.as_of, source = EXCLUDED.source, learnt_at = clock_timestamp()
     WHERE EXCLUDED.as_of >= f.as_of
       AND (f.value, f.unit, f.as_of, f.source)
           IS DISTINCT FROM (EXCLUDED.value, EXCLUDED.unit, EXCLUDED.as_of, EXCLUDED.source)
RETURNING customer_id, name, xmax = 0 AS added
"""
)


class Given(Struct, frozen=True):
    """One fact of a customer we know. `place`: its place in the telling."""

    place: int
    customer_id: UUID
    name: str
    value: str
    unit: str
    as_of: datetime


async def put(session: AsyncSession, given: Sequence[Given], *, source: str) -> tuple[int, int]:
    """Write what is newer than what we know; returns how many are new and how many changed."""
    if not given:
        return 0, 0
    rows = msgspec.json.encode(given).decode()
    written = (await session.execute(_PUT, {"rows": rows, "source": source})).all()
    added = sum(row.added for row in written)
    return added, len(written) - added


class Said(Struct, frozen=True):
    """One fact as it stands."""

    name: str
    value: str
    unit: str
    as_of: datetime
    source: str


OF_CUSTOMER = Question(
    "SELECT name, value, unit, as_of, source FROM customer_fact WHERE customer_id = :customer_id ORDER BY name", Said
)
"""Asked with `customer_id`; `of` answers it."""


async def of(where: Where, customer_id: UUID) -> list[Said]:
    """All facts of a customer, by name."""
    return await OF_CUSTOMER.rows(where, customer_id=customer_id)


async def balance_of(session: AsyncSession, customer_id: UUID) -> tuple[Decimal, str] | None:
    """What the customer owes by another system's word: amount and currency. None: nobody said, or it is no number."""
    fact = await session.get(CustomerFact, (customer_id, BALANCE))
    if fact is None:
        return None
    try:
        amount = Decimal(fact.value.replace(",", ""))
    except InvalidOperation:
        return None
    return (amount, fact.unit or CURRENCY_OF_NONE) if amount.is_finite() else None
