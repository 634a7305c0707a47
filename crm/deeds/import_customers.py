"""A file of customers taken in: read and checked as a whole first (the dry run), then made customers.

Both are done a batch a transaction, and how far it went stands in the same transaction: an import that was cut, even by
kill -9, goes on where it stopped when the same file is given again, and makes nobody twice. Faulty lines are told with
their line and remedy; the good ones can be taken, and the mended ones given again later. Called by the command line
and the page of uploads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from crm import audit, spreadsheets
from crm.bulk_copy import copy_into
from crm.database import Database
from crm.printed_codes import more
from crm.refusals import Refusal
from crm.rules.customer_fields import FieldFault
from crm.rules.customer_lines import Columns, Fault, Line, read_columns
from crm.spreadsheets import LookedAt, Row
from crm.tables.imports import CustomerImport, ImportedLine, ImportedNumber

from .import_statements import (
    CODELESS,
    COUNT,
    DONE,
    LEARN,
    MEMBERS,
    NEW_ORGANISATIONS,
    PHONES,
    TAKEN,
    WITH_CODES,
    Numbered,
)
from .know_customer_lines import Known, known_of
from .read_customer_lines import Read, read_lines

APPLIED_AT_ONCE = 5000
_LINE = tuple(column.name for column in ImportedLine.__table__.columns)
_NUMBER = tuple(column.name for column in ImportedNumber.__table__.columns)
Progress = Callable[[str, int, int], None]
"""Told of "read" (bytes of bytes) and "apply" (lines of lines)."""


class Counts(msgspec.Struct, frozen=True):
    """Lines of a file: good, faulty, of customers who are there already, and, among the good, those with a number that
    is not to be called. `created`: customers made so far."""

    valid: int = 0
    invalid: int = 0
    duplicate: int = 0
    do_not_call: int = 0
    created: int = 0


class Faulty(msgspec.Struct, frozen=True):
    """A line that makes no customer, and why."""

    line: int
    state: str
    sentence: str


@dataclass(frozen=True)
class Wanted:
    """How the file is to be read: numbers as dialled from `country`, without the columns `left_out`."""

    file: LookedAt
    country: str
    left_out: tuple[str, ...] = ()
    by: str = "command line"

    @property
    def digest(self) -> str:
        """The same for the same file read in the same way."""
        return sha256("\n".join([self.file.digest, self.country, *sorted(self.left_out)]).encode()).hexdigest()


async def begin(database: Database, wanted: Wanted) -> UUID:
    """The import that `check` will read the file for: the one that was cut, or a new one. Raises Refusal where the file
    has no columns to go by."""
    _columns(wanted, spreadsheets.rows(wanted.file))
    return (await _begin(database, wanted)).id


async def check(database: Database, wanted: Wanted, told: Progress) -> UUID:
    """Read the file as far as it was not read yet, and say which lines are good: the dry run. Its import is returned;
    nobody was made a customer. Raises Refusal (spreadsheets.Unreadable too) where it cannot be read on."""
    rows = spreadsheets.rows(wanted.file)
    columns = _columns(wanted, rows)
    begun = await _begin(database, wanted)
    done = begun.lines_read
    for _ in range(done):
        next(rows, None)
    async for read in read_lines(rows, columns, wanted.country):
        async with database.transaction() as session:
            await _stage(session, begun.id, done, read)
        done += len(read.lines)
        told("read", read.at, wanted.file.size)
    async with database.transaction() as session:
        counts = await _count(session, begun.id)
        await session.execute(
            update(CustomerImport)
            .where(CustomerImport.id == begun.id, CustomerImport.state == "reading")
            .values(state="checked", counts=msgspec.to_builtins(counts))
        )
    return begun.id


async def apply(database: Database, import_id: UUID, told: Progress) -> Counts:
    """Make customers of the good lines, as far as that was not done yet."""
    async with database.transaction() as session:
        await session.execute(
            update(CustomerImport)
            .where(CustomerImport.id == import_id, CustomerImport.state == "checked")
            .values(state="applying")
        )
    while True:
        async with database.transaction() as session:
            row = await session.get_one(CustomerImport, import_id, with_for_update=True)
            if row.state == "done":
                return msgspec.convert(row.counts, Counts)
            if row.state != "applying":
                raise Refusal(f"this file is {row.state} by somebody else: wait for it, then give it again")
            row.applied_to = await _apply_some(session, row)
            told("apply", row.applied_to, row.last_line)
            if row.applied_to >= row.last_line:
                row.state, row.ended_at = "done", func.clock_timestamp()
                await session.execute(text(DONE), {"import": row.id})
                detail = {"import": str(row.id), **row.counts}
                await audit.note(
                    session, by=row.by, did="customer.import", subject="import", subject_id=str(row.id), detail=detail
                )


async def counts_of(session: AsyncSession, import_id: UUID) -> Counts:
    """What the dry run found, and how many customers were made since."""
    return msgspec.convert((await session.get_one(CustomerImport, import_id)).counts, Counts)


async def faults_of(session: AsyncSession, import_id: UUID) -> AsyncIterator[Faulty]:
    """Every line that makes no customer, in the order of the file."""
    rows = (
        select(ImportedLine.line, ImportedLine.state, ImportedLine.fault)
        .where(ImportedLine.import_id == import_id, ImportedLine.state != "valid")
        .order_by(ImportedLine.line)
        .execution_options(yield_per=1000)
    )
    async for row in await session.stream(rows):
        yield Faulty(row.line, row.state, row.fault or "")


def _columns(wanted: Wanted, rows: Iterator[Row]) -> Columns:
    first = next(rows, None)
    if first is None:
        raise Refusal(f"{wanted.file.path.name} is empty: its first line names the columns, such as name,phone")
    try:
        return read_columns(first.cells, wanted.left_out)
    except FieldFault as fault:
        raise Refusal(f"{wanted.file.path.name}, {fault}") from None


async def _begin(database: Database, wanted: Wanted) -> CustomerImport:
    """The import of this file that was cut, or a new one. A dry run that was over is done anew: people change."""
    async with database.transaction() as session:
        await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:of, 1))"), {"of": wanted.digest})
        newest = (
            select(CustomerImport)
            .where(CustomerImport.digest == wanted.digest, CustomerImport.state != "left")
            .order_by(CustomerImport.began_at.desc())
            .limit(1)
        )
        last: CustomerImport | None = await session.scalar(newest)
        if last is not None and last.state == "reading":
            return last
        if last is not None and last.state == "applying":
            raise Refusal(f"{wanted.file.path.name} is half imported: finish it first, with --apply")
        if last is not None and last.state == "checked":
            last.state = "left"
            await session.execute(delete(ImportedNumber).where(ImportedNumber.import_id == last.id))
            await session.execute(delete(ImportedLine).where(ImportedLine.import_id == last.id))
        begun = CustomerImport(
            id=uuid4(), digest=wanted.digest, file_name=wanted.file.path.name, by=wanted.by, state="reading",
            lines_read=0, last_line=0, applied_to=0, counts={},
        )  # fmt: skip
        session.add(begun)
        return begun


async def half_done(session: AsyncSession, wanted: Wanted) -> UUID | None:
    """The import of this file that was cut while customers were made of it."""
    found: UUID | None = await session.scalar(
        select(CustomerImport.id).where(CustomerImport.digest == wanted.digest, CustomerImport.state == "applying")
    )
    return found


async def _stage(session: AsyncSession, import_id: UUID, before: int, read: Read) -> None:
    """Write a batch of lines, if nobody else has meanwhile."""
    moved = await session.execute(
        update(CustomerImport)
        .where(CustomerImport.id == import_id, CustomerImport.lines_read == before, CustomerImport.state == "reading")
        .values(lines_read=before + len(read.lines), last_line=read.lines[-1][0])
        .returning(CustomerImport.id)
    )
    if moved.first() is None:
        raise Refusal("somebody else is importing this very file now: wait until that is done")
    known = await known_of(session, import_id, (line for _, line in read.lines))
    lines = (_line(import_id, at, line, known) for at, line in read.lines)
    await copy_into(session, "customer_import_line", _LINE, lines)
    await copy_into(session, "customer_import_number", _NUMBER, _numbers(import_id, read.lines, known))


def _line(import_id: UUID, at: int, line: Line | Fault, known: Known) -> Sequence[Any]:
    if isinstance(line, Fault):
        return (import_id, at, "invalid", line.sentence, uuid4(), None, "", None, "ordinary", None, "", None, None)
    same = known.why_duplicate(at, line)
    return (
        *(import_id, at, "duplicate" if same else "valid", same, uuid4(), line.code, line.name, line.company),
        *(line.tier, line.language, line.note, line.organisation, line.organisation_kind),
    )


def _numbers(import_id: UUID, lines: Sequence[tuple[int, Line | Fault]], known: Known) -> Iterator[Sequence[Any]]:
    """A telephone that is not to be called for one is not called for another."""
    for at, line in lines:
        if isinstance(line, Line):
            for place, number in enumerate(line.numbers):
                yield (
                    *(import_id, at, place, number.raw, number.e164, number.country, number.validity, number.kind),
                    line.do_not_call or number.e164 in known.silent,
                )


async def _count(session: AsyncSession, import_id: UUID) -> Counts:
    await session.execute(text(LEARN))
    row = (await session.execute(text(COUNT), {"import": import_id})).mappings().one()
    return Counts(**row)


async def _apply_some(session: AsyncSession, row: CustomerImport) -> int:
    """Make customers of the next lines; the last of them is returned. A line whose code somebody took since the dry run
    becomes a duplicate."""
    until = min(row.applied_to + APPLIED_AT_ONCE, row.last_line)
    asked = {"import": row.id, "after": row.applied_to, "until": until, "by": row.by}
    created = await _write(session, WITH_CODES, asked)
    taken = await _write(session, TAKEN, asked)
    created += await _number(session, CODELESS, asked)
    await _write(session, PHONES, asked)
    await _number(session, NEW_ORGANISATIONS, asked)
    await _write(session, MEMBERS, asked)
    if taken:
        row.counts = {**row.counts, **(await session.execute(text(COUNT), asked)).one()._asdict()}
    row.counts = {**row.counts, "created": row.counts.get("created", 0) + created}
    return until


async def _write(session: AsyncSession, statement: str, asked: Mapping[str, object]) -> int:
    return (await session.execute(text(statement), asked)).rowcount  # type: ignore[attr-defined,no-any-return]


async def _number(session: AsyncSession, rows: Numbered, asked: Mapping[str, object]) -> int:
    """Write what is given the next codes, until each has one; how many that were."""
    made = draw = 0
    while missing := await session.scalar(text(rows.missing), asked):
        draw = max(more(draw), missing)
        made += await _write(session, rows.give, {**asked, "draw": draw})
    return made
