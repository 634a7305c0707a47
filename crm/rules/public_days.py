"""Public holidays and make-up workdays of a country: the one file that knows `holidays` and `chinesecalendar`. Pure.

China moves workdays to weekends around long holidays, as its government announces each November for the next year;
chinesecalendar knows the years announced when it was released. For later years, and for every other country, only
holidays are known. Called by opening_hours.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct

WEEKEND = (5, 6)


class PublicDay(Struct, frozen=True):
    """A day that is no usual weekday. `makeup`: a weekend on which China works."""

    kind: Literal["holiday", "makeup"]
    name_en: str
    name_zh: str


@lru_cache(maxsize=4096)
def public_day(on: date, country: str) -> PublicDay | None:
    """What this day is in a country ("CN", or with a region: "DE-BY"); None for a usual day."""
    if country == "CN":
        found = _announced(on)
        if found is not None:
            return found if isinstance(found, PublicDay) else None
    name_en, name_zh = _calendar(country, "en_US").get(on), _calendar(country, "zh_CN").get(on)
    return PublicDay("holiday", name_en, name_zh or name_en) if name_en else None


def makeup_days_known(year: int, country: str) -> bool:
    """Whether the make-up workdays of this year are known: elsewhere than in China there are none to know."""
    return country != "CN" or _announced(date(year, 7, 1)) is not None


def check_country(country: str) -> None:
    """ValueError, one sentence, when the holidays of this country are not known."""
    try:
        _calendar(country, "en_US")
    except (NotImplementedError, ValueError, TypeError):
        raise ValueError(
            f"holidays of {country!r} are not known: write a country such as CN, or with its region, such as DE-BY"
        ) from None


def _announced(on: date) -> PublicDay | Literal["usual"] | None:
    """By China's own announcement; None for a year that is not announced."""
    import chinese_calendar

    try:
        off, name = chinese_calendar.get_holiday_detail(on)
    except NotImplementedError:
        return None
    if name is None or (not off and on.weekday() not in WEEKEND):
        return "usual"
    name_zh = next((each.chinese for each in chinese_calendar.Holiday if each.value == name), name)
    return PublicDay("holiday" if off else "makeup", name, name_zh)


@lru_cache(maxsize=32)
def _calendar(country: str, language: str) -> Any:
    """The holidays of a country by day; it reckons a year when the first day of it is asked for."""
    import holidays

    code, _, region = country.partition("-")
    known = holidays.country_holidays(code, subdiv=region or None)
    if language not in (known.supported_languages or ()):
        return known
    return holidays.country_holidays(code, subdiv=region or None, language=language)
