"""When a call is the third in 48 hours, and about what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from crm.rules.repeats import Contact, repeat_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(hours: float, **about: str) -> Contact:
    return Contact(NOW - timedelta(hours=hours), **about)


def test_a_first_call_is_no_repeat_nor_one_after_three_days() -> None:
    assert repeat_of([], NOW) is None
    assert repeat_of([ago(72), ago(48.1)], NOW) is None


def test_the_third_call_about_a_case() -> None:
    found = repeat_of([ago(40, case="812"), ago(2, case="812", matter="order"), ago(1, matter="other")], NOW)
    assert found is not None
    assert (found.count, found.about, found.what, found.hours) == (3, "case", "812", 48)
    assert found.since == NOW - timedelta(hours=40)


def test_without_a_case_the_matter_counts_then_the_queue_then_the_calling_alone() -> None:
    calls = [ago(3, matter="refund", queue="support"), ago(2, matter="order", queue="support")]
    matter = repeat_of(calls, NOW, matter="refund", queue="support")
    queue = repeat_of(calls, NOW, matter="none of them", queue="support")
    neither = repeat_of(calls, NOW, queue="reception")
    assert matter is not None
    assert queue is not None
    assert neither is not None
    assert (matter.count, matter.about, matter.what) == (2, "matter", "refund")
    assert (queue.count, queue.about) == (3, "queue")
    assert (neither.count, neither.about, neither.what) == (3, "", "")


@settings(deadline=None)
@given(
    st.lists(st.floats(-10, 200).map(ago), max_size=20),
    st.sampled_from([None, "1", "2"]),
)
def test_what_is_said_is_true(calls: list[Contact], case: str | None) -> None:
    found = repeat_of(calls, NOW, case=case)
    inside = [call for call in calls if NOW - timedelta(hours=48) <= call.at < NOW]
    assert (found is None) == (not inside)
    if found:
        assert 2 <= found.count <= len(inside) + 1
        assert found.since == min(call.at for call in inside)
