"""A caller who waits presses for a callback: the number is confirmed or entered; else it is back to the queue."""

from __future__ import annotations

from typing import Any

import pytest

from agi.answers import Caller, Routed
from agi.endings import BackToQueue, Ending, Goodbye
from agi.flows import call_back as flow
from agi.flows.call_back import call_back
from agi.leaving import variables
from agi.shipped import load_prompts
from agi.steps import Ask, BookCallback, FindCaller, Play, SayDigits

NUMBER = "+8613800138000"


def played(caller: str | None, keys: str, booked: list[str]) -> tuple[Ending, list[Any]]:
    """The call, keys pressed one a question ("-" is silence), and what it said."""
    steps: list[Any] = []
    pressed, answers = iter(keys), iter(booked)
    call = call_back()
    answer: Any = None
    try:
        while True:
            step = call.send(answer)
            steps.append(step)
            answer = None
            if isinstance(step, FindCaller):
                answer = Caller(caller)
            elif isinstance(step, Ask):
                answer = next(pressed, "").replace("-", "")
            elif isinstance(step, BookCallback):
                answer = next(answers)
    except StopIteration as end:
        return end.value, steps


def prompts(steps: list[Any]) -> list[str]:
    return [prompt for step in steps if isinstance(step, Play | Ask) for prompt in step.prompts]


def test_the_number_that_calls_is_confirmed() -> None:
    ending, steps = played(NUMBER, "1", ["booked"])
    assert ending == Goodbye(served=True, promised=True)
    assert BookCallback("", NUMBER) in steps
    assert prompts(steps) == ["callback-number", "callback-booked"]
    assert variables(ending, Routed()) == [("NEXT_STEP", "callback")]


def test_another_number_is_entered_and_said_back() -> None:
    ending, steps = played(NUMBER, "202112345678#1", ["booked"])
    assert ending == Goodbye(served=True, promised=True)
    assert SayDigits("02112345678", whole=True) in steps, "what is confirmed must be heard"
    assert [step.ahead for step in steps if isinstance(step, Ask) and step.keys == "12"] == ["", ""]
    assert BookCallback("", "02112345678") in steps


@pytest.mark.parametrize("no", ["2", "-", "9"])
def test_a_slip_is_corrected_before_anybody_is_rung(no: str) -> None:
    ending, steps = played(NUMBER, f"202112345679#{no}02112345678#1", ["booked"])
    assert ending == Goodbye(served=True, promised=True)
    assert [step.digits for step in steps if isinstance(step, SayDigits)] == ["02112345679", "02112345678"]
    assert [step.number for step in steps if isinstance(step, BookCallback)] == ["02112345678"]


def test_who_hides_the_number_must_enter_one() -> None:
    ending, steps = played(None, "13800138000#1", ["booked"])
    assert ending == Goodbye(served=True, promised=True)
    assert prompts(steps)[0] == "callback-enter"


def test_a_number_that_is_not_rung_may_be_changed() -> None:
    ending, steps = played("+19005551234", "1" + "13800138000#1", ["not_this_number", "booked"])
    assert ending == Goodbye(served=True, promised=True)
    assert [step.number for step in steps if isinstance(step, BookCallback)] == ["+19005551234", "13800138000"]


@pytest.mark.parametrize(
    ("caller", "keys", "booked"),
    [
        (NUMBER, "1", ["not_offered"]),
        (NUMBER, "--", []),
        (NUMBER, "9", []),
        (NUMBER, "2-", []),
        (None, "#", []),
        (None, "1#21#22#2", []),
        (None, "1#12#13#1", ["not_this_number"] * 3),
    ],
)
def test_nothing_promised_is_back_to_the_queue(caller: str | None, keys: str, booked: list[str]) -> None:
    ending, _ = played(caller, keys, booked)
    assert ending == BackToQueue()
    assert variables(ending, Routed()) == [("NEXT_STEP", "queue")]


def test_it_ends_whatever_is_pressed() -> None:
    for key in "0123456789*#":
        ending, steps = played(None, key * 200, ["not_this_number"] * 9)
        assert ending == BackToQueue()
        assert len(steps) < 80


def test_each_prompt_is_spoken_in_both_languages() -> None:
    texts, _, _ = load_prompts()
    for prompt in flow.PROMPTS:
        assert set(texts[prompt]) >= {"en", "zh"}
