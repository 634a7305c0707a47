"""Which Asterisk speaks: its AMI tells a version of its own in the first line of a connection.

16 → 5, 18 → 7, 20 → 9, 22 → 11; up to 11 it was 1.x, with other names for what happens in queues and bridges. Pure.
"""

from __future__ import annotations

OLDEST = 5


def why_too_old(version: str | None) -> str | None:
    """In a sentence, why this AMI cannot be followed; None when it can, or says no version."""
    major = (version or "").partition(".")[0]
    if not (major.isdecimal() and major.isascii()) or int(major) >= OLDEST:
        return None
    return (
        f"it speaks AMI {version}, as Asterisk did before 16: its events have other names and headers, so that calls "
        "cannot be followed; Kefu needs Asterisk 16 or newer"
    )
