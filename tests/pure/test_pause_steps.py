"""A wish about a pause becomes what it means when it is sent: no late one ends a state it did not mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.pause_steps import ACW, OURS, PAUSING, Standing, Step, after_call_work, fulfils, joined, split, step_of

FREE = Standing()
LUNCH = Standing(True, "lunch")
WRAPPING = Standing(True, ACW, True)
DUE = Standing(False, None, True)
THEN_LUNCH = Standing(True, "ACW>lunch", True)
GONE = Standing(True, "DEVICE")


@pytest.mark.parametrize(
    ("kind", "reason", "now", "step"),
    [
        ("pause", "lunch", FREE, Step(True, "lunch")),
        ("pause", "tea", LUNCH, Step(True, "tea")),
        ("pause", "lunch", WRAPPING, Step(True, "ACW>lunch")),
        ("pause", "lunch", DUE, Step(True, "ACW>lunch")),
        ("pause", "tea", THEN_LUNCH, Step(True, "ACW>tea")),
        ("pause", ACW, FREE, Step(True, ACW)),
        ("pause", ACW, LUNCH, Step(True, "ACW>lunch")),
        ("pause", ACW, WRAPPING, None),
        ("pause", "RONA", FREE, Step(True, "RONA")),
        ("pause", "RONA", LUNCH, None),
        ("pause", "RESERVED", DUE, None),
        ("unpause", None, LUNCH, Step(False)),
        ("unpause", "lunch", LUNCH, Step(False)),
        ("unpause", "RONA", LUNCH, None),
        ("unpause", "RONA", FREE, None),
        ("end_after_call_work", None, WRAPPING, Step(False)),
        ("end_after_call_work", None, DUE, Step(False)),
        ("end_after_call_work", None, THEN_LUNCH, Step(True, "lunch")),
        ("end_after_call_work", None, LUNCH, None),
        ("end_after_call_work", None, FREE, None),
        ("withdraw_pause", None, THEN_LUNCH, Step(True, ACW)),
        ("withdraw_pause", None, WRAPPING, None),
        ("withdraw_pause", None, LUNCH, Step(False)),
        ("withdraw_pause", None, GONE, None),
        ("withdraw_pause", None, FREE, Step(False)),
    ],
)
def test_a_wish_becomes_what_it_means_now(kind: str, reason: str | None, now: Standing, step: Step | None) -> None:
    assert step_of(kind, reason, now) == step


@pytest.mark.parametrize(
    ("now", "reason"),
    [(FREE, ACW), (LUNCH, "ACW>lunch"), (WRAPPING, ACW), (THEN_LUNCH, "ACW>lunch"), (GONE, ACW)],
)
def test_a_pause_asked_for_during_the_call_follows_the_work_after_it(now: Standing, reason: str) -> None:
    assert after_call_work(now) == Step(True, reason)


@pytest.mark.parametrize(
    ("kind", "reason", "said", "true"),
    [
        ("pause", "lunch", "lunch", True),
        ("pause", "lunch", "ACW>lunch", True),
        ("pause", "lunch", ACW, False),
        ("pause", ACW, "ACW>lunch", True),
        ("unpause", None, None, True),
        ("unpause", None, "lunch", False),
        ("withdraw_pause", None, ACW, True),
        ("withdraw_pause", None, "ACW>lunch", False),
        ("end_after_call_work", None, "lunch", True),
        ("end_after_call_work", None, "ACW>lunch", False),
        ("end_after_call_work", None, None, True),
    ],
)
def test_a_word_of_asterisk_fulfils_a_wish_that_an_earlier_bridge_sent(
    kind: str, reason: str | None, said: str | None, true: bool
) -> None:
    assert fulfils(kind, reason, paused=said is not None, said=said) is true


REASONS = st.sampled_from(("lunch", "tea", *OURS))


@given(
    st.sampled_from(PAUSING), st.none() | REASONS, st.lists(st.tuples(st.sampled_from(PAUSING), REASONS), max_size=6)
)
def test_a_step_that_came_true_fulfils_its_wish(kind: str, reason: str | None, before: list[tuple[str, str]]) -> None:
    now = FREE
    for earlier, why in before:
        step = step_of(earlier, why, now)
        now = step.leads_to if step else now
    step = step_of(kind, reason if kind in ("pause", "unpause") else None, now)
    if step is not None and not (kind == "pause" and reason is None):
        assert fulfils(kind, reason, paused=step.paused, said=step.reason)


@given(REASONS, st.none() | st.text(min_size=1, max_size=20))
def test_one_reason_holds_both(reason: str, then: str | None) -> None:
    there = split(joined(reason, then))
    assert there == ((reason, then) if reason == ACW else (reason, None))
