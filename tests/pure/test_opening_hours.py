"""Opening hours are judged in the site's zone, whatever zone the question is asked in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.opening_hours import is_open, read_opening_hours

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
