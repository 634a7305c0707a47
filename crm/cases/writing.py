"""Changing a case: one at a time, each change with its row of history and the next version.

Whoever changes a case takes its turn first (the row's lock) and may name the version that they saw: when somebody else
was there in between they are told who and what, and nothing is written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from crm.refusals import Refusal
from crm.rules.case_numbers import numbered, read_number
from crm.tables.agents import Agent
from crm.tables.cases import CASE_NUMBER, Case, CaseEvent

SUBJECT_CHARACTERS = 200
TEXT_CHARACTERS = 8000


class NoSuchCase(Refusal):
    """No case has this number."""


class CaseMoved(Refusal):
    """Somebody changed the case since whoever asks looked at it."""


async def create(
    session: AsyncSession,
    *,
    owner: Agent,
    by: str,
    category: str,
    tier: str,
    subject: str,
    description: str = "",
    customer_id: UUID | None = None,
    caller: str | None = None,
    handled: bool = True,
    opening_key: str | None = None,
) -> tuple[Case, bool]:
    """A new case, and whether it is new: the same `opening_key` gives the same case again. `handled`: its owner works
    at it at once; else it lies in its tier's queue."""
    subject = line(subject, "subject")
    if not subject:
        raise Refusal("a case needs a subject: say in a few words what it is about")
    if opening_key is not None:  # one who comes second waits here until the first has committed
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"case {opening_key}", 0))))
        before: Case | None = await session.scalar(select(Case).where(Case.opening_key == opening_key))
        if before is not None:
            return before, False
    count = (await session.execute(CASE_NUMBER.next_value().select())).scalar_one()
    values = {
        "id": uuid4(),
        "number": numbered(count),
        "opening_key": opening_key,
        "customer_id": customer_id,
        "caller": caller,
        "category": category,
        "tier": tier,
        "state": "open",
        "subject": subject,
        "description": long_text(description, "description"),
        "owner_id": owner.id,
        "handler_id": owner.id if handled else None,
        "opened_by": by,
    }
    case = (await session.scalars(insert(Case).values(**values).returning(Case))).one()
    session.add(CaseEvent(case_id=case.id, version=1, by=by, did="opened", field="owner", became=owner.login))
    await session.flush()
    return case, True


async def take_turn(session: AsyncSession, number: str, *, version: int | None = None) -> Case:
    """The case, locked until the transaction ends. NoSuchCase; CaseMoved when it is not at `version` any more."""
    case: Case | None = await session.scalar(
        select(Case).where(Case.number == (read_number(number) or "")).with_for_update(),
        execution_options={"populate_existing": True},
    )
    if case is None:
        raise NoSuchCase(f"there is no case {number[:40]}")
    if version is not None and version != case.version:
        last: CaseEvent | None = await session.scalar(
            select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id.desc()).limit(1)
        )
        who, what = (last.by, last.did) if last else ("somebody", "changed")
        raise CaseMoved(f"{who} changed case {case.number} meanwhile ({what}): look at it, then send yours again")
    return case


async def change(session: AsyncSession, case: Case, *, by: str, did: str, said: str = "", **fields: Any) -> bool:
    """Set fields of a case whose turn was taken, and write its history; False when nothing is different and nothing
    was said. One deed is one version, however many fields it changes."""
    said = long_text(said, "note")
    moved = [(name, getattr(case, name), value) for name, value in fields.items() if getattr(case, name) != value]
    if not moved and not said:
        return False
    logins = await _logins(session, [each for name, *both in moved if name.endswith("_id") for each in both])
    case.version += 1
    case.changed_at = datetime.now(UTC)
    for name, _, value in moved:
        setattr(case, name, value)
    told = [(name.removesuffix("_id"), _word(was, logins), _word(became, logins)) for name, was, became in moved]
    lines: list[tuple[str | None, str | None, str | None]] = [*told] or [(None, None, None)]
    for number, (field, was, became) in enumerate(lines):
        row = CaseEvent(case_id=case.id, version=case.version, by=by, did=did, field=field, was=was, became=became)
        row.said = said if number == 0 else ""
        session.add(row)
        await session.flush()
    return True


async def noted_last(session: AsyncSession, case: Case, *, by: str, note: str) -> bool:
    """Whether the newest line of the history is this very note: it was sent twice."""
    newest = select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id.desc()).limit(1)
    last: CaseEvent | None = await session.scalar(newest)
    return last is not None and (last.did, last.by, last.said) == ("noted", by, long_text(note, "note"))


def line(text: str, what: str) -> str:
    """One line of text. Refusal when it is too long."""
    kept = " ".join(text.replace("\x00", "").split())
    if len(kept) > SUBJECT_CHARACTERS:
        raise Refusal(f"the {what} has {len(kept)} characters: {SUBJECT_CHARACTERS} fit")
    return kept


def long_text(text: str, what: str) -> str:
    """Text of several lines. Refusal when it is too long."""
    kept = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(kept) > TEXT_CHARACTERS:
        raise Refusal(f"the {what} has {len(kept)} characters: {TEXT_CHARACTERS} fit")
    return kept


async def _logins(session: AsyncSession, ids: list[Any]) -> dict[Any, str]:
    wanted = [each for each in ids if isinstance(each, UUID)]
    if not wanted:
        return {}
    rows = await session.execute(select(Agent.id, Agent.login).where(Agent.id.in_(wanted)))
    return {row.id: row.login for row in rows}


def _word(value: Any, logins: dict[Any, str]) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return logins.get(value) or str(value)
