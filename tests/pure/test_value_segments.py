"""Scores and segments: monotone, whole, and refused where a rule would make nonsense."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.rules.value_segments import PYRAMID, RULES, Bounds, Figures, in_force, refusal_of, step_of, worth
from crm.tables.customers import TIERS

BOUNDS = Bounds(recency=(10, 30, 90, 200), frequency=(1, 2, 4, 8), money=(100, 500, 1000, 5000))
DEFAULT = in_force({})
figures = st.builds(
    Figures,
    days_since=st.floats(0, 4000),
    orders=st.integers(0, 500),
    amount=st.decimals(0, 10**6, places=2),
    orders_ever=st.integers(1, 500),
    usual_days=st.none() | st.floats(0.01, 1000),
)


def test_the_pyramid_is_the_tiers_of_the_table() -> None:
    assert PYRAMID == TIERS


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4).map(sorted))
def test_a_step_is_1_to_5_and_grows_with_the_value(value: float, bounds: list[float]) -> None:
    assert 1 <= step_of(value, bounds) <= 5
    assert step_of(value, bounds) <= step_of(value + 1, bounds)
    assert step_of(bounds[0], bounds) == 1  # a bound belongs to the step below it
    assert step_of(bounds[3] + 1, bounds) == 5


@settings(deadline=None)
@given(figures, figures)
def test_who_is_better_in_all_three_is_never_placed_lower(one: Figures, other: Figures) -> None:
    better = Figures(
        min(one.days_since, other.days_since),
        max(one.orders, other.orders),
        max(one.amount, other.amount),
        one.orders_ever,
        one.usual_days,
    )
    found, best = worth(one, BOUNDS, DEFAULT), worth(better, BOUNDS, DEFAULT)
    assert best.score >= found.score
    assert PYRAMID.index(best.segment) <= PYRAMID.index(found.segment)
    assert found.score == found.recency + found.frequency + found.money


@pytest.mark.parametrize(
    ("days", "orders_ever", "usual", "standing"),
    [
        (400, 9, 30.0, "lapsed"),
        (365, 9, 400.0, "active"),
        (61, 9, 30.0, "at_risk"),
        (60, 9, 30.0, "active"),
        (61, 2, 30.0, "active"),  # two orders are no habit
        (61, 1, None, "active"),
    ],
)
def test_lapsed_and_at_risk(days: float, orders_ever: int, usual: float | None, standing: str) -> None:
    found = worth(Figures(days, 1, Decimal(10), orders_ever, usual), BOUNDS, DEFAULT)
    assert found.standing == standing


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("key_form", "3", "there is no rule 'key_form'"),
        ("rate.usd", "3", "there is no rule"),
        ("rate.", "3", "there is no rule"),
        ("window_days", "1", "a number from 30 to 3650"),
        ("window_days", "NaN", "a number from 30 to 3650"),
        ("key_from", "10", "stands on its head"),
        ("rate.USD", "0", "cannot be 0"),
        ("rate.USD", "7.1", None),
        ("key_from", "15", None),
    ],
)
def test_a_rule_is_changed_to_something_that_works(name: str, value: str, why: str | None) -> None:
    said = refusal_of(name, Decimal(value), in_force({name: Decimal(value)}))
    assert said is None if why is None else why in (said or "")


def test_all_rules_stand_within_their_own_limits() -> None:
    for name, limit in RULES.items():
        assert refusal_of(name, limit.value, DEFAULT) is None
    none = in_force({f"weight_{each}": Decimal(0) for each in ("recency", "frequency", "money")})
    assert refusal_of("weight_money", Decimal(0), none) == "one of the three weights must be above 0"
