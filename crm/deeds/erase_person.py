"""One person taken out of everything: rows, recordings, journal, raw ring, exports, the words of the audit.

Whom it is about is written down first, so that an erasure that fell in the middle is taken up again, by the same
command, by `resume` or by the worker, and comes to the same end. Every step can be done twice. At the end all is looked
for once more, and only when nothing is found a certificate is signed and the person forgotten here, too.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, certificates, erasures, journal, personal_files, personal_rows
from crm.announcements import announce
from crm.database import Database
from crm.personal_rows import Person
from crm.refusals import Refusal
from crm.rules.erased_messages import SHORTEST_NUMBER, Erasure, erasure
from crm.rules.identity import digits_of, is_number
from crm.settings import Settings

from .find_person import find_person, going_on

LOOKS_AT_MOST = 4
LEFT_ALONE = timedelta(hours=1)
NOT_COVERED = (
    "Asterisk's own queue_log, CEL and voicemail spool where voicemail_folder does not name them",
    "backups, and what was given to others before",
)
_IDS = text(
    """
SELECT linkedid AS id FROM conversation WHERE id = ANY(:ids)
UNION SELECT caller_uniqueid FROM wait WHERE conversation_id = ANY(:ids)
UNION SELECT caller_uniqueid FROM segment WHERE conversation_id = ANY(:ids)
UNION SELECT seat_uniqueid FROM segment WHERE conversation_id = ANY(:ids) AND seat_uniqueid IS NOT NULL
"""
)
_NODES = text("SELECT node, min(first_at) AS since, max(last_at) AS until FROM journal GROUP BY node ORDER BY node")
_MESSAGES = text("SELECT file FROM voicemail WHERE conversation_id = ANY(:ids)")
_NOTED = text(
    "SELECT number, subject_id || ' ' || detail AS said FROM audit WHERE salt IS NOT NULL "
    "AND translate(lower(subject_id || ' ' || detail), :spaces, '') LIKE ANY(:needles)"
)


class Seen(Struct, frozen=True):
    """What there is of a person: rows by table, recordings, files that name them, rows of the audit."""

    rows: dict[str, int]
    recordings: int
    files: int
    audit: int

    @property
    def nothing(self) -> bool:
        """Whether none of it is left."""
        return not (self.rows or self.recordings or self.files or self.audit)


async def look(session: AsyncSession, settings: Settings, person: Person) -> Seen:
    """A dry run: count everything, change nothing. The journal's blocks are not counted: they are opened only once."""
    rows = await personal_rows.count(session, person)
    names = list(await session.scalars(_MESSAGES, {"ids": person.conversations}))
    kept = await asyncio.to_thread(personal_files.recordings, settings.voicemail_folder, names)
    files = await asyncio.to_thread(personal_files.naming, settings.data_folder, person.identity)
    return Seen(rows, len(kept), len(files), len(await _noted(session, person)))


async def erase_person(database: Database, settings: Settings, asked: str, *, by: str) -> dict[str, Any]:
    """Erase whoever is meant; return the certificate. Refusal while they are held, or on the telephone."""
    async with database.transaction() as session:
        for left in await erasures.unfinished(session):
            if (left.work or {}).get("person", {}).get("asked") == " ".join(asked.split()):
                begun = left.id
                break
        else:
            person = await find_person(session, settings, asked)
            await erasures.refuse_held(session, person.customers, person.spellings)
            if await going_on(session, person):
                raise Refusal("this person is on the telephone now: erase them when the call is over")
            begun = await erasures.begin(session, {"person": msgspec.to_builtins(person)}, by=by)
    return await go_on(database, settings, begun, by=by)


async def take_up(database: Database, settings: Settings) -> int:
    """What the worker does now and then: take up what fell long ago, and leave alone what somebody is at."""
    return await resume(database, settings, older_than=LEFT_ALONE)


async def resume(database: Database, settings: Settings, *, older_than: timedelta = timedelta()) -> int:
    """Take up what has fallen; called by the command line. Returns how many were finished."""
    before = datetime.now(UTC) - older_than
    async with database.reading() as session:
        left = [(each.id, each.by) for each in await erasures.unfinished(session) if each.began_at <= before]
    for erasure_id, by in left:
        await go_on(database, settings, erasure_id, by=by)
    return len(left)


async def go_on(database: Database, settings: Settings, erasure_id: UUID, *, by: str) -> dict[str, Any]:
    """Do what is left of an erasure, to its certificate."""
    async with database.reading() as session:
        begun = await erasures.find(session, erasure_id)
    if begun.work is None:
        return dict(begun.certificate or {})
    person = msgspec.convert(begun.work["person"], Person)
    # What points at other places goes first: from the rows it could not be found again.
    await _erase_recordings(database, settings, erasure_id, person)
    await _erase_journal(database, erasure_id, person)

    async def counted(session: AsyncSession, table: str, rows: int) -> None:
        await erasures.counted(session, erasure_id, table, rows)

    for _ in range(LOOKS_AT_MOST):
        await personal_rows.erase(database, person, counted)
        await _erase_files(database, settings, erasure_id, person)
        await _redact(database, erasure_id, person)
        async with database.reading() as session:
            left = await look(session, settings, person)
        if left.nothing:
            return await _certify(database, settings, erasure_id, person, by=by)
    raise Refusal(f"new rows of this person keep coming ({', '.join(left.rows)}): run `kefu privacy resume` later")


async def _erase_recordings(database: Database, settings: Settings, erasure_id: UUID, person: Person) -> None:
    async with database.reading() as session:
        names = list(await session.scalars(_MESSAGES, {"ids": person.conversations}))
    for path in await asyncio.to_thread(personal_files.recordings, settings.voicemail_folder, names):
        mark = await asyncio.to_thread(personal_files.digest, path)
        async with database.transaction() as session:
            await erasures.counted(session, erasure_id, f"recording sha256:{mark}", 1)
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _erase_journal(database: Database, erasure_id: UUID, person: Person) -> None:
    async with database.reading() as session:
        calls = list(await session.scalars(_IDS, {"ids": person.conversations}))
        nodes = (await session.execute(_NODES)).all()
    gone = _erasure(calls, person)
    for node in nodes:
        until = max(node.until, datetime.now(UTC)) + timedelta(seconds=1)
        async for step in journal.rewrite(database, node.node, gone, node.since, until):
            if step.changed:
                async with database.transaction() as session:
                    await erasures.counted(session, erasure_id, "journal", step.changed)


def _erasure(calls: list[str], person: Person) -> Erasure:
    values = [*person.spellings, *person.certain]
    long = [each for each in values if not is_number(each) or len(digits_of(each)) >= SHORTEST_NUMBER + 2]
    return erasure(calls, sorted(set(long)))


async def _erase_files(database: Database, settings: Settings, erasure_id: UUID, person: Person) -> None:
    for path in await asyncio.to_thread(personal_files.naming, settings.data_folder, person.identity):
        ring = personal_files.is_ring(path, settings.data_folder)
        what = "raw ring" if ring else f"export sha256:{await asyncio.to_thread(personal_files.digest, path)}"
        async with database.transaction() as session:
            await erasures.counted(session, erasure_id, what, 1)
        if ring:
            await asyncio.to_thread(personal_files.write_over, path, person.identity)
        else:
            await asyncio.to_thread(path.unlink, missing_ok=True)


async def _redact(database: Database, erasure_id: UUID, person: Person) -> None:
    async with database.transaction() as session:
        redacted = await audit.redact(session, await _noted(session, person))
        if redacted:
            await erasures.counted(session, erasure_id, "audit", redacted)


async def _noted(session: AsyncSession, person: Person) -> list[int]:
    asked = {"spaces": person.binds["spaces"], "needles": person.binds["needles"]}
    return [row.number for row in await session.execute(_NOTED, asked) if person.identity.found_in(row.said)]


async def _certify(
    database: Database, settings: Settings, erasure_id: UUID, person: Person, *, by: str
) -> dict[str, Any]:
    """Sign, forget, and tell other systems by the customer's id alone, all in one transaction."""
    async with database.transaction() as session:
        done = await erasures.find(session, erasure_id, lock=True)
        if done.certificate is not None:  # another process came first
            return dict(done.certificate)
        chain = await audit.head(session)
        body = {
            "erasure": str(erasure_id),
            "node": settings.node,
            "program": f"kefu {version('kefu')}",
            "by": done.by,
            "began_at": done.began_at.astimezone(UTC).isoformat(),
            "finished_at": datetime.now(UTC).isoformat(),
            "erased": dict(sorted(done.counts.items())),
            "left": 0,
            "audit": {"rows": chain[0], "hash": chain[1]},
            "not_covered": list(NOT_COVERED),
        }
        certificate = certificates.issue(settings, body)
        await erasures.finish(session, erasure_id, certificate, by=by)
        for customer in person.customers:
            await announce(session, "customer.erased", key=str(customer), data={"id": customer})
    return certificate
