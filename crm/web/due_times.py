"""How something stands to the time it is due: a colour, and a word for those who see none. Called by pages."""

from __future__ import annotations

from datetime import datetime

import msgspec

SOON_S = 60 * 60
"""With less than this left it is yellow."""


class Due(msgspec.Struct, frozen=True):
    """`word`: none, due, overdue; `span_s`: to it, or over it."""

    tone: str
    word: str
    span_s: float


NONE = Due("", "none", 0.0)


def due(at: datetime | None, now: datetime, *, over: bool = False) -> Due:
    """`over`: it was late already, though its clock stands."""
    if at is None:
        return Due("bad", "late", 0.0) if over else NONE
    left_s = (at - now).total_seconds()
    if left_s < 0:
        return Due("bad", "overdue", -left_s)
    if over:
        return Due("bad", "late", 0.0)
    return Due("warm" if left_s < SOON_S else "good", "due", left_s)
