"""Where the next page of a list begins: the moment and the id of the last row shown, as one word that a URL carries.

Rows are ordered by (at, id), the newest first, so no row is shown twice or left out while new ones come in. Pure.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID


def written(at: datetime, row: UUID) -> str:
    """The cursor behind a row. `at` has a zone, and every microsecond of it is kept."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row.hex}".encode()).decode().rstrip("=")


def read(cursor: str | None) -> tuple[datetime, UUID] | None:
    """What a cursor says; None without one. ValueError for what is none of ours."""
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        at_text, _, row = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").partition("|")
        at, found = datetime.fromisoformat(at_text), UUID(hex=row)
        at.astimezone()  # a year that no clock shows
    except (ValueError, binascii.Error, OverflowError):
        raise ValueError("this cursor is none of ours: begin at the first page") from None
    if at.tzinfo is None or not 1 < at.year < 9999:
        raise ValueError("this cursor is none of ours: begin at the first page")
    return at, found
