"""What is promised, which numbers are rung, and what follows each try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.callback_policy import (
    MOST_DIALS,
    OPEN_STATES,
    OUTCOMES,
    STATES,
    Facts,
    Slot,
    Window,
    after,
    number_of,
    outcome_of,
    slots,
    window,
)
from crm.rules.calling_hours import Refused

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("138 0013 8000", "CN", "+8613800138000"),
        ("tel:+8613800138000", "CN", "+8613800138000"),
        (None, "CN", "withheld"),
        ("", "CN", "withheld"),
        ("Anonymous", "CN", "withheld"),
        ("110", "CN", "unreadable"),
        ("drop table", "CN", "unreadable"),
        ("+19005551234", "US", "premium"),
        ("09012345678", "GB", "premium"),  # 090: premium rate
        ("07012345678", "GB", "premium"),  # 070: follows a person at a price
        ("+447624123456", "CN", "country_not_served"),
        ("+88216123456", "CN", "country_not_served"),
        ("+85221234567", "CN", "+85221234567"),
    ],
)
def test_which_numbers_are_rung(raw: str | None, country: str, expected: str) -> None:
    found = number_of(raw, country, {country, "HK"})
    assert (found.code if isinstance(found, Refused) else found) == expected
    if isinstance(found, Refused):
        assert found.sentence


def test_a_site_may_ring_every_country_but_no_premium_number() -> None:
    assert number_of("+447911123456", "CN", {"*"}) == "+447911123456"
    assert isinstance(number_of("+19005551234", "CN", {"*"}), Refused)


@pytest.mark.parametrize("raw", ["+86" + "1" * 70, "\x00", "+8613800138000\r\nAction: Originate", "💥", "+", "00"])
def test_hostile_numbers_are_refused(raw: str) -> None:
    assert isinstance(number_of(raw, "CN", {"*"}), Refused)


def test_a_window_holds_the_wait_foretold_on_whole_five_minutes() -> None:
    fit = [(NOON, NOON + 6 * HOUR)]
    assert window(NOON + 3 * MINUTE, 600, 1500, fit) == Window(NOON + 10 * MINUTE, NOON + 30 * MINUTE)
    assert window(NOON, 0, 30, fit) == Window(NOON, NOON + 20 * MINUTE)


def test_what_cannot_be_kept_is_not_promised() -> None:
    fit = [(NOON, NOON + 30 * MINUTE)]
    closing = window(NOON, 600, 2400, fit)
    assert isinstance(closing, Refused)
    assert closing.code == "closing"
    closed = window(NOON, 600, 1200, [])
    assert isinstance(closed, Refused)
    assert closed.code == "closed"


def test_slots_by_capacity_up_to_thirty_days() -> None:
    fit = [(NOON, NOON + HOUR), (NOON + timedelta(days=31), NOON + timedelta(days=31, hours=1))]
    taken = {NOON + 30 * MINUTE: 1}
    found = slots(fit, taken, now=NOON - HOUR, minutes=30, capacity=2)
    assert found == [Slot(NOON, NOON + 30 * MINUTE, 2), Slot(NOON + 30 * MINUTE, NOON + HOUR, 1)]
    full = slots(fit, {NOON: 2, NOON + 30 * MINUTE: 5}, now=NOON - HOUR, minutes=30, capacity=2)
    assert full == []
    assert slots(fit, {}, now=NOON + 10 * MINUTE, minutes=30, capacity=2) == []  # none within half an hour


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (Facts(False), "not_served"),
        (Facts(True, True, "1", "ANSWER"), "reached"),
        (Facts(True, False, "1", "ANSWER"), "agent_left"),
        (Facts(True, False, "2", "ANSWER"), "later"),
        (Facts(True, False, "3", "ANSWER"), "cancelled"),
        (Facts(True, False, "", "ANSWER"), "voicemail"),
        (Facts(True, False, "9", "ANSWER"), "voicemail"),
        (Facts(True, status="BUSY", cause=17), "busy"),
        (Facts(True, status="NOANSWER"), "no_answer"),
        (Facts(True, status="NOANSWER", cause=21), "rejected"),
        (Facts(True, status="CHANUNAVAIL", cause=21), "rejected"),
        (Facts(True, status="CONGESTION"), "failed"),
        (Facts(True, status="CANCEL"), "agent_left"),
        (Facts(True), "agent_left"),
    ],
)
def test_how_an_attempt_ended(facts: Facts, outcome: str) -> None:
    assert outcome_of(facts) == outcome
    assert outcome in OUTCOMES


def test_each_try_waits_longer_and_takes_half_of_the_credit() -> None:
    credit_s, waits = 600, []
    for dials in range(1, MOST_DIALS):
        then = after("no_answer", dials=dials, credit_s=credit_s, now=NOON)
        assert then.state == "waiting"
        assert then.due_at is not None
        waits.append(then.due_at - NOON)
        credit_s = then.credit_s
    assert waits == [30 * MINUTE, 120 * MINUTE, 240 * MINUTE]
    assert credit_s == 75
    last = after("no_answer", dials=MOST_DIALS, credit_s=credit_s, now=NOON)
    assert (last.state, last.due_at, last.credit_s) == ("given_up", None, 0)


def test_what_never_rang_costs_the_customer_nothing() -> None:
    for outcome in ("not_served", "never_left", "refused_by_asterisk", "later"):
        then = after(outcome, dials=0, credit_s=600, now=NOON)
        assert (then.state, then.credit_s, then.counted) == ("waiting", 600, False)


def test_what_may_have_been_a_talk_is_never_dialled_again_blindly() -> None:
    assert after("lost_sight", dials=1, credit_s=600, now=NOON).state == "given_up"


@given(st.sampled_from(OUTCOMES), st.integers(0, 10), st.integers(0, 3600))
def test_a_promise_goes_on_with_a_time_or_ends_without(outcome: str, dials: int, credit_s: int) -> None:
    then = after(outcome, dials=dials, credit_s=credit_s, now=NOON)
    assert then.state in STATES
    assert (then.due_at is not None) == (then.state in OPEN_STATES)
    assert 0 <= then.credit_s <= credit_s
    assert then.due_at is None or then.due_at >= NOON
