"""Another system writes something down at a case, under its token's name. Called by the REST door."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from crm import cases
from crm.refusals import Refusal
from crm.tables.cases import Case

from .case_news import tell_of


async def note_case(session: AsyncSession, number: str, *, by: str, note: str) -> Case:
    """The case with the note in its history. Refusal for an empty one."""
    case = await cases.take_turn(session, number, version=None)
    if not await cases.change(session, case, by=by, did="noted", said=note):
        raise Refusal("the note is empty")
    await tell_of(session, case, "noted", by=by)
    return case
