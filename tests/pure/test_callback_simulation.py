"""What must hold of promises whatever the day brings: nobody overtaken beyond credit, dials within agents."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.rules.callback_simulation import Center, Report, simulate


def holds(report: Report) -> None:
    assert report.overtakes == 0, report
    assert report.dials_beyond_agents == 0
    assert report.two_tries_at_once == 0
    assert report.lost == 0
    assert report.most_dials_at_once <= report.dials


def test_a_busy_day_of_two_thousand_callers() -> None:
    report = simulate(Center(callers=2_000))
    holds(report)
    assert report.promised > 100
    assert report.reached / report.promised > 0.8
    assert report.wait_saved_s > 0


def test_the_same_seed_plays_the_same_day() -> None:
    assert simulate(Center(callers=500), 7) == simulate(Center(callers=500), 7)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    agents=st.integers(1, 30),
    asks=st.floats(0, 1),
    places=st.integers(1, 40),
    per_hour=st.floats(60, 2_000),
)
def test_it_holds_for_any_center(seed: int, agents: int, asks: float, places: int, per_hour: float) -> None:
    center = Center(callers=150, agents=agents, asks_share=asks, places=places, per_hour=per_hour)
    holds(simulate(center, seed))


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_callers(seed: int) -> None:
    holds(simulate(Center(), seed))
