"""What callers did in the menus, and what the menus learnt of them. Written by agi alone.

Both are keyed by (node, linkedid) and joined to the ledger by whoever reads them: a visit never waits for the bridge.
Every row is written whole under an id its call gives it, so each function may be repeated with the same result, and a
late repetition of the beginning never undoes the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal, TypedDict, cast
from uuid import UUID

import msgspec
from sqlalchemy import Table, TextClause, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.visits import CallerFacts, Visit


class VisitRow(TypedDict):
    """One pass through one flow as it stands. `steps`: {at_s, step, prompt, pressed, place} each."""

    id: UUID
    node: str
    linkedid: str
    uniqueid: str
    flow: str
    language: str | None
    started_at: datetime
    ended_at: datetime | None
    steps: list[dict[str, Any]]
    pressed: str
    last_prompt: str | None
    ending: str | None
    served: bool
    closed_why: str | None
    menu_version: int | None


class FactsRow(TypedDict):
    """What is known of the caller of a call; None is *not known*, and never wipes out what was."""

    node: str
    linkedid: str
    number_e164: str | None
    customer_id: UUID | None
    language: str | None
    matter: str | None
    learnt_at: datetime


# One JSON parameter takes a whole batch: callers' rows are written by the hundred when many call.
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def _insert(table: Table, action: str) -> TextClause:
    names = ", ".join(column.name for column in table.c)
    record = ", ".join(f"{column.name} {column.type.compile(dialect=_DIALECT)}" for column in table.c)
    return text(
        f"INSERT INTO {table.name} AS t ({names}) SELECT {names} "  # noqa: S608 - names of our own columns
        f"FROM json_to_recordset(CAST(:rows AS json)) AS r({record}) ON CONFLICT {action}"
    )


def _ended(table: Table) -> str:
    changes = ", ".join(f"{column.name} = EXCLUDED.{column.name}" for column in table.c if column.name != "id")
    return f"(id) DO UPDATE SET {changes}"


def _newer(*names: str) -> str:
    new, old = "COALESCE(EXCLUDED.{0}, t.{0})", "COALESCE(t.{0}, EXCLUDED.{0})"
    choice = f"{{0}} = CASE WHEN EXCLUDED.learnt_at >= t.learnt_at THEN {new} ELSE {old} END"
    changes = ", ".join(choice.format(name) for name in names)
    return f"(node, linkedid) DO UPDATE SET {changes}, learnt_at = GREATEST(EXCLUDED.learnt_at, t.learnt_at)"


_VISIT = cast(Table, Visit.__table__)
_BEGIN = _insert(_VISIT, "(id) DO NOTHING")
_END = _insert(_VISIT, _ended(_VISIT))
_LEARN = _insert(cast(Table, CallerFacts.__table__), _newer("number_e164", "customer_id", "language", "matter"))


_SAID: tuple[Literal["node", "linkedid", "number_e164", "customer_id", "language", "matter"], ...] = (
    "node",
    "linkedid",
    "number_e164",
    "customer_id",
    "language",
    "matter",
)


async def begin(session: AsyncSession, *visits: VisitRow) -> None:
    """Write visits at their beginning, so that a server that dies leaves a trace of them."""
    await session.execute(_BEGIN, {"rows": _json(visits)})


async def end(session: AsyncSession, *visits: VisitRow) -> None:
    """Write visits as they ended; also where their beginning was never written. Of one visit the last row counts."""
    last = {visit["id"]: visit for visit in visits}
    await session.execute(_END, {"rows": _json(last.values())})


async def end_left(session: AsyncSession, node: str, before: datetime) -> None:
    """End what a server that was killed left open: its callers went on by the dialplan, and nobody will say so.

    A second server of the node that serves on writes the true end of its own visits over this.
    """
    left = (Visit.node == node, Visit.ended_at.is_(None), Visit.started_at < before)
    await session.execute(update(Visit).where(*left).values(ended_at=before, ending="failed"))


async def learn(session: AsyncSession, *facts: FactsRow) -> None:
    """Note what is known now of callers, for the card. An older word never takes the place of a newer one."""
    # A statement can touch a row only once: a call's second word goes in the next; said twice it is one word.
    newest = {tuple(row[name] for name in _SAID): row for row in sorted(facts, key=itemgetter("learnt_at"))}
    left = list(newest.values())
    while left:
        now: dict[tuple[str, str], FactsRow] = {}
        later = [row for row in left if now.setdefault((row["node"], row["linkedid"]), row) is not row]
        await session.execute(_LEARN, {"rows": _json(now.values())})
        left = later


def _json(rows: Iterable[VisitRow | FactsRow]) -> str:
    return msgspec.json.encode(list(rows)).decode()
