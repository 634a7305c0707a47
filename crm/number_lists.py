"""Numbers that are not let in, and numbers that always are: asked by the IVR at each call, kept by people.

An entry is one number in E.164 or a beginning of numbers (`+8617*`). Who is on the allow list by any entry is never
blocked; an entry past its `until` counts no more. Called by the IVR's desk and the command line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import DateTime, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .questions import Asked, Question, Where, ask
from .refusals import Refusal
from .rules.phone_numbers import to_e164
from .tables.routing import LIST_KINDS, NumberListed

REASON_CHARACTERS = 200
_PREFIX = re.compile(r"\+[1-9]\d{0,13}")
_now = func.clock_timestamp(type_=DateTime(timezone=True))


class Entry(Struct, frozen=True):
    """What one entry says of a number."""

    kind: str
    reason: str


# The entries that say something of a number, first the one that counts: "allow" sorts before "block".
_ENTRIES = Question(
    """
SELECT kind, reason FROM number_list
 WHERE (is_prefix AND number = ANY(CAST(:beginnings AS text[])) OR NOT is_prefix AND number = CAST(:number AS text))
   AND (until IS NULL OR until > clock_timestamp())
 ORDER BY kind, is_prefix, length(number) DESC
 LIMIT 1
""",
    Entry,
)


class Written(Struct, frozen=True):
    """A number as the lists hold it."""

    number: str
    is_prefix: bool

    def __str__(self) -> str:
        return f"{self.number}*" if self.is_prefix else self.number


def read_number(text: str, country: str) -> Written:
    """A number as typed (`138 0013 8000`), or with `*` all that begin so (`+8617*`). Refusal for anything else."""
    typed = "".join(text.split())
    if typed.endswith("*"):
        if not _PREFIX.fullmatch(typed[:-1]):
            raise Refusal(f"{text!r} is no beginning of numbers: write it with its country, such as +8617*")
        return Written(typed[:-1], True)
    e164 = to_e164(text, country)
    if e164 is None:
        raise Refusal(
            f"{text!r} is no number that can be dialled: write it with its area or country, such as +862112345678"
        )
    return Written(e164, False)


async def put(
    session: AsyncSession, number: Written, *, kind: str, reason: str, by: str, until: datetime | None = None
) -> None:
    """Put a number on a list; one that stands on either is put there anew."""
    if kind not in LIST_KINDS:
        raise Refusal(f"list {kind!r} is unknown: it is one of {', '.join(LIST_KINDS)}")
    reason = reason.strip()
    if not reason or len(reason) > REASON_CHARACTERS or not reason.isprintable():
        raise Refusal(
            f"a reason of 1 to {REASON_CHARACTERS} printable characters is needed: it is shown with each call"
        )
    said = {"kind": kind, "reason": reason, "by": by, "until": until, "at": _now}
    row = insert(NumberListed).values(
        id=func.gen_random_uuid(), number=number.number, is_prefix=number.is_prefix, **said
    )
    await session.execute(row.on_conflict_do_update(index_elements=["number", "is_prefix"], set_=said))


async def forget(session: AsyncSession, number: Written) -> bool:
    """Take a number off its list; False when it stood on none."""
    gone = await session.execute(
        delete(NumberListed)
        .where(NumberListed.number == number.number, NumberListed.is_prefix == number.is_prefix)
        .returning(NumberListed.id)
    )
    return gone.first() is not None


async def listed(session: AsyncSession, kind: str | None = None) -> list[NumberListed]:
    """All entries by number, those past their time included."""
    rows = select(NumberListed).order_by(NumberListed.number, NumberListed.is_prefix)
    return list(await session.scalars(rows if kind is None else rows.where(NumberListed.kind == kind)))


def asked_of(number_e164: str) -> Asked[Entry]:
    """What the lists say of a number: to be asked together with other questions, and read by `blocked_by`."""
    beginnings = [number_e164[:length] for length in range(2, len(number_e164) + 1)]
    return _ENTRIES.with_(number=number_e164, beginnings=beginnings)


def blocked_by(entries: Sequence[Entry]) -> str | None:
    """Why a caller is not let in, by the entry that says most of the number; None for everyone else."""
    return entries[0].reason if entries and entries[0].kind == "block" else None


async def why_blocked(where: Where, number_e164: str) -> str | None:
    """Why a caller is not let in; None for everyone who is."""
    (entries,) = await ask(where, asked_of(number_e164))
    return blocked_by(entries)
