"""Who may be rung when: a table of countries, zones, clock changes and holidays, each with the stated reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.rules.calling_hours import (
    Callee,
    check_wish,
    common,
    country_of,
    lawful_spans,
    next_moment,
    why_not,
    zones_of,
)
from crm.rules.opening_hours import read_opening_hours
from crm.rules.quiet_hours import HOURS

SHANGHAI, NEW_YORK, LOS_ANGELES = "+8613800138000", "+12125550100", "+14155552671"
BERLIN, PARIS, LONDON, MADRID, CANARY = "+493012345678", "+33123456789", "+442071234567", "+34911234567", "+34928123456"
VLADIVOSTOK, ANY_RUSSIAN_MOBILE = "+74232222222", "+79161234567"
SYDNEY, ANY_AUSTRALIAN_MOBILE = "+61291234567", "+61412345678"
ALASKA, TOLL_FREE_US, HAWAII, PHOENIX = "+19075550100", "+18005551234", "+18085551234", "+16025550100"
DELHI, KATHMANDU, TOKYO, SAO_PAULO, SANTIAGO = (
    *("+911123456789", "+97714123456", "+81312345678"),
    *("+551123456789", "+56223456789"),
)
CONGO, JERUSALEM, TORONTO, KYIV, REUNION = (
    "+243812345678",
    "+97225678901",
    "+16135550100",
    "+380441234567",
    "+262262123456",
)
SATELLITE = "+88216123456"


def local(text: str, fold: int = 0) -> datetime:
    """`2026-11-23 08:00 Asia/Shanghai`."""
    day, clock, zone = text.split(" ")
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=ZoneInfo(zone), fold=fold)


# number, when, the reason (None: may be rung), the zone that says so.
TABLE: list[tuple[str, str, str | None, str | None]] = [
    # China: every day from eight to nine at night, later on holidays.
    (SHANGHAI, "2026-11-23 08:00 Asia/Shanghai", None, None),
    (SHANGHAI, "2026-11-23 07:59 Asia/Shanghai", "quiet_hours", "Asia/Shanghai"),
    (SHANGHAI, "2026-11-23 20:59 Asia/Shanghai", None, None),
    (SHANGHAI, "2026-11-23 21:00 Asia/Shanghai", "quiet_hours", "Asia/Shanghai"),
    (SHANGHAI, "2026-11-22 12:00 Asia/Shanghai", None, None),  # a Sunday
    (SHANGHAI, "2026-10-01 08:30 Asia/Shanghai", "holiday", "Asia/Shanghai"),
    (SHANGHAI, "2026-10-01 09:00 Asia/Shanghai", None, None),
    (SHANGHAI, "2026-02-17 08:59 Asia/Shanghai", "holiday", "Asia/Shanghai"),  # Spring Festival
    (SHANGHAI, "2026-02-28 08:00 Asia/Shanghai", None, None),  # a Saturday worked to make up
    (SHANGHAI, "2026-11-23 01:00 Europe/London", None, None),  # nine in the morning there
    (SHANGHAI, "2026-11-23 09:00 America/New_York", "quiet_hours", "Asia/Shanghai"),  # ten at night there
    # The United States: by the number's own zone, not by the server's.
    (NEW_YORK, "2026-11-23 08:00 America/New_York", None, None),
    (NEW_YORK, "2026-11-23 07:30 America/New_York", "quiet_hours", "America/New_York"),
    (LOS_ANGELES, "2026-11-23 08:00 America/New_York", "quiet_hours", "America/Los_Angeles"),
    (LOS_ANGELES, "2026-11-23 11:00 America/New_York", None, None),
    (NEW_YORK, "2026-11-23 20:59 America/New_York", None, None),
    (NEW_YORK, "2026-11-23 21:00 America/New_York", "quiet_hours", "America/New_York"),
    (LOS_ANGELES, "2026-11-23 23:30 America/New_York", None, None),
    (NEW_YORK, "2026-11-26 08:30 America/New_York", "holiday", "America/New_York"),  # Thanksgiving
    (NEW_YORK, "2026-11-26 09:00 America/New_York", None, None),
    (PHOENIX, "2026-07-06 08:00 America/Phoenix", None, None),  # no summer time in Arizona
    (PHOENIX, "2026-07-06 08:30 America/Denver", "quiet_hours", "America/Phoenix"),
    (PHOENIX, "2026-11-23 08:30 America/Denver", None, None),
    # Several zones: all of them must be fit.
    (ALASKA, "2026-11-23 08:30 America/Anchorage", "quiet_hours", "America/Adak"),
    (ALASKA, "2026-11-23 09:00 America/Anchorage", None, None),
    (ALASKA, "2026-11-23 20:30 America/Adak", "quiet_hours", "America/Anchorage"),
    (TOLL_FREE_US, "2026-11-23 12:00 America/Chicago", "quiet_hours", "Pacific/Guam"),
    (TOLL_FREE_US, "2026-11-23 17:30 America/Chicago", None, None),  # morning on Guam, evening in Newfoundland
    (CONGO, "2026-11-23 08:00 Africa/Lubumbashi", "quiet_hours", "Africa/Kinshasa"),
    (CONGO, "2026-11-23 08:00 Africa/Kinshasa", None, None),
    (ANY_RUSSIAN_MOBILE, "2026-11-23 12:00 Europe/Moscow", "quiet_hours", "Asia/Anadyr"),
    (ANY_RUSSIAN_MOBILE, "2026-11-23 10:30 Europe/Moscow", None, None),
    (VLADIVOSTOK, "2026-11-23 02:30 Europe/Moscow", None, None),
    (VLADIVOSTOK, "2026-11-23 15:00 Europe/Moscow", "quiet_hours", "Asia/Vladivostok"),
    (ANY_AUSTRALIAN_MOBILE, "2026-11-23 10:00 Australia/Sydney", "quiet_hours", "Australia/Eucla"),
    (ANY_AUSTRALIAN_MOBILE, "2026-11-23 14:00 Australia/Sydney", None, None),
    (HAWAII, "2026-11-23 13:00 America/New_York", None, None),
    (HAWAII, "2026-11-23 12:59 America/New_York", "quiet_hours", "Pacific/Honolulu"),
    # Europe: days of rest, split days, islands with an hour of their own.
    (BERLIN, "2026-11-22 12:00 Europe/Berlin", "quiet_day", "Europe/Berlin"),
    (BERLIN, "2026-11-21 17:59 Europe/Berlin", None, None),
    (BERLIN, "2026-11-21 18:00 Europe/Berlin", "quiet_hours", "Europe/Berlin"),
    (BERLIN, "2026-12-25 12:00 Europe/Berlin", "holiday", "Europe/Berlin"),
    (BERLIN, "2026-12-24 12:00 Europe/Berlin", None, None),
    (PARIS, "2026-11-23 13:30 Europe/Paris", "quiet_hours", "Europe/Paris"),
    (PARIS, "2026-11-23 14:00 Europe/Paris", None, None),
    (PARIS, "2026-11-21 11:00 Europe/Paris", "quiet_day", "Europe/Paris"),
    (PARIS, "2026-07-14 11:00 Europe/Paris", "holiday", "Europe/Paris"),
    (LONDON, "2026-11-22 12:00 Europe/London", None, None),
    (MADRID, "2026-11-23 09:00 Europe/Madrid", None, None),
    (CANARY, "2026-11-23 09:00 Europe/Madrid", "quiet_hours", "Atlantic/Canary"),
    (CANARY, "2026-11-23 10:00 Europe/Madrid", None, None),
    (REUNION, "2026-11-23 08:00 Indian/Reunion", None, None),
    (KYIV, "2026-11-23 07:59 Europe/Kyiv", "quiet_hours", "Europe/Kyiv"),
    # Half and quarter hours.
    (DELHI, "2026-11-23 09:00 Asia/Kolkata", None, None),
    (DELHI, "2026-11-23 08:59 Asia/Kolkata", "quiet_hours", "Asia/Calcutta"),
    (KATHMANDU, "2026-11-23 02:15 UTC", None, None),
    (KATHMANDU, "2026-11-23 02:14 UTC", "quiet_hours", "Asia/Katmandu"),
    (TOKYO, "2026-11-23 08:59 Asia/Tokyo", "holiday", "Asia/Tokyo"),  # Labor Thanksgiving Day
    (TOKYO, "2026-11-24 20:59 Asia/Tokyo", None, None),
    (JERUSALEM, "2026-11-23 08:00 Asia/Jerusalem", None, None),
    (SAO_PAULO, "2026-11-22 12:00 America/Sao_Paulo", "quiet_day", "America/Sao_Paulo"),
    (SAO_PAULO, "2026-11-23 09:00 America/Sao_Paulo", None, None),
    (TORONTO, "2026-11-22 09:59 America/Toronto", "quiet_hours", "America/Toronto"),
    (TORONTO, "2026-11-22 10:00 America/Toronto", None, None),
    # The day the clocks change: the same UTC hour is fit on one side of it and not on the other.
    (NEW_YORK, "2026-03-07 12:30 UTC", "quiet_hours", "America/New_York"),  # 07:30, the day before summer time
    (NEW_YORK, "2026-03-08 12:30 UTC", None, None),  # 08:30 after the skip
    (NEW_YORK, "2026-10-31 12:30 UTC", None, None),
    (NEW_YORK, "2026-11-01 12:30 UTC", "quiet_hours", "America/New_York"),
    (LONDON, "2026-03-28 07:30 UTC", "quiet_hours", "Europe/London"),
    (LONDON, "2026-03-29 07:30 UTC", None, None),
    (LONDON, "2026-10-24 20:30 UTC", "quiet_hours", "Europe/London"),
    (LONDON, "2026-10-25 20:30 UTC", None, None),
    (SYDNEY, "2026-04-06 22:30 UTC", "quiet_hours", "Australia/Sydney"),  # winter time: 08:30 on the Tuesday
    (SYDNEY, "2026-10-05 22:00 UTC", None, None),  # summer time since Sunday: 09:00 on the Tuesday
    (SANTIAGO, "2026-04-03 11:30 UTC", "holiday", "America/Santiago"),  # Good Friday, 08:30
    (SANTIAGO, "2026-09-07 11:30 UTC", None, None),
    # Nobody knows the hour of a satellite phone.
    (SATELLITE, "2026-11-23 12:00 UTC", "zone_unknown", None),
]


def test_the_table_is_large_enough() -> None:
    assert len(TABLE) >= 60
    assert len({number for number, *_ in TABLE}) >= 25


@pytest.mark.parametrize(("number", "when", "code", "zone"), TABLE, ids=[f"{n} {w}" for n, w, *_ in TABLE])
def test_a_number_is_rung_at_fit_hours_alone(number: str, when: str, code: str | None, zone: str | None) -> None:
    said = why_not(Callee(number), local(when))
    assert (said and said.code, said and said.zone) == (code, zone)
    if said is not None:
        assert said.sentence
        assert "\n" not in said.sentence
        assert (zone or number) in said.sentence
    # The list of fit spans tells the same.
    at = local(when)
    assert bool(lawful_spans(Callee(number), at, at + timedelta(seconds=1))) is (code is None)


@pytest.mark.parametrize(
    ("callee", "when", "code"),
    [
        (Callee(SHANGHAI, do_not_call=True), "2026-11-23 12:00 Asia/Shanghai", "do_not_call"),
        # The customer's own zone goes before the number's.
        (Callee(SHANGHAI, zone="America/New_York"), "2026-11-23 12:00 Asia/Shanghai", "quiet_hours"),
        (Callee(SHANGHAI, zone="America/New_York"), "2026-11-23 12:00 America/New_York", None),
        (Callee(ANY_RUSSIAN_MOBILE, zone="Europe/Moscow"), "2026-11-23 12:00 Europe/Moscow", None),
        (Callee(SATELLITE, zone="Europe/Oslo"), "2026-11-23 12:00 Europe/Oslo", None),
        # The customer's wish narrows, and never widens.
        (Callee(SHANGHAI, wish="mon-fri 18:00-20:00"), "2026-11-23 17:59 Asia/Shanghai", "wish"),
        (Callee(SHANGHAI, wish="mon-fri 18:00-20:00"), "2026-11-23 18:00 Asia/Shanghai", None),
        (Callee(SHANGHAI, wish="mon-fri 18:00-23:00"), "2026-11-23 21:30 Asia/Shanghai", "quiet_hours"),
        (Callee(SHANGHAI, wish="sat 09:00-12:00"), "2026-11-23 10:00 Asia/Shanghai", "wish"),
        # An hour that the clock shows twice is a fit one both times, where it was wished; one it skips is none.
        (Callee(LONDON, wish="sun 00:00-24:00", zone="Europe/London"), "2026-10-25 01:30 Europe/London", "quiet_hours"),
    ],
)
def test_what_the_customer_said_counts(callee: Callee, when: str, code: str | None) -> None:
    said = why_not(callee, local(when))
    assert (said and said.code) == code


def test_hours_of_a_night_whose_clock_changes() -> None:
    hours = {"GB": "mon-sun 01:00-02:00"}
    twice = [why_not(Callee(LONDON), local("2026-10-25 01:30 Europe/London", fold), hours) for fold in (0, 1)]
    assert twice == [None, None]
    skipped = lawful_spans(
        Callee(LONDON), local("2026-03-29 00:00 Europe/London"), local("2026-03-29 12:00 Europe/London"), hours
    )
    assert skipped == []  # from 01:00 to 02:00 no clock in London showed anything


def test_a_site_may_say_other_hours() -> None:
    at = local("2026-11-22 12:00 Europe/Berlin")
    assert why_not(Callee(BERLIN), at) is not None
    assert why_not(Callee(BERLIN), at, {"DE": "sun 11:00-13:00"}) is None
    assert why_not(Callee(SHANGHAI), at, {"*": "sun 10:00-12:00"}) is not None


def test_the_next_moment_is_the_first_fit_one() -> None:
    saturday_night = local("2026-11-21 19:00 Europe/Berlin")
    assert next_moment(Callee(BERLIN), saturday_night) == local("2026-11-23 08:00 Europe/Berlin")
    christmas = local("2026-12-24 21:00 Europe/Berlin")  # Thursday; then two holidays and a Sunday
    assert next_moment(Callee(BERLIN), christmas) == local("2026-12-28 08:00 Europe/Berlin")
    now = local("2026-11-23 12:00 Asia/Shanghai")
    assert next_moment(Callee(SHANGHAI), now) == now
    assert next_moment(Callee(SHANGHAI, wish="sun 03:00-04:00"), now) is None
    assert next_moment(Callee(SATELLITE), now) is None


@pytest.mark.parametrize(
    ("wish", "zone", "told"),
    [
        ("often", None, "names no hours"),
        ("mon 25:00-26:00", None, "is no span of hours"),
        ("holiday 10:00-12:00", None, "names no hour of any weekday"),
        ("mon 10:00-12:00", "Mars/Olympus", "time zone"),
    ],
)
def test_a_wish_that_cannot_be_read_is_refused_in_a_sentence(wish: str, zone: str | None, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_wish(wish, zone)


def test_every_country_s_hours_can_be_read() -> None:
    for country, text in HOURS.items():
        assert any(read_opening_hours(text, "UTC", "" if country == "*" else country).week)


def test_numbers_of_nowhere() -> None:
    assert zones_of("nonsense") == ()
    assert (country_of("nonsense"), country_of(SATELLITE), country_of(SHANGHAI)) == ("", "", "CN")
    refused = why_not(Callee("nonsense"), datetime.now(UTC))
    assert refused is not None
    assert refused.code == "zone_unknown"


@settings(max_examples=60, deadline=None)
@given(
    number=st.sampled_from([SHANGHAI, ALASKA, BERLIN, PARIS, LONDON, SANTIAGO, ANY_AUSTRALIAN_MOBILE]),
    minutes=st.integers(0, 525_600),
)
def test_what_may_be_rung_next_may_be_rung(number: str, minutes: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = next_moment(Callee(number), at)
    assert found is not None
    assert found >= at
    assert why_not(Callee(number), found) is None
    if found > at:
        assert why_not(Callee(number), found - timedelta(seconds=1)) is not None


def test_common_time_of_two_lists() -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    hour = [day + timedelta(hours=each) for each in range(12)]
    one = [(hour[0], hour[3]), (hour[5], hour[9])]
    other = [(hour[2], hour[6]), (hour[8], hour[11])]
    assert common(one, other) == [(hour[2], hour[3]), (hour[5], hour[6]), (hour[8], hour[9])]
    assert common(one, []) == []
