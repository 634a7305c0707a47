"""While waiting, by key: keep the place and hang up. The number that calls is confirmed, or another one is entered and
confirmed: a slip would cost the caller the place, and ring a stranger.

Played on a channel that has left its queue; where nothing can be promised, or nothing is chosen, the caller goes back
to the queue with the place of the first join. Pure.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from agi.answers import Caller
from agi.endings import BackToQueue, Goodbye
from agi.steps import KEYS, Ask, BookCallback, FindCaller, Flow, Play, SayDigits, Step

TRIES = 3
MOST_DIGITS = 18
NEXT_DIGIT_S = 4.0
CONFIRM_S = 6.0
PROMPTS = ("callback-number", "callback-enter", "callback-confirm", "callback-booked", "callback-sorry")


def call_back() -> Flow:
    """One caller who pressed for a callback."""
    caller: Caller = yield FindCaller()
    number = caller.number_e164
    if number is not None:
        key: str = yield Ask(("callback-number",), "12", CONFIRM_S, ahead="")
        if not key:
            key = yield Ask(("callback-number",), "12", CONFIRM_S, ahead="")
        if key not in ("1", "2"):
            return BackToQueue()
        if key == "2":
            number = None
    for _ in range(TRIES):
        wanted: str = number or (yield from _entered())
        if not wanted:
            break
        if number is None and not (yield from _confirmed(wanted)):
            continue
        booked: str = yield BookCallback("", wanted)
        if booked == "booked":
            yield Play(("callback-booked",))
            return Goodbye(served=True, promised=True)
        if booked == "not_offered":
            break
        number = None  # this number is not rung: another one may be
    yield Play(("callback-sorry",))
    return BackToQueue()


def _entered() -> Generator[Step, Any, str]:
    """Digits up to the hash key; "" when nothing was entered."""
    digits = ""
    prompts: tuple[str, ...] = ("callback-enter",)
    for _ in range(MOST_DIGITS):
        key: str = yield Ask(prompts, KEYS, 8.0 if prompts else NEXT_DIGIT_S)
        if key in ("", "#"):
            break
        digits, prompts = digits + key.replace("*", ""), ()
    return digits


def _confirmed(digits: str) -> Generator[Step, Any, bool]:
    """Said back, and taken only where the caller says so."""
    yield SayDigits(digits, whole=True)
    key: str = yield Ask(("callback-confirm",), "12", CONFIRM_S, ahead="")
    return key == "1"
