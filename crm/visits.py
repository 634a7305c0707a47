"""What callers did in the menus, and what the menus learnt of them. Written by agi alone.

Both are keyed by (node, linkedid) and joined to the ledger by whoever reads them: a visit never waits for the bridge.
Every row is written whole under an id its call gives it, so each function may be repeated with the same result, and a
late repetition of the beginning never undoes the end.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.visits import CallerFacts, Visit


class VisitRow(TypedDict):
    """One pass through one flow as it stands. `steps`: {at_s, step, prompt, pressed} each."""

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


class FactsRow(TypedDict):
    """What is known of the caller of a call; None is *not known*, and never wipes out what was."""

    node: str
    linkedid: str
    number_e164: str | None
    customer_id: UUID | None
    language: str | None
    matter: str | None
    learnt_at: datetime


async def begin(session: AsyncSession, visit: VisitRow) -> None:
    """Write a visit at its beginning, so that a server that dies leaves a trace of it."""
    await session.execute(insert(Visit).values(**visit).on_conflict_do_nothing(index_elements=["id"]))


async def end(session: AsyncSession, visit: VisitRow) -> None:
    """Write a visit as it ended; also where its beginning was never written."""
    row = insert(Visit).values(**visit)
    told = {name: row.excluded[name] for name in visit if name != "id"}
    await session.execute(row.on_conflict_do_update(index_elements=["id"], set_=told))


async def learn(session: AsyncSession, facts: FactsRow) -> None:
    """Note what is known now of the caller, for the card. An older word never takes the place of a newer one."""
    row = insert(CallerFacts).values(**facts)
    newer = row.excluded.learnt_at >= CallerFacts.learnt_at
    learnt: dict[str, Any] = {}
    for name in ("number_e164", "customer_id", "language", "matter"):
        new, old = row.excluded[name], getattr(CallerFacts, name)
        learnt[name] = case((newer, func.coalesce(new, old)), else_=func.coalesce(old, new))
    learnt["learnt_at"] = func.greatest(row.excluded.learnt_at, CallerFacts.learnt_at)
    await session.execute(row.on_conflict_do_update(index_elements=["node", "linkedid"], set_=learnt))
