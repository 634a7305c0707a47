"""What an agent's own phone shows of a caller: tier, name and queue, and how the caller's own name is told from it.

The dialplan writes `VIP Li Wei · support` as the caller's name before each queue (dialplan/queues.conf), so Asterisk's
events and CEL carry it from then on. The ledger keeps the caller's own name: a name with our mark is none. Called by
the IVR's desk and by whoever reads names. Pure.
"""

from __future__ import annotations

import re

MARK = "·"
TIER_WORDS = {"key": "VIP", "main": "Main"}
"""Of the other tiers a phone shows none: what nearly all have tells nothing."""
LONGEST = 40
_MARKED = re.compile(rf"(?:.* )?{MARK} [A-Za-z0-9_.-]{{1,80}}", re.DOTALL)
_UNFIT = re.compile(r'["\\<>;@%$`{}()?:,|=\[\]]')


def shown_as(tier: str | None, name: str | None) -> str:
    """Tier and name as a phone's display takes them; "" when there is nothing to show."""
    words = (TIER_WORDS.get(tier or "", ""), name or "")
    shown = " ".join(_UNFIT.sub("", " ".join(words)).split())
    return "".join(sign for sign in shown if sign.isprintable())[:LONGEST].rstrip()


def own_name(name: str | None) -> str | None:
    """The caller's own name; None for what our dialplan wrote in its place."""
    if not name or (MARK in name and _MARKED.fullmatch(name)):
        return None
    return name
