"""The journal of AMI messages: its days made and dropped, a conversation's messages read, and a person erased from it.

One partition a day (UTC) in the schema journal_days; what no day was made for stands in `undated` until it is. Old days
are dropped whole, never row by row. Called by the bridge each hour, by `kefu db upgrade`, by explain, and by erasure.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import zlib
from collections.abc import AsyncGenerator, Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from crm.database import Database
from crm.ledger.statement import storable_text
from crm.rules.erased_messages import Erasure

AHEAD_DAYS = 3
LOCK_PATIENCE_MS = 1000
_DAY = re.compile(r"d(\d{4})(\d{2})(\d{2})")
_PARTITIONS = text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = 'journal'::regclass ORDER BY c.relname"
)
_UNDATED = text("SELECT DISTINCT (first_at AT TIME ZONE 'UTC')::date FROM journal_days.undated")
_BLOCKS = text(
    "SELECT first_at, last_at, block FROM journal WHERE node = :node AND first_at < :until AND first_at >= :earliest "
    "AND last_at >= :since AND linkedids && :linkedids ORDER BY first_at, fence, number"
)
_SPAN = text(
    "SELECT first_at, block FROM journal WHERE node = :node AND first_at < :until AND first_at >= :earliest "
    "AND last_at >= :since ORDER BY first_at, fence, number"
)
_MEMBER = b"Event: QueueMember"
_TO_REWRITE = text(
    "SELECT fence, number, first_at, block FROM journal WHERE node = :node AND first_at >= :earliest "
    "AND first_at < :until AND (first_at, fence, number) > (:first_at, :fence, :number) "
    "ORDER BY first_at, fence, number LIMIT :blocks FOR UPDATE"
)
_REWRITE = text(
    "UPDATE journal SET block = :block, linkedids = :linkedids "
    "WHERE node = :node AND fence = :fence AND number = :number AND first_at = :first_at"
)
_LINKEDID = re.compile(rb"Linkedid: ([^\r\n]{1,150})")
BLOCKS_AT_ONCE = 20
# A batch is at most this long: its first message may be so much older than one inside it.
_LONGEST_BATCH = timedelta(hours=1)


class Kept(Struct, frozen=True):
    """What `keep` did: days made and days dropped."""

    made: list[date]
    dropped: list[date]


class Heard(Struct, frozen=True):
    """One AMI message of the journal. `at`: Asterisk's time if it carried one, else when its batch began."""

    at: float
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        """The first value of a header; '' when there is none."""
        return next((value for key, value in self.headers if key == name), "")


class Place(Struct, frozen=True):
    """A block's place in the order of a node's journal: where a rewriting stands."""

    first_at: datetime
    fence: int
    number: int


class Rewritten(Struct, frozen=True):
    """One committed step: `looked_at` blocks, of which `changed` were; it goes on `after`."""

    looked_at: int
    changed: int
    after: Place


async def keep(database: Database, kept_days: int, now: datetime) -> Kept:
    """Make the days around `now`, file what stands undated, drop days older than `kept_days`.

    Each day is a transaction of its own with a short patience for locks: what traffic holds is left for the next time.
    """
    today = now.astimezone(UTC).date()
    oldest = today - timedelta(days=kept_days)
    async with database.reading() as session:
        there = await _days(session)
        strayed = {row[0] for row in await session.execute(_UNDATED)}
    wanted = {today + timedelta(days=offset) for offset in range(-1, AHEAD_DAYS + 1)} | strayed
    made: list[date] = []
    for day in sorted(wanted - there):
        async with database.transaction() as session:
            await _make(session, day)
        made.append(day)
    dropped: list[date] = []
    for day in sorted(day for day in there | set(made) if day < oldest):
        async with database.transaction() as session:
            await _patience(session)
            await session.execute(text(f"DROP TABLE IF EXISTS journal_days.{_name(day)}"))
        dropped.append(day)
    return Kept(made, dropped)


async def messages(
    session: AsyncSession, node: str, linkedids: Collection[str], since: datetime, until: datetime
) -> list[Heard]:
    """All messages of the blocks that name one of these Linkedids, in the order heard; sort out what is not of them."""
    asked = {"node": node, "linkedids": list(linkedids), "since": since, "until": until}
    rows = await session.execute(_BLOCKS, {**asked, "earliest": since - _LONGEST_BATCH})
    return [heard for row in rows for heard in unpacked(row.block, row.first_at.timestamp())]


async def member_rows(session: AsyncSession, node: str, since: datetime, until: datetime) -> list[Heard]:
    """What Asterisk said of queue members in a span, in the order heard: each is a member's whole state."""
    asked = {"node": node, "since": since, "until": until, "earliest": since - _LONGEST_BATCH}
    rows = await session.execute(_SPAN, asked)
    return [heard for row in rows for heard in unpacked(row.block, row.first_at.timestamp(), _MEMBER)]


async def rewrite(
    database: Database, node: str, gone: Erasure, since: datetime, until: datetime, *, after: Place | None = None
) -> AsyncGenerator[Rewritten]:
    """Take what is to go out of the blocks of a time, each row keeping its key and the count of what was heard.

    Each step is a transaction of its own; after a fault go on with the `after` of the last one. Doing it twice changes
    nothing. Every block of the time is opened: a waiting caller is listed without a Linkedid.
    """
    earliest = since - _LONGEST_BATCH
    place = after or Place(earliest, -1, -1)
    while True:
        asked: dict[str, object] = {"node": node, "earliest": earliest, "until": until, "blocks": BLOCKS_AT_ONCE}
        asked |= {"first_at": place.first_at, "fence": place.fence, "number": place.number}
        async with database.transaction() as session:
            rows = list(await session.execute(_TO_REWRITE, asked))
            changed = [change for row in rows if (change := await asyncio.to_thread(_without, row, gone)) is not None]
            for change in changed:
                await session.execute(_REWRITE, {"node": node, **change})
        if not rows:
            return
        place = Place(rows[-1].first_at, rows[-1].fence, rows[-1].number)
        yield Rewritten(len(rows), len(changed), place)


def _without(row: Any, gone: Erasure) -> dict[str, object] | None:
    """The row's new content, or None where nothing has to go."""
    rest = gone.rest_of(zlib.decompress(row.block))
    if rest is None:
        return None
    linkedids = sorted({storable_text(found.decode("utf-8", "replace")) for found in set(_LINKEDID.findall(rest))})
    key = {"fence": row.fence, "number": row.number, "first_at": row.first_at}
    return {**key, "block": zlib.compress(rest, 1), "linkedids": linkedids}


def unpacked(block: bytes, at: float, beginning: bytes = b"") -> Iterator[Heard]:
    """The messages of one block that begin so. at: for those without a time of their own."""
    for raw in zlib.decompress(block).split(b"\r\n\r\n"):
        if not raw.strip() or not raw.startswith(beginning):
            continue
        lines = raw.decode("utf-8", "replace").split("\r\n")
        headers = [(key, value) for key, _, value in (line.partition(": ") for line in lines)]
        heard = Heard(at, headers)
        stamp = heard.get("Timestamp")
        with contextlib.suppress(ValueError):
            at = float(stamp) if stamp else at
        yield Heard(at, headers)


async def _days(session: AsyncSession) -> set[date]:
    names = (await session.execute(_PARTITIONS)).scalars()
    return {date(*map(int, found.groups())) for name in names if (found := _DAY.fullmatch(name))}


async def _make(session: AsyncSession, day: date) -> None:
    """A table of the day's own, with what stands undated of it, then attached: the journal itself is hardly locked."""
    name, begin = f"journal_days.{_name(day)}", f"'{day} 00:00+00'"
    end = f"'{day + timedelta(days=1)} 00:00+00'"
    inside = f"first_at >= {begin} AND first_at < {end}"
    await _patience(session)
    await session.execute(text("LOCK TABLE journal_days.undated IN ACCESS EXCLUSIVE MODE"))
    moved = f"WITH moved AS (DELETE FROM journal_days.undated WHERE {inside} RETURNING *)"  # noqa: S608 - our own dates
    for statement in (
        f"CREATE TABLE {name} (LIKE journal INCLUDING ALL, CHECK ({inside}))",
        f"{moved} INSERT INTO {name} SELECT * FROM moved",  # noqa: S608 - likewise
        f"ALTER TABLE journal ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end})",
    ):
        await session.execute(text(statement.replace(":", r"\:")))


async def _patience(session: AsyncSession) -> None:
    await session.execute(text(f"SET LOCAL lock_timeout = {LOCK_PATIENCE_MS}"))


def _name(day: date) -> str:
    return f"d{day:%Y%m%d}"
