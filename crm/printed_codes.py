"""The next printed codes that nobody has: K000001 of customers, G00001 of organisations.

A sequence counts them, but files bring codes of their own, and a restored export brings them by the thousand while the
sequence still stands at one. So as many are drawn as are needed, and twice as many each time that too few were free.
Called by customers, organisations and the import of files. What was drawn and not given is a gap, and does no harm.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

MOST_DRAWN = 100_000


class Printed(Struct, frozen=True):
    """How the rows of a table are numbered. Numbers that have become longer than `figures` are printed as they are."""

    table: str
    sequence: str
    letter: str
    figures: int

    def drawn(self, besides: str = "") -> str:
        """A query of `code` and `place` (1, 2, …): those of the next :draw that are free. `besides`: more to be said of
        d.code."""
        return f"""
SELECT d.code, row_number() OVER (ORDER BY d.n) AS place
  FROM (SELECT n, '{self.letter}' || lpad(n::text, greatest({self.figures}, length(n::text)), '0') AS code
          FROM (SELECT nextval('{self.sequence}') AS n FROM generate_series(1, :draw) OFFSET 0) AS numbers) AS d
 WHERE NOT EXISTS (SELECT FROM {self.table} t WHERE t.code = d.code) {besides}
"""  # noqa: S608 - parts of our own


CUSTOMERS = Printed("customer", "customer_code", "K", 6)
ORGANISATIONS = Printed("organisation", "organisation_code", "G", 5)
_ONE = {each: text(f"SELECT code FROM ({each.drawn()}) AS free WHERE place = 1") for each in (CUSTOMERS, ORGANISATIONS)}  # noqa: S608


async def next_free(session: AsyncSession, printed: Printed) -> str:
    """A code that nobody has now; somebody may take it before it is written."""
    draw = 1
    while (code := await session.scalar(_ONE[printed], {"draw": draw})) is None:
        draw = more(draw)
    return str(code)


def more(drawn: int) -> int:
    """How many to draw when so many were too few."""
    return min(2 * drawn, MOST_DRAWN)
