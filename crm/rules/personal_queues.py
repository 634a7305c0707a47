"""The queue that a seat has to itself: where a caller waits a few seconds for the agent who served them last.

`seat-1001` is rendered for each seat of asterisk-conf; its member is that seat alone, added when somebody sits down.
It is no queue of the center: screens and figures leave it out, and count its callers for the queue they were meant for.
Called by deeds, subjects and reports. Pure.
"""

from __future__ import annotations

import re

PREFIX = "seat-"
LIKE = "seat-%"
"""The same for SQL."""

# The seats of the dialplan's own numbering plan (_100X in dialplan/seats.conf), by phone or simulated.
_SEAT = re.compile(r"(?:PJSIP/(100\d)|Local/(100\d)@sandbox-agents(?:/n)?)")


def personal_queue(seat: str) -> str | None:
    """The personal queue of a seat; None for a device that has none."""
    found = _SEAT.fullmatch(seat)
    return f"{PREFIX}{found[1] or found[2]}" if found else None


def is_personal(queue: str) -> bool:
    """Whether a queue belongs to one seat."""
    return queue.startswith(PREFIX)


def number_of(queue: str) -> str:
    """`1001` of `seat-1001`."""
    return queue.removeprefix(PREFIX)
