"""When the center is open: weekly hours in the site's own time zone, with holidays, make-up workdays and one-off days
laid over them.

Called by the IVR's desk for every call, by clocks that run in open hours only, and by `kefu hours preview`. Pure: the
instant, the zone and the one-off days are arguments. In an hour that a clock shows twice, opening counts its first
passing and closing its last; a time that a clock skips is the moment of the skip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from .public_days import check_country, public_day

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
LOOKED_AHEAD_DAYS = 90
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")

Spans = tuple[tuple[int, int], ...]
"""Open spans of one day in minutes after local midnight; one may run past 24:00."""
Why = Literal["week", "holiday", "makeup", "special"]


class OpeningHours(Struct, frozen=True):
    """The hours of each weekday (Monday first); of a holiday (none: closed) and of a make-up workday (none: Monday's),
    where `country` says which days those are ("": none)."""

    week: tuple[Spans, ...]
    zone: str
    holiday: Spans = ()
    makeup: Spans | None = None
    country: str = ""


class SpecialHours(Struct, frozen=True):
    """A one-off day: its hours, and why."""

    spans: Spans
    reason: str


Specials = Mapping[date, SpecialHours]
NO_SPECIALS: Specials = {}


class Day(Struct, frozen=True):
    """One calendar day's hours, and what they come from: `name_en`/`name_zh` say which holiday or reason."""

    on: date
    spans: Spans
    why: Why
    name_en: str = ""
    name_zh: str = ""


def read_opening_hours(text: str, zone: str, country: str = "") -> OpeningHours:
    """Read `mon-fri 09:00-12:00 13:00-18:00, sat 10:00-12:00`; days not named are closed.

    `holiday` and `makeup` may stand for a weekday. `22:00-06:00` runs into the next day; `00:00-24:00` is the whole
    day; an empty text is never open. ValueError with one sentence saying what is wrong and how to write it.
    """
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'time zone "{zone}" is unknown; write a name such as "Asia/Shanghai"') from None
    if country:
        check_country(country)
    week: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    other: dict[str, Spans] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        named, *spans = part.split()
        if not spans:
            raise ValueError(f'"{part}" names no hours; write it as "mon-fri 09:00-18:00"')
        if named.lower() in ("holiday", "makeup"):
            other[named.lower()] = read_spans(" ".join(spans))
            continue
        for day in _days(named):
            week[day].extend(_span(span) for span in spans)
    days = tuple(tuple(sorted(spans)) for spans in week)
    return OpeningHours(days, zone, other.get("holiday", ()), other.get("makeup"), country)


def read_spans(text: str) -> Spans:
    """Read `09:00-12:00 13:00-18:00`, the hours of one day; nothing is closed. ValueError with one sentence."""
    return tuple(sorted(_span(span) for span in text.split()))


def write_spans(spans: Spans) -> str:
    """The spans as they are written; "" when closed."""
    return " ".join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in spans)


def day_of(hours: OpeningHours, on: date, specials: Specials = NO_SPECIALS) -> Day:
    """The hours that one calendar day begins with: a one-off day goes before a public one, and that before the week."""
    special = specials.get(on)
    if special is not None:
        return Day(on, special.spans, "special", special.reason, special.reason)
    public = public_day(on, hours.country) if hours.country else None
    if public is None:
        return Day(on, hours.week[on.weekday()], "week")
    if public.kind == "holiday":
        return Day(on, hours.holiday, "holiday", public.name_en, public.name_zh)
    makeup = hours.week[0] if hours.makeup is None else hours.makeup
    return Day(on, makeup, "makeup", public.name_en, public.name_zh)


def is_open(hours: OpeningHours, at: datetime, specials: Specials = NO_SPECIALS) -> bool:
    """Whether the center answers at this instant (timezone-aware). The closing moment itself is closed."""
    on = _local(hours, at).date()
    return any(opens <= at < closes for opens, closes in _instants(hours, on, 1, specials))


def why_closed(hours: OpeningHours, at: datetime, specials: Specials = NO_SPECIALS) -> Why | None:
    """What closes the center at this instant; None when it is open."""
    if is_open(hours, at, specials):
        return None
    return day_of(hours, _local(hours, at).date(), specials).why


def open_spans(
    hours: OpeningHours, begin: datetime, end: datetime, specials: Specials = NO_SPECIALS
) -> list[tuple[datetime, datetime]]:
    """All open time between two instants, as instants in UTC; spans that touch or overlap are one."""
    found: list[tuple[datetime, datetime]] = []
    first, days = _local(hours, begin).date(), (end - begin).days + 2
    for opens, closes in _instants(hours, first, days, specials):
        opens, closes = max(opens, begin.astimezone(UTC)), min(closes, end.astimezone(UTC))
        if opens >= closes:
            continue
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], closes))
        else:
            found.append((opens, closes))
    return found


def after_open_minutes(
    hours: OpeningHours, begin: datetime, minutes: float, specials: Specials = NO_SPECIALS
) -> datetime | None:
    """The instant by which so many minutes of open time have passed; None when they do not within 90 days."""
    left = timedelta(minutes=minutes)
    for opens, closes in open_spans(hours, begin, begin + timedelta(days=LOOKED_AHEAD_DAYS), specials):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    return None


def closed_since(hours: OpeningHours, at: datetime, specials: Specials = NO_SPECIALS) -> datetime | None:
    """When the center closed before this instant; None while it is open, and when it was not open for a week."""
    spans = open_spans(hours, at - timedelta(days=7), at + timedelta(microseconds=1), specials)
    return None if not spans or spans[-1][1] > at else spans[-1][1]


def _instants(hours: OpeningHours, first: date, days: int, specials: Specials) -> list[tuple[datetime, datetime]]:
    """The spans of some days and of those around them, as instants, by their beginning."""
    return sorted(_each_instant(hours, first, days, specials))


def _each_instant(
    hours: OpeningHours, first: date, days: int, specials: Specials
) -> Iterator[tuple[datetime, datetime]]:
    zone = ZoneInfo(hours.zone)
    for number in range(-1, days + 1):
        on = first + timedelta(days=number)
        for opens, closes in day_of(hours, on, specials).spans:
            yield _instant(on, opens, zone, last=False), _instant(on, closes, zone, last=True)


def _instant(on: date, minute: int, zone: ZoneInfo, *, last: bool) -> datetime:
    """The moment at which the clocks of a zone show this minute of a day; `last`: of two such moments, the later."""
    shown = datetime.combine(on, time()) + timedelta(minutes=minute)
    first, second = (shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if second < first:
        return _skip(second, first, zone)
    return second if last else first


def _skip(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two instants at which the clocks of a zone go forward, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _local(hours: OpeningHours, at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("opening hours are asked with a time without a zone")
    return at.astimezone(ZoneInfo(hours.zone))


def _clock(minute: int) -> str:
    minute = minute if minute <= MINUTES_A_DAY else minute - MINUTES_A_DAY
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(named: str) -> range | list[int]:
    first, dash, last = named.strip().lower().partition("-")
    last = last if dash else first
    if first not in DAYS or last not in DAYS:
        raise ValueError(f'"{named}" is no weekday; write one of {", ".join(DAYS)}, or a range such as "mon-fri"')
    start, end = DAYS.index(first), DAYS.index(last)
    if start <= end:
        return range(start, end + 1)
    return [*range(start, len(DAYS)), *range(end + 1)]


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text.strip())
    if match:
        from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
        opens, closes = from_hour * 60 + from_minute, to_hour * 60 + to_minute
        if max(from_minute, to_minute) < 60 and opens < MINUTES_A_DAY and closes <= MINUTES_A_DAY and opens != closes:
            return opens, closes if closes > opens else closes + MINUTES_A_DAY
    raise ValueError(f'"{text}" is no span of hours; write it as "09:00-18:00"')
