"""Traffic lights: which side is better follows from the target itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.rules.lights import light

BOUND = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("value", "green", "red", "shown"),
    [
        (0.8, 0.75, 0.5, "green"),
        (0.75, 0.75, 0.5, "green"),
        (0.6, 0.75, 0.5, "yellow"),
        (0.5, 0.75, 0.5, "red"),
        (59, 60, 120, "green"),
        (90, 60, 120, "yellow"),
        (120, 60, 120, "red"),
        (None, 60, 120, None),
    ],
)
def test_lights(value: float | None, green: float, red: float, shown: str | None) -> None:
    assert light(value, green=green, red=red) == shown


@given(BOUND, BOUND, BOUND)
def test_what_is_better_is_never_shown_worse(value: float, green: float, red: float) -> None:
    rank = {"red": 0, "yellow": 1, "green": 2}
    better = value + (1 if green >= red else -1)
    now, then = light(value, green=green, red=red), light(better, green=green, red=red)
    assert now is not None
    assert then is not None
    assert rank[then] >= rank[now]
