"""Whether a caller calls again about the same thing, and in which words that is said.

Our own calls to a customer are no repeats. Called by the card, the wallboard and the figures. Pure: now is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

WINDOWS: dict[str, timedelta] = {
    "10m": timedelta(minutes=10),
    "24h": timedelta(hours=24),
    "48h": timedelta(hours=48),
    "7d": timedelta(days=7),
}
NOTICED = "48h"


class Contact(Struct, frozen=True):
    """One inbound call of this customer before this one, with what it was about as far as anybody knows."""

    at: datetime
    case: str | None = None
    matter: str | None = None
    queue: str | None = None


class Repeat(Struct, frozen=True):
    """The how-manieth call of the window this is (2 is the first repeat), and what they have in common: `about` is
    case, matter, queue, or nothing at all."""

    count: int
    hours: int
    since: datetime
    about: str = ""
    what: str = ""


def repeat_of(
    before: Sequence[Contact],
    now: datetime,
    *,
    case: str | None = None,
    matter: str | None = None,
    queue: str | None = None,
    window: timedelta = WINDOWS[NOTICED],
) -> Repeat | None:
    """What is to be said of a call at `now`, about `case`, `matter` or `queue` as far as known; None: no repeat.

    The closest thing in common is told: the case that most of the earlier calls were about (this call's own first),
    else the matter, else the queue, else that somebody calls again.
    """
    recent = [contact for contact in before if now - window <= contact.at < now]
    if not recent:
        return None
    hours = round(window.total_seconds() / 3600)
    for about, mine in (("case", case), ("matter", matter), ("queue", queue)):
        told = [getattr(contact, about) for contact in recent]
        # Without a word of this call itself, a case is taken from the earlier ones: nobody calls twice by accident.
        what = mine or (_most(told) if about == "case" else None)
        same = [contact for contact, said in zip(recent, told, strict=True) if what and said == what]
        if same and what:
            return Repeat(len(same) + 1, hours, min(contact.at for contact in same), about, what)
    return Repeat(len(recent) + 1, hours, min(contact.at for contact in recent))


def _most(told: Sequence[str | None]) -> str | None:
    known = [each for each in told if each]
    return max(known, key=lambda each: (known.count(each), known[::-1].index(each) * -1)) if known else None
