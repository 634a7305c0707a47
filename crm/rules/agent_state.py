"""The one word shown for an agent: the seat's posture, the session at it, and the wishes still open.

Asterisk owns the state, so a wish never changes the word it asks for: who has asked for a pause is *pausing* while
free, and stays *talking*, *ringing* or *wrapping up* with a pause to come; *paused* appears when Asterisk has said so
and nothing rings, not before. Called by pages and by the command line. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from .pause_steps import ACW, DEVICE, OURS, PAUSING

__all__ = ["ACW", "WORDS", "Asked", "Seen", "Shown", "Word", "agent_state"]

Word = Literal[
    "signed_out",
    "unseen",
    "offline",
    "degraded",
    "ready",
    "pausing",
    "paused",
    "unpausing",
    "ringing",
    "talking",
    "wrapping_up",
]
WORDS: tuple[Word, ...] = Word.__args__  # type: ignore[attr-defined]
_BUSY = ("talking", "ringing", "wrapping_up")


class Seen(Struct, frozen=True):
    """What the floor last wrote of a seat. `next_reason`: the pause that follows the after-call work."""

    word: str
    since: datetime
    pause_reason: str | None = None
    next_reason: str | None = None


class Asked(Struct, frozen=True):
    """A wish not settled yet, oldest first in every list of them."""

    kind: str
    reason: str | None = None


class Shown(Struct, frozen=True):
    """What a screen shows. `reason` belongs to a pause, asked for or in force; `next` is what follows ("pause",
    "unpause"), where the word itself does not say so; `confirmed`: Asterisk has confirmed that."""

    word: Word
    since: datetime | None = None
    reason: str | None = None
    next: str | None = None
    confirmed: bool = True


def agent_state(seen: Seen | None, *, signed_in: bool, open_wishes: Sequence[Asked]) -> Shown:
    """The word for one agent. `seen` is None while the floor has never heard of the seat."""
    if not signed_in:
        return Shown("signed_out")
    if seen is None:
        return Shown("unseen")
    known: Word = next((word for word in WORDS if word == seen.word), "unseen")
    if known in ("offline", "paused") and seen.pause_reason == DEVICE:
        known = "degraded"
    asked = next((wish for wish in reversed(open_wishes) if wish.kind in PAUSING), None)
    if asked is None or (known == "wrapping_up" and asked.reason == ACW):  # it is on its way, and the word says so
        return _confirmed(known, seen)
    if asked.kind == "pause":
        if known == "ready":
            return Shown("pausing", seen.since, asked.reason, confirmed=False)
        return Shown(known, seen.since, asked.reason, "pause", confirmed=False)
    if known == "paused":
        return Shown("unpausing", seen.since, seen.pause_reason, confirmed=False)
    if asked.kind == "end_after_call_work" and seen.next_reason:
        return Shown(known, seen.since, seen.next_reason, "pause", confirmed=False)
    return Shown(known, seen.since, None, "unpause", confirmed=False)


def _confirmed(known: Word, seen: Seen) -> Shown:
    """The state without any wish: a pause that Asterisk keeps for after the call is still to come."""
    if known in _BUSY:
        later = seen.next_reason if known == "wrapping_up" else seen.pause_reason
        if later is not None and later not in OURS:
            return Shown(known, seen.since, later, "pause")
    return Shown(known, seen.since, seen.pause_reason if known == "paused" else None)
