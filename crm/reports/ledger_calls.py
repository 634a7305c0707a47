"""The ledger's side of a comparison: all rows of the calls of one node in a span, and when nobody looked.

Called by reconcile and history. Rows are the bridge's own Structs: times are epoch seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field
from sqlalchemy.ext.asyncio import AsyncSession

from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.statement import Row, select_rows

_IN_SPAN = (
    "t.node = %s AND EXISTS (SELECT FROM conversation AS c WHERE c.id = t.{key} "
    "AND c.started_at < to_timestamp(%s) AND (c.ended_at IS NULL OR c.ended_at >= to_timestamp(%s)))"
)
_SEEN = (
    "SELECT extract(epoch FROM least((SELECT min(first_at) FROM journal WHERE node = %s), "
    "(SELECT min(started_at) FROM conversation WHERE node = %s AND NOT reconstructed)))::double precision"
)
_BLIND = (
    "SELECT extract(epoch FROM from_at)::double precision, extract(epoch FROM to_at)::double precision "
    "FROM blind_window WHERE node = %s AND (backfilled_at IS NULL OR calls_pending > 0 OR trouble IS NOT NULL) "
    "ORDER BY from_at"
)

_PARTS: tuple[tuple[type[Row], str, str], ...] = (
    (Wait, "wait", "entered_at"),
    (Offer, "offer", "started_at"),
    (Segment, "segment", "started_at"),
    (Transfer, "transfer", "at"),
)

_AS_EXACT_S = 2.0
"""How exactly the times of a reconstructed row are known."""


class Seen(Struct, frozen=True):
    """When the node was in sight: since `since` (None: never), but for the windows that Asterisk's files have not
    filled (yet); an open one ends at None. What was filled must agree with these files."""

    since: float | None
    blind: list[tuple[float, float | None]]

    def was_blind(self, begin: float, end: float, margin_s: float = 1.0) -> bool:
        """Whether nobody looked at some moment of [begin, end]."""
        return any(first - margin_s <= end and (last is None or begin <= last + margin_s) for first, last in self.blind)


class LedgerCall(Struct):
    """One conversation with all that hangs on it."""

    row: Conversation
    waits: list[Wait] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)

    @property
    def uniqueids(self) -> set[str]:
        """All channels that its rows name."""
        found = {self.row.linkedid}
        found |= {wait.caller_uniqueid for wait in self.waits}
        for talk in self.segments:
            found |= {talk.caller_uniqueid} | ({talk.seat_uniqueid} if talk.seat_uniqueid else set())
        return found

    @property
    def reconstructed(self) -> bool:
        """Whether any of its rows was made from files or lists."""
        parts = [wait.reconstructed for wait in self.waits] + [ring.reconstructed for ring in self.offers]
        return self.row.reconstructed or any(parts) or any(talk.reconstructed for talk in self.segments)

    def excuse(self, seen: Seen, begin: float, end: float, *outcomes: str | None, gap_s: float | None = None) -> str:
        """Why this call is not told exactly; `unexplained` when nothing excuses it. gap_s: of a time that differs."""
        if "lost_sight" in (self.row.outcome, *outcomes):
            return "lost_sight"
        if seen.was_blind(begin, end):
            return "blind_window"
        found_late = self.row.reconstructed and (seen.since is None or self.row.started_at <= seen.since)
        if self.reconstructed and (found_late or (gap_s is not None and gap_s <= _AS_EXACT_S)):
            return "reconstructed"
        return "unexplained"


async def read_calls(session: AsyncSession, node: str, since: float, until: float) -> list[LedgerCall]:
    """Conversations that touch [since, until), by their beginning."""
    found = {
        row.id: LedgerCall(row)
        for row in await _rows(session, Conversation, "conversation", "id", "started_at, id", node, since, until)
    }
    for kind, table, order in _PARTS:
        for row in await _rows(session, kind, table, "conversation_id", f"{order}, id", node, since, until):
            call = found.get(row.conversation_id)
            if call is not None:
                getattr(call, f"{table}s").append(row)
    return list(found.values())


async def read_call(session: AsyncSession, row: Conversation) -> LedgerCall:
    """One conversation with all that hangs on it."""
    call = LedgerCall(row)
    connection = await session.connection()
    for kind, table, order in _PARTS:
        query = select_rows(table, kind, "t.conversation_id = %s", f"{order}, id")
        text = (await connection.exec_driver_sql(query, (row.id,))).scalar_one()
        getattr(call, f"{table}s").extend(msgspec.json.decode(text, type=list[kind]))  # type: ignore[valid-type]
    return call


async def read_sight(session: AsyncSession, node: str) -> Seen:
    """Since when the node is known, and its blind windows."""
    connection = await session.connection()
    since = (await connection.exec_driver_sql(_SEEN, (node, node))).scalar_one()
    windows = (await connection.exec_driver_sql(_BLIND, (node,))).all()
    blind: list[tuple[float, float | None]] = [tuple(window) for window in windows]
    return Seen(since, blind)


async def _rows(
    session: AsyncSession, kind: type[Row], table: str, key: str, order: str, node: str, since: float, until: float
) -> list[Any]:
    query = select_rows(table, kind, _IN_SPAN.format(key=key), order)
    connection = await session.connection()
    text = (await connection.exec_driver_sql(query, (node, until, since))).scalar_one()
    return msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
