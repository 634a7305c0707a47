"""Rows that go over when two of a kind are found to be one, and come back: whichever table names the kind takes part.

A row that the kept one has already stays where it is. Called by the merges of customers and of
organisations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from crm.tables import Table


class Alone(msgspec.Struct, frozen=True):
    """Columns of which one of the kind has each value once, among the rows of which `where` holds."""

    columns: list[str]
    where: str = "true"


class Reference(msgspec.Struct, frozen=True):
    """A column that names one of the kind. `keys` find its row without that column; `alone`: what it has once."""

    table: str
    column: str
    keys: list[str]
    alone: list[Alone]


def references_to(kind: str, staying: Collection[str]) -> Iterator[Reference]:
    """All columns that name a row of table `kind`, but for the tables `staying`."""
    for table in Table.metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            if key.column.table.name == kind and table.name not in staying:
                column = key.parent.name
                keys = [each.name for each in table.primary_key.columns if each.name != column]
                yield Reference(table.name, column, keys, list(_alone(table, column)))


def _alone(table: sa.Table, column: str) -> Iterator[Alone]:
    unique = [each for each in table.constraints if isinstance(each, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    for one in (*unique, *(index for index in table.indexes if index.unique)):
        names = {each.name for each in one.columns}
        if column in names:
            partial = one.dialect_options["postgresql"]["where"] if isinstance(one, sa.Index) else None
            yield Alone(sorted(names - {column}), "true" if partial is None else str(partial))


def move(each: Reference) -> str:
    """From :gone to :kept; the keys of the rows that went."""
    return (
        f"UPDATE {each.table} t SET {each.column} = CAST(:kept AS uuid) "  # noqa: S608 - names of our own tables
        f"WHERE t.{each.column} = CAST(:gone AS uuid){_free(each, 'CAST(:kept AS uuid)')} RETURNING {_key(each)}"
    )


async def move_all(
    session: AsyncSession, references: Iterable[Reference], *, kept: UUID, gone: UUID
) -> dict[str, list[Any]]:
    """All rows that go over; by "table.column", the keys of those that went."""
    moved = {}
    for each in references:
        rows = (await session.execute(sa.text(move(each)), {"kept": kept, "gone": gone})).scalars().all()
        if rows:
            moved[f"{each.table}.{each.column}"] = list(rows)
    return moved


def move_back(each: Reference) -> str:
    """Those of :rows that are still with :kept go back to :gone."""
    same = "".join(f" AND t.{name} = r.{name}" for name in each.keys)
    return (
        f"UPDATE {each.table} t SET {each.column} = CAST(:gone AS uuid) "  # noqa: S608 - names of our own tables
        f"FROM json_populate_recordset(NULL::{each.table}, CAST(:rows AS json)) r "
        f"WHERE t.{each.column} = CAST(:kept AS uuid){same}{_free(each, 'CAST(:gone AS uuid)')}"
    )


def gather(each: Reference, kind: str) -> str:
    """What was written to merged ones since goes to whom they were merged into: from whom, and the row's keys."""
    return (
        f"UPDATE {each.table} t SET {each.column} = gone.merged_into FROM {kind} gone "  # noqa: S608 - own names
        f"WHERE t.{each.column} = gone.id AND gone.merged_into IS NOT NULL{_free(each, 'gone.merged_into')} "
        f"RETURNING gone.id, {_key(each)}"
    )


def _key(each: Reference) -> str:
    return "json_build_object(" + ", ".join(f"'{name}', t.{name}" for name in each.keys) + ")"


def _free(each: Reference, target: str) -> str:
    """No row of the target's is in the way: only one for which a partial index holds is, as it does for this row. Its
    predicate names columns bare, so each of both rows stands alone in a FROM of its own."""
    return "".join(
        f" AND NOT (EXISTS (SELECT FROM (SELECT t.*) own WHERE {alone.where})"  # noqa: S608 - our own tables' words
        f" AND EXISTS (SELECT FROM {each.table} o WHERE o.{each.column} = {target} AND ({alone.where})"
        + "".join(f" AND o.{name} = t.{name}" for name in alone.columns)
        + "))"
        for alone in each.alone
    )
