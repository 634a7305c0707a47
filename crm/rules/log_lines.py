"""What the lines of Asterisk's own files have in common: times, and lines that cannot be read.

Called by queue_log.py and cel.py beside it. Pure: no file is opened here, the zone is an argument.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from msgspec import Struct

_SHOWN = 60
_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800


class BadLine(Struct, frozen=True):
    """A line that says nothing usable. `why` in one sentence; `text` its beginning, made printable."""

    why: str
    text: str


def bad(why: str, line: str) -> BadLine:
    """A BadLine whose text can be shown on a terminal."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in line.rstrip("\r\n")[:_SHOWN])
    return BadLine(why, shown)


def read_time(text: str, zone: tzinfo) -> float | None:
    """Epoch seconds, UTC; None when `text` is no time.

    Files hold epoch seconds (queue_log whole ones, CEL microseconds); tables and sites with a dateformat hold
    `2026-11-22 09:30:00[.123456]` in the zone of that Asterisk.
    """
    try:
        at = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        at = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    return at if _YEAR_2000 <= at < _YEAR_2100 else None
