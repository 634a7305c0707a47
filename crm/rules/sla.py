"""Clocks of cases: how much of a promised time is spent, and when it will be over, counted in open hours only.

A clock runs, or stands (the case waits for its customer, or is solved). Only open time in which it ran is spent. Called
by deeds with the site's hours; pure: the moment and the hours are arguments.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from .opening_hours import NO_SPECIALS, OpeningHours, Specials, after_open_minutes, open_spans


class Clock(Struct, frozen=True):
    """A promise of `target_s` open seconds, of which `spent_s` were used before it last began to run."""

    target_s: float
    spent_s: float = 0.0
    running_since: datetime | None = None


def begun(target_s: float, at: datetime) -> Clock:
    """A clock that starts now."""
    return Clock(target_s, 0.0, at)


def spent_s(clock: Clock, at: datetime, hours: OpeningHours, specials: Specials = NO_SPECIALS) -> float:
    """Open seconds used up to a moment, which is not before the clock last began to run."""
    if clock.running_since is None or at <= clock.running_since:
        return clock.spent_s
    spans = open_spans(hours, clock.running_since, at, specials)
    return clock.spent_s + sum((closes - opens for opens, closes in spans), timedelta()).total_seconds()


def paused(clock: Clock, at: datetime, hours: OpeningHours, specials: Specials = NO_SPECIALS) -> Clock:
    """The clock as it stands from here on; one that stands already is left alone."""
    if clock.running_since is None:
        return clock
    return replace(clock, spent_s=spent_s(clock, at, hours, specials), running_since=None)


def resumed(clock: Clock, at: datetime) -> Clock:
    """The clock as it runs from here on; one that runs already is left alone."""
    return clock if clock.running_since is not None else replace(clock, running_since=at)


def due_at(
    clock: Clock, hours: OpeningHours, specials: Specials = NO_SPECIALS, *, share: float = 1.0
) -> datetime | None:
    """When so large a share of the time will be spent if the clock runs on; None while it stands, and when the open
    hours of the next 90 days do not come to it."""
    if clock.running_since is None:
        return None
    left_s = clock.target_s * share - clock.spent_s
    if left_s <= 0:
        return clock.running_since
    return after_open_minutes(hours, clock.running_since, left_s / 60, specials)


def breached(clock: Clock, at: datetime, hours: OpeningHours, specials: Specials = NO_SPECIALS) -> bool:
    """Whether more was spent than promised."""
    return spent_s(clock, at, hours, specials) >= clock.target_s
