"""Whether Asterisk is in sight: found, lost, going down."""

from __future__ import annotations

from ami_bridge.changes import SightChanged
from ami_bridge.events.system import Shutdown

from .facts import Facts

LISTS = ("queues", "channels", "devices")


def found(facts: Facts, at: float, now: float, asterisk_version: str | None) -> None:
    """Whatever was known until now may have ended unseen: the next lists say."""
    facts.found_at = at
    facts.first_looks = set(LISTS)
    facts.looks.clear()
    facts.entries.clear()
    sight = facts.sight
    sight.heard_at, sight.lost_at = now, None
    sight.asterisk_version = asterisk_version or sight.asterisk_version
    facts.say(SightChanged(sight))


def lost(facts: Facts, at: float, now: float) -> None:
    if facts.sight.lost_at is None:
        facts.lost_at, facts.sight.lost_at = at, now
        facts.say(SightChanged(facts.sight))


def is_live(facts: Facts) -> bool:
    """Whether Asterisk is in sight, and was looked at since."""
    return facts.sight.lost_at is None and facts.found_at > 0 and not facts.first_looks


def shutdown(facts: Facts, event: Shutdown, at: float) -> None:
    """Asterisk says goodbye: its calls end with it, and nobody will say so."""
    lost(facts, at, at)
