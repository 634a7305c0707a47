"""Numbers of cases: short, digits only, because callers type them, with a last digit that finds slips of the finger.

The last digit is Luhn's: any one wrong digit, and nearly any two that changed places, make a number that no case has,
so nobody hears of a stranger's case by a slip. Called by whoever numbers a case or looks one up. Pure.
"""

from __future__ import annotations


def numbered(count: int) -> str:
    """The number of the `count`-th case: 1001 → 10017."""
    return f"{count}{_check(str(count))}"


def read_number(text: str) -> str | None:
    """The number in what somebody typed (blanks, dashes and # are passed over); None: no case has such a number."""
    digits = "".join(sign for sign in text if sign not in " -#")
    if not (digits.isascii() and digits.isdigit() and 2 <= len(digits) <= 20):
        return None
    return digits if _check(digits[:-1]) == digits[-1] else None


def _check(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
