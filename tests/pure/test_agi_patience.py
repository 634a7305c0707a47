"""Whom callers go on asking when nobody answers, and what may be said from memory."""

from __future__ import annotations

import pytest

from agi.patience import MEMORY_S, MOST_FAULTS, MOST_REMEMBERED, REST_S, Patience


def test_after_three_late_answers_nobody_waits_for_a_while() -> None:
    patience = Patience()
    begun = [patience.failed("order", float(at)) for at in range(MOST_FAULTS)]
    assert begun == [False, False, True]
    assert not patience.may_ask("order", MOST_FAULTS)
    assert patience.may_ask("find_caller", MOST_FAULTS), "another kind of question has a fate of its own"
    assert patience.resting == ["order"]


def test_one_caller_tries_while_the_others_rest_on() -> None:
    patience = Patience()
    for _ in range(MOST_FAULTS):
        patience.failed("order", 0.0)
    assert [patience.may_ask("order", REST_S + 0.1) for _ in range(3)] == [True, False, False]
    assert not patience.failed("order", REST_S + 0.9), "the rest goes on and is not told again"
    assert not patience.may_ask("order", 2 * REST_S)
    assert patience.may_ask("order", 2 * REST_S + 1)
    patience.answered("order", None, "shipped", 2 * REST_S + 1.1)
    assert [patience.may_ask("order", 2 * REST_S + 1.2) for _ in range(3)] == [True, True, True]


def test_answers_in_between_begin_the_count_anew() -> None:
    patience = Patience()
    for at in range(20):
        patience.failed("order", float(at))
        patience.failed("order", float(at))
        patience.answered("order", None, "shipped", float(at))
    assert patience.may_ask("order", 20.0)


@pytest.mark.parametrize("question", ["find_caller", "find_customer"])
def test_who_somebody_is_may_be_some_minutes_old(question: str) -> None:
    patience = Patience()
    patience.answered(question, "+8613800138000", "Li", 100.0)
    assert patience.remembered(question, "+8613800138000", "nobody", 100 + MEMORY_S[question] - 1) == "Li"
    assert patience.remembered(question, "+8613800138000", "nobody", 100 + MEMORY_S[question]) == "nobody"
    assert patience.remembered(question, "+8613800138001", "nobody", 101.0) == "nobody"
    assert patience.remembered(question, None, "nobody", 101.0) == "nobody"


@pytest.mark.parametrize("question", ["order", "case", "balance", "route", "http shop.example", "run score"])
def test_what_is_said_as_a_fact_of_now_is_never_said_from_memory(question: str) -> None:
    patience = Patience()
    patience.answered(question, "A-1024", "shipped", 100.0)
    assert patience.remembered(question, "A-1024", "unavailable", 100.0) == "unavailable"


def test_memory_is_bounded() -> None:
    patience = Patience()
    for number in range(MOST_REMEMBERED + 10):
        patience.answered("find_caller", str(number), number, 0.0)
    assert patience.remembered("find_caller", "0", None, 1.0) is None
    assert patience.remembered("find_caller", str(MOST_REMEMBERED), None, 1.0) == MOST_REMEMBERED
