"""Which lines of a file speak of somebody who is there already, and which numbers are not to be called.

Asked for a batch of lines at a time, by arrays: each question is one index, whatever the tables' sizes. Somebody is
there already who has the line's code; or, for a line without one, whoever has its name at one of its numbers. Earlier
lines of the file count like customers. Called by the import alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.rules.customer_lines import Fault, Line

_CODES = text("SELECT code, name FROM customer WHERE code = ANY(:codes)")
_CODES_ABOVE = text(
    "SELECT code, min(line) AS line FROM customer_import_line "
    "WHERE import_id = :import AND code = ANY(:codes) AND state <> 'invalid' GROUP BY code"
)
# A switchboard may be in thousands of rows, of which a few are looked at.
_PEOPLE = text(
    """
SELECT asked.e164, lower(c.name) AS name, c.name AS shown, c.code
  FROM unnest(CAST(:numbers AS text[])) AS asked(e164)
 CROSS JOIN LATERAL (SELECT customer_id FROM customer_phone p WHERE p.e164 = asked.e164 LIMIT 20) p
  JOIN customer c ON c.id = p.customer_id AND c.merged_into IS NULL
"""
)
_PEOPLE_ABOVE = text(
    """
SELECT asked.e164, lower(l.name) AS name, l.line
  FROM unnest(CAST(:numbers AS text[])) AS asked(e164)
 CROSS JOIN LATERAL (SELECT line FROM customer_import_number n
                      WHERE n.import_id = :import AND n.e164 = asked.e164 LIMIT 20) n
  JOIN customer_import_line l ON l.import_id = :import AND l.line = n.line AND l.state <> 'invalid'
"""
)
_SILENT = text(
    "SELECT e164 FROM customer_phone WHERE e164 = ANY(:numbers) AND do_not_call "
    "UNION SELECT e164 FROM organisation_phone WHERE e164 = ANY(:numbers) AND do_not_call"
)


class Known(msgspec.Struct):
    """What is known of the people in a batch, and grows with each of its lines."""

    codes: dict[str, str]
    codes_above: dict[str, int]
    people: dict[tuple[str, str], tuple[str, str]]
    people_above: dict[tuple[str, str], int]
    silent: frozenset[str]

    def why_duplicate(self, at: int, line: Line) -> str | None:
        """Of whom the line is a duplicate, as a sentence; None for somebody new, who is known from here on."""
        said = self._code(line) if line.code is not None else self._person(line)
        if said is None:
            if line.code is not None:
                self.codes_above.setdefault(line.code, at)
            for number in line.numbers:
                if number.e164:
                    self.people_above.setdefault((number.e164, line.name.lower()), at)
        return said

    def _code(self, line: Line) -> str | None:
        code = line.code or ""
        if code in self.codes:
            return f"code: {code} is {self.codes[code]} already: leave the line out, or edit that customer"
        if code in self.codes_above:
            return f"code: {code} stands in line {self.codes_above[code]}, too: leave one of them out"
        return None

    def _person(self, line: Line) -> str | None:
        for number in line.numbers:
            key = (number.e164 or "", line.name.lower())
            if key in self.people:
                name, code = self.people[key]
                return f"phone: {number.raw} is of {name} ({code}) already: leave the line out, or edit that customer"
            if key in self.people_above:
                above = self.people_above[key]
                return f"phone: {number.raw} stands in line {above} with this name, too: leave one of them out"
        return None


async def known_of(session: AsyncSession, import_id: UUID, lines: Iterable[Line | Fault]) -> Known:
    """What the database and the file's earlier lines know of these."""
    good = [line for line in lines if isinstance(line, Line)]
    codes = [line.code for line in good if line.code is not None]
    nameless = [number.e164 for line in good if line.code is None for number in line.numbers if number.e164]
    numbers = [number.e164 for line in good for number in line.numbers if number.e164]
    said = {"import": import_id, "codes": codes, "numbers": nameless}
    people = (await session.execute(_PEOPLE, said)).all() if nameless else []
    above = (await session.execute(_PEOPLE_ABOVE, said)).all() if nameless else []
    return Known(
        codes={row.code: row.name for row in await session.execute(_CODES, said)} if codes else {},
        codes_above={row.code: row.line for row in await session.execute(_CODES_ABOVE, said)} if codes else {},
        people={(row.e164, row.name): (row.shown, row.code) for row in people},
        people_above={(row.e164, row.name): row.line for row in above},
        silent=frozenset(await session.scalars(_SILENT, {"numbers": numbers})),
    )
