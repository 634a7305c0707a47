"""Digits, dates, numbers, orders, cases and balances as prompt keys, in the order that each language says them.

Asterisk has number sounds for English but none for Chinese, so both are spoken from our own prompts. Called by the
player and by `kefu ivr simulate`. Pure.
"""

from __future__ import annotations

from datetime import date

from . import counting
from .answers import Balance, CaseStatus, OrderStatus
from .steps import SayBalance, SayCase, SayDate, SayDigits, SayNumber, SayOrder, Step

LONGEST_SPELLED = 24
MOST_NUMBERS = 30
ORDER_STATES = ("received", "paid", "packed", "shipped", "delivered", "cancelled")
CASE_STATES = ("open", "waiting", "solved", "closed")
NO_LONGER_EXPECTED = ("delivered", "cancelled")


def spoken(step: Step, language: str) -> tuple[str, ...]:
    """The prompts of a value, in the order that the language says them."""
    match step:
        case SayDigits():
            return digits(step.digits)
        case SayDate(on=on):
            return day(on, language)
        case SayNumber(number=number, currency=None):
            return counting.number(number, language)
        case SayNumber(number=number, currency=str(currency)):
            return counting.money(number, currency, language)
        case SayOrder():
            return order(step.order, language)
        case SayCase():
            return case(step.case, language)
        case SayBalance():
            return balance(step.balance, language)
    return ()


def digits(text: str) -> tuple[str, ...]:
    """Each letter and digit of a number as written on paper; signs between them are not spoken."""
    spoken = [sign.lower() for sign in text if sign.isascii() and sign.isalnum()]
    return tuple(f"digit-{sign}" if sign.isdigit() else f"letter-{sign}" for sign in spoken[:LONGEST_SPELLED])


def day(on: date, language: str) -> tuple[str, ...]:
    """English: March, fifth, two zero two six. Chinese: 二零二六 年 三月 五日."""
    year = digits(f"{on.year:04d}")
    month_and_day = (f"month-{on.month}", f"day-{on.day}")
    return (*year, "year", *month_and_day) if language == "zh" else (*month_and_day, *year)


def order(status: OrderStatus, language: str) -> tuple[str, ...]:
    """Your order number … has been shipped. It is expected on … ."""
    state = f"order-state-{status.state}" if status.state in ORDER_STATES else "order-state-unknown"
    said = ("order-number", *digits(status.number), state)
    if status.expected_on is None or status.state in NO_LONGER_EXPECTED:
        return said
    return (*said, "order-expected", *day(status.expected_on, language))


def wait(position: int, low_minutes: int, high_minutes: int) -> tuple[str, ...]:
    """You are number three in line. The wait is between two and four minutes. (0, n): less than n minutes."""
    said: tuple[str, ...] = ()
    if position <= MOST_NUMBERS:
        said = ("wait-position", f"number-{position}", "wait-position-end")
    low, high = (f"minutes-{min(minutes, MOST_NUMBERS)}" for minutes in (low_minutes, high_minutes))
    return (*said, "wait-less-than", high) if low_minutes < 1 else (*said, "wait-between", low, "wait-and", high)


def case(status: CaseStatus, language: str) -> tuple[str, ...]:
    """Your case number … is being worked on."""
    state = f"case-state-{status.state}" if status.state in CASE_STATES else "case-state-open"
    return ("case-number", *digits(status.number), state)


def balance(owed: Balance, language: str) -> tuple[str, ...]:
    """You still have to pay … ; or nothing at all."""
    if owed.amount <= 0:
        return ("balance-none",)
    return ("balance-open", *counting.money(owed.amount, owed.currency, language))


def every_prompt() -> frozenset[str]:
    """All keys that speaking can ever ask for: a prompts file must have each in every language."""
    return frozenset(
        {
            *(f"digit-{number}" for number in range(10)),
            *(f"letter-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
            *(f"month-{number}" for number in range(1, 13)),
            *(f"day-{number}" for number in range(1, 32)),
            *(f"order-state-{state}" for state in (*ORDER_STATES, "unknown")),
            *(f"{what}-{number}" for what in ("number", "minutes") for number in range(1, MOST_NUMBERS + 1)),
            *("wait-position", "wait-position-end", "wait-between", "wait-and", "wait-less-than"),
            "not-connected",
            "year",
            "order-number",
            "order-expected",
            *(f"case-state-{state}" for state in CASE_STATES),
            "case-number",
            "balance-open",
            "balance-none",
            *counting.every_prompt(),
        }
    )
