"""The internal directory: departments, and whom to reach in them, found by name, pinyin, initials, department, matter.

A company's directory holds thousands, so it is looked through whole; what a name is found by is made as it is written.
Called by deeds, pages and the command line.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct
from sqlalchemy import exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .refusals import Refusal
from .rules.pinyin_names import asked, found_by
from .tables.directory import Department, DirectoryEntry

FIELDS = ("name", "department", "position", "matters", "extension", "mobile", "email")
CHARACTERS = 120
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")

_SEARCH = text(
    """
SELECT e.id, e.name, e.department, d.name_en, d.name_zh, e.position, e.matters, e.extension, e.mobile, e.email,
       agent.login
  FROM directory_entry e
  JOIN department d ON d.code = e.department
  LEFT JOIN agent ON agent.id = e.agent_id
 WHERE e.active AND (CAST(:department AS text) IS NULL OR e.department = :department)
   AND (:typed = '' OR strpos(e.found_by, :typed) > 0 OR strpos(lower(e.matters), :words) > 0
        OR starts_with(e.extension, :typed) OR strpos(lower(e.position), :words) > 0
        OR strpos(d.name_zh, :words) > 0 OR strpos(lower(d.name_en), :words) > 0)
 ORDER BY NOT (' ' || e.found_by || ' ' LIKE '% ' || :escaped || ' %'),
          strpos(' ' || e.found_by, ' ' || :typed) = 0, d.code, e.name, e.extension
 LIMIT :limit
"""
)


class Found(Struct, frozen=True):
    """One person or place to reach, with its department's names."""

    id: UUID
    name: str
    department: str
    name_en: str
    name_zh: str
    position: str
    matters: str
    extension: str
    mobile: str
    email: str
    login: str | None


async def search(
    session: AsyncSession, typed: str = "", *, department: str | None = None, limit: int = 100
) -> list[Found]:
    """Who is found by this: whole names and initials first, then beginnings, then the rest."""
    words = " ".join(typed.replace("\x00", "").lower().split())
    looked_for = asked(typed)
    escaped = looked_for.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    wanted = {"typed": looked_for, "words": words, "escaped": escaped, "department": department, "limit": limit}
    return [Found(**row) for row in (await session.execute(_SEARCH, wanted)).mappings()]


async def put(session: AsyncSession, said: dict[str, str], *, agent_id: UUID | None = None) -> tuple[Found, bool]:
    """Add somebody, or change what is said of the one with this name, department and extension; whether they are new.
    Refusal for what cannot be."""
    kept = {field: _line(said.get(field, ""), field) for field in FIELDS}
    if not kept["name"]:
        raise Refusal("a directory entry needs a name")
    if await session.get(Department, kept["department"]) is None:
        known = ", ".join(each.code for each in await departments(session)) or "none yet"
        raise Refusal(f"there is no department {kept['department'][:40]!r}: there are {known}")
    values: dict[str, Any] = {**kept, "found_by": found_by(kept["name"]), "active": True}
    if agent_id is not None:
        values["agent_id"] = agent_id
    key = ("department", "name", "extension")
    same = [getattr(DirectoryEntry, field) == kept[field] for field in key]
    known_before = bool(await session.scalar(select(exists().where(*same))))
    row = insert(DirectoryEntry).values(id=uuid4(), **values)
    changed = {field: value for field, value in values.items() if field not in key}
    entry = (
        await session.scalars(
            row.on_conflict_do_update(index_elements=key, set_=changed).returning(DirectoryEntry),
            execution_options={"populate_existing": True},
        )
    ).one()
    found = await search(session, entry.name, department=entry.department, limit=1000)
    return next(each for each in found if each.id == entry.id), not known_before


async def take_out(session: AsyncSession, entry_id: UUID) -> None:
    """No longer to be reached. Refusal when there is no such entry."""
    entry = await session.get(DirectoryEntry, entry_id)
    if entry is None:
        raise Refusal("there is no such directory entry")
    entry.active = False
    await session.flush()


async def departments(session: AsyncSession) -> list[Department]:
    """All departments that answer."""
    return list(await session.scalars(select(Department).where(Department.active).order_by(Department.code)))


async def department(session: AsyncSession, code: str) -> Department:
    """One department. Refusal when there is none, or it answers no more."""
    found = await session.get(Department, code) if _CODE.fullmatch(code) else None
    if found is None or not found.active:
        known = ", ".join(each.code for each in await departments(session)) or "none yet"
        raise Refusal(f"there is no department {code[:40]!r}: there are {known}")
    return found


async def define_department(
    session: AsyncSession, code: str, *, name_en: str, name_zh: str, answer_minutes: int = 480
) -> None:
    """Make or change a department. Refusal for a code or a time that cannot be."""
    if not _CODE.fullmatch(code):
        raise Refusal(f"{code[:40]!r} is no code: write small letters, digits and '_', a letter first")
    if not 1 <= answer_minutes <= 20_000:
        raise Refusal(f"{answer_minutes} open minutes cannot be promised: 1 to 20000")
    names = {"name_en": _line(name_en, "name"), "name_zh": _line(name_zh, "name")}
    await session.merge(Department(code=code, **names, answer_minutes=answer_minutes, active=True))
    await session.flush()


async def departments_of(session: AsyncSession, agent_id: UUID) -> list[str]:
    """The departments whose work orders this agent answers."""
    rows = select(DirectoryEntry.department).where(DirectoryEntry.agent_id == agent_id, DirectoryEntry.active)
    return list(await session.scalars(rows.distinct()))


def _line(value: str, field: str) -> str:
    kept = " ".join(value.replace("\x00", "").split())
    if len(kept) > CHARACTERS:
        raise Refusal(f"the {field} has {len(kept)} characters: {CHARACTERS} fit")
    if not kept.isprintable():
        raise Refusal(f"the {field} holds signs that cannot be shown")
    return kept
