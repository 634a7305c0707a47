"""A batch that Postgres refused, taken apart by conversation: one bad row must not stop the others.

write.py writes each piece alone; a piece that is refused again is kept whole in the table `set_aside`, with the reason.
Pure: no database.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct

from crm.ledger.journal import SET_ASIDE
from crm.ledger.statement import Statement, storable_text

from .batch import Batch

# Classes of SQLSTATE that say something about the server or the moment, not about a row: the batch is sent again.
_NOT_THE_ROWS = frozenset({"08", "25", "28", "40", "42", "53", "55", "57", "58"})
_REASON_AT_MOST = 500


class Piece(Struct, frozen=True):
    """All rows of a batch that stand or fall together: those of one conversation, or one live row."""

    whose: str
    rows: list[tuple[int, Statement, dict[str, Any]]]

    def statements(self) -> list[tuple[str, tuple[object, ...]]]:
        """Each row on its own, in order."""
        return [(statement.sql, (json.dumps([row]),)) for _, statement, row in self.rows]

    def kept(self, node: str, fence: int, number: int, reason: str) -> list[tuple[str, tuple[object, ...]]]:
        """The statements that set the piece aside. json.dumps writes ASCII only, which Postgres takes in any case."""
        why = storable_text(reason)[:_REASON_AT_MOST]
        return [
            (SET_ASIDE, (node, fence, number, ordinal, statement.table, json.dumps(row), why))
            for ordinal, statement, row in self.rows
        ]


def is_about_rows(sqlstate: str | None) -> bool:
    """Whether a refusal is the rows' fault, so that sending them again would not help."""
    return sqlstate is not None and sqlstate[:2] not in _NOT_THE_ROWS


def pieces(batch: Batch) -> list[Piece]:
    """The batch's rows by conversation, parents first; live rows (posture, membership, node, wish) each alone."""
    found: dict[str, Piece] = {}
    ordinal = 0
    for statement, parameter in batch.rows:
        for row in msgspec.json.decode(parameter):
            whose = _whose(statement.table, row, ordinal)
            found.setdefault(whose, Piece(whose, [])).rows.append((ordinal, statement, row))
            ordinal += 1
    return list(found.values())


def _whose(table: str, row: dict[str, Any], ordinal: int) -> str:
    if table == "conversation":
        return f"conversation {row['id']}"
    if table in ("wait", "offer", "segment", "transfer", "pop"):
        return f"conversation {row['conversation_id']}"
    if table == "pbx_request":
        return f"wish {row['id']}"
    return f"{table} {row.get('seat', ordinal)}"
