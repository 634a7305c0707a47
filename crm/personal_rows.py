"""One person's rows in all tables: counted, read, taken out in batches, by the list in rules/personal_tables.py.

A table is looked at twice: for rows that are the person's, and for rows of anybody that name them. The second look is
coarse in Postgres (a needle in the text, whatever stands between its digits) and exact here. Every batch is one
transaction with its count, so a fall loses nothing and counts nothing twice. Called by the deeds of erasure.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ARRAY, JSON, text
from sqlalchemy.ext.asyncio import AsyncSession

from .database import Database
from .rules.identity import ERASED, SPACES, Identity, identity
from .rules.personal_tables import HELD, Held
from .tables import Table

ROWS_AT_ONCE = 500

Count = Callable[[AsyncSession, str, int], Awaitable[None]]
"""Called in each batch's transaction with the table and how many rows of it were changed."""


class Person(Struct, frozen=True):
    """Whom it is about, as found once and kept until the end: ids of rows, values to look for.

    `spellings`: numbers that are theirs alone, in every way the ledger may write them. `pseudonym` takes their place.
    """

    asked: str
    customers: list[UUID]
    conversations: list[UUID]
    cases: list[UUID]
    codes: list[str]
    spellings: list[str]
    certain: list[str]
    shared: list[str]
    pseudonym: str

    @property
    def identity(self) -> Identity:
        """How texts name them."""
        return identity(self.certain, self.shared)

    @property
    def binds(self) -> dict[str, Any]:
        """What the list's conditions speak of."""
        keys = [str(each) for each in (*self.customers, *self.conversations, *self.cases)]
        needles = [f"%{_like(needle)}%" for needle in self.identity.needles]
        asked = {name: list(getattr(self, name)) for name in ("customers", "conversations", "cases", "codes")}
        more = {"spellings": list(self.spellings), "keys": keys, "needles": needles}
        return {**asked, **more, "word": ERASED, "pseudonym": self.pseudonym, "spaces": SPACES}


def tables() -> list[str]:
    """All tables that can hold a person, those first whose rows are found through others."""
    names = [table.name for table in Table.metadata.sorted_tables if table.name in HELD]
    return [name for name in reversed(names) if _concerned(HELD[name])]


async def count(session: AsyncSession, person: Person) -> dict[str, int]:
    """Rows by table that an erasure would change or remove."""
    found = {}
    for name in tables():
        rows = 0
        async for row in _candidates(session, name, person):
            rows += bool(row["todo_"]) or _change(row, HELD[name], person) is not None
        if rows:
            found[name] = rows
    return found


async def read(session: AsyncSession, person: Person) -> dict[str, list[dict[str, Any]]]:
    """The person's own rows by table, whole, and of others' rows those that name them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in tables():
        keys = _keys(name)
        theirs = [
            [row[key] for key in keys]
            async for row in _candidates(session, name, person)
            if row["own_"] or _change(row, HELD[name], person) is not None
        ]
        for at in range(0, len(theirs), ROWS_AT_ONCE):
            found.setdefault(name, []).extend(await _whole(session, name, keys, theirs[at : at + ROWS_AT_ONCE]))
    return found


async def erase(database: Database, person: Person, counted: Count) -> None:
    """Take the person out of every table, batch by batch. Doing it again changes only what is still there."""
    for name in tables():
        after: dict[str, Any] | None = None
        while True:
            async with database.transaction() as session:
                rows = [dict(row) for row in await _batch(session, name, person, after)]
                changed = await _erase_batch(session, name, rows, person)
                if changed:
                    await counted(session, name, changed)
            if len(rows) < ROWS_AT_ONCE:
                break
            after = rows[-1]


async def _erase_batch(session: AsyncSession, name: str, rows: list[dict[str, Any]], person: Person) -> int:
    held, keys, changed = HELD[name], _keys(name), 0
    for row in rows:
        key = {f"key_{column}": row[column] for column in keys}
        here = " AND ".join(f'"{column}" = :key_{column}' for column in keys)
        named = any(_in_bytes(row[column], person) for column in held.bytes_)
        if named or (row["own_"] and held.remove):
            await session.execute(text(f'DELETE FROM "{name}" WHERE {here}'), key)  # noqa: S608 - our own names
            changed += 1
            continue
        sets, values = _sets(name, row, held, person)
        if not sets:
            continue
        different = " OR ".join(f'"{column}" IS DISTINCT FROM {value}' for column, value in sets.items())
        said = ", ".join(f'"{column}" = {value}' for column, value in sets.items())
        statement = f'UPDATE "{name}" SET {said} WHERE {here} AND ({different})'  # noqa: S608 - likewise
        done = await session.execute(_bound(statement, {**person.binds, **values, **key}))
        changed += int(done.rowcount)  # type: ignore[attr-defined]
    return changed


def _sets(name: str, row: dict[str, Any], held: Held, person: Person) -> tuple[dict[str, str], dict[str, Any]]:
    """Column → expression, and what the expressions speak of."""
    sets = dict(held.fields) if row["own_"] else {}
    values: dict[str, Any] = {}
    for column, value in (_change(row, held, person) or {}).items():
        if column in sets:
            continue
        kind = Table.metadata.tables[name].columns[column].type
        if isinstance(kind, JSON):
            sets[column], values[f"new_{column}"] = f"CAST(:new_{column} AS jsonb)", msgspec.json.encode(value).decode()
        else:
            cast = "text[]" if isinstance(kind, ARRAY) else "text"
            sets[column], values[f"new_{column}"] = f"CAST(:new_{column} AS {cast})", value
    return sets, values


def _change(row: dict[str, Any], held: Held, person: Person) -> dict[str, Any] | None:
    """The scrubbed columns that differ; None where none does."""
    whole = row["own_"] or any(person.identity.found_in(row[column]) for column in held.scrub)
    scrubbed = {column: person.identity.scrubbed(row[column], own=whole) for column in held.scrub}
    different = {column: value for column, value in scrubbed.items() if value != row[column]}
    if not different and any(_in_bytes(row[column], person) for column in held.bytes_):
        return {}
    return different or None


def _in_bytes(value: Any, person: Person) -> bool:
    if value is None:
        return False
    try:
        document = msgspec.json.decode(bytes(value))  # in which letters may be written as their numbers
    except msgspec.DecodeError:
        document = bytes(value).decode("utf-8", "replace")
    return person.identity.found_in(document)


async def _candidates(session: AsyncSession, name: str, person: Person) -> AsyncIterator[dict[str, Any]]:
    after: dict[str, Any] | None = None
    while True:
        rows = [dict(row) for row in await _batch(session, name, person, after, lock=False)]
        for row in rows:
            yield row
        if len(rows) < ROWS_AT_ONCE:
            return
        after = rows[-1]


async def _batch(
    session: AsyncSession, name: str, person: Person, after: dict[str, Any] | None, *, lock: bool = True
) -> Sequence[Any]:
    """The next rows by key that are the person's or may name them. `own_`: theirs; `todo_`: still to be done."""
    held, keys = HELD[name], _keys(name)
    columns = dict.fromkeys([*keys, *held.scrub, *held.bytes_])
    own = f"coalesce(({held.own}), false)" if held.own else "false"
    different = " OR ".join(f'"{column}" IS DISTINCT FROM ({value})' for column, value in held.fields.items())
    todo = "true" if held.remove else (different or "false")
    said = ", ".join(f'"{column}"' for column in columns)
    place = ", ".join(f'"{key}"' for key in keys)
    beyond = f"AND ({place}) > ({', '.join(f':after_{key}' for key in keys)})" if after else ""
    coarse = "true" if held.bytes_ else " OR ".join(_coarse(name, column) for column in held.scrub)
    statement = (
        f'SELECT {said}, {own} AS own_, {own} AND ({todo}) AS todo_ FROM "{name}" '  # noqa: S608 - our own names
        f"WHERE ({own} OR {coarse or 'false'}) {beyond} ORDER BY {place} LIMIT {ROWS_AT_ONCE}"
        f"{' FOR UPDATE' if lock else ''}"
    )
    asked = {**person.binds, **{f"after_{key}": after[key] for key in keys}} if after else person.binds
    return (await session.execute(_bound(statement, asked))).mappings().all()


async def _whole(session: AsyncSession, name: str, keys: list[str], theirs: list[list[Any]]) -> list[dict[str, Any]]:
    found = []
    here = " AND ".join(f'"{key}" = :{key}' for key in keys)
    statement = text(f'SELECT to_jsonb(t) AS row FROM "{name}" t WHERE {here}')  # noqa: S608 - our own names
    for values in theirs:
        row = await session.scalar(statement, dict(zip(keys, values, strict=True)))
        found.append(dict(row))
    return found


def _concerned(held: Held) -> bool:
    return bool(held.own or held.scrub or held.bytes_)


def _keys(name: str) -> list[str]:
    return [column.name for column in Table.metadata.tables[name].primary_key.columns]


def _coarse(name: str, column: str) -> str:
    kind = Table.metadata.tables[name].columns[column].type
    said = f"array_to_string(\"{column}\", ' ')" if isinstance(kind, ARRAY) else f'CAST("{column}" AS text)'
    return f"translate(lower({said}), :spaces, '') LIKE ANY(:needles)"


def _bound(statement: str, asked: dict[str, Any]) -> Any:
    """The statement with those values that it speaks of."""
    said = text(statement)
    return said.bindparams(**{name: asked[name] for name in said.compile().params})


def _like(needle: str) -> str:
    return needle.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
