"""How long rows are kept, table by table: what is too old goes in small batches, and nothing that somebody must keep.

`RULES` says of each kind what its age is counted from and what goes with it; the days are settings (`retention_days`,
0: for good). The journal keeps its own days (journal_days). Called by the worker each night and by the command line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from . import audit, personal_files
from .database import Database
from .rules.retention_days import days_of
from .settings import Settings

ROWS_AT_ONCE = 500
_HELD_CALLS = """
    NOT EXISTS (SELECT FROM legal_hold h WHERE h.released_at IS NULL
                   AND (t.caller = ANY(h.numbers) OR t.dialled = ANY(h.numbers)
                        OR EXISTS (SELECT FROM caller_facts f WHERE f.node = t.node AND f.linkedid = t.linkedid
                                      AND f.customer_id = h.customer_id)))
"""
_CALL_OF = """
    NOT EXISTS (SELECT FROM conversation c JOIN legal_hold h ON h.released_at IS NULL
                   AND (c.caller = ANY(h.numbers) OR c.dialled = ANY(h.numbers)
                        OR EXISTS (SELECT FROM caller_facts f WHERE f.node = c.node AND f.linkedid = c.linkedid
                                      AND f.customer_id = h.customer_id))
                 WHERE c.node = t.node AND c.linkedid = t.linkedid)
"""
_CASE_OF = """
    NOT EXISTS (SELECT FROM legal_hold h WHERE h.released_at IS NULL
                   AND (h.customer_id = t.customer_id OR t.caller = ANY(h.numbers)))
"""
_CALLBACK_OF = """
    NOT EXISTS (SELECT FROM legal_hold h WHERE h.released_at IS NULL
                   AND (h.customer_id = t.customer_id OR t.number_e164 = ANY(h.numbers)))
"""


class Rule(NamedTuple):
    """One kind of rows. `aged`: the time its age is counted from; `keep`: SQL that must hold of a row (t) that goes."""

    table: str
    aged: str
    keep: str = "true"
    key: tuple[str, ...] = ("id",)


RULES: tuple[Rule, ...] = (
    Rule("voicemail", "left_at", _CALL_OF),
    Rule("caller_facts", "learnt_at", _CALL_OF, ("node", "linkedid")),
    Rule("visit", "started_at", _CALL_OF),
    Rule("routing", "decided_at", _CALL_OF, ("visit_id",)),
    Rule("conversation", "started_at", "t.ended_at IS NOT NULL AND " + _HELD_CALLS),
    Rule("callback", "closed_at", _CALLBACK_OF),
    Rule("customer_case", "closed_at", "t.state = 'closed' AND " + _CASE_OF),
    Rule("seat_session", "signed_out_at"),
    Rule("pbx_request", "wanted_at", "t.state NOT IN ('wanted', 'sent')"),
    Rule("posture_change", "at", "true", ("node", "seat", "at", "word")),
    Rule("after_call_extension", "asked_at"),
    Rule("raised_hand", "lowered_at"),
    Rule("correction", "at"),
    Rule("blind_window", "to_at", "t.backfilled_at IS NOT NULL", ("node", "from_at")),
    Rule("set_aside", "at", "true", ("node", "fence", "number", "ordinal")),
    Rule("queue_notice", "ended_at"),
    Rule("follow_up", "done_at"),
    Rule("desk_message", "sent_at"),
    Rule("sign_in", "expires_at", "true", ("token_hash",)),
    Rule("half_sign_in", "expires_at", "true", ("token_hash",)),
    Rule("oidc_trip", "expires_at", "true", ("state_hash",)),
    Rule("legal_hold", "released_at"),
    Rule("customer_import", "ended_at"),
)
"""What belongs to a conversation (waits, offers, talks, transfers, pops, outcomes) goes with it, by its keys. The facts
of a call go before the call: who is held is found through both."""


class Kept(Struct, frozen=True):
    """One kind: `days` it is kept (0: for good), `rows` there are, `due` of them too old, `held` of those must stay."""

    table: str
    days: int
    rows: int
    due: int
    held: int


async def show(session: AsyncSession, days: Mapping[str, int]) -> list[Kept]:
    """All kinds, with what the next run would take."""
    found = []
    for rule in RULES:
        kept = days_of(rule.table, days)
        aged = f"t.{rule.aged} < clock_timestamp() - make_interval(days => :days)"
        statement = (
            f"SELECT count(*) AS rows, count(*) FILTER (WHERE {aged}) AS due, "  # noqa: S608 - our own words
            f'count(*) FILTER (WHERE {aged} AND NOT ({rule.keep})) AS held FROM "{rule.table}" t'
        )
        row = (await session.execute(text(statement), {"days": kept})).one()
        found.append(Kept(rule.table, kept, row.rows, row.due if kept else 0, row.held if kept else 0))
    return found


async def run(database: Database, settings: Settings) -> dict[str, int]:
    """Take what is too old and free, batch by batch; return rows by table. A fall between two batches costs nothing."""
    taken: dict[str, int] = {}
    for rule in RULES:
        days = days_of(rule.table, settings.retention_days)
        while days:
            rows = await _batch(database, settings, rule, days)
            if rows:
                taken[rule.table] = taken.get(rule.table, 0) + rows
            if rows < ROWS_AT_ONCE:
                break
    if taken:
        async with database.transaction() as session:
            await audit.note(
                session, by="kefu", did="retention.run", subject="table", subject_id="all", detail={"rows": taken}
            )
    return taken


async def _batch(database: Database, settings: Settings, rule: Rule, days: int) -> int:
    keys = ", ".join(f't."{key}"' for key in rule.key)
    back = ", file" if rule.table == "voicemail" else ""
    statement = text(
        f'DELETE FROM "{rule.table}" WHERE ({keys.replace("t.", "")}) IN ('  # noqa: S608 - likewise
        f'SELECT {keys} FROM "{rule.table}" t '
        f"WHERE t.{rule.aged} < clock_timestamp() - make_interval(days => :days) AND {rule.keep} "
        f"ORDER BY t.{rule.aged} LIMIT {ROWS_AT_ONCE} FOR UPDATE SKIP LOCKED) RETURNING 1{back}"
    )
    async with database.transaction() as session:
        gone = (await session.execute(statement, {"days": days})).all()
        if back:
            # Before the commit: of a fall between the two, the row without its file is left, never the file alone.
            names = [row.file for row in gone]
            for path in await asyncio.to_thread(personal_files.recordings, settings.voicemail_folder, names):
                await asyncio.to_thread(path.unlink, missing_ok=True)
    return len(gone)
