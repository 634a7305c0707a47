"""The part of a form in which a promise is shown before it is made: the window in turn, slots of other hours, and what
comes back of them. Called by the pages on which strangers and agents ask for callbacks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm.deeds.book_callback import Foreseen
from crm.rules.callback_policy import Window
from crm.settings import Settings

SLOTS_SHOWN = 60
TIME_PASSED = ("moved", "slot_taken")
"""Why a promise was not made where only what was shown is too old: what is left is shown, and asked again."""


def shown(foreseen: Foreseen, settings: Settings) -> dict[str, Any]:
    """What templates/callbacks/when.html needs."""
    offset = f"{datetime.now(settings.zone):%z}"
    clock = f"UTC{offset[:3]}" + (f":{offset[3:]}" if offset[3:] != "00" else "")
    return {"foreseen": foreseen, "slots": foreseen.slots[:SLOTS_SHOWN], "clock": clock}


def when_said(when: str, begin: str, end: str) -> dict[str, Any]:
    """Of what Wanted has: a slot, or the window in turn that was shown. ValueError: none of ours wrote it."""
    if when:
        return {"begin": _moment(when)}
    return {"seen": Window(_moment(begin), _moment(end))}


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return at
