"""When the center is open: weekly hours in the site's own time zone.

Called by the IVR's desk for every call. Pure: the instant and the zone are arguments. Holidays and make-up
workdays will be laid over the week here.
"""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


class OpeningHours(Struct, frozen=True):
    """Open spans of each weekday (Monday first) in minutes after local midnight; one may run past 24:00."""

    week: tuple[tuple[tuple[int, int], ...], ...]
    zone: str


def read_opening_hours(text: str, zone: str) -> OpeningHours:
    """Read `mon-fri 09:00-12:00 13:00-18:00, sat 10:00-12:00`; days not named are closed.

    `22:00-06:00` runs into the next day; `00:00-24:00` is the whole day; an empty text is never open.
    ValueError with one sentence saying what is wrong and how to write it.
    """
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'time zone "{zone}" is unknown; write a name such as "Asia/Shanghai"') from None
    week: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for part in filter(None, (part.strip() for part in text.split(","))):
        named, *spans = part.split()
        if not spans:
            raise ValueError(f'"{part}" names no hours; write it as "mon-fri 09:00-18:00"')
        for day in _days(named):
            week[day].extend(_span(span) for span in spans)
    return OpeningHours(week=tuple(tuple(sorted(spans)) for spans in week), zone=zone)


def is_open(hours: OpeningHours, at: datetime) -> bool:
    """Whether the center answers at this instant (timezone-aware). The closing minute itself is closed."""
    if at.tzinfo is None:
        raise ValueError("opening hours are asked with a time without a zone")
    local = at.astimezone(ZoneInfo(hours.zone))
    minute = local.hour * 60 + local.minute
    today, yesterday = hours.week[local.weekday()], hours.week[local.weekday() - 1]
    return any(opens <= minute < closes for opens, closes in today) or any(
        minute + MINUTES_A_DAY < closes for _opens, closes in yesterday
    )


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
