"""What Asterisk is told about a seat's pause, by what is so at that moment and what was wished before.

Asterisk keeps one reason a seat. After-call work that is followed by a pause is written into that one reason as
`ACW>lunch`: whatever is killed in between, the pause after the call is not forgotten. A wish is turned into a step only
when it is sent, so that one which comes late never ends a state that it did not mean. Called by the bridge's outbox and
the floor. Pure.
"""

from __future__ import annotations

from msgspec import Struct

ACW = "ACW"
"""After-call work: the pause that the bridge begins at the end of a queue's call."""
RONA = "RONA"
"""Too many calls were not taken: nobody seems to be there."""
MISSED = "MISSED"
"""A short rest after one call that was not taken: a queue cannot pass over one member for one caller."""
RESERVED = "RESERVED"
"""The seat is about to dial out, and must not be rung meanwhile."""
DEVICE = "DEVICE"
"""The phone was gone for longer than a blip; it ends by itself when the phone stays."""
LEAVING = "LEAVING"
"""The agent signs out as soon as the call and its after-call work are over: a pause that follows them."""
OURS = (ACW, RONA, MISSED, RESERVED, DEVICE)
"""Reasons that begin and end by themselves: nobody can ask for them."""
KEPT = (*OURS, LEAVING)
"""All that nobody may choose as the name of a reason."""
PAUSING = ("pause", "unpause", "withdraw_pause", "end_after_call_work")
"""The kinds of wishes that are about a seat's pause."""
_THEN = f"{ACW}>"


class Standing(Struct, frozen=True):
    """How a seat stands, or will when all that was sent has come true. `reason` as Asterisk has it; `wrapping`: it
    is in after-call work, or that is due."""

    paused: bool = False
    reason: str | None = None
    wrapping: bool = False


class Step(Struct, frozen=True):
    """What to tell Asterisk."""

    paused: bool
    reason: str | None = None

    @property
    def leads_to(self) -> Standing:
        return Standing(self.paused, self.reason, self.paused and split(self.reason)[0] == ACW)


def split(reason: str | None) -> tuple[str | None, str | None]:
    """Asterisk's one reason as the present one and the pause that follows it."""
    if reason is not None and reason.startswith(_THEN):
        return ACW, reason[len(_THEN) :] or None
    return reason, None


def joined(reason: str | None, then: str | None) -> str | None:
    """The other way round."""
    return f"{_THEN}{then}" if reason == ACW and then else reason


def step_of(kind: str, reason: str | None, now: Standing) -> Step | None:
    """What a wish comes to; None where it is so already, or is no longer meant."""
    present, then = split(now.reason) if now.paused else (None, None)
    if kind == "pause":
        return _pause(reason, now)
    if kind == "end_after_call_work":
        if not now.wrapping:
            return None
        return Step(True, then) if then else Step(False)
    if kind == "withdraw_pause":
        if now.wrapping:
            return Step(True, ACW) if then else None
        return None if present in OURS else Step(False)
    if reason is not None and present != reason:
        return None  # that pause is over; another one has begun meanwhile
    return Step(False)


def after_call_work(now: Standing) -> Step:
    """The pause at the end of a queue's call. One that the agent has asked for meanwhile follows it."""
    present, then = split(now.reason) if now.paused else (None, None)
    return Step(True, joined(ACW, then if present in OURS else present))


def fulfils(kind: str, reason: str | None, *, paused: bool, said: str | None) -> bool:
    """Whether Asterisk's word about a pause makes a wish true of which it is not known as what it was sent."""
    present, then = split(said) if paused else (None, None)
    if kind == "pause":
        # The reason tells one pause from the other: lunch is not confirmed by the after-call work before it.
        return paused and (reason or None) in ((present, then) if then else (present,))
    if kind == "withdraw_pause":
        return not paused or (present == ACW and then is None)
    return (not paused) if kind == "unpause" else kind == "end_after_call_work" and present != ACW


def _pause(reason: str | None, now: Standing) -> Step | None:
    if reason == ACW:
        return None if now.wrapping and now.paused else after_call_work(now)
    if reason in OURS:
        return None if now.paused or now.wrapping else Step(True, reason)
    return Step(True, joined(ACW, reason) if now.wrapping else reason)
