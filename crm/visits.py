"""What callers did in the menus, and what the menus learnt of them. Written by agi alone.

Both are keyed by (node, linkedid) and joined to the ledger by whoever reads them: a visit never waits for the bridge.
Every row is written whole under an id its call gives it, so each function may be repeated with the same result, and a
late repetition of the beginning never undoes the end.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import Table, case, func, update
from sqlalchemy.dialects.postgresql import Insert, insert
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


# Each statement is built once: building one costs more than the rest of a call's session.
_VISIT = cast(Table, Visit.__table__)
_FACTS = cast(Table, CallerFacts.__table__)
_BEGIN = insert(_VISIT).on_conflict_do_nothing(index_elements=["id"])
_ENDED = insert(_VISIT)
_END = _ENDED.on_conflict_do_update(
    index_elements=["id"],
    set_={column.name: _ENDED.excluded[column.name] for column in _VISIT.c if column.name != "id"},
)


def _learn_statement() -> Insert:
    row = insert(_FACTS)
    newer = row.excluded.learnt_at >= _FACTS.c.learnt_at
    learnt: dict[str, Any] = {}
    for name in ("number_e164", "customer_id", "language", "matter"):
        new, old = row.excluded[name], _FACTS.c[name]
        learnt[name] = case((newer, func.coalesce(new, old)), else_=func.coalesce(old, new))
    learnt["learnt_at"] = func.greatest(row.excluded.learnt_at, _FACTS.c.learnt_at)
    return row.on_conflict_do_update(index_elements=["node", "linkedid"], set_=learnt)


_LEARN = _learn_statement()


async def begin(session: AsyncSession, *visits: VisitRow) -> None:
    """Write visits at their beginning, so that a server that dies leaves a trace of them."""
    await session.execute(_BEGIN, list(visits))


async def end(session: AsyncSession, *visits: VisitRow) -> None:
    """Write visits as they ended; also where their beginning was never written."""
    await session.execute(_END, list(visits))


async def end_left(session: AsyncSession, node: str, before: datetime) -> None:
    """End what a server that was killed left open: its callers went on by the dialplan, and nobody will say so.

    A second server of the node that serves on writes the true end of its own visits over this.
    """
    left = (Visit.node == node, Visit.ended_at.is_(None), Visit.started_at < before)
    await session.execute(update(Visit).where(*left).values(ended_at=before, ending="failed"))


async def learn(session: AsyncSession, *facts: FactsRow) -> None:
    """Note what is known now of callers, for the card. An older word never takes the place of a newer one."""
    await session.execute(_LEARN, list(facts))
