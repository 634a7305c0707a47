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
_HELD_CUSTOMERS = """ARRAY(
    WITH RECURSIVE whole (id) AS (
        SELECT customer_id FROM legal_hold WHERE released_at IS NULL AND customer_id IS NOT NULL
        UNION
        SELECT CASE WHEN c.id = whole.id THEN c.merged_into ELSE c.id END
          FROM whole JOIN customer c ON c.merged_into = whole.id OR (c.id = whole.id AND c.merged_into IS NOT NULL))
    SELECT id FROM whole)"""
"""Who is held, with all who were ever merged into them and whom they were merged into: what tells of a call keeps the
id that was told then. Asked once a statement, as are the numbers."""
_HELD_NUMBERS = "ARRAY(SELECT unnest(numbers) FROM legal_hold WHERE released_at IS NULL)"


def _free(*held: str) -> str:
    """None of these conditions holds of a row; one that cannot be told (of no customer, of no number) does not hold."""
    return " AND ".join(f"({each}) IS NOT TRUE" for each in held)


def _of_held_call(call: str) -> str:
    """The call is of somebody held: by its numbers, by what the menu learnt, by whom an agent chose. `call`: alias."""
    return f"""{call}.caller = ANY({_HELD_NUMBERS}) OR {call}.dialled = ANY({_HELD_NUMBERS})
        OR EXISTS (SELECT FROM caller_facts f WHERE f.node = {call}.node AND f.linkedid = {call}.linkedid
                      AND f.customer_id = ANY({_HELD_CUSTOMERS}))
        OR EXISTS (SELECT FROM caller_pick p
                    WHERE p.conversation_id = {call}.id AND p.customer_id = ANY({_HELD_CUSTOMERS}))"""  # noqa: S608


def _about_held_call(same: str) -> str:
    """Of a row about a call. `same`: how the call (c) is found."""
    return f"EXISTS (SELECT FROM conversation c WHERE {same} AND ({_of_held_call('c')}))"


_OF_HELD_CUSTOMER = f"t.customer_id = ANY({_HELD_CUSTOMERS})"
_BY_CALL = _about_held_call("c.node = t.node AND c.linkedid = t.linkedid")
_BY_CONVERSATION = _about_held_call("c.id = t.conversation_id")
_CALL_OF = _free(_BY_CALL)
_CONVERSATION_OF = _free(_BY_CONVERSATION)
_IMPORT_OF = _free(
    f"""EXISTS (SELECT FROM customer_import_line l WHERE l.import_id = t.id AND (l.customer_id = ANY({_HELD_CUSTOMERS})
            OR l.code IN (SELECT code FROM customer WHERE id = ANY({_HELD_CUSTOMERS}))))""",  # noqa: S608
    f"EXISTS (SELECT FROM customer_import_number n WHERE n.import_id = t.id AND n.e164 = ANY({_HELD_NUMBERS}))",
)


class Rule(NamedTuple):
    """One kind of rows. `aged`: the time its age is counted from; `keep`: SQL that must hold of a row (t) that goes;
    `else_aged`: from what it is counted while `aged` is not known."""

    table: str
    aged: str
    keep: str = "true"
    key: tuple[str, ...] = ("id",)
    else_aged: str | None = None

    @property
    def age(self) -> str:
        """SQL for when a row's (t) days begin."""
        return f"coalesce(t.{self.aged}, t.{self.else_aged})" if self.else_aged else f"t.{self.aged}"


RULES: tuple[Rule, ...] = (
    Rule("voicemail", "left_at", _CALL_OF),
    Rule("caller_facts", "learnt_at", _CALL_OF, ("node", "linkedid")),
    Rule("visit", "started_at", _CALL_OF),
    Rule("routing", "decided_at", _CALL_OF, ("visit_id",)),
    Rule("conversation", "started_at", "t.ended_at IS NOT NULL AND " + _free(_of_held_call("t"))),
    Rule("callback", "closed_at", _free(_OF_HELD_CUSTOMER, f"t.number_e164 = ANY({_HELD_NUMBERS})")),
    Rule(
        "customer_case",
        "closed_at",
        "t.state = 'closed' AND " + _free(_OF_HELD_CUSTOMER, f"t.caller = ANY({_HELD_NUMBERS})"),
    ),
    Rule("seat_session", "signed_out_at"),
    Rule(
        "pbx_request",
        "wanted_at",
        "t.state NOT IN ('wanted', 'sent') AND " + _free(_BY_CONVERSATION, f"t.target = ANY({_HELD_NUMBERS})"),
    ),
    Rule("posture_change", "at", "true", ("node", "seat", "at", "word")),
    Rule("after_call_extension", "asked_at"),
    Rule("raised_hand", "lowered_at", _CONVERSATION_OF),
    Rule("correction", "at"),
    Rule("blind_window", "to_at", "t.backfilled_at IS NOT NULL", ("node", "from_at")),
    Rule("set_aside", "at", "true", ("node", "fence", "number", "ordinal")),
    Rule("queue_notice", "ended_at"),
    Rule("follow_up", "done_at", _free(_OF_HELD_CUSTOMER, _BY_CONVERSATION), else_aged="due_on"),
    Rule("desk_message", "sent_at"),
    Rule("sign_in", "expires_at", "true", ("token_hash",)),
    Rule("half_sign_in", "expires_at", "true", ("token_hash",)),
    Rule("oidc_trip", "expires_at", "true", ("state_hash",)),
    Rule("legal_hold", "released_at"),
    Rule("customer_import", "ended_at", _IMPORT_OF),
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
        aged = f"{rule.age} < clock_timestamp() - make_interval(days => :days)"
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
        f"WHERE {rule.age} < clock_timestamp() - make_interval(days => :days) AND {rule.keep} "
        f"ORDER BY {rule.age} LIMIT {ROWS_AT_ONCE} FOR UPDATE SKIP LOCKED) RETURNING 1{back}"
    )
    async with database.transaction() as session:
        gone = (await session.execute(statement, {"days": days})).all()
        if back:
            # Before the commit: of a fall between the two, the row without its file is left, never the file alone.
            names = [row.file for row in gone]
            for path in await asyncio.to_thread(personal_files.recordings, settings.voicemail_folder, names):
                await asyncio.to_thread(path.unlink, missing_ok=True)
    return len(gone)
