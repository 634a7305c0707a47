"""What stands in a number's place when a caller withholds it: words, which are the same for all who do.

res_pjsip takes the user of From or P-Asserted-Identity for the number, whatever it is (16 to 22 alike), so who calls
as `sip:anonymous@anonymous.invalid` has the number "anonymous" until the dialplan filters it, and then none. Taken for
numbers, these words would make one customer of all who are hidden. Called by whoever reads a caller's number. Pure.
"""

from __future__ import annotations

WITHHELD = frozenset(
    ("", "anonymous", "unknown", "<unknown>", "restricted", "private", "withheld", "unavailable", "not available")
)


def told_number(raw: str | None) -> str | None:
    """The number as it was sent; None for one of these words, however it is written."""
    if raw is None or raw.isdecimal():
        return raw
    return None if raw.strip(" +").lower() in WITHHELD else raw
