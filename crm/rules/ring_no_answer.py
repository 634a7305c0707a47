"""What follows when a seat was rung for a caller of a queue and nobody took the call, by cause.

A queue cannot pass over one member for one caller, so a seat that did not take a call rests for a moment: somebody else
is rung first. Who misses several calls within a while is taken for away, and comes back by itself after a time. A
caller who left, a colleague who was faster, a phone that had gone: none of these is the agent's miss. Called by the
bridge as a ring ends, and by explanations. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from .pause_steps import MISSED, RONA

COUNTED = ("no_answer", "rejected", "busy")
"""How a ring ends that somebody could have taken. `busy`: the phone refused it without having rung, as do-not-disturb
does; a phone in a call is not rung."""
_WHY_NOT = {
    "answered": "the call was taken",
    "caller_left": "the caller left",
    "taken_elsewhere": "somebody else took the call",
    "device_gone": "the phone was gone: it is not rung while it is away",
    "lost_sight": "nobody saw how the ring ended",
}
_WORDS = {"no_answer": "not picked up", "rejected": "rejected", "busy": "refused by the phone"}


class Policy(Struct, frozen=True):
    """`misses` within `within_s` are taken for an absence of `away_s`; before that each brings a rest of `rest_s` (0:
    none). misses 0: nobody is ever taken for away."""

    misses: int = 3
    within_s: float = 600.0
    away_s: float = 120.0
    rest_s: float = 5.0


class Miss(Struct, frozen=True):
    """A ring that ended unanswered; `at` in epoch seconds."""

    offer_id: str
    at: float
    outcome: str


class Verdict(Struct, frozen=True):
    """`pause` is the reason of the pause that follows, None for none; `for_s`: how long it lasts."""

    pause: str | None
    for_s: float
    why: str


def judge(miss: Miss, before: Sequence[Miss], policy: Policy) -> Verdict:
    """What follows this miss. `before`: earlier ones of the seat that still count (see `counting`)."""
    if miss.outcome not in COUNTED:
        return Verdict(None, 0.0, _WHY_NOT.get(miss.outcome, f"{miss.outcome} is no miss"))
    count = 1 + len(counting(before, miss.at, policy))
    so_far = f"{_WORDS[miss.outcome]}: {count} of {policy.misses} within {policy.within_s / 60:g} min"
    if policy.misses and count >= policy.misses:
        return Verdict(RONA, policy.away_s, f"{so_far}, taken for away for {policy.away_s:g} s")
    if policy.rest_s > 0:
        return Verdict(MISSED, policy.rest_s, f"{so_far}, rests for {policy.rest_s:g} s")
    return Verdict(None, 0.0, so_far)


def counting(misses: Sequence[Miss], at: float, policy: Policy) -> list[Miss]:
    """Those of these misses that still count at a moment."""
    return [each for each in misses if each.outcome in COUNTED and each.at > at - policy.within_s]
