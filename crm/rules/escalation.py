"""When a case goes a tier higher by itself: its time is over, or it comes back again and again.

Called by deeds with what is so; what to do about it stands in the case's category. Pure.
"""

from __future__ import annotations

from msgspec import Struct

NEXT_TIER = {"first_line": "second_line", "second_line": "complaints"}
"""Nothing is above complaints."""


class Escalation(Struct, frozen=True):
    """To which tier, and why, in a word that pages translate."""

    to: str
    why: str


def on_breach(tier: str, *, wanted: bool) -> Escalation | None:
    """The time to solve it is over."""
    to = NEXT_TIER.get(tier) if wanted else None
    return Escalation(to, "breached") if to else None


def on_reopening(tier: str, *, reopened: int, after: int) -> Escalation | None:
    """It was closed and came back for the `reopened`-th time; the rule lifts it from the `after`-th on (0: never)."""
    to = NEXT_TIER.get(tier) if 0 < after <= reopened else None
    return Escalation(to, "reopened") if to else None
