"""Whether a customer may be rung now: by the clocks where the phone may be, by the country's quiet hours and holidays,
by the customer's own wish.

A number names its time zones, and a mobile number often several: in all of them it must be a fit hour. A zone that the
customer named goes before the number's. Who asked for a call is rung at hours at which people in that country take
calls; sites may say others. Called when a callback is promised, and again at each dial. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import phonenumbers
from msgspec import Struct
from phonenumbers import timezone as number_zones

from .opening_hours import OpeningHours, day_of, is_open, open_spans, read_opening_hours
from .public_days import check_country
from .quiet_hours import ANYWHERE, HOURS

AHEAD_DAYS = 30
# Promises are looked at again and again while they stand.
NUMBERS_KEPT = 8192
Spans = list[tuple[datetime, datetime]]


class Refused(Struct, frozen=True):
    """Why not: a code for figures, a sentence for people. `zone`: where the clock says so."""

    code: str
    sentence: str
    zone: str | None = None


class Callee(Struct, frozen=True):
    """Whom to ring. `zone`: where the customer said to be; `wish`: hours the customer asked for, as opening hours are
    written ("mon-fri 18:00-20:00"); by the customer's own clock."""

    e164: str
    do_not_call: bool = False
    zone: str | None = None
    wish: str | None = None


@lru_cache(NUMBERS_KEPT)
def zones_of(e164: str) -> tuple[str, ...]:
    """All time zones in which a phone of this number may be; none when that is not known."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return ()
    return tuple(zone for zone in number_zones.time_zones_for_number(number) if zone != "Etc/Unknown")


@lru_cache(NUMBERS_KEPT)
def country_of(e164: str) -> str:
    """The country whose customs count: of the number's range, else of its country code; "" when it is of none."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return ""
    named = phonenumbers.region_code_for_number(number)
    named = named or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return named if named and named.isalpha() and named != "ZZ" else ""


def check_wish(wish: str, zone: str | None) -> None:
    """ValueError with one sentence where a wish or a zone cannot be read, or leaves no hour at all."""
    if zone is not None:
        _known(zone)
    if wish and not any(read_opening_hours(wish, zone or "UTC").week):
        raise ValueError(f'the wish "{wish}" names no hour of any weekday; write it as "mon-fri 18:00-20:00"')


def why_not(callee: Callee, at: datetime, hours: Mapping[str, str] = HOURS) -> Refused | None:
    """Why this number must not be rung at this instant (timezone-aware); None when it may."""
    never = _never(callee)
    if never is not None:
        return never
    country = country_of(callee.e164)
    for zone in _zones(callee):
        lawful = _lawful(_text(hours, country), zone, country)
        if not is_open(lawful, at):
            return _why(callee.e164, lawful, at, zone, country)
        if callee.wish and not is_open(read_opening_hours(callee.wish, zone), at):
            there = at.astimezone(ZoneInfo(zone))
            return Refused("wish", f"the customer asked for {callee.wish}, and it is {_shown(there)} there", zone)
    return None


def lawful_spans(callee: Callee, begin: datetime, end: datetime, hours: Mapping[str, str] = HOURS) -> Spans:
    """All time between two instants in which the number may be rung, in UTC and in order."""
    if _never(callee) is not None or begin >= end:
        return []
    country = country_of(callee.e164)
    found: Spans = [(begin.astimezone(UTC), end.astimezone(UTC))]
    for zone in _zones(callee):
        found = common(found, open_spans(_lawful(_text(hours, country), zone, country), begin, end))
        if callee.wish:
            found = common(found, open_spans(read_opening_hours(callee.wish, zone), begin, end))
    return found


def next_moment(callee: Callee, at: datetime, hours: Mapping[str, str] = HOURS) -> datetime | None:
    """The first instant from `at` on at which the number may be rung; None when there is none within 30 days."""
    day = timedelta(days=1)
    for number in range(AHEAD_DAYS):
        found = lawful_spans(callee, at + number * day, at + (number + 1) * day, hours)
        if found:
            return found[0][0]
    return None


def common(one: Spans, other: Spans) -> Spans:
    """The time that two lists of spans share; both in order and without overlaps."""
    found: Spans = []
    mine, theirs = 0, 0
    while mine < len(one) and theirs < len(other):
        begin, end = max(one[mine][0], other[theirs][0]), min(one[mine][1], other[theirs][1])
        if begin < end:
            found.append((begin, end))
        if one[mine][1] <= other[theirs][1]:
            mine += 1
        else:
            theirs += 1
    return found


def _never(callee: Callee) -> Refused | None:
    if callee.do_not_call:
        return Refused("do_not_call", f"{callee.e164} asked not to be called")
    if callee.zone is None and not zones_of(callee.e164):
        return Refused(
            "zone_unknown",
            f"nobody knows what time it is at {callee.e164}: ask the customer, and say it with --zone",
        )
    return None


def _zones(callee: Callee) -> tuple[str, ...]:
    return (_known(callee.zone),) if callee.zone is not None else zones_of(callee.e164)


def _known(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'time zone "{zone}" is unknown; write a name such as "Asia/Shanghai"') from None
    return zone


def _text(hours: Mapping[str, str], country: str) -> str:
    return hours.get(country) or hours.get(ANYWHERE) or HOURS.get(country) or HOURS[ANYWHERE]


@lru_cache(maxsize=1024)
def _lawful(text: str, zone: str, country: str) -> OpeningHours:
    """Quiet hours turned round. A country whose holidays nobody knows has none."""
    try:
        check_country(country)
    except ValueError:
        country = ""
    return read_opening_hours(text, zone, country)


def _why(e164: str, lawful: OpeningHours, at: datetime, zone: str, country: str) -> Refused:
    there = at.astimezone(ZoneInfo(zone))
    day = day_of(lawful, there.date())
    where = f"it is {_shown(there)} in {zone}"
    if day.why == "holiday":
        return Refused("holiday", f"{where}, and {day.name_en} is kept in {country}", zone)
    if not day.spans:
        return Refused("quiet_day", f"{where}, and nobody is called on that day in {country}", zone)
    return Refused("quiet_hours", f"{where}, and nobody is called at that hour in {country or 'any country'}", zone)


def _shown(there: datetime) -> str:
    return f"{there:%a %H:%M}"
