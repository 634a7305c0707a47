"""Nobody is overtaken by a caller who joined more than the cap after them: ten thousand callers, and any few."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from crm.rules.waiting_credit import CreditRules, Standing, priority, waiting_credit

RULES = CreditRules({"key": 3, "main": 1}, broken_promise_minutes=5, breached_case_minutes=5, at_most_minutes=10)
CAP_S = 600
TIERS = ("key", "main", "ordinary", "small", None)
STANDINGS = st.builds(Standing, st.sampled_from(TIERS), st.booleans(), st.booleans(), st.integers(-5000, 5000))


class Caller(NamedTuple):
    joined_s: int
    credit_s: int


def served_in_order(
    callers: Iterable[Caller], seats: int, call_s: Callable[[], float], rank: Callable[[Caller], int]
) -> list[tuple[Caller, float]]:
    """(caller, moment served), as app_queue does it: whoever has the highest priority is next, equals as they came."""
    coming = sorted(callers, key=lambda one: one.joined_s)
    free = [0.0] * seats
    heapq.heapify(free)
    waiting: list[tuple[int, int, Caller]] = []
    served: list[tuple[Caller, float]] = []
    number = 0
    while number < len(coming) or waiting:
        now = free[0]
        if not waiting and number < len(coming):
            now = max(now, coming[number].joined_s)
        while number < len(coming) and coming[number].joined_s <= now:
            heapq.heappush(waiting, (-rank(coming[number]), number, coming[number]))
            number += 1
        _, _, caller = heapq.heappop(waiting)
        heapq.heapreplace(free, now + call_s())
        served.append((caller, now))
    return served


def overtaken_most_s(served: list[tuple[Caller, float]]) -> int:
    """By how much the latest overtaker of anybody had joined after them."""
    worst, earliest_left = 0, None
    for caller, _ in reversed(served):
        if earliest_left is not None:
            worst = max(worst, caller.joined_s - earliest_left)
        earliest_left = caller.joined_s if earliest_left is None else min(earliest_left, caller.joined_s)
    return worst


def by_credit(caller: Caller) -> int:
    return priority(1_790_000_000 + caller.joined_s, caller.credit_s)


def a_day(seed: int, count: int = 10_000) -> tuple[list[Caller], random.Random]:
    """Callers who come a little faster than they can be served, so that the queue is hours long in the end."""
    dice = random.Random(seed)
    at, callers = 0.0, []
    for _ in range(count):
        at += dice.expovariate(1 / 5.5)
        standing = Standing(dice.choice(TIERS), dice.random() < 0.1, dice.random() < 0.1)
        callers.append(Caller(int(at), waiting_credit(standing, RULES).seconds))
    return callers, dice


def test_ten_thousand_callers_are_overtaken_within_the_bound() -> None:
    callers, dice = a_day(1)
    served = served_in_order(callers, 30, lambda: dice.expovariate(1 / 180), by_credit)
    assert len(served) == len(callers)
    longest_s = max(at - caller.joined_s for caller, at in served)
    assert longest_s > 2 * CAP_S, "the queue was never long enough to try the bound"
    assert 0 < overtaken_most_s(served) <= CAP_S
    # Credit does what it is for: who has it waits less.
    waits = {with_credit: [at - one.joined_s for one, at in served if bool(one.credit_s) is with_credit]
             for with_credit in (True, False)}  # fmt: skip
    assert sum(waits[True]) / len(waits[True]) < sum(waits[False]) / len(waits[False])


def test_priorities_by_class_have_no_such_bound() -> None:
    """The same day as others do it, to show that the measure finds what it looks for."""
    callers, dice = a_day(1)
    served = served_in_order(callers, 30, lambda: dice.expovariate(1 / 180), lambda caller: caller.credit_s)
    assert overtaken_most_s(served) > 3 * CAP_S


@given(st.lists(st.tuples(st.integers(0, 5000), STANDINGS), min_size=1, max_size=40), st.integers(1, 4), st.data())
def test_any_callers_on_any_floor_keep_the_bound(
    coming: list[tuple[int, Standing]], seats: int, data: st.DataObject
) -> None:
    callers = [Caller(joined_s, waiting_credit(standing, RULES).seconds) for joined_s, standing in coming]
    calls = iter(data.draw(st.lists(st.floats(0, 4000), min_size=len(callers), max_size=len(callers))))
    assert overtaken_most_s(served_in_order(callers, seats, lambda: next(calls), by_credit)) <= CAP_S


@given(STANDINGS, st.floats(0, 60))
def test_credit_is_never_below_nothing_nor_above_the_cap(standing: Standing, cap: float) -> None:
    rules = CreditRules({"key": 3, "main": 1}, 5, 5, cap)
    credit = waiting_credit(standing, rules)
    assert 0 <= credit.seconds <= round(cap * 60)
    assert credit.seconds == min(round(cap * 60), sum(reason.seconds for reason in credit.reasons))
