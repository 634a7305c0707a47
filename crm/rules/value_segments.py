"""What a customer is worth: recency, frequency and money in five steps each, a score of them, a place in the pyramid.

The nightly ranking does this in SQL for all customers; what stands here is the same for one, with the sentence for each
figure, so that it can be explained and the SQL held against it. Pure: days and bounds are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

PYRAMID = ("key", "main", "ordinary", "small")
QUINTILES = (0.2, 0.4, 0.6, 0.8)
RATE = "rate."
"""`rate.USD` is what a dollar is worth in the currency that all is counted in."""


class Limit(Struct, frozen=True):
    """A rule's own value, what it may be, and what it means."""

    value: Decimal
    least: Decimal
    most: Decimal
    meaning: str


def _limit(value: str, least: str, most: str, meaning: str) -> Limit:
    return Limit(Decimal(value), Decimal(least), Decimal(most), meaning)


RULES: Mapping[str, Limit] = {
    "window_days": _limit("365", "30", "3650", "days whose orders count for frequency and money"),
    "weight_recency": _limit("1", "0", "10", "how much the step of recency counts in the score"),
    "weight_frequency": _limit("1", "0", "10", "how much the step of frequency counts in the score"),
    "weight_money": _limit("1", "0", "10", "how much the step of money counts in the score"),
    "key_from": _limit("14", "0", "150", "a score from here on is a key customer"),
    "main_from": _limit("11", "0", "150", "a score from here on is a main customer"),
    "ordinary_from": _limit("6", "0", "150", "a score from here on is an ordinary customer, below it a small one"),
    "risk_factor": _limit("2", "1", "20", "so many times their usual pause without an order is a risk to lose them"),
    "risk_days": _limit("30", "0", "3650", "days without an order that are never a risk yet"),
    "risk_orders": _limit("3", "2", "100", "orders that it takes to know a customer's usual pause"),
    "lapsed_days": _limit("365", "30", "3650", "days without an order after which a customer has lapsed"),
}
RATES = _limit("0", "0.000001", "1000000", "what one of that currency is worth in the currency that all is counted in")


class Bounds(Struct, frozen=True):
    """The four bounds between the five steps of each figure: a value above the first is in step 2, and so on. Recency
    is days since the last order, where fewer is better."""

    recency: tuple[float, ...]
    frequency: tuple[float, ...]
    money: tuple[float, ...]


class Figures(Struct, frozen=True):
    """What one customer's orders add up to. `days_since`: since the last order; `usual_days`: the mean pause between
    orders, None before the second."""

    days_since: float
    orders: int
    amount: Decimal
    orders_ever: int
    usual_days: float | None = None


class Worth(Struct, frozen=True):
    """Three steps of 1 to 5, their score, the segment and how the customer stands: active, at_risk or lapsed."""

    recency: int
    frequency: int
    money: int
    score: Decimal
    segment: str
    standing: str


def step_of(value: float, bounds: Sequence[float]) -> int:
    """1 to 5: one more than the bounds that the value is above. Equal values are always in one step."""
    return 1 + sum(value > bound for bound in bounds)


def worth(figures: Figures, bounds: Bounds, rules: Mapping[str, Decimal]) -> Worth:
    """The worth of one customer."""
    recency = 6 - step_of(figures.days_since, bounds.recency)
    frequency = step_of(figures.orders, bounds.frequency)
    money = step_of(float(figures.amount), bounds.money)
    score = recency * rules["weight_recency"] + frequency * rules["weight_frequency"] + money * rules["weight_money"]
    return Worth(recency, frequency, money, score, segment_of(score, rules), standing_of(figures, rules))


def segment_of(score: Decimal, rules: Mapping[str, Decimal]) -> str:
    """The place in the pyramid."""
    for segment in PYRAMID[:-1]:
        if score >= rules[f"{segment}_from"]:
            return segment
    return PYRAMID[-1]


def standing_of(figures: Figures, rules: Mapping[str, Decimal]) -> str:
    """Lapsed without an order for too long; at risk when the pause is far beyond their usual one; else active."""
    if figures.days_since > rules["lapsed_days"]:
        return "lapsed"
    known = figures.usual_days is not None and figures.orders_ever >= rules["risk_orders"]
    patience_days = max(float(rules["risk_days"]), float(rules["risk_factor"]) * (figures.usual_days or 0.0))
    return "at_risk" if known and figures.days_since > patience_days else "active"


def refusal_of(name: str, value: Decimal, rules: Mapping[str, Decimal]) -> str | None:
    """Why a rule may not have this value, as a sentence; None: it may. `rules`: all as they would be then."""
    limit = RATES if name.startswith(RATE) else RULES.get(name)
    if limit is None or (name.startswith(RATE) and not _currency(name.removeprefix(RATE))):
        return f"there is no rule {name!r}: they are {', '.join(RULES)}, and {RATE}USD for a currency"
    if not value.is_finite() or not limit.least <= value <= limit.most:
        return f"{name} cannot be {value}: it is a number from {limit.least} to {limit.most}"
    if not rules["key_from"] >= rules["main_from"] >= rules["ordinary_from"]:
        return "the pyramid stands on its head: key_from, main_from and ordinary_from must go down in this order"
    if not any(rules[f"weight_{each}"] for each in ("recency", "frequency", "money")):
        return "one of the three weights must be above 0"
    return None


def _currency(code: str) -> bool:
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def in_force(changed: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """All rules, with those that somebody changed."""
    return {name: limit.value for name, limit in RULES.items()} | dict(changed)
