"""When periodic work is due: an hour of the day where the center is, in the UTC that jobs are timed by."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from crm.jobs import PERIODIC, cron_line

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})).map(ZoneInfo)


@given(ZONES, st.times(), st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_hour_of_the_day_is_that_hour_there(zone: ZoneInfo, at: time, now: datetime) -> None:
    line = cron_line(at, zone, now)
    due = croniter(line, now).get_next(datetime).astimezone(zone)
    assert abs((due.hour * 60 + due.minute - at.hour * 60 - at.minute + 720) % 1440 - 720) <= 60  # a clock may change


def test_a_cron_line_is_itself_and_all_work_has_a_name_of_its_own() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert cron_line("*/5 * * * *", ZoneInfo("Asia/Shanghai"), now) == "*/5 * * * *"
    assert cron_line(time(3, 40), ZoneInfo("Asia/Shanghai"), now) == "40 19 * * *"
    assert len({each.name for each in PERIODIC}) == len(PERIODIC)
    for each in PERIODIC:
        assert croniter.is_valid(cron_line(each.when, ZoneInfo("Asia/Kolkata"), now)), each.name
