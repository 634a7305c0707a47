"""Skills to penalties, the truth table, why a seat was rung, and how long a caller will wait."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.personal_queues import is_personal, personal_queue
from crm.rules.ring_choice import Candidate, verdict
from crm.rules.skills import Fit, Need, Unfit, allowed, missing, penalty, queue_rule, rules_file, steps, truth_table
from crm.rules.wait_prediction import AT_ONCE_S, SeatNow, place, predict
from crm.rules.waiting_credit import CreditRules, Reason, Standing, told, waiting_credit

ENGLISH = [
    Need("english", 4),
    Need("english", 3, 30),
    Need("english", 0, 90),
    Need("refunds", 2),
    Need("refunds", 0, 60),
]
STEPS = steps(ENGLISH)
FALLING = st.lists(st.integers(1, 5), min_size=1, max_size=4, unique=True).map(
    lambda levels: sorted(levels, reverse=True)
)


def test_each_moment_at_which_a_level_falls_is_a_step() -> None:
    assert [(step.after_s, dict(step.levels)) for step in STEPS] == [
        (0, {"english": 4, "refunds": 2}),
        (30, {"english": 3, "refunds": 2}),
        (60, {"english": 3}),
        (90, {}),
    ]
    assert queue_rule(STEPS) == [(30, 199), (60, 299), (90, 399)]


@pytest.mark.parametrize(
    ("has", "own", "expected"),
    [
        ({"english": 5, "refunds": 2}, 0, 0),
        ({"english": 4, "refunds": 5}, 7, 7),
        ({"english": 3, "refunds": 2}, 0, 100),
        ({"english": 3}, 0, 200),
        ({}, 0, 300),
    ],
)
def test_the_penalty_is_the_first_step_whose_needs_are_met(has: dict[str, int], own: int, expected: int) -> None:
    assert penalty(has, STEPS, own) == expected


def test_needs_that_never_fall_keep_the_unfit_out_for_ever() -> None:
    assert penalty({"english": 1}, steps([Need("english", 2)])) is None
    assert penalty({}, [], 3) == 3


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ([Need("english", 3, 10)], "from 0 s"),
        ([Need("english", 3), Need("english", 4, 10)], "lower"),
        ([Need("english", 6)], "levels"),
        ([Need("english", 5), *(Need(f"s{number}", 1, 0) for number in range(11)),
          *(Need(f"s{number}", 0, number + 1) for number in range(11))], "steps"),
    ],
)  # fmt: skip
def test_senseless_needs_are_refused_in_a_sentence(needs: list[Need], said: str) -> None:
    with pytest.raises(Unfit, match=said):
        steps(needs)


@given(
    st.dictionaries(st.sampled_from(["english", "refunds", "cantonese"]), FALLING, max_size=3),
    st.dictionaries(st.sampled_from(["english", "refunds", "cantonese"]), st.integers(1, 5)),
    st.integers(0, 99),
    st.integers(0, 400),
)
def test_asterisk_rings_exactly_whom_the_needs_allow(
    falling: dict[str, list[int]], has: dict[str, int], own: int, waited_s: int
) -> None:
    """The penalty against the limit of that moment says the same as the needs themselves."""
    needs = [
        Need(skill, level, 30 * number) for skill, levels in falling.items() for number, level in enumerate(levels)
    ]
    of = steps(needs)
    at = penalty(has, of, own)
    now = [step for step in of if step.after_s <= waited_s]
    fits = not now or not missing(has, now[-1])
    assert (at is not None and at <= allowed(of, waited_s)) == fits


def test_the_truth_table_says_who_and_why_not() -> None:
    table = truth_table(STEPS, [Fit("amy", {"english": 5, "refunds": 3}), Fit("bo", {"english": 3}, own=2)])
    assert [(row.from_s, row.until_s, dict(row.rung)) for row in table] == [
        (0, 30, {"amy": 0}),
        (30, 60, {"amy": 0}),
        (60, 90, {"amy": 0, "bo": 202}),
        (90, None, {"amy": 0, "bo": 202}),
    ]
    assert table[0].held_back == {"bo": "from 60 s on (english 3, needs 4; refunds 0, needs 2)"}
    (always,) = truth_table([], [Fit("amy", {}, 1), Fit("bo", {})])
    assert dict(always.rung) == {"bo": 0, "amy": 1}


def test_the_rule_of_a_queue_as_asterisk_reads_it() -> None:
    text = rules_file({"support": STEPS, "vip": steps([Need("english", 2)])})
    assert "[support]\npenaltychange => 30,199\npenaltychange => 60,299\npenaltychange => 90,399\n" in text
    assert text.endswith("[vip]\n")


def test_seats_have_a_queue_of_their_own() -> None:
    assert personal_queue("PJSIP/1003") == "seat-1003"
    assert personal_queue("Local/1003@sandbox-agents/n") == "seat-1003"
    assert personal_queue("PJSIP/101") is personal_queue("Local/7101@sandbox-agents/n") is None
    assert is_personal("seat-1003")
    assert not is_personal("support")


def test_a_credit_is_told_with_its_reasons() -> None:
    rules = CreditRules({"key": 3}, 5, 5, 6)
    credit = waiting_credit(Standing("key", broken_promise=True), rules)
    assert (credit.seconds, credit.reasons) == (360, (Reason("tier key", 180), Reason("a promise we broke", 300)))
    assert told(credit.seconds, credit.reasons) == "360 s (tier key 180 s, a promise we broke 300 s, capped)"
    assert told(0, ()) == "0 s"


# ---- why a seat was rung


def candidate(seat: str, **more: object) -> Candidate:
    said: dict[str, object] = {"penalty": 0, "status": 1, "paused": False, "reason": None, "last_call": 0.0}
    return Candidate(seat=seat, **{**said, **more})  # type: ignore[arg-type]


RUNG = candidate("PJSIP/1001")


@pytest.mark.parametrize(
    ("other", "does", "why"),
    [
        (candidate("b", paused=True, reason="lunch"), "paused", "paused (lunch)"),
        (candidate("b", paused=True, reason="ACW"), "wrapping_up", "paused (ACW)"),
        (candidate("b", status=5), "offline", "its phone is away"),
        (candidate("b", status=2), "talking", "in a call"),
        (candidate("b", last_call=998.5), "ready", "resting 3 s after its last call"),
        (candidate("b", penalty=100), "ready", "held back by skill: penalty 100, after 12 s up to 99 are rung"),
        (candidate("b", penalty=3), "ready", "free, but penalty 3 is above 0: the lower is rung first"),
        (candidate("b"), "ready", "free too: of those with penalty 0 the queue's strategy chose another"),
        (RUNG, "ready", "free, of the lowest penalty (0), and its turn by the queue's strategy"),
    ],
)
def test_why_a_seat_was_rung_or_was_not(other: Candidate, does: str, why: str) -> None:
    found = verdict(other, RUNG, 1000.0, 99, 12.0)
    assert (found.posture, found.why, found.rung) == (does, why, other is RUNG)


# ---- how long a caller will wait


def test_a_free_seat_needs_no_announcement() -> None:
    told = predict(1, [SeatNow(True), SeatNow(False)], [])
    assert (told.low_s, told.high_s, told.minutes) == (0, AT_ONCE_S, None)


def test_nothing_is_foretold_without_seats_or_without_observed_calls() -> None:
    assert predict(1, [], [100.0] * 20).low_s is None
    assert predict(3, [SeatNow(False)], [100.0] * 7).low_s is None


def test_seats_held_back_by_skill_may_only_shorten_the_wait() -> None:
    alone = predict(3, [SeatNow(False)], [100.0] * 20)
    helped = predict(3, [SeatNow(False), SeatNow(True, held_back=True)], [100.0] * 20)
    assert alone.low_s is not None
    assert helped.low_s is not None
    assert (helped.high_s, helped.low_s < alone.low_s) == (alone.high_s, True)
    assert predict(1, [SeatNow(True, held_back=True)], [100.0] * 20).low_s is None, "free, but not for this caller yet"


def test_a_range_too_far_away_is_not_said() -> None:
    told = predict(40, [SeatNow(False)], [180.0] * 20)
    assert told.low_s is not None
    assert told.minutes is None


def test_a_seat_shared_by_two_queues_counts_half() -> None:
    alone = predict(5, [SeatNow(False)] * 4, [180.0] * 20)
    shared = predict(5, [SeatNow(False, 2)] * 4, [180.0] * 20)
    assert shared.high_s is not None
    assert alone.high_s is not None
    assert shared.high_s > 1.8 * alone.high_s


def test_the_place_counts_credit_and_of_equals_the_earlier_is_first() -> None:
    assert place(100.0, [50.0, 100.0, 101.0]) == 3
    assert place(100.0 - 60, [50.0, 100.0]) == 1


@pytest.mark.parametrize(("position", "seats"), [(1, 3), (2, 2), (6, 4), (12, 5)])
def test_the_range_holds_four_times_out_of_five(position: int, seats: int) -> None:
    """Against simulated floors: calls of random length under way at every seat, thirty observed before."""
    dice = random.Random(position * 100 + seats)
    inside = 0
    for _ in range(400):
        observed = [dice.expovariate(1 / 200) for _ in range(30)]
        told = predict(position, [SeatNow(False)] * seats, observed)
        ends = sorted(dice.expovariate(1 / 200) for _ in range(seats))
        for _ in range(position - 1):
            ends.append(ends.pop(0) + dice.expovariate(1 / 200))
            ends.sort()
        assert told.low_s is not None
        assert told.high_s is not None
        inside += told.low_s <= ends[0] <= told.high_s
    assert inside / 400 >= 0.78


@given(st.integers(1, 60), st.integers(1, 30), st.lists(st.floats(1, 3600), min_size=8, max_size=60))
def test_a_range_is_always_in_order(position: int, seats: int, observed: list[float]) -> None:
    told = predict(position, [SeatNow(False)] * seats, observed)
    assert told.low_s is not None
    assert told.high_s is not None
    assert 0 <= told.low_s <= told.high_s
    if told.minutes is not None:
        low, high = told.minutes
        assert low * 60 <= told.low_s
        assert told.high_s <= high * 60
        assert low < high
