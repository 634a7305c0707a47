"""Holds that keep a person's data, and erasures under way and done. Whom an erasure is about is forgotten at its end.

Called by the deeds of erasure, by retention and by the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from . import audit
from .refusals import Refusal
from .tables.privacy import Erasure, LegalHold

_HOLDS = text(
    """
SELECT id, reason, at FROM legal_hold
 WHERE released_at IS NULL AND (customer_id = ANY(:customers) OR numbers && CAST(:numbers AS text[]))
 ORDER BY at LIMIT 1
"""
)
# Counted in the transaction of the rows themselves, so a fall between two batches loses no count.
_COUNT = text(
    """
UPDATE erasure SET counts = jsonb_set(counts, ARRAY[CAST(:what AS text)],
                                      to_jsonb(coalesce((counts ->> :what)::bigint, 0) + :rows))
 WHERE id = :id AND finished_at IS NULL
"""
)


class Hold(Struct, frozen=True):
    """One hold, without whom it is about."""

    id: UUID
    customer_id: UUID | None
    numbers: int
    reason: str
    by: str
    at: datetime
    released_at: datetime | None


async def hold(
    session: AsyncSession, *, customer_id: UUID | None, numbers: Sequence[str], reason: str, by: str
) -> UUID:
    """Keep everything of this person until the hold is released."""
    reason = reason.strip()
    if not reason or not reason.isprintable():
        raise Refusal("a hold needs a reason in printable words, such as a file's number")
    made = LegalHold(customer_id=customer_id, numbers=list(numbers), reason=reason, by=by)
    session.add(made)
    await session.flush()
    await audit.note(session, by=by, did="privacy.hold", subject="legal_hold", subject_id=str(made.id))
    return made.id


async def release(session: AsyncSession, hold_id: UUID, *, by: str) -> None:
    """End a hold: what is too old goes with the next retention run, who asks to be erased can be."""
    ended = (
        update(LegalHold)
        .where(LegalHold.id == hold_id, LegalHold.released_at.is_(None))
        .values(released_at=func.clock_timestamp(), released_by=by)
        .returning(LegalHold.id)
    )
    if await session.scalar(ended) is None:
        raise Refusal(f"there is no open hold {hold_id}: see `kefu privacy holds`")
    await audit.note(session, by=by, did="privacy.release", subject="legal_hold", subject_id=str(hold_id))


async def holds(session: AsyncSession, *, released: bool = False) -> list[Hold]:
    """Holds by age; with `released`, also those that are over."""
    rows = select(LegalHold).order_by(LegalHold.at)
    if not released:
        rows = rows.where(LegalHold.released_at.is_(None))
    return [
        Hold(row.id, row.customer_id, len(row.numbers), row.reason, row.by, row.at, row.released_at)
        for row in await session.scalars(rows)
    ]


async def refuse_held(session: AsyncSession, customers: Sequence[UUID], numbers: Sequence[str]) -> None:
    """Refusal when something must be kept."""
    found = (await session.execute(_HOLDS, {"customers": list(customers), "numbers": list(numbers)})).first()
    if found:
        raise Refusal(
            f"this person is under legal hold since {found.at:%Y-%m-%d} ({found.reason}): nothing was erased; "
            f"release it first by `kefu privacy release {found.id}`"
        )


async def begin(session: AsyncSession, work: dict[str, Any], *, by: str) -> UUID:
    """Note that an erasure has begun and what it has to do: from here on it can be taken up after any fall."""
    made = Erasure(by=by, work=work, counts={})
    session.add(made)
    await session.flush()
    await audit.note(session, by=by, did="privacy.erase_begun", subject="erasure", subject_id=str(made.id))
    return made.id


async def unfinished(session: AsyncSession) -> list[Erasure]:
    """Erasures that began and did not end, the oldest first."""
    rows = select(Erasure).where(Erasure.finished_at.is_(None)).order_by(Erasure.began_at)
    return list(await session.scalars(rows))


async def counted(session: AsyncSession, erasure_id: UUID, what: str, rows: int) -> None:
    """Add to what was erased of one kind."""
    await session.execute(_COUNT, {"id": erasure_id, "what": what, "rows": rows})


async def progress(session: AsyncSession, erasure_id: UUID, **more: Any) -> None:
    """Write into the work how far it is."""
    said = msgspec.json.encode(more).decode()
    statement = text("UPDATE erasure SET work = work || CAST(:more AS jsonb) WHERE id = :id AND finished_at IS NULL")
    await session.execute(statement, {"id": erasure_id, "more": said})


async def find(session: AsyncSession, erasure_id: UUID, *, lock: bool = False) -> Erasure:
    """One erasure. Refusal when there is none."""
    found: Erasure | None = await session.get(Erasure, erasure_id, with_for_update=lock, populate_existing=True)
    if found is None:
        raise Refusal(f"there is no erasure {erasure_id}: see `kefu privacy list`")
    return found


async def finish(session: AsyncSession, erasure_id: UUID, certificate: dict[str, Any], *, by: str) -> None:
    """Keep the certificate and forget whom it was about."""
    ended = update(Erasure).where(Erasure.id == erasure_id, Erasure.finished_at.is_(None))
    await session.execute(ended.values(work=None, certificate=certificate, finished_at=func.clock_timestamp()))
    detail = {"certificate": certificate["body_sha256"]}
    await audit.note(session, by=by, did="privacy.erased", subject="erasure", subject_id=str(erasure_id), detail=detail)


async def listed(session: AsyncSession) -> list[Erasure]:
    """All erasures, the newest first."""
    return list(await session.scalars(select(Erasure).order_by(Erasure.began_at.desc())))
