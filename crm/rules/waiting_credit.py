"""Minutes of waiting given to a caller on joining a queue: for their worth, a promise we broke, a case we let run over.

A caller stands in the queue as if they had come so much earlier. Because the sum is capped, nobody is ever overtaken by
a caller who joined more than the cap after them: priorities by class have no such bound, and starve the others.
Called by the IVR's desk when a flow ends in a queue, and by whoever explains it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

PRIO_BASE = 2_000_000_000
"""As in [join-queue] of the dialplan: QUEUE_PRIO = base − epoch of the first join + credit."""


class CreditRules(Struct, frozen=True):
    """Minutes for each claim, from the settings. `at_most_minutes`: the cap on all of them together."""

    tier_minutes: Mapping[str, float]
    broken_promise_minutes: float
    breached_case_minutes: float
    at_most_minutes: float


class Standing(Struct, frozen=True):
    """What a caller may claim. `given_s`: seconds that the flow itself gives (a menu's own `credit`)."""

    tier: str | None = None
    broken_promise: bool = False
    breached_case: bool = False
    given_s: int = 0


class Reason(Struct, frozen=True):
    """One claim and what it is worth, before the cap."""

    why: str
    seconds: int


class Credit(Struct, frozen=True):
    """`seconds` is what counts; the reasons may add up to more."""

    seconds: int = 0
    reasons: tuple[Reason, ...] = ()


def waiting_credit(standing: Standing, rules: CreditRules) -> Credit:
    """The credit of one caller: never below 0, never above the cap."""
    claims = [
        (f"tier {standing.tier}", rules.tier_minutes.get(standing.tier or "", 0.0)),
        ("a promise we broke", rules.broken_promise_minutes if standing.broken_promise else 0.0),
        ("a case over its time", rules.breached_case_minutes if standing.breached_case else 0.0),
        ("the menu", standing.given_s / 60),
    ]
    reasons = tuple(Reason(why, round(minutes * 60)) for why, minutes in claims if round(minutes * 60) > 0)
    cap_s = max(0, round(rules.at_most_minutes * 60))
    return Credit(min(cap_s, sum(reason.seconds for reason in reasons)), reasons)


def told(seconds: int, reasons: tuple[Reason, ...] | list[Reason]) -> str:
    """`180 s: tier key 180 s`, for explanations."""
    if not reasons:
        return f"{seconds} s"
    parts = ", ".join(f"{reason.why} {reason.seconds} s" for reason in reasons)
    capped = ", capped" if seconds < sum(reason.seconds for reason in reasons) else ""
    return f"{seconds} s ({parts}{capped})"


def priority(joined_s: int, credit_s: int) -> int:
    """What Asterisk orders callers by; the higher stands before the lower, equals in the order they came."""
    return PRIO_BASE - joined_s + credit_s
