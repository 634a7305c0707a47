"""Calendars written in a menu file: days, spans of days, weekdays with hours. Pure; asked with the site's own time."""

from __future__ import annotations

import re
from datetime import date, datetime

from msgspec import Struct

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(
    r"(?:(?P<first>\d{4}-\d\d-\d\d)(?:\.\.(?P<last>\d{4}-\d\d-\d\d))?|(?P<days>[a-z]{3}(?:-[a-z]{3})?))?"
    r"(?:(?:^|\s+)(?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d))?"
)


class Span(Struct, frozen=True):
    """One line of a calendar; whatever is None does not matter. Minutes since midnight, the last one not included."""

    first: date | None = None
    last: date | None = None
    weekdays: tuple[int, ...] | None = None
    opens: int = 0
    closes: int = 24 * 60


Calendar = tuple[Span, ...]


def holds(calendar: Calendar, at: datetime) -> bool:
    """Whether one of its lines holds at this local time of the site."""
    minute = at.hour * 60 + at.minute
    for span in calendar:
        in_days = span.first is None or (span.first <= at.date() <= (span.last or span.first))
        in_week = span.weekdays is None or at.weekday() in span.weekdays
        if in_days and in_week and span.opens <= minute < span.closes:
            return True
    return False


def read_span(text: str) -> Span | None:
    """One line of a calendar, or None when it cannot be read."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None or not match.group(0):
        return None
    try:
        first = date.fromisoformat(match["first"]) if match["first"] else None
        last = date.fromisoformat(match["last"]) if match["last"] else None
        opens, closes = (_minute(match[name] or other) for name, other in (("opens", "00:00"), ("closes", "24:00")))
        weekdays = _weekdays(match["days"]) if match["days"] else None
    except ValueError:
        return None
    if opens >= closes or (first and last and last < first):
        return None
    return Span(first, last, weekdays, opens, closes)


def _minute(text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    if minute > 59 or hour * 60 + minute > 24 * 60:
        raise ValueError(text)
    return hour * 60 + minute


def _weekdays(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return tuple(range(start, end + 1)) if start <= end else (*range(start, 7), *range(end + 1))
