"""When each queue answers: the settings' hours, the days that were made different, and what was said of queues now.

`Openings` is what is known at one moment, fit to be kept and asked without the database: the IVR keeps the last one.
One-off days and notices are written by the command line and the web; each change tells `kefu_hours`. Called by the
IVR's desk, deeds, pages and the command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from .hints import hint_hours
from .questions import Question
from .refusals import Refusal
from .rules.opening_hours import (
    Day,
    OpeningHours,
    SpecialHours,
    after_open_minutes,
    closed_since,
    day_of,
    is_open,
    read_opening_hours,
    read_spans,
    why_closed,
)
from .settings import Settings
from .tables.hours import QueueNotice, SpecialDay

ALL = ""
"""The queue's name that stands for the whole site."""
QUEUE_CLOSED = "queue-closed"
KEPT_DAYS = 100
"""One-off days are read from a week ago, or from as long ago as is asked for, to so far ahead."""
_PROMPT = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_REASON_CHARACTERS = 200


class Notice(Struct, frozen=True):
    """What new callers of a queue are told. `kind`: closed, announcement."""

    queue: str
    kind: str
    prompt: str | None
    reason: str
    since: datetime
    until: datetime | None
    said_by: str

    def holds(self, at: datetime) -> bool:
        """Whether it is in force; its end may lie between two readings."""
        return self.since <= at and (self.until is None or at < self.until)


class QueueNow(Struct, frozen=True):
    """What a caller of one queue meets: `prompts` are heard first; `why` (closed): hours, holiday, special_day,
    closed_now. `since`: when it closed, where that is known."""

    is_open: bool
    prompts: tuple[str, ...] = ()
    why: str | None = None
    since: datetime | None = None


class Openings(Struct, frozen=True):
    """All hours as of one reading. `queues`: hours of queues that have their own."""

    site: OpeningHours
    queues: Mapping[str, OpeningHours]
    specials: Mapping[str, Mapping[date, SpecialHours]] = {}
    notices: tuple[Notice, ...] = ()

    def of(self, queue: str = ALL) -> tuple[OpeningHours, Mapping[date, SpecialHours]]:
        """The hours of a queue, and its one-off days over those of the site."""
        specials = self.specials.get(ALL, {})
        own = self.specials.get(queue, {}) if queue else {}
        return self.queues.get(queue, self.site), {**specials, **own} if own else specials

    def now(self, queue: str, at: datetime) -> QueueNow:
        """What a caller who asks for this queue meets."""
        said = [notice for notice in self.notices if notice.queue in (queue, ALL) and notice.holds(at)]
        announced = tuple(notice.prompt for notice in said if notice.kind == "announcement" and notice.prompt)
        closed = next((notice for notice in said if notice.kind == "closed"), None)
        if closed is not None:
            prompt = closed.prompt or QUEUE_CLOSED
            return QueueNow(False, (prompt,), "closed_now", closed.since)
        hours, specials = self.of(queue)
        why = why_closed(hours, at, specials)
        if why is None:
            return QueueNow(True, announced)
        return QueueNow(False, (QUEUE_CLOSED,), _CLOSED_BY[why], closed_since(hours, at, specials))

    def site_is_open(self, at: datetime) -> bool:
        """By the site's hours, and unless the whole site was closed just now."""
        return self.site_closed_why(at) is None

    def site_closed_why(self, at: datetime) -> str | None:
        """Why the site is closed at this instant; None when it is open."""
        if any(notice.kind == "closed" and notice.queue == ALL and notice.holds(at) for notice in self.notices):
            return "closed_now"
        hours, specials = self.of()
        why = why_closed(hours, at, specials)
        return None if why is None else _CLOSED_BY[why]

    def due(self, queue: str | None, begin: datetime, minutes: float) -> datetime | None:
        """The instant by which so many open minutes of this queue have passed."""
        hours, specials = self.of(queue or ALL)
        return after_open_minutes(hours, begin, minutes, specials)

    def days(self, queue: str, first: date, count: int) -> list[Day]:
        """The hours of some days."""
        hours, specials = self.of(queue)
        return [day_of(hours, first + timedelta(days=number), specials) for number in range(count)]

    def opens_next(self, queue: str, at: datetime) -> datetime | None:
        """When the queue opens after this instant, by its hours; None while it is open."""
        hours, specials = self.of(queue)
        return None if is_open(hours, at, specials) else after_open_minutes(hours, at, 0.0, specials)


_CLOSED_BY = {"week": "hours", "makeup": "hours", "holiday": "holiday", "special": "special_day"}


def by_settings(settings: Settings) -> Openings:
    """The hours that need no database. Refusal when the settings' text cannot be read."""
    zone, country = settings.timezone, settings.holidays
    try:
        site = read_opening_hours(settings.opening_hours, zone, country)
        queues = {queue: read_opening_hours(text, zone, country) for queue, text in settings.queue_hours.items()}
    except ValueError as fault:
        raise Refusal(f"opening_hours: {fault}") from None
    return Openings(site, queues)


class _Special(Struct):
    queue: str
    day: date
    spans: str
    reason: str


class _Said(Struct):
    specials: list[_Special]
    notices: list[Notice]


_SAID = Question(
    """
SELECT (SELECT coalesce(json_agg(json_build_object('queue', queue, 'day', day, 'spans', spans, 'reason', reason)), '[]')
          FROM special_day WHERE day BETWEEN CAST(:since AS date) AND CAST(:until AS date)) AS specials,
       (SELECT coalesce(json_agg(json_build_object('queue', queue, 'kind', kind, 'prompt', prompt, 'reason', reason,
                                                   'since', since, 'until', until, 'said_by', said_by)
                                 ORDER BY kind DESC, queue), '[]')
          FROM queue_notice WHERE ended_at IS NULL AND (until IS NULL OR until > clock_timestamp())) AS notices
""",
    _Said,
)


async def read(session: AsyncSession, base: Openings, *, since: datetime | None = None) -> Openings:
    """`base` with the one-off days and notices that are in force or to come. `since`: what time was spent since then is
    reckoned, so the one-off days from there on count, too, however long ago."""
    now = datetime.now(UTC)
    first = min(now - timedelta(days=7), since or now).date() - timedelta(days=1)
    said = await _SAID.one(session, since=first, until=now.date() + timedelta(days=KEPT_DAYS))
    specials: dict[str, dict[date, SpecialHours]] = {}
    for row in said.specials:
        specials.setdefault(row.queue, {})[row.day] = SpecialHours(read_spans(row.spans), row.reason)
    return Openings(base.site, base.queues, specials, tuple(said.notices))


async def notices(session: AsyncSession) -> list[Notice]:
    """What is in force now, closings first."""
    rows = await session.scalars(
        select(QueueNotice).where(_in_force()).order_by(QueueNotice.kind.desc(), QueueNotice.queue)
    )
    return [Notice(n.queue, n.kind, n.prompt, n.reason, n.since, n.until, n.said_by) for n in rows]


async def special_days(session: AsyncSession, *, since: date) -> list[SpecialDay]:
    """One-off days from a day on."""
    days = select(SpecialDay).where(SpecialDay.day >= since).order_by(SpecialDay.day, SpecialDay.queue)
    return list(await session.scalars(days))


async def add_special_day(
    session: AsyncSession, on: date, spans: str, *, reason: str, by: str, queue: str = ALL
) -> None:
    """Give a day hours of its own ("" is closed), over what was said of it before."""
    try:
        read_spans(spans)
    except ValueError as fault:
        raise Refusal(str(fault)) from None
    values = {"spans": spans, "reason": _reason(reason), "added_by": by}
    row = insert(SpecialDay).values(day=on, queue=queue, **values)
    await session.execute(row.on_conflict_do_update(index_elements=["day", "queue"], set_=values))
    await hint_hours(session)


async def remove_special_day(session: AsyncSession, on: date, *, queue: str = ALL) -> None:
    """The day is like the others again."""
    gone = await session.execute(
        delete(SpecialDay).where(SpecialDay.day == on, SpecialDay.queue == queue).returning(SpecialDay.day)
    )
    if gone.first() is None:
        raise Refusal(f"{on} is no one-off day{f' of {queue}' if queue else ''}: see `kefu hours list`")
    await hint_hours(session)


async def say(
    session: AsyncSession,
    queue: str,
    kind: str,
    *,
    by: str,
    prompt: str | None = None,
    until: datetime | None = None,
    reason: str = "",
) -> None:
    """Close a queue for new callers (`closed`), or have them hear a prompt first (`announcement`); what was said of it
    before is over."""
    if prompt is not None and not _PROMPT.fullmatch(prompt):
        raise Refusal(f"{prompt!r} is no prompt: write a key of prompts.yaml, small letters, digits and '-'")
    if until is not None and until <= datetime.now(UTC):
        raise Refusal("--until lies in the past: write a later time")
    await _end(session, queue, kind, by)
    notice = QueueNotice(queue=queue, kind=kind, prompt=prompt, until=until, reason=_reason(reason), said_by=by)
    session.add(notice)
    await session.flush()
    await hint_hours(session)


async def unsay(session: AsyncSession, queue: str, kind: str, *, by: str) -> bool:
    """End what was said of a queue; False when nothing was in force."""
    ended = await _end(session, queue, kind, by)
    await hint_hours(session)
    return ended


async def _end(session: AsyncSession, queue: str, kind: str, by: str) -> bool:
    """Two who say something at once take turns: the row lock holds the second until the first has committed."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"notice {kind} {queue}", 0))))
    open_one = (QueueNotice.queue == queue, QueueNotice.kind == kind, QueueNotice.ended_at.is_(None))
    past = await session.scalar(select(QueueNotice.until).where(*open_one, QueueNotice.until <= func.clock_timestamp()))
    ended = await session.execute(
        update(QueueNotice)
        .where(*open_one)
        .values(ended_at=func.coalesce(past, func.clock_timestamp()), ended_by=None if past else by)
        .returning(QueueNotice.id)
    )
    return ended.first() is not None and past is None


def _in_force() -> ColumnElement[bool]:
    return (QueueNotice.ended_at.is_(None)) & or_(
        QueueNotice.until.is_(None), QueueNotice.until > func.clock_timestamp()
    )


def _reason(text: str) -> str:
    reason = " ".join(text.replace("\x00", "").split())
    if len(reason) > _REASON_CHARACTERS:
        raise Refusal(f"the reason has {len(reason)} characters: {_REASON_CHARACTERS} fit")
    return reason
