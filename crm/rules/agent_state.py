"""The one word shown for an agent: the seat's posture, the session at it, and the wishes still open.

Asterisk owns the state, so a wish never changes the word it asks for: who has asked for a pause is *pausing* while
free, and stays *talking* or *ringing* with a pause to come; *paused* appears when Asterisk has said so, not before.
Called by pages and by the command line. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

ACW = "ACW"
"""The pause reason that means after-call work. Ours alone: agents cannot ask for it."""

Word = Literal[
    "signed_out", "unseen", "offline", "ready", "pausing", "paused", "unpausing", "ringing", "talking", "wrapping_up"
]
WORDS: tuple[Word, ...] = Word.__args__  # type: ignore[attr-defined]


class Seen(Struct, frozen=True):
    """What the floor last wrote of a seat."""

    word: str
    since: datetime
    pause_reason: str | None = None


class Asked(Struct, frozen=True):
    """A wish not settled yet, oldest first in every list of them."""

    kind: str
    reason: str | None = None


class Shown(Struct, frozen=True):
    """What a screen shows. `reason` belongs to a pause, asked for or in force; `next` is what a wish will bring
    ("pause", "unpause"), where the word itself does not say so."""

    word: Word
    since: datetime | None = None
    reason: str | None = None
    next: str | None = None


def agent_state(seen: Seen | None, *, signed_in: bool, open_wishes: Sequence[Asked]) -> Shown:
    """The word for one agent. `seen` is None while the floor has never heard of the seat."""
    if not signed_in:
        return Shown("signed_out")
    if seen is None:
        return Shown("unseen")
    asked = next((wish for wish in reversed(open_wishes) if wish.kind in ("pause", "unpause")), None)
    wanted = asked.kind if asked else None
    known: Word = next((word for word in WORDS if word == seen.word), "unseen")
    if known == "wrapping_up" and asked is not None and asked.reason == ACW:
        wanted = None  # it is on its way, and the word says so
    reason = asked.reason if asked and wanted == "pause" else seen.pause_reason if known == "paused" else None
    if known == "ready" and wanted == "pause":
        return Shown("pausing", seen.since, reason)
    if known == "paused" and wanted == "unpause":
        return Shown("unpausing", seen.since, reason)
    return Shown(known, seen.since, reason, wanted)
