"""Statements that are asked at every ring: each answers in JSON, which becomes what the caller knows in one step.

A Question is asked of a session, in its transaction, or of the Database, which has a few connections for nothing else:
there one round trip holds several questions that see one moment, planned once for all values, so a question asked so
must be one that every value finds by the same index. Called by subjects and by the pages of the desk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")
Numbered = tuple[str, Sequence[object]]
"""A statement with $1, $2 …, and what stands for them."""

_PLACE = re.compile(r"(?<![:\w]):(\w+)(?!:)")


class Quick(Protocol):
    """Who has connections for questions: the Database."""

    async def answers(self, statements: Sequence[Numbered]) -> list[list[bytes]]:
        """For each statement its rows, of one value each."""
        ...


Where = AsyncSession | Quick
"""Of whom a question can be asked."""


class Question(Generic[T]):
    """A SELECT with `:named` places, whose rows are structs of type T by their columns' names."""

    def __init__(self, statement: str, row: type[T]) -> None:
        """A place without a type of its own is cast: `CAST(:queue AS text)`."""
        told = f"SELECT to_json(asked)::text FROM ({statement}) AS asked"  # noqa: S608 - statements of our own
        self._names = tuple(dict.fromkeys(_PLACE.findall(told)))
        places = {name: f"${number}" for number, name in enumerate(self._names, 1)}
        self._numbered = _PLACE.sub(lambda found: places[found[1]], told)
        self._clause = text(told)
        self._rows: msgspec.json.Decoder[list[T]] = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def with_(self, **values: object) -> Asked[T]:
        """The question about these values."""
        return Asked(self, values)

    async def rows(self, where: Where, **values: object) -> list[T]:
        """All that is found."""
        found: list[list[T]] = await ask(where, Asked(self, values))
        return found[0]

    async def one(self, where: Where, **values: object) -> T:
        """The row of a question that always has one."""
        (found,) = await self.rows(where, **values)
        return found

    async def first(self, where: Where, **values: object) -> T | None:
        """The first row, if any."""
        found = await self.rows(where, **values)
        return found[0] if found else None

    def numbered(self, values: dict[str, object]) -> Numbered:
        """As the driver takes it."""
        return self._numbered, [values[name] for name in self._names]

    def read(self, rows: Sequence[bytes]) -> list[T]:
        """What was answered."""
        found: list[T] = self._rows.decode(b"[%b]" % b",".join(rows))
        return found

    async def _of_session(self, session: AsyncSession, values: dict[str, object]) -> list[T]:
        found = (await session.scalars(self._clause, {name: values[name] for name in self._names})).all()
        return self.read([each.encode() for each in found])


class Asked(Generic[T]):
    """A question with its values."""

    __slots__ = ("question", "values")

    def __init__(self, question: Question[T], values: dict[str, object]) -> None:
        self.question = question
        self.values = values


async def ask(where: Where, *asked: Asked[Any]) -> list[Any]:
    """The rows of each question, in one round trip where that can be."""
    if isinstance(where, AsyncSession):
        return [await each.question._of_session(where, each.values) for each in asked]
    answers = await where.answers([each.question.numbered(each.values) for each in asked])
    return [each.question.read(rows) for each, rows in zip(asked, answers, strict=True)]
