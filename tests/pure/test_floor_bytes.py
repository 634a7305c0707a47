"""Broken bytes, in small: `make prove` does the same a million messages long."""

from __future__ import annotations

import random

from broken_bytes import OPEN_AT_MOST, RAW, Listening, broken, streams
from hypothesis import given, settings
from hypothesis import strategies as st


def test_broken_streams_one_after_another_neither_crash_nor_pile_up() -> None:
    dice, listening = random.Random(8), Listening()
    for name in sorted(RAW):
        listening.hear(broken(RAW[name], dice, faults=12), cut=dice.choice((17, 1_000, 65_536)))
    assert listening.messages > 5_000
    assert listening.unreadable > 0
    assert listening.open_things < OPEN_AT_MOST
    listening.heals()
    assert listening.floor.empty


@settings(max_examples=3 * settings().max_examples)
@given(streams(), st.integers(1, 3_000))
def test_bytes_of_hypothesis_crash_nothing(data: bytes, cut: int) -> None:
    listening = Listening()
    listening.hear(data, cut)
    listening.heals()
    assert listening.floor.empty
