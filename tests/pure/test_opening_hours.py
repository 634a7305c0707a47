"""Opening hours are judged in the site's zone, whatever zone the question is asked in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crm.rules.opening_hours import (
    OpeningHours,
    Spans,
    SpecialHours,
    after_open_minutes,
    closed_since,
    day_of,
    is_open,
    open_spans,
    read_opening_hours,
    read_spans,
    why_closed,
    write_spans,
)
from crm.rules.public_days import makeup_days_known

OFFICE = read_opening_hours("mon-fri 09:00-12:00 13:00-18:00", "Asia/Shanghai")


@pytest.mark.parametrize(
    ("at", "opened"),
    [
        ("2026-03-02T00:59:59+00:00", False),  # Monday 08:59:59 in Shanghai
        ("2026-03-02T01:00:00+00:00", True),
        ("2026-03-02T04:30:00+00:00", False),  # noon break
        ("2026-03-02T09:59:59+00:00", True),
        ("2026-03-02T10:00:00+00:00", False),  # 18:00 is closed
        ("2026-03-01T03:00:00+00:00", False),  # Sunday
        ("2026-03-01T20:00:00-08:00", False),  # Monday 12:00 in Shanghai, asked from California
    ],
)
def test_office_hours(at: str, opened: bool) -> None:
    assert is_open(OFFICE, datetime.fromisoformat(at)) is opened


def test_a_night_shift_runs_into_the_next_day() -> None:
    night = read_opening_hours("sun 22:00-06:00", "UTC")
    assert is_open(night, datetime(2026, 3, 2, 5, 59, tzinfo=UTC))
    assert not is_open(night, datetime(2026, 3, 2, 6, 0, tzinfo=UTC))
    assert not is_open(night, datetime(2026, 3, 1, 5, 0, tzinfo=UTC))


def test_a_range_may_run_over_the_weekend() -> None:
    hours = read_opening_hours("Sat-Mon 00:00-24:00", "UTC")
    open_days = [is_open(hours, datetime(2026, 3, 2, 23, 59, tzinfo=UTC) + timedelta(days=n)) for n in range(7)]
    assert open_days == [True, False, False, False, False, True, True]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the strategy adds the zone
def test_round_the_clock_is_never_closed_and_no_hours_never_open(at: datetime) -> None:
    always = read_opening_hours("mon-sun 00:00-24:00", "Europe/London")
    assert is_open(always, at)
    assert not is_open(read_opening_hours("", "Europe/London"), at)


@pytest.mark.parametrize(
    ("text", "zone", "names"),
    [
        ("mon 09:00-18:00", "Mars/Base", "Mars/Base"),
        ("mon 09:00-18:00", "../../etc/passwd", "etc/passwd"),
        ("monday 09:00-18:00", "UTC", "monday"),
        ("mon 9-18", "UTC", "9-18"),
        ("mon 09:00-25:00", "UTC", "09:00-25:00"),
        ("mon 09:61-12:00", "UTC", "09:61-12:00"),
        ("mon 09:00-09:00", "UTC", "09:00-09:00"),
        ("mon-fri", "UTC", "mon-fri"),
    ],
)
def test_a_wrong_setting_is_named(text: str, zone: str, names: str) -> None:
    with pytest.raises(ValueError, match=names.replace(".", r"\.")) as refused:
        read_opening_hours(text, zone)
    assert "write" in str(refused.value)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        is_open(OFFICE, datetime(2026, 3, 2, 9, 0))  # noqa: DTZ001


WALLS = st.integers(0, 24 * 60 - 1)
ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/Santiago"]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WEEKS = st.lists(
    st.lists(st.tuples(WALLS, st.integers(1, 24 * 60)).map(lambda each: (each[0], each[0] + each[1])), max_size=3).map(
        lambda spans: tuple(sorted(spans))
    ),
    min_size=7,
    max_size=7,
)


@given(WEEKS, ZONES, MOMENTS, st.integers(0, 4 * 24 * 60))
def test_open_spans_say_the_same_as_is_open(week: list[Spans], zone: str, begin: datetime, minutes: int) -> None:
    """Also over midnight, and through the nights in which clocks are set."""
    hours = OpeningHours(tuple(week), zone)
    end = begin + timedelta(minutes=minutes)
    spans = open_spans(hours, begin, end)
    assert all(opens < closes for opens, closes in spans)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    for at in (begin + (end - begin) * n / 7 for n in range(7)):
        if at < end:
            assert is_open(hours, at) is any(opens <= at < closes for opens, closes in spans)


@given(WEEKS, ZONES, MOMENTS)
def test_away_from_the_setting_of_clocks_the_wall_clock_decides(week: list[Spans], zone: str, at: datetime) -> None:
    local = at.astimezone(ZoneInfo(zone))
    around = {(at + timedelta(hours=h)).astimezone(ZoneInfo(zone)).utcoffset() for h in range(-49, 50)}
    assume(len(around) == 1)
    minute = local.hour * 60 + local.minute
    said = any(opens <= minute < closes for opens, closes in week[local.weekday()]) or any(
        minute + 1440 < closes for _opens, closes in week[local.weekday() - 1]
    )
    assert is_open(OpeningHours(tuple(week), zone), at) is said


@given(WEEKS, ZONES, MOMENTS, st.floats(0, 5000))
def test_open_minutes_pass_in_open_time_alone(week: list[Spans], zone: str, begin: datetime, minutes: float) -> None:
    hours = OpeningHours(tuple(week), zone)
    due = after_open_minutes(hours, begin, minutes)
    if due is None:
        open_minutes = {1440 * day + at for day, spans in enumerate(week) for span in spans for at in range(*span)}
        assert len(open_minutes) * 12 < minutes + 1440
        return
    passed = sum(((closes - opens) for opens, closes in open_spans(hours, begin, due)), timedelta())
    assert abs(passed - timedelta(minutes=minutes)) <= timedelta(microseconds=2)


def test_a_night_in_which_clocks_go_forward_and_one_in_which_they_go_back() -> None:
    night = read_opening_hours("sun 01:30-02:30", "Europe/Berlin")
    # 2026-03-29, 02:00 becomes 03:00: the closing time is skipped, so the skip closes.
    assert open_spans(night, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC)) == [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    ]
    # 2026-10-25, 03:00 becomes 02:00: 02:30 passes twice, and the second time closes.
    assert open_spans(night, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)) == [
        (datetime(2026, 10, 24, 23, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("on", "why", "name_zh", "written"),
    [
        (date(2026, 2, 13), "week", "", "09:00-18:00"),
        (date(2026, 2, 14), "makeup", "春节", "09:00-18:00"),  # a Saturday on which China works
        (date(2026, 2, 17), "holiday", "春节", ""),
        (date(2026, 2, 21), "holiday", "春节", ""),  # a Saturday of the holiday
        (date(2026, 3, 7), "week", "", ""),  # a usual Saturday
        (date(2031, 1, 1), "holiday", "元旦", ""),  # nothing is announced for so late a year
    ],
)
def test_holidays_and_makeup_workdays_of_china(on: date, why: str, name_zh: str, written: str) -> None:
    day = day_of(read_opening_hours("mon-fri 09:00-18:00", "Asia/Shanghai", "CN"), on)
    assert (day.why, day.name_zh, write_spans(day.spans)) == (why, name_zh, written)


def test_the_text_may_give_holidays_and_makeup_workdays_hours_of_their_own() -> None:
    text = "mon-sun 09:00-21:00, holiday 10:00-16:00, makeup 09:00-18:00"
    hours = read_opening_hours(text, "Asia/Shanghai", "CN")
    assert write_spans(day_of(hours, date(2026, 2, 17)).spans) == "10:00-16:00"
    assert write_spans(day_of(hours, date(2026, 2, 14)).spans) == "09:00-18:00"
    assert not makeup_days_known(2099, "CN")
    assert makeup_days_known(2099, "DE-BY")
    with pytest.raises(ValueError, match="write a country"):
        read_opening_hours(text, "UTC", "XX")


def test_a_one_off_day_goes_before_all_else() -> None:
    hours = read_opening_hours("mon-fri 09:00-18:00", "Asia/Shanghai", "CN")
    specials = {
        date(2026, 2, 17): SpecialHours(read_spans("10:00-12:00"), "Spring sale"),
        date(2026, 3, 2): SpecialHours((), "Moving house"),
    }
    at_ten = datetime(2026, 2, 17, 2, 30, tzinfo=UTC)
    assert not is_open(hours, at_ten)
    assert is_open(hours, at_ten, specials)
    monday = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    assert (why_closed(hours, monday), why_closed(hours, monday, specials)) == (None, "special")
    assert why_closed(hours, datetime(2026, 2, 17, 2, 30, tzinfo=UTC)) == "holiday"


def test_closing_time_is_known_until_the_next_opening() -> None:
    closed = datetime(2026, 3, 6, 10, 0, tzinfo=UTC)  # Friday 18:00 in Shanghai
    assert closed_since(OFFICE, closed) == closed
    assert closed_since(OFFICE, closed + timedelta(days=2)) == closed
    assert closed_since(OFFICE, closed - timedelta(seconds=1)) is None
