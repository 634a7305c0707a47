"""Two customers who are one: everything of the second goes over to the first, and can come back.

Whatever table refers to a customer takes part by itself. A row that the kept customer has already (the same number)
stays with the merged one, who is kept, too, out of sight: so nothing is lost, and undoing puts back exactly what went
over. What others did to those rows meanwhile stays done. Called by the page and the command line.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit
from crm.customers import note_change
from crm.database import Database
from crm.refusals import Refusal
from crm.rules.customer_fields import LONGEST
from crm.settings import Settings
from crm.tables.customers import TIERS, Customer, CustomerMerge, CustomerPhone

from . import merge_rows
from .customer_news import tell_merged
from .merge_rows import Reference, references_to

STAYING = frozenset({"customer_merge", "customer_change"})
"""What tells of the one customer and not of the person."""
_now = func.clock_timestamp(type_=sa.DateTime(timezone=True))
_NOTE_MOVED = """
UPDATE customer_merge SET moved = jsonb_set(moved, ARRAY[CAST(:place AS text)],
       coalesce(moved -> CAST(:place AS text), '[]') || CAST(:row AS jsonb))
 WHERE merged_id = :gone AND undone_at IS NULL RETURNING kept_id
"""


# A tier that is not the one it wrote last is somebody's own to the ranking, and stays.
_BY_RANKING = text("""
SELECT EXISTS (SELECT FROM customer_value v JOIN customer c ON c.id = v.customer_id
                WHERE c.id = :id AND v.held_by IS NULL AND v.applied = c.tier)
""")
_RANKED_AS = text("UPDATE customer_value SET applied = :tier WHERE customer_id = :id AND held_by IS NULL")


@cache
def references() -> tuple[Reference, ...]:
    """All columns that name a customer and go over in a merge."""
    return tuple(references_to("customer", STAYING))


async def merge(session: AsyncSession, *, kept_id: UUID, merged_id: UUID, by: str) -> CustomerMerge:
    """Make `merged_id` a part of `kept_id`. Refusal where one of them is gone, merged already, or both are the same."""
    if kept_id == merged_id:
        raise Refusal("this is one customer already: choose two")
    await _take_turn(session)
    kept, gone = await _both(session, kept_id, merged_id)
    for one in (kept, gone):
        if one.merged_into is not None:
            raise Refusal(f"{one.code} was merged already: look at the list of duplicates anew")
    moved: dict[str, Any] = {**await merge_rows.move_all(session, references(), kept=kept.id, gone=gone.id)}
    silenced = await _keep_silence(session, kept.id, gone.id)
    if silenced:
        moved["do not call"] = silenced
    filled = _fill(kept, gone)
    gone.merged_into = kept.id
    row = CustomerMerge(kept_id=kept.id, merged_id=gone.id, by=by, moved=moved, filled=filled)
    session.add(row)
    await note_change(session, kept, by, {**filled, "merged": [None, gone.code]})
    await session.flush()
    await audit.note(
        session,
        by=by,
        did="customer.merge",
        subject="customer",
        subject_id=str(kept.id),
        detail={"merge": str(row.id), "merged": str(gone.id), "rows": sum(len(rows) for rows in moved.values())},
    )
    await tell_merged(session, kept, gone)
    return row


async def unmerge(session: AsyncSession, merge_id: UUID, *, by: str) -> Customer:
    """Part two who were merged; the merged one is there again. Refusal when that was done, or another merge is on top
    of this one."""
    await _take_turn(session)
    wanted = select(CustomerMerge).where(CustomerMerge.id == merge_id).with_for_update()
    row: CustomerMerge | None = await session.scalar(wanted.execution_options(populate_existing=True))
    if row is None:
        raise Refusal("there is no such merge: look at the customer's page for those that can be undone")
    if row.undone_at is not None:
        raise Refusal(f"this merge was undone already, by {row.undone_by}")
    kept, gone = await _both(session, row.kept_id, row.merged_id)
    if gone.merged_into != kept.id:
        raise Refusal(f"{kept.code} was itself merged since: undo that merge first")
    gone.merged_into = None
    await session.flush()
    by_ranking = await session.scalar(_BY_RANKING, {"id": kept.id})
    for each in references():
        rows = row.moved.get(f"{each.table}.{each.column}")
        if rows:
            asked = {"kept": kept.id, "gone": gone.id, "rows": msgspec.json.encode(rows).decode()}
            await session.execute(text(merge_rows.move_back(each)), asked)
    for phone_id, since in row.moved.get("do not call", []):
        phone = await session.get(CustomerPhone, UUID(phone_id))
        if phone and phone.do_not_call_since == datetime.fromisoformat(since):
            phone.do_not_call, phone.do_not_call_since, phone.do_not_call_by = False, None, None
    emptied = _empty(kept, row.filled, whatever=("tier",) if by_ranking else ())
    if by_ranking:
        await session.flush()
        back = "customer_value.customer_id" in row.moved
        for one in ([kept] if "tier" in emptied else []) + ([gone] if back else []):
            await session.execute(_RANKED_AS, {"id": one.id, "tier": one.tier})
    row.undone_at, row.undone_by = await session.scalar(select(_now)), by
    await note_change(session, kept, by, {**emptied, "merged": [gone.code, None]})
    detail = {"merge": str(row.id), "merged": str(gone.id)}
    await audit.note(session, by=by, did="customer.unmerge", subject="customer", subject_id=str(kept.id), detail=detail)
    await tell_merged(session, kept, gone, undone=True)
    return gone


async def merges_of(session: AsyncSession, customer_id: UUID) -> list[tuple[CustomerMerge, Customer]]:
    """The merges into this customer that stand, the newest first, each with who was merged."""
    rows = (
        select(CustomerMerge, Customer)
        .join(Customer, Customer.id == CustomerMerge.merged_id)
        .where(CustomerMerge.kept_id == customer_id, CustomerMerge.undone_at.is_(None))
        .order_by(CustomerMerge.at.desc())
    )
    return [(row[0], row[1]) for row in (await session.execute(rows)).all()]


async def gather_left_behind(database: Database, settings: Settings) -> None:
    """What was written to a merged customer after the merge, by somebody who had them open, goes over, too."""
    async with database.transaction() as session:
        await _take_turn(session)
        for each in references():
            for gone, key in (await session.execute(text(merge_rows.gather(each, "customer")))).all():
                await _note_moved(session, f"{each.table}.{each.column}", gone, key)


async def _note_moved(session: AsyncSession, place: str, gone: UUID, key: dict[str, Any]) -> None:
    """The row went over by each merge from there to whom it belongs now, so each undoing brings it one step back."""
    merged: UUID | None = gone
    row = msgspec.json.encode([key]).decode()
    while merged is not None:
        merged = await session.scalar(text(_NOTE_MOVED), {"place": place, "row": row, "gone": merged})


async def _take_turn(session: AsyncSession) -> None:
    """One merge after the other: each also touches those who were merged before, so two at once could embrace."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('customer merges', 0))"))


async def _both(session: AsyncSession, kept_id: UUID, merged_id: UUID) -> tuple[Customer, Customer]:
    """Both, held until the end of the transaction, so that nobody edits or erases them meanwhile."""
    wanted = select(Customer).where(Customer.id.in_([kept_id, merged_id])).order_by(Customer.id).with_for_update()
    found = {one.id: one for one in await session.scalars(wanted.execution_options(populate_existing=True))}
    if len(found) != 2:
        raise Refusal("there is no such customer any more: look at the list of duplicates anew")
    return found[kept_id], found[merged_id]


async def _keep_silence(session: AsyncSession, kept_id: UUID, gone_id: UUID) -> list[list[str]]:
    """A number of both that one of them wants not to be called is not called: [[number's id, since], …]."""
    rows = await session.execute(
        text(
            "UPDATE customer_phone k SET do_not_call = true, do_not_call_since = g.do_not_call_since, "
            "do_not_call_by = g.do_not_call_by FROM customer_phone g WHERE k.customer_id = :kept "
            "AND g.customer_id = :gone AND g.e164 = k.e164 AND g.do_not_call AND NOT k.do_not_call "
            "RETURNING k.id, k.do_not_call_since"
        ),
        {"kept": kept_id, "gone": gone_id},
    )
    return [[str(row.id), row.do_not_call_since.isoformat()] for row in rows]


def _fill(kept: Customer, gone: Customer) -> dict[str, list[Any]]:
    """What the kept one lacks comes from the other; of two tiers the better one, of two notes both."""
    wanted: dict[str, Any] = {
        "company": kept.company or gone.company,
        "language": kept.language or gone.language,
        "tier": min(kept.tier, gone.tier, key=TIERS.index),
        "note": kept.note,
    }
    both = f"{kept.note}\n{gone.note}".strip()
    if gone.note and gone.note not in kept.note and len(both) <= LONGEST["note"]:
        wanted["note"] = both
    filled = {field: [getattr(kept, field), value] for field, value in wanted.items() if getattr(kept, field) != value}
    for field, (_, value) in filled.items():
        setattr(kept, field, value)
    return filled


def _empty(kept: Customer, filled: dict[str, list[Any]], *, whatever: Collection[str]) -> dict[str, list[Any]]:
    """What the merge filled is as before, unless somebody changed it since; the fields `whatever` all the same."""
    emptied = {}
    for field, (before, after) in filled.items():
        now = getattr(kept, field)
        if now == after or field in whatever:
            emptied[field] = [now, before]
            setattr(kept, field, before)
    return emptied
