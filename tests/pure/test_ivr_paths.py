"""A visit's recorded steps become its stops, whatever they are; drawings have every visit in them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from crm.reports.sankey import HEIGHT, MOST_COLUMNS, MOST_IN_A_COLUMN, draw
from crm.rules.ivr_paths import Step, Stop, percentile, stops


def test_a_question_is_one_stop_each_time_it_is_heard() -> None:
    recorded = [
        Step(0.0, "ask", "menu-support", None, "main/1"),
        Step(1.0, "ask", "menu-reception", None, "main/1"),
        Step(7.0, "silence", None, None, "main/1"),
        Step(7.1, "play", "nothing-heard", None, "main/1/silence/1"),
        Step(9.0, "ask", "menu-support", None, "main/1"),
        Step(9.5, "pressed", None, "2", "main/1"),
        Step(9.6, "play", "to-support", None, "main/1/2/1."),
        Step(11.0, "leave_join_queue", None, None, "main/1/2/1"),
    ]
    assert stops(recorded, 11.0) == [
        Stop("main/1", 0.0, 7.1, ""),
        Stop("main/1/silence/1", 7.1, 1.9, None),
        Stop("main/1", 9.0, 0.6, "2"),
        Stop("main/1/2/1.", 9.6, 1.4, None),
    ]


def test_digits_of_one_number_are_one_stop() -> None:
    recorded = [Step(0.0, "ask", "your-number", None, "n/1")]
    recorded += [Step(2.0 + n, "pressed", None, digit, "n/1") for n, digit in enumerate("1024")]
    assert stops(recorded, 6.0) == [Stop("n/1", 0.0, 6.0, "1024")]


def test_without_places_the_first_prompt_names_the_stop() -> None:
    recorded = [
        Step(0.0, "play", "welcome"),
        Step(2.0, "ask", "a"),
        Step(3.0, "ask", "b"),
        Step(4.0, "pressed", None, "1"),
    ]
    assert [(stop.place, stop.key) for stop in stops(recorded, 5.0)] == [("welcome", None), ("a", "1")]


STEPS = st.builds(
    Step,
    at_s=st.floats(0, 1e4),
    step=st.sampled_from(["ask", "play", "pressed", "silence", "say", "leave_goodbye", "record"]),
    prompt=st.none() | st.text(max_size=5),
    pressed=st.none() | st.sampled_from("0123456789*#"),
    place=st.none() | st.sampled_from(["a", "b", "c"]),
)


@given(st.lists(STEPS, max_size=30), st.none() | st.floats(0, 1e5))
def test_no_visit_breaks_it_and_no_time_is_negative(recorded: list[Step], ended_s: float | None) -> None:
    found = stops(recorded, ended_s)
    assert all(stop.stayed_s >= 0 for stop in found)
    assert (not found) == all(step.step.startswith("leave_") for step in recorded)
    pressed = "".join(step.pressed or "" for step in recorded if step.step == "pressed")
    answered = "".join(stop.key or "" for stop in found)
    assert len(answered) >= len(pressed)


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values(values: list[float], share: float) -> None:
    values.sort()
    found = percentile(values, share)
    assert found in values
    assert sum(value <= (found or 0.0) for value in values) >= share * len(values) - 1e-9


PLACES = st.sampled_from([f"main/{n}" for n in range(25)])
WAYS = st.dictionaries(
    st.tuples(st.integers(0, 11), PLACES, PLACES | st.sampled_from(["=hung_up", "=join_queue"])), st.integers(1, 999)
)


@given(WAYS)
def test_a_drawing_stays_in_its_box(ways: dict[tuple[int, str, str], int]) -> None:
    drawing = draw(ways)
    drawn = sum(visits for (stop, _, _), visits in ways.items() if stop < MOST_COLUMNS - 1)
    assert sum(ribbon.visits for ribbon in drawing.ribbons) == drawn
    for column in {node.column for node in drawing.nodes}:
        inside = sorted((node for node in drawing.nodes if node.column == column), key=lambda node: node.y)
        assert len(inside) <= MOST_IN_A_COLUMN + 3
        assert all(first.y + first.height <= second.y for first, second in pairwise(inside))
        assert inside[-1].y + inside[-1].height <= HEIGHT + 2 * len(inside)
