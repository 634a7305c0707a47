"""Files of other systems: which were read, how far, and what was wrong in them. Known by their content, not their name.

Written by the deed that reads them, in the transaction of the rows that it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .tables.facts import FeedFile

FAULTS_KEPT = 100

_STEP = text(
    """
UPDATE feed_file SET rows_done = rows_done + :rows, added = added + :added, changed = changed + :changed,
       same = same + :same, faulty = faulty + :faulty,
       faults = CASE WHEN jsonb_array_length(faults) < :kept THEN faults || CAST(:faults AS jsonb) ELSE faults END
 WHERE id = :id AND rows_done = :before AND state = 'reading' RETURNING id
"""
)
_END = text("UPDATE feed_file SET state = :state, ended_at = clock_timestamp() WHERE id = :id AND state = 'reading'")


async def begin(session: AsyncSession, *, kind: str, digest: str, name: str, source: str) -> FeedFile:
    """The row of a file of this content: as it stands if it was read before, else a new one."""
    values = {"kind": kind, "digest": digest, "name": name, "source": source}
    new = insert(FeedFile).values(values).on_conflict_do_nothing(index_elements=["digest"])
    await session.execute(new)
    found = select(FeedFile).where(FeedFile.digest == digest).execution_options(populate_existing=True)
    row: FeedFile = (await session.scalars(found)).one()
    return row


async def step(session: AsyncSession, file: FeedFile, before: int, **counts: Any) -> bool:
    """Note so many rows more; False when somebody else has gone on with this file meanwhile."""
    said = {"id": file.id, "before": before, "kept": FAULTS_KEPT, **counts}
    return (await session.execute(_STEP, said)).first() is not None


async def end(session: AsyncSession, file: FeedFile, state: str) -> None:
    """Done, or refused."""
    await session.execute(_END, {"id": file.id, "state": state})


async def forget(session: AsyncSession, file: FeedFile) -> None:
    """Read it from its beginning once more."""
    again = {"state": "reading", "rows_done": 0, "added": 0, "changed": 0, "same": 0, "faulty": 0, "faults": []}
    for name, value in {**again, "ended_at": None}.items():
        setattr(file, name, value)
    await session.flush()


async def listed(session: AsyncSession, *, limit: int = 50) -> Sequence[FeedFile]:
    """The files read last."""
    rows = select(FeedFile).order_by(FeedFile.began_at.desc()).limit(limit)
    return (await session.scalars(rows)).all()
