"""What may be promised to a caller, which numbers are rung at all, and what comes after each try.

A window is promised only where it can be kept: inside the queue's hours and the hours of the number. Tries that reached
nobody wait longer each time, and each takes half of the credit away, so that a phone that never answers does not stand
before people who wait. Called by the deeds of callbacks, the IVR, and the simulation. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from .calling_hours import Refused, Spans, country_of
from .phone_numbers import read_number
from .withheld import told_number

OPEN_STATES = ("waiting", "placed")
ENDINGS = ("reached", "cancelled", "given_up", "refused", "attached")
STATES = (*OPEN_STATES, *ENDINGS)
SOURCES = ("queue", "menu", "web", "agent", "abandoned", "voicemail", "api", "cli")
OUTCOMES = (
    *("reached", "later", "cancelled", "voicemail", "busy", "no_answer", "rejected", "failed", "agent_left"),
    *("not_served", "never_left", "refused_by_asterisk", "lost_sight", "attached"),
)
MOST_DIALS = 4
MOST_DAYS = 30
ROUND_MINUTES = 5
NARROWEST_MINUTES = 20
LATER_MINUTES = 60
UNSERVED_AGAIN_S = 20
ANY_COUNTRY = "*"

_KINDS_REFUSED = {
    "premium": ("premium", "it costs more than a call"),
    "shared_cost": ("premium", "it costs more than a call"),
    "personal": ("premium", "nobody knows what it costs"),
    "pager": ("no_phone", "nobody speaks there"),
    "voicemail": ("no_phone", "nobody speaks there"),
}
# Minutes until the next try, by how the last one ended; after the last of them, the last again.
_RETRY_MINUTES: Mapping[str, tuple[float, ...]] = {
    "busy": (5, 15, 60),
    "no_answer": (30, 120, 240),
    "voicemail": (60, 240),
    "rejected": (240, 1440),
    "failed": (2, 15, 60),
}


class Window(Struct, frozen=True):
    """Between when and when the customer's phone will ring; what the customer is told."""

    begin: datetime
    end: datetime


class Slot(Struct, frozen=True):
    """A window days ahead, and how many more callbacks it takes."""

    begin: datetime
    end: datetime
    free: int


class Facts(Struct, frozen=True):
    """What was seen of one attempt. `status`: DIALSTATUS; `chose`: the key pressed, "" for none; None: never asked."""

    dialled: bool
    talked: bool = False
    chose: str | None = None
    status: str = ""
    cause: int = 0


class Next(Struct, frozen=True):
    """What becomes of the promise. `due_at` None: it is over. `counted`: the customer's phone may have rung."""

    state: str
    due_at: datetime | None
    credit_s: int
    counted: bool


def number_of(raw: str | None, country: str, served: Collection[str]) -> str | Refused:
    """The number to ring in E.164. served: countries that may be rung ("*": all). Never what costs more than a call:
    whoever could have us ring premium numbers would."""
    raw = told_number(raw)
    if raw is None:
        return Refused("withheld", "the number is withheld: the caller must enter one")
    read = read_number(raw, country)
    if read.e164 is None:
        return Refused("unreadable", f"{raw!r:.40} is no number that can be dialled: write it with its area or country")
    if read.kind in _KINDS_REFUSED:
        code, why = _KINDS_REFUSED[read.kind]
        return Refused(code, f"{read.e164} is not rung: {why}")
    where = country_of(read.e164)
    if ANY_COUNTRY not in served and where not in served:
        return Refused("country_not_served", f"{read.e164} is a number of {where or 'no country'}, which is not rung")
    return read.e164


def window(now: datetime, low_s: float, high_s: float, fit: Spans) -> Window | Refused:
    """The window for who keeps a place in the queue: the wait foretold, on whole five minutes, twenty at the least.

    fit: when the queue is open and the number may be rung. A window that does not end before the present span does
    cannot be promised."""
    begin = _whole(now + timedelta(seconds=max(0.0, low_s)), up=False)
    end = _whole(now + timedelta(seconds=max(low_s, high_s)), up=True)
    end = max(end, begin + timedelta(minutes=NARROWEST_MINUTES))
    span = next((each for each in fit if each[0] <= max(begin, now) < each[1]), None)
    if span is None:
        return Refused("closed", "nobody could be rung when it would be their turn")
    if end > span[1]:
        return Refused("closing", f"the turn may come after {span[1]:%H:%M} UTC, when nobody is rung any more")
    return Window(begin, end)


def still_holds(seen: Window, found: Window) -> bool:
    """Whether a window that was shown a moment ago may still be promised: what holds now is one step beside it at most.
    Whoever confirms has read for a while, and a promise is what was read."""
    step = timedelta(minutes=ROUND_MINUTES)
    return seen.begin < seen.end and abs(found.begin - seen.begin) <= step and abs(found.end - seen.end) <= step


def risk(window_end: datetime, now: datetime, soon: timedelta, expected_at: datetime | None) -> str | None:
    """Why a promise of which nobody was rung yet will hardly be kept: its window ends `soon` ("window"), or its turn
    comes after the end ("forecast"). expected_at: the earliest that the wait foretold allows; None: not foretold."""
    if window_end <= now + soon:
        return "window"
    return "forecast" if expected_at is not None and expected_at > window_end else None


def slots(fit: Spans, taken: Mapping[datetime, int], *, now: datetime, minutes: int, capacity: int) -> list[Slot]:
    """Windows of so many minutes that still take somebody, up to 30 days ahead; none begins within the next half hour.

    taken: how many are promised by the beginning of each window."""
    last, step = now + timedelta(days=MOST_DAYS), timedelta(minutes=minutes)
    found = []
    for opens, closes in fit:
        begin = _whole(max(opens, now + timedelta(minutes=30)), up=True, minutes=minutes)
        while begin + step <= min(closes, last):
            free = capacity - taken.get(begin, 0)
            if free > 0:
                found.append(Slot(begin, begin + step, free))
            begin += step
    return found


def outcome_of(facts: Facts) -> str:
    """How an attempt ended, in one word. Answered without a key: a machine, or nobody who wanted to."""
    if facts.talked:
        return "reached"
    if not facts.dialled:
        return "not_served"
    if facts.chose is not None:
        # "1" without a talk: the agent had gone in that instant.
        return {"1": "agent_left", "2": "later", "3": "cancelled"}.get(facts.chose, "voicemail")
    if facts.status == "BUSY" or facts.cause == 17:
        return "busy"
    if facts.cause == 21:
        return "rejected"
    if facts.status == "NOANSWER":
        return "no_answer"
    if facts.status == "ANSWER":
        return "voicemail"  # answered while nobody looked, and no talk came of it
    # The agent hung up while the customer's phone rang.
    return "agent_left" if facts.status in ("CANCEL", "") else "failed"


def after(outcome: str, *, dials: int, credit_s: int, now: datetime) -> Next:
    """What comes after an attempt. dials: how often the customer's phone has been rung for this, this time included."""
    if outcome in ("reached", "cancelled", "attached"):
        return Next(outcome, None, credit_s, outcome == "reached")
    if outcome == "later":
        return Next("waiting", now + timedelta(minutes=LATER_MINUTES), credit_s, False)
    if outcome in ("not_served", "never_left", "refused_by_asterisk"):
        again_s = 0 if outcome == "never_left" else UNSERVED_AGAIN_S
        return Next("waiting", now + timedelta(seconds=again_s), credit_s, False)
    if outcome == "lost_sight":
        # It may have been a whole talk: a person looks before anybody is rung again.
        return Next("given_up", None, credit_s, True)
    if outcome == "agent_left":
        # Not the customer's fault: the place and its credit stay.
        return Next("waiting" if dials < MOST_DIALS else "given_up", _soon(now, dials, (1, 5, 15)), credit_s, True)
    if dials >= MOST_DIALS:
        return Next("given_up", None, 0, True)
    return Next("waiting", _soon(now, dials, _RETRY_MINUTES[outcome]), credit_s // 2, True)


def _soon(now: datetime, dials: int, minutes: tuple[float, ...]) -> datetime | None:
    if dials >= MOST_DIALS:
        return None
    return now + timedelta(minutes=minutes[min(max(dials, 1), len(minutes)) - 1])


def _whole(at: datetime, *, up: bool, minutes: int = ROUND_MINUTES) -> datetime:
    """On the clock's whole five minutes; the same in every zone whose offset is whole quarters of an hour."""
    step = minutes * 60
    seconds = at.timestamp() / step
    return datetime.fromtimestamp((math.ceil(seconds) if up else math.floor(seconds)) * step, UTC)
