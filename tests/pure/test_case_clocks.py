"""Clocks of cases count open time in which they ran, and nothing else, whatever the hours and the pauses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crm.rules import sla
from crm.rules.case_numbers import numbered, read_number
from crm.rules.escalation import on_breach, on_reopening
from crm.rules.opening_hours import OpeningHours, read_opening_hours
from crm.rules.pinyin_names import asked, found_by
from crm.rules.telling_texts import fill, unknown_places

OFFICE = read_opening_hours("mon-fri 09:00-12:00 13:00-18:00", "Asia/Shanghai")
MONDAY_9 = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # in Shanghai
HOURS = st.sampled_from(
    [
        OFFICE,
        read_opening_hours("mon-sun 00:00-24:00", "UTC"),
        read_opening_hours("mon-sat 22:00-06:00", "Europe/London"),
        read_opening_hours("mon-sun 01:00-03:30, sun 10:00-11:00", "America/New_York", "US"),
    ]
)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds the zone
SPANS = st.lists(st.integers(0, 40 * 3600), min_size=1, max_size=7)


def near(one_s: float, other_s: float) -> bool:
    return abs(one_s - other_s) < 0.01


def test_an_office_case_of_friday_afternoon_is_due_on_monday() -> None:
    friday_17 = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)
    clock = sla.begun(2 * 3600, friday_17)
    assert sla.due_at(clock, OFFICE) == datetime(2026, 3, 9, 2, 0, tzinfo=UTC)  # Monday 10:00
    assert sla.spent_s(clock, datetime(2026, 3, 8, 12, tzinfo=UTC), OFFICE) == 3600


def test_what_waits_for_the_customer_costs_no_time() -> None:
    clock = sla.begun(5 * 3600, MONDAY_9)
    clock = sla.paused(clock, MONDAY_9 + timedelta(hours=1), OFFICE)
    assert sla.due_at(clock, OFFICE) is None
    clock = sla.resumed(clock, MONDAY_9 + timedelta(days=1))  # Tuesday 09:00
    assert sla.due_at(clock, OFFICE) == datetime(2026, 3, 3, 6, 0, tzinfo=UTC)  # 14:00: lunch does not count
    assert sla.due_at(clock, OFFICE, share=0.5) == datetime(2026, 3, 3, 2, 30, tzinfo=UTC)


def test_hours_that_never_come_have_no_end() -> None:
    assert sla.due_at(sla.begun(60, MONDAY_9), read_opening_hours("", "UTC")) is None


@given(HOURS, MOMENTS, st.integers(60, 60 * 3600))
def test_at_its_end_exactly_the_promise_is_spent(hours: OpeningHours, at: datetime, target_s: int) -> None:
    clock = sla.begun(target_s, at)
    end = sla.due_at(clock, hours)
    if end is None:
        return
    assert near(sla.spent_s(clock, end, hours), target_s)
    assert sla.breached(clock, end + timedelta(milliseconds=1), hours) or end == at
    assert not sla.breached(clock, end - timedelta(seconds=1), hours)


@given(HOURS, MOMENTS, SPANS)
def test_only_time_between_resuming_and_pausing_is_spent(hours: OpeningHours, at: datetime, spans: list[int]) -> None:
    clock, unbroken, moment, ran = sla.Clock(3600.0), sla.begun(3600.0, at), at, []
    for number, span in enumerate(spans):
        then = moment + timedelta(seconds=span)
        if number % 2 == 0:
            ran.append(sla.spent_s(sla.begun(1.0, moment), then, hours))
            clock = sla.paused(sla.resumed(sla.resumed(clock, moment), then), then, hours)
        before = clock.spent_s
        clock = sla.paused(clock, then, hours)  # standing already
        assert clock.spent_s == before
        moment = then
    assert near(clock.spent_s, sum(ran))
    assert clock.spent_s <= sla.spent_s(unbroken, moment, hours) + 0.01


@given(HOURS, MOMENTS, st.integers(1, 20 * 3600), st.integers(0, 30 * 3600))
def test_a_pause_of_no_length_moves_no_end(hours: OpeningHours, at: datetime, target_s: int, after_s: int) -> None:
    clock = sla.begun(target_s, at)
    when = at + timedelta(seconds=after_s)
    again = sla.resumed(sla.paused(clock, when, hours), when)
    end, other = sla.due_at(clock, hours), sla.due_at(again, hours)
    if end is not None and other is not None and end > when:
        assert near((end - other).total_seconds(), 0)


@given(st.integers(0, 10**12))
def test_a_slip_in_a_number_finds_no_case(count: int) -> None:
    number = numbered(count)
    assert read_number(f" #{number[:2]}-{number[2:]} ") == number
    for place, digit in enumerate(number):
        for other in "0123456789":
            if other != digit:
                assert read_number(number[:place] + other + number[place + 1 :]) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_number(text: str) -> None:
    found = read_number(text)
    assert found is None or (found.isascii() and found.isdigit())


def test_rules_lift_a_case_one_tier_and_never_above_the_last() -> None:
    lifted = on_breach("first_line", wanted=True)
    assert lifted is not None
    assert (lifted.to, lifted.why) == ("second_line", "breached")
    assert on_breach("first_line", wanted=False) is None
    assert on_breach("complaints", wanted=True) is None
    assert on_reopening("second_line", reopened=1, after=2) is None
    again = on_reopening("second_line", reopened=2, after=2)
    assert again is not None
    assert again.to == "complaints"
    assert on_reopening("first_line", reopened=9, after=0) is None


def test_names_are_found_as_they_are_typed_and_as_they_are_read() -> None:
    for name, typed in (
        ("王小明", ("王小明", "小明", "wangxiaoming", "Wang Xiao Ming", "WXM", "xiaom")),
        ("吕布", ("lvbu", "lubu", "lb")),
        ("单田芳", ("shantianfang", "stf", "dantianfang")),
        ("Wang Li 王丽", ("wang", "li", "王丽", "wangli")),
        ("Peter O'Neill", ("peter", "oneill", "o'neill")),
    ):
        for each in typed:
            assert asked(each) in found_by(name), (name, each)


@given(st.text(max_size=60))
def test_no_name_breaks_the_directory(name: str) -> None:
    assert len(found_by(name)) < 60 * 40 + 4000
    assert found_by(name) == found_by(name)


@given(st.text(max_size=100), st.text(max_size=30))
def test_a_template_reaches_nothing_and_is_filled_once(body: str, value: str) -> None:
    assert fill("{name.__class__} {0} {name!r}", {"name": "x"}) == "{name.__class__} {0} {name!r}"
    assert fill(f"{{name}} {body}", {"name": "{number}", "number": value}).startswith("{number} ")
    assert unknown_places("{name} {salary}") == ["salary"]
