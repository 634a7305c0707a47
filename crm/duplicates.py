"""Customers who may be one: two with one number and one name, one number, or one name and company; and organisations.

Those with one number are often a family or a company, so nothing is merged by itself. Called by the page, the command
line; reads only.
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

WHYS = ("number_and_name", "number", "name_and_company", "name_and_kind")

# A switchboard that hundreds share says nothing of any two of them.
_BY_NUMBER = """
SELECT CASE WHEN lower(a.name) = lower(b.name) THEN 'number_and_name' ELSE 'number' END AS why, shared.e164,
       a.id AS a_id, a.code AS a_code, a.name AS a_name, a.company AS a_company, a.created_at AS a_at,
       b.id AS b_id, b.code AS b_code, b.name AS b_name, b.company AS b_company, b.created_at AS b_at
  FROM (SELECT e164 FROM customer_phone WHERE e164 IS NOT NULL GROUP BY e164
        HAVING count(*) BETWEEN 2 AND 5 ORDER BY e164 LIMIT :most) shared
  JOIN customer_phone p ON p.e164 = shared.e164 JOIN customer a ON a.id = p.customer_id AND a.merged_into IS NULL
  JOIN customer_phone q ON q.e164 = shared.e164 JOIN customer b ON b.id = q.customer_id AND b.merged_into IS NULL
 WHERE (a.created_at, a.code) < (b.created_at, b.code)
"""
_BY_NAME = """
SELECT 'name_and_company' AS why, NULL AS e164,
       a.id AS a_id, a.code AS a_code, a.name AS a_name, a.company AS a_company, a.created_at AS a_at,
       b.id AS b_id, b.code AS b_code, b.name AS b_name, b.company AS b_company, b.created_at AS b_at
  FROM (SELECT lower(name) AS name, lower(company) AS company FROM customer
         WHERE merged_into IS NULL AND company IS NOT NULL GROUP BY 1, 2 HAVING count(*) BETWEEN 2 AND 5
         LIMIT :most) same
  JOIN customer a ON lower(a.name) = same.name AND lower(a.company) = same.company
  JOIN customer b ON lower(b.name) = same.name AND lower(b.company) = same.company
 WHERE a.merged_into IS NULL AND b.merged_into IS NULL AND (a.created_at, a.code) < (b.created_at, b.code)
"""
_PAIRS = text(
    f"SELECT DISTINCT ON (place, a_code, b_code) * FROM ("  # noqa: S608 - statements of our own
    f"SELECT array_position(ARRAY['number_and_name', 'number', 'name_and_company'], why) AS place, pairs.* "
    f"FROM (({_BY_NUMBER}) UNION ALL ({_BY_NAME})) pairs) ranked ORDER BY place, a_code, b_code LIMIT :limit"
)


_SAME_OF_TWO = """
       a.id AS a_id, a.code AS a_code, a.name AS a_name, a.kind AS a_kind, a.created_at AS a_at,
       b.id AS b_id, b.code AS b_code, b.name AS b_name, b.kind AS b_kind, b.created_at AS b_at
"""
_ORGANISATIONS = text(
    f"""
WITH by_number AS (
  SELECT CASE WHEN lower(a.name) = lower(b.name) THEN 1 ELSE 2 END AS place, shared.e164, {_SAME_OF_TWO}
    FROM (SELECT p.e164 FROM organisation_phone p JOIN organisation o ON o.id = p.organisation_id
           WHERE p.e164 IS NOT NULL AND o.merged_into IS NULL GROUP BY p.e164
          HAVING count(*) BETWEEN 2 AND 5 ORDER BY p.e164 LIMIT :most) shared
    JOIN organisation_phone p ON p.e164 = shared.e164
    JOIN organisation a ON a.id = p.organisation_id AND a.merged_into IS NULL
    JOIN organisation_phone q ON q.e164 = shared.e164
    JOIN organisation b ON b.id = q.organisation_id AND b.merged_into IS NULL
   WHERE (a.created_at, a.code) < (b.created_at, b.code)
), by_name AS (
  SELECT 3 AS place, NULL AS e164, {_SAME_OF_TWO}
    FROM (SELECT lower(name) AS name, kind FROM organisation WHERE merged_into IS NULL GROUP BY 1, 2
          HAVING count(*) BETWEEN 2 AND 5 ORDER BY 1, 2 LIMIT :most) same
    JOIN organisation a ON lower(a.name) = same.name AND a.kind = same.kind AND a.merged_into IS NULL
    JOIN organisation b ON lower(b.name) = same.name AND b.kind = same.kind AND b.merged_into IS NULL
   WHERE (a.created_at, a.code) < (b.created_at, b.code)
)
SELECT (ARRAY['number_and_name', 'number', 'name_and_kind'])[place] AS why, found.* FROM (
  SELECT DISTINCT ON (a_code, b_code) * FROM (SELECT * FROM by_number UNION ALL SELECT * FROM by_name) every_way
   ORDER BY a_code, b_code, place) found
 ORDER BY place, a_code, b_code LIMIT :limit
"""  # noqa: S608 - parts of our own
)
_LIKE_IT = text(
    """
SELECT o.id, o.code, o.name, o.kind AS company FROM organisation o
 WHERE o.id <> :id AND o.merged_into IS NULL
   AND (lower(o.name) = (SELECT lower(name) FROM organisation WHERE id = :id)
        OR EXISTS (SELECT FROM organisation_phone p JOIN organisation_phone mine ON mine.e164 = p.e164
                    WHERE p.organisation_id = o.id AND mine.organisation_id = :id))
 ORDER BY o.code LIMIT :limit
"""
)


class One(msgspec.Struct, frozen=True):
    """One of two; of two organisations, `company` is the kind."""

    id: UUID
    code: str
    name: str
    company: str | None


class Pair(msgspec.Struct, frozen=True):
    """Two who may be one; `older` was there first. `number` in E.164, where they share one."""

    why: str
    number: str | None
    older: One
    newer: One


async def pairs(session: AsyncSession, *, limit: int = 200) -> list[Pair]:
    """Who may be one, the surest first. Numbers that more than five share are left out."""
    found = (await session.execute(_PAIRS, {"limit": limit, "most": 5 * limit})).mappings()
    seen: dict[tuple[UUID, UUID], Pair] = {}
    for row in found:
        older, newer = (One(row[f"{x}_id"], row[f"{x}_code"], row[f"{x}_name"], row[f"{x}_company"]) for x in "ab")
        seen.setdefault((older.id, newer.id), Pair(row["why"], row["e164"], older, newer))
    return list(seen.values())


async def organisation_pairs(session: AsyncSession, *, limit: int = 200) -> list[Pair]:
    """Organisations that may be one: with one number and name, one number, one name and kind; the surest first. Where
    more than five share something, it says nothing of any two."""
    found = (await session.execute(_ORGANISATIONS, {"limit": limit, "most": 5 * limit})).mappings()
    pairs = []
    for row in found:
        older, newer = (One(row[f"{x}_id"], row[f"{x}_code"], row[f"{x}_name"], row[f"{x}_kind"]) for x in "ab")
        pairs.append(Pair(row["why"], row["e164"], older, newer))
    return pairs


async def organisations_like(session: AsyncSession, organisation_id: UUID, *, limit: int = 10) -> list[One]:
    """Others that share a number or the name with this organisation."""
    rows = await session.execute(_LIKE_IT, {"id": organisation_id, "limit": limit})
    return [One(**row) for row in rows.mappings()]


async def like(session: AsyncSession, customer_id: UUID, *, limit: int = 10) -> list[One]:
    """Others who have a number of this customer's."""
    rows = await session.execute(
        text(
            "SELECT DISTINCT c.id, c.code, c.name, c.company FROM customer_phone mine "
            "JOIN customer_phone p ON p.e164 = mine.e164 AND p.customer_id <> mine.customer_id "
            "JOIN customer c ON c.id = p.customer_id AND c.merged_into IS NULL "
            "WHERE mine.customer_id = :id ORDER BY c.code LIMIT :limit"
        ),
        {"id": customer_id, "limit": limit},
    )
    return [One(**row) for row in rows.mappings()]
