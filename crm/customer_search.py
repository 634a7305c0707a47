"""Customers found while one types: by the beginning of a name, by any part of name, company or code, by a number or
its beginning or end.

Each way is one index and ends after as many rows as are shown, so the longest list costs no more than the shortest.
Called by the list of customers, the card (to link a caller), and the command line.
"""

from __future__ import annotations

import re
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from .rules.phone_numbers import country_code, to_e164
from .tables.customers import NAME_KEY, SEARCHED

LONGEST_TYPED = 80
FEWEST_DIGITS = 4
_CHINESE = re.compile("([\u2e80-\u9fff])")
_NUMBER = re.compile(r"[+\d][\d\s().\-]*")


class Found(msgspec.Struct, frozen=True):
    """One customer of a list. `phones`: the first numbers, in E.164 or as typed."""

    id: UUID
    code: str
    name: str
    company: str | None
    tier: str
    language: str | None
    phones: list[str]
    do_not_call: bool


_SHOWN = """
SELECT c.id, c.code, c.name, c.company, c.tier, c.language,
       coalesce(p.phones, '{}') AS phones, coalesce(p.do_not_call, false) AS do_not_call
  FROM hits JOIN customer c ON c.id = hits.id
  LEFT JOIN LATERAL (SELECT array_agg(coalesce(e164, raw) ORDER BY raw) AS phones, bool_or(do_not_call) AS do_not_call
                       FROM (SELECT * FROM customer_phone WHERE customer_id = c.id LIMIT 5) few) p ON true
 WHERE c.merged_into IS NULL
 ORDER BY hits.place, lower(c.name) USING ~<~, c.code LIMIT :limit
"""
_FIRST = f"WITH hits AS (SELECT id, 0 AS place FROM customer ORDER BY {NAME_KEY} USING ~<~ LIMIT :limit) {_SHOWN}"  # noqa: S608
_BY_WORDS = f"""
WITH ways AS (
    (SELECT id, 0 AS place FROM customer WHERE code = CAST(:typed AS text))
    UNION ALL
    (SELECT id, 1 FROM customer WHERE {NAME_KEY} LIKE lower(CAST(:beginning AS text))
      ORDER BY {NAME_KEY} USING ~<~ LIMIT :limit)
    UNION ALL
    (SELECT id, 2 FROM customer WHERE {{likes}} LIMIT :limit)),
hits AS (SELECT id, min(place) AS place FROM ways GROUP BY id)
{_SHOWN}
"""  # noqa: S608 - expressions of our own
_BY_NUMBER = f"""
WITH ways AS (
    (SELECT customer_id AS id, 0 AS place FROM customer_phone WHERE e164 = CAST(:e164 AS text) LIMIT :limit)
    UNION ALL
    (SELECT id, 1 FROM customer WHERE code = CAST(:typed AS text))
    UNION ALL
    (SELECT customer_id, 2 FROM customer_phone WHERE e164 LIKE CAST(:abroad AS text) LIMIT :limit)
    UNION ALL
    (SELECT customer_id, 2 FROM customer_phone WHERE e164 LIKE CAST(:at_home AS text) LIMIT :limit)
    UNION ALL
    (SELECT customer_id, 3 FROM customer_phone
      WHERE reverse(e164) LIKE CAST(:ending AS text) LIMIT :limit)),
hits AS (SELECT id, min(place) AS place FROM ways GROUP BY id)
{_SHOWN}
"""  # noqa: S608 - expressions of our own


async def search(session: AsyncSession, typed: str, *, country: str, limit: int = 50) -> list[Found]:
    """Customers for what is typed so far; for nothing, the first by name. `country`: how numbers are dialled here."""
    typed = " ".join(typed.replace("\x00", "").split())[:LONGEST_TYPED]
    if not typed:
        rows = await session.execute(text(_FIRST), {"limit": limit})
    elif _NUMBER.fullmatch(typed) and sum(map(str.isdigit, typed)) >= FEWEST_DIGITS:
        rows = await session.execute(text(_BY_NUMBER), {"limit": limit, **_number(typed, country)})
    else:
        statement, asked = _words(typed)
        rows = await session.execute(text(statement), {"limit": limit, **asked})
    return [Found(**row) for row in rows.mappings()]


def _words(typed: str) -> tuple[str, dict[str, object]]:
    """The statement for words: each has to be there, in any order. One of two Latin letters is only a beginning: an
    index of trigrams knows nothing of it."""
    parts = [part for word in typed.split() if (part := _part(word))]
    likes = " AND ".join(f"{SEARCHED} LIKE lower(CAST(:part{place} AS text))" for place in range(len(parts))) or "false"
    asked: dict[str, object] = {f"part{place}": part for place, part in enumerate(parts)}
    asked |= {"typed": typed, "beginning": f"{_literal(typed)}%"}
    return _BY_WORDS.replace("{likes}", likes), asked


def _part(word: str) -> str | None:
    """A word as a pattern over what is searched, where each Chinese character stands between spaces."""
    if len(word) < 3 and not _CHINESE.search(word):
        return None
    return "%" + _CHINESE.sub(r" \1 ", _literal(word)) + "%"


def _literal(typed: str) -> str:
    """What LIKE takes for itself."""
    return re.sub(r"([\\%_])", r"\\\1", typed)


def _number(typed: str, country: str) -> dict[str, object]:
    """The ways to read digits: a whole number, its beginning with or without the country, its end."""
    digits = re.sub(r"\D", "", typed)
    e164 = to_e164(typed, country)
    return {
        "typed": typed,
        "e164": e164,
        "abroad": f"+{digits.removeprefix('00')}%",
        "at_home": None if typed.startswith(("+", "00")) else f"+{country_code(country)}{digits.removeprefix('0')}%",
        "ending": f"{digits[::-1]}%",
    }
