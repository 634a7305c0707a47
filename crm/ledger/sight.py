"""Rows about what was not seen: blind windows, corrections, how far Asterisk's own files need not be read again.

The mirror opens and closes windows; the back-fill alone says what came of them, so neither overwrites the other.
"""

from __future__ import annotations

from .statement import Key, Moment, Row, Statement, select_rows, upsert


class BlindWindow(Row):
    """A time in which nobody looked; `to_at` None while it lasts."""

    node: str
    from_at: Moment
    why: str
    to_at: Moment | None = None


class Correction(Row):
    """What a look mended. `drift` as in the table: the mirror was wrong although it had seen everything."""

    id: Key
    node: str
    at: Moment
    what: str
    drift: bool


class FileOffset(Row):
    node: str
    file: str
    inode: int
    position: int
    at: Moment


class Filled(Row):
    """What one reading of Asterisk's files came to, for a window. `backfilled_at` None: they could not be read, and who
    was pending still is."""

    node: str
    from_at: Moment
    backfilled_at: Moment | None
    calls_pending: int
    trouble: str | None


class Reconstructed(Row):
    """Rows of a window, counted in the transaction that wrote them."""

    node: str
    from_at: Moment
    rows: int


BLIND_WINDOWS = upsert("blind_window", BlindWindow, key=("node", "from_at"), fixed=("why",))
CORRECTIONS = upsert("correction", Correction, key=("id",))
FILE_OFFSETS = upsert("file_offset", FileOffset, key=("node", "file"))
FILLED = Statement(
    "blind_window",
    "UPDATE blind_window AS t SET backfilled_at = coalesce(to_timestamp(r.backfilled_at), t.backfilled_at), "
    "calls_pending = CASE WHEN r.backfilled_at IS NULL THEN t.calls_pending ELSE r.calls_pending END, "
    "trouble = r.trouble "
    "FROM json_to_recordset(%s::json) AS r(node text, from_at double precision, backfilled_at double precision, "
    "calls_pending integer, trouble text) WHERE t.node = r.node AND t.from_at = to_timestamp(r.from_at)",
)
RECONSTRUCTED = Statement(
    "blind_window",
    "UPDATE blind_window AS t SET rows_reconstructed = t.rows_reconstructed + r.rows "
    "FROM json_to_recordset(%s::json) AS r(node text, from_at double precision, rows integer) "
    "WHERE t.node = r.node AND t.from_at = to_timestamp(r.from_at)",
)

STILL_BLIND = select_rows("blind_window", BlindWindow, "node = %s AND to_at IS NULL", "from_at")
TO_FILL = select_rows(
    "blind_window",
    BlindWindow,
    "node = %s AND to_at IS NOT NULL AND (backfilled_at IS NULL OR calls_pending > 0)",
    "from_at",
)
OVER = select_rows("blind_window", BlindWindow, "node = %s AND to_at IS NOT NULL", "from_at")
OFFSETS = select_rows("file_offset", FileOffset, "node = %s", "file")
"""Each with the node as its one parameter, yielding one JSON array of such rows."""
