"""Two organisations that are one: people and numbers of the second go over to the first, and can come back.

As with customers: what the kept one has already stays with the merged one, which is kept, too, out of sight; undoing
puts back exactly what went over; merges on top of each other are undone from the top. Called by pages and the command
line.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit
from crm.database import Database
from crm.refusals import Refusal
from crm.rules.customer_fields import LONGEST
from crm.settings import Settings
from crm.tables.organisations import Organisation, OrganisationMerge

from . import merge_rows
from .merge_rows import Reference, references_to

STAYING = frozenset({"organisation_merge"})
"""What tells of the merge itself."""
_now = func.clock_timestamp(type_=sa.DateTime(timezone=True))
# A number of both that one of them wants not to be called is not called.
_SILENCE = """
UPDATE organisation_phone k SET do_not_call = true, do_not_call_since = g.do_not_call_since,
       do_not_call_by = g.do_not_call_by
  FROM organisation_phone g
 WHERE k.organisation_id = :kept AND g.organisation_id = :gone AND g.e164 = k.e164 AND g.do_not_call
   AND NOT k.do_not_call
RETURNING k.id::text
"""
_SPEAK = """
UPDATE organisation_phone SET do_not_call = false, do_not_call_since = NULL, do_not_call_by = NULL
 WHERE organisation_id = :kept AND id = ANY(CAST(:ids AS uuid[]))
"""
_NOTE_MOVED = """
UPDATE organisation_merge SET moved = jsonb_set(moved, ARRAY[CAST(:place AS text)],
       coalesce(moved -> CAST(:place AS text), '[]') || CAST(:row AS jsonb))
 WHERE merged_id = :gone AND undone_at IS NULL RETURNING kept_id
"""


@cache
def references() -> tuple[Reference, ...]:
    """All columns that name an organisation and go over in a merge."""
    return tuple(references_to("organisation", STAYING))


async def merge(session: AsyncSession, *, kept_id: UUID, merged_id: UUID, by: str) -> OrganisationMerge:
    """Make `merged_id` a part of `kept_id`. Refusal where one of them is gone, merged already, or both are the same."""
    if kept_id == merged_id:
        raise Refusal("this is one organisation already: choose two")
    await _take_turn(session)
    kept, gone = await _both(session, kept_id, merged_id)
    for one in (kept, gone):
        if one.merged_into is not None:
            raise Refusal(f"{one.code} was merged already: look at the list of duplicates anew")
    moved: dict[str, Any] = {**await merge_rows.move_all(session, references(), kept=kept.id, gone=gone.id)}
    silenced = list(await session.scalars(text(_SILENCE), {"kept": kept.id, "gone": gone.id}))
    if silenced:
        moved["do not call"] = silenced
    filled = _fill(kept, gone)
    gone.merged_into = kept.id
    kept.version += 1
    row = OrganisationMerge(kept_id=kept.id, merged_id=gone.id, by=by, moved=moved, filled=filled)
    session.add(row)
    await session.flush()
    rows_moved = sum(len(rows) for rows in moved.values())
    await _note(session, by, "organisation.merge", row, rows=rows_moved)
    return row


async def unmerge(session: AsyncSession, merge_id: UUID, *, by: str) -> Organisation:
    """Part two that were merged; the merged one is there again. Refusal when that was done, or another merge is on top
    of this one."""
    await _take_turn(session)
    wanted = select(OrganisationMerge).where(OrganisationMerge.id == merge_id).with_for_update()
    row: OrganisationMerge | None = await session.scalar(wanted.execution_options(populate_existing=True))
    if row is None:
        raise Refusal("there is no such merge: look at the organisation's page for those that can be undone")
    if row.undone_at is not None:
        raise Refusal(f"this merge was undone already, by {row.undone_by}")
    kept, gone = await _both(session, row.kept_id, row.merged_id)
    if gone.merged_into != kept.id:
        raise Refusal(f"{kept.code} was itself merged since: undo that merge first")
    gone.merged_into = None
    await session.flush()
    for each in references():
        rows = row.moved.get(f"{each.table}.{each.column}")
        if rows:
            asked = {"kept": kept.id, "gone": gone.id, "rows": msgspec.json.encode(rows).decode()}
            await session.execute(text(merge_rows.move_back(each)), asked)
    if silenced := row.moved.get("do not call"):
        await session.execute(text(_SPEAK), {"kept": kept.id, "ids": silenced})
    for field, (before, after) in row.filled.items():
        if getattr(kept, field) == after:
            setattr(kept, field, before)
    kept.version += 1
    row.undone_at, row.undone_by = await session.scalar(select(_now)), by
    await _note(session, by, "organisation.unmerge", row)
    return gone


async def merges_of(session: AsyncSession, organisation_id: UUID) -> list[tuple[OrganisationMerge, Organisation]]:
    """The merges into this organisation that stand, the newest first, each with what was merged."""
    rows = (
        select(OrganisationMerge, Organisation)
        .join(Organisation, Organisation.id == OrganisationMerge.merged_id)
        .where(OrganisationMerge.kept_id == organisation_id, OrganisationMerge.undone_at.is_(None))
        .order_by(OrganisationMerge.at.desc())
    )
    return [(row[0], row[1]) for row in (await session.execute(rows)).all()]


async def gather_left_behind(database: Database, settings: Settings) -> None:
    """What was written to a merged organisation after the merge, by somebody who had it open, goes over, too."""
    async with database.transaction() as session:
        await _take_turn(session)
        for each in references():
            for gone, key in (await session.execute(text(merge_rows.gather(each, "organisation")))).all():
                row, merged = msgspec.json.encode([key]).decode(), gone
                while merged is not None:
                    asked = {"place": f"{each.table}.{each.column}", "row": row, "gone": merged}
                    merged = await session.scalar(text(_NOTE_MOVED), asked)


async def _take_turn(session: AsyncSession) -> None:
    """One merge after the other, as with customers."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('organisation merges', 0))"))


async def _both(session: AsyncSession, kept_id: UUID, merged_id: UUID) -> tuple[Organisation, Organisation]:
    """Both, held until the end of the transaction."""
    concerned = select(Organisation).where(Organisation.id.in_([kept_id, merged_id])).order_by(Organisation.id)
    rows = await session.scalars(concerned.with_for_update().execution_options(populate_existing=True))
    found = {one.id: one for one in rows}
    if len(found) != 2:
        raise Refusal("there is no such organisation any more: look at the list of duplicates anew")
    return found[kept_id], found[merged_id]


def _fill(kept: Organisation, gone: Organisation) -> dict[str, list[Any]]:
    """Of two notes both, where they fit."""
    both = f"{kept.note}\n{gone.note}".strip()
    if not gone.note or gone.note in kept.note or len(both) > LONGEST["note"]:
        return {}
    before, kept.note = kept.note, both
    return {"note": [before, both]}


async def _note(session: AsyncSession, by: str, did: str, row: OrganisationMerge, **detail: object) -> None:
    said = {"merge": str(row.id), "merged": str(row.merged_id), **detail}
    await audit.note(session, by=by, did=did, subject="organisation", subject_id=str(row.kept_id), detail=said)
