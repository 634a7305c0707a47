"""Why Asterisk rang this seat and not that one, told afterwards from what it said of its members.

app_queue passes over members who are paused, away, in a call or resting, then those whose penalty is above the limit
of the waiting caller, rings among the lowest penalty left, and there lets the queue's strategy choose. So does this.
Called by explanations. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from .pause_steps import ACW, split

REST_S = 3.0
"""wrapuptime of every queue in queues.conf: the guard behind the after-call pause."""
_AWAY = {4: "its phone is unknown to Asterisk", 5: "its phone is away"}
_BUSY = {2: "in a call", 3: "busy", 6: "ringing already", 7: "in a call, and ringing", 8: "in a call, on hold"}


class Candidate(Struct, frozen=True):
    """A member of the queue as Asterisk last told it before the ring. `status`: a device state's number; `last_call`:
    epoch seconds, 0 for never; `agent` and `skills` as they are now."""

    seat: str
    penalty: int
    status: int
    paused: bool
    reason: str | None
    last_call: float
    agent: str | None = None
    skills: Mapping[str, int] = {}


class Verdict(Struct, frozen=True):
    """`rung`, and the rule that decided, in words; `posture`: what the seat did."""

    rung: bool
    posture: str
    why: str


def posture(one: Candidate) -> str:
    """What a member did, in the words of the screens."""
    if one.status in _AWAY:
        return "offline"
    if one.status in (6, 7):
        return "ringing"
    if one.status in _BUSY:
        return "talking"
    if one.paused:
        return "wrapping_up" if split(one.reason)[0] == ACW else "paused"
    return "ready"


def why_not(one: Candidate, at: float, allowed: int, waited_s: float) -> str | None:
    """What keeps a member from being rung at a moment, whoever else is there; None when nothing does."""
    if one.paused:
        return f"paused ({one.reason})" if one.reason else "paused"
    if one.status in _AWAY:
        return _AWAY[one.status]
    if one.status in _BUSY:
        return _BUSY[one.status]
    if 0 < at - one.last_call < REST_S:
        return f"resting {REST_S:.0f} s after its last call"
    if one.penalty > allowed:
        return f"held back by skill: penalty {one.penalty}, after {waited_s:.0f} s up to {allowed} are rung"
    return None


def verdict(one: Candidate, rung: Candidate, at: float, allowed: int, waited_s: float) -> Verdict:
    """Why `one` was rung, or was not, when the queue rang `rung`."""
    does = posture(one)
    if one.seat == rung.seat:
        return Verdict(True, does, f"free, of the lowest penalty ({one.penalty}), and its turn by the queue's strategy")
    kept = why_not(one, at, allowed, waited_s)
    if kept is not None:
        return Verdict(False, does, kept)
    if one.penalty > rung.penalty:
        return Verdict(False, does, f"free, but penalty {one.penalty} is above {rung.penalty}: the lower is rung first")
    if one.penalty < rung.penalty:
        return Verdict(False, does, "free a moment later, or its ring had just failed")
    return Verdict(False, does, f"free too: of those with penalty {rung.penalty} the queue's strategy chose another")
