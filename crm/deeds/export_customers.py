"""All customers written to a file, CSV or XLSX, one line each, however many there are.

A text that a spreadsheet would run as a formula is marked as a text (a leading apostrophe), and the import takes the
mark off again: what was written out comes in as it was. Called by the command line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit
from crm.refusals import Refusal

COLUMNS = ("code", "name", "company", "tier", "language", "phone", "do_not_call", "organisation", "note")
SHEET_ROWS = 1_048_575
_FORMULA = re.compile(r"[=+\-@\t\r]")
_PLAIN_NUMBER = re.compile(r"[+\-]?\d[\d ]*")

_ROWS = text(
    """
SELECT c.code, c.name, coalesce(c.company, '') AS company, c.tier, coalesce(c.language, '') AS language,
       coalesce((SELECT string_agg(coalesce(p.e164, p.raw), '; ' ORDER BY p.raw) FROM customer_phone p
                  WHERE p.customer_id = c.id), '') AS phone,
       CASE WHEN EXISTS (SELECT FROM customer_phone p WHERE p.customer_id = c.id AND p.do_not_call)
            THEN 'yes' ELSE '' END AS do_not_call,
       coalesce((SELECT o.name FROM organisation_member m JOIN organisation o ON o.id = m.organisation_id
                  WHERE m.customer_id = c.id AND o.merged_into IS NULL
                  ORDER BY m.since, o.code LIMIT 1), '') AS organisation,
       c.note
  FROM customer c WHERE c.merged_into IS NULL ORDER BY c.code
"""
)
Write = Callable[[Sequence[str]], Any]


def safe(cell: str) -> str:
    """The cell as no spreadsheet runs it."""
    return f"'{cell}" if _FORMULA.match(cell) and not _PLAIN_NUMBER.fullmatch(cell) else cell


async def export(session: AsyncSession, path: Path, *, told: Callable[[int], None]) -> int:
    """Write all customers to `path` (.csv or .xlsx), in one steady picture; how many they were. Whatever the file was
    before stays until the new one is whole."""
    ways: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {".csv": _csv, ".xlsx": _xlsx}
    way = ways.get(path.suffix.lower())
    if way is None:
        raise Refusal(f"{path.name}: name the file .csv or .xlsx")
    unfinished = path.with_name(f".{path.name}.unfinished")
    count = 0
    try:
        with way(unfinished) as write:
            write(COLUMNS)
            async for row in _rows(session):
                count += 1
                if way is _xlsx and count > SHEET_ROWS:
                    raise Refusal(f"{path.name}: a sheet has {SHEET_ROWS} rows at most: write to a .csv file")
                write([safe(cell) for cell in row])
                if count % 1000 == 0:
                    told(count)
        unfinished.replace(path)
    except OSError as full:
        raise Refusal(f"{path} cannot be written: {full.strerror or full}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return count


async def note_export(session: AsyncSession, *, by: str, customers: int) -> None:
    """Keep in the audit who took all customers away."""
    await audit.note(
        session, by=by, did="customer.export", subject="customer", subject_id="*", detail={"customers": customers}
    )


async def _rows(session: AsyncSession) -> AsyncIterator[Sequence[str]]:
    stream = await session.stream(_ROWS, execution_options={"yield_per": 1000})
    async for row in stream:
        yield row


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    """With the mark by which spreadsheets know UTF-8."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        yield csv.writer(file).writerow


@contextmanager
def _xlsx(path: Path) -> Iterator[Write]:
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("customers")
        row = 0

        def write(cells: Sequence[str]) -> None:
            nonlocal row
            for column, cell in enumerate(cells):
                sheet.write_string(row, column, cell)
            row += 1

        yield write
