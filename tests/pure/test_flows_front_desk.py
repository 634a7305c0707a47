"""The front desk as callers meet it: each walk is a list of keys and what is heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.answers import Caller, OrderStatus
from agi.endings import Ending, Goodbye, JoinQueue, Transfer, Voicemail
from agi.flows.front_desk import front_desk
from agi.flows.menu import MOST_ROUNDS
from agi.shipped import load_menu
from agi.steps import (
    KEYS,
    Ask,
    AskDialled,
    AskIfOpen,
    FindCaller,
    LookUpOrder,
    Play,
    Remember,
    SayOrder,
    SetLanguage,
    Step,
)

LI = Caller("+8613800138000", UUID(int=1), "zh")
STRANGER = Caller()
ORDER = OrderStatus("A-1024", "shipped", date(2026, 3, 5))


MENU = load_menu("front_desk")


def call(
    keys: str, caller: Caller = STRANGER, *, is_open: bool = True, order: Any = "not_found"
) -> tuple[list[Step], Ending]:
    """Play the flow; `-` among the keys is silence, and silence follows the last one."""
    pressed: Iterator[str] = iter(keys.replace("-", "\x00"))
    answers: dict[type, Callable[[], Any]] = {
        FindCaller: lambda: caller,
        AskDialled: lambda: "95000",
        AskIfOpen: lambda: is_open,
        LookUpOrder: lambda: order,
        Ask: lambda: next(pressed, "\x00").replace("\x00", ""),
    }
    flow = front_desk(MENU)
    steps: list[Step] = []
    answer: Any = None
    try:
        while True:
            step = flow.send(answer)
            steps.append(step)
            answer = answers.get(type(step), lambda: None)()
    except StopIteration as end:
        return steps, end.value


def heard(steps: list[Step]) -> list[str]:
    return [prompt for step in steps if isinstance(step, Play) for prompt in step.prompts]


def test_a_stranger_chooses_english_and_support() -> None:
    steps, ending = call("12")
    assert ending == JoinQueue("support")
    assert heard(steps) == ["welcome", "to-support"]
    assert [step.language for step in steps if isinstance(step, SetLanguage)] == ["zh", "en"]
    assert [step.matter for step in steps if isinstance(step, Remember)] == ["support"]


def test_a_stranger_chooses_chinese() -> None:
    steps, _ending = call("20")
    assert [step.language for step in steps if isinstance(step, SetLanguage)][-1] == "zh"


def test_a_known_customer_is_not_asked_for_the_language() -> None:
    steps, ending = call("2", LI)
    assert ending == JoinQueue("support")
    assert [step.language for step in steps if isinstance(step, SetLanguage)] == ["zh"]


def test_any_caller_may_change_the_language_in_the_menu() -> None:
    steps, ending = call("92", LI)
    assert ending == JoinQueue("support")
    assert [step.language for step in steps if isinstance(step, SetLanguage)] == ["zh", "en"]


def test_the_order_is_spoken_and_the_caller_is_served() -> None:
    steps, ending = call("1", LI, order=ORDER)
    assert LookUpOrder(UUID(int=1)) in steps
    assert SayOrder(ORDER) in steps
    assert ending == Goodbye(served=True)


def test_the_order_is_heard_again_and_then_support() -> None:
    steps, ending = call("112", LI, order=ORDER)
    assert steps.count(SayOrder(ORDER)) == 2
    assert ending == JoinQueue("support")


@pytest.mark.parametrize(
    ("caller", "answer", "prompt"),
    [
        (STRANGER, ORDER, "order-not-found"),
        (LI, "not_found", "order-not-found"),
        (LI, "unavailable", "order-unavailable"),
    ],
)
def test_without_an_order_a_colleague_helps(caller: Caller, answer: Any, prompt: str) -> None:
    steps, ending = call("1" if caller is LI else "11", caller, order=answer)
    assert prompt in heard(steps)
    assert not [step for step in steps if isinstance(step, SayOrder)]
    assert ending == JoinQueue("support")


def test_a_stranger_is_never_read_anybodys_order() -> None:
    steps, _ending = call("1" * 40, Caller("+8613800138000"), order=ORDER)
    assert not [step for step in steps if isinstance(step, LookUpOrder | SayOrder)]


def test_closed_is_said_and_leads_to_voicemail() -> None:
    steps, ending = call("12", is_open=False)
    assert ending == Voicemail("reception")
    assert heard(steps) == ["welcome", "closed"]


def test_wrong_keys_are_told_and_lead_to_reception() -> None:
    steps, ending = call("1" + "777")
    assert heard(steps).count("wrong-key") == 3
    assert ending == JoinQueue("reception")


def test_silence_is_told_and_leads_to_reception() -> None:
    steps, ending = call("")
    assert heard(steps).count("nothing-heard") == 3
    assert ending == JoinQueue("reception")


def test_wrong_key_and_silence_share_the_tries() -> None:
    _steps, ending = call("17-72")
    assert ending == JoinQueue("reception")


def test_zero_is_reception() -> None:
    assert call("10")[1] == JoinQueue("reception")


@given(
    st.text(alphabet=KEYS + "-", max_size=60),
    st.sampled_from([LI, STRANGER, Caller("+441632960961"), Caller("+441632960961", UUID(int=2), "en")]),
    st.booleans(),
    st.sampled_from([ORDER, OrderStatus("", "lost"), "not_found", "unavailable"]),
)
def test_any_keys_end_somewhere_in_bounded_steps(keys: str, caller: Caller, is_open: bool, order: Any) -> None:
    steps, ending = call(keys, caller, is_open=is_open, order=order)
    assert isinstance(ending, JoinQueue | Voicemail | Transfer | Goodbye)
    assert len(steps) < 20 + 8 * MOST_ROUNDS
    assert (ending == Goodbye(served=True)) <= any(isinstance(step, SayOrder) for step in steps)


@given(st.lists(st.sampled_from([*KEYS, "*1", "9", "19"]), min_size=30).map("".join))
def test_going_in_circles_ends_too(keys: str) -> None:
    steps, _ending = call(keys, LI, order=ORDER)
    assert sum(isinstance(step, Ask) for step in steps) <= MOST_ROUNDS
