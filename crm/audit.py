"""The audit: what was done, by whom, to what. Noted in the transaction of the deed itself, chained at its commit.

`by` is a login, a token's name or "kefu"; `did` a word such as "customer.merge"; `subject_id` an id. A note names ids,
counts and fields, never a number, a name or a text of a person: what a row says cannot be changed afterwards, only
taken out. Called by deeds, pages, the api and the command line.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from .rules.audit_chain import BEGINNING, ERASED, Link, fault_of

_DID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
ROWS_AT_ONCE = 2000

_NOTE = text(
    "INSERT INTO audit_pending (by, did, subject, subject_id, detail) "
    "VALUES (:by, :did, :subject, :subject_id, CAST(:detail AS jsonb))"
)
_LATELY = text(
    "SELECT EXISTS (SELECT FROM audit WHERE by = :by AND did = :did AND subject_id = :subject_id "
    "AND at > clock_timestamp() - make_interval(secs => :within_s))"
)
_LISTED = text(
    """
SELECT number, at, by, did, subject, subject_id, detail FROM audit
 WHERE (CAST(:by AS text) IS NULL OR by = :by)
   AND (CAST(:did AS text) IS NULL OR did = :did OR starts_with(did, :did || '.'))
   AND (CAST(:subject AS text) IS NULL OR subject = :subject)
   AND (CAST(:subject_id AS text) IS NULL OR subject_id = :subject_id)
   AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
   AND (CAST(:before AS bigint) IS NULL OR number < :before)
 ORDER BY number DESC LIMIT :limit
"""
)
_LINKS = text(
    """
SELECT number, (extract(epoch FROM at) * 1000000)::bigint AS at_us, by, did, subject, subject_id,
       detail::text AS detail, salt, sealed, previous, hash
  FROM audit WHERE number > :after ORDER BY number LIMIT :rows
"""
)
_HEAD = text("SELECT number, hash FROM audit_head")
_STRAY = text("SELECT count(*) FROM audit_pending")
_REDACT = text(
    f"UPDATE audit SET subject_id = '{ERASED}', detail = '{{}}', salt = NULL "  # noqa: S608 - a word of our own
    "WHERE salt IS NOT NULL AND number = ANY(:numbers)"
)


class Noted(Struct, frozen=True):
    """One row of the audit."""

    number: int
    at: datetime
    by: str
    did: str
    subject: str
    subject_id: str
    detail: dict[str, Any]


class Verified(Struct, frozen=True):
    """What a look through the chain found. `fault`: the first thing that is wrong, None if all holds; `at_row`: where.
    `hash` of the last good row, in hex: whoever noted it elsewhere can compare."""

    rows: int
    hash: str
    redacted: int
    fault: str | None
    at_row: int | None


async def note(
    session: AsyncSession, *, by: str, did: str, subject: str, subject_id: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Note a deed; it stands when the caller's transaction commits, and only then."""
    if not _DID.fullmatch(did):
        raise ValueError(f"{did!r} is no deed: write it as subject.verb, such as customer.merge")
    said = msgspec.json.encode(dict(detail or {})).decode().replace("\\u0000", "")
    asked = {"by": by, "did": did, "subject": subject, "subject_id": subject_id.replace("\x00", "")}
    await session.execute(_NOTE, {**asked, "detail": said})


async def noted_lately(session: AsyncSession, *, by: str, did: str, subject_id: str, within_s: float) -> bool:
    """Whether the same was noted a moment ago: what a browser does in many small steps is one deed."""
    asked = {"by": by, "did": did, "subject_id": subject_id, "within_s": within_s}
    return bool(await session.scalar(_LATELY, asked))


async def listed(
    session: AsyncSession,
    *,
    by: str | None = None,
    did: str | None = None,
    subject: str | None = None,
    subject_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Noted]:
    """The newest rows first. `did`: a deed, or the word before its dot for all of that kind."""
    asked: dict[str, Any] = {"by": by, "did": did, "subject": subject, "subject_id": subject_id}
    asked |= {"since": since, "until": until, "before": before, "limit": limit}
    return [Noted(**row) for row in (await session.execute(_LISTED, asked)).mappings()]


async def verify(session: AsyncSession) -> Verified:
    """Reckon the whole chain again, in one steady picture of the database."""
    number, redacted, previous = 0, 0, BEGINNING
    async for link in _links(session):
        fault = fault_of(link, number + 1, previous)
        if fault:
            return Verified(number, previous.hex(), redacted, fault, number + 1)
        number, previous = link.number, link.hash
        redacted += link.salt is None
    head = (await session.execute(_HEAD)).one_or_none()
    fault = None
    if head is None or (int(head.number), bytes(head.hash)) != (number, previous):
        expected = int(head.number) if head else number
        fault = f"row {number + 1} is missing" if expected > number else "the head of the chain was changed"
    elif await session.scalar(_STRAY):
        fault = "rows wait outside the chain: its triggers were switched off"
    return Verified(number, previous.hex(), redacted, fault, number + 1 if fault else None)


async def head(session: AsyncSession) -> tuple[int, str]:
    """How many rows there are, and the hash of the last in hex."""
    row = (await session.execute(_HEAD)).one()
    return int(row.number), bytes(row.hash).hex()


async def hash_at(session: AsyncSession, number: int) -> str | None:
    """The hash of one row in hex; of row 0, the beginning's."""
    if number == 0:
        return BEGINNING.hex()
    found = await session.scalar(text("SELECT hash FROM audit WHERE number = :number"), {"number": number})
    return bytes(found).hex() if found else None


async def redact(session: AsyncSession, numbers: list[int]) -> int:
    """Take the words out of these rows, for an erasure; that they were, by whom and when stays. Returns how many."""
    return int((await session.execute(_REDACT, {"numbers": numbers})).rowcount)  # type: ignore[attr-defined]


async def _links(session: AsyncSession) -> AsyncIterator[Link]:
    after = 0
    while True:
        rows = (await session.execute(_LINKS, {"after": after, "rows": ROWS_AT_ONCE})).mappings().all()
        for row in rows:
            yield Link(**row)
        if len(rows) < ROWS_AT_ONCE:
            return
        after = rows[-1]["number"]
