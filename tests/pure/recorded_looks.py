"""The looks in a recorded stream: where they stand, and which calls and legs they show."""

from __future__ import annotations

from msgspec import Struct

from ami_bridge.events import Event
from ami_bridge.events.lists import CoreShowChannel, ListComplete
from ami_bridge.events.system import Response
from ami_bridge.floor.facts import base_of_channel

_TAKES_S = 0.2
"""A look takes its time: what changes meanwhile may be in it or not."""


class Look(Struct, frozen=True):
    """A look in a stream: `start`, `end` are numbers of events, the ping before it and the one after its last row."""

    start: int
    end: int
    at: float
    listed: frozenset[str]
    first_legs: frozenset[str]
    with_caller: frozenset[str]
    legs: frozenset[tuple[str, str]]

    @property
    def over_at(self) -> float:
        return self.at + _TAKES_S


def looks(stream: list[Event]) -> list[Look]:
    """All of them but the first, which shows an idle Asterisk."""
    found: list[Look] = []
    begun, asked_at = 0, 0.0
    for number, event in enumerate(stream):
        if isinstance(event, Response) and event.at is not None:
            begun, asked_at = number, event.at
        elif isinstance(event, ListComplete) and event.listed == "devices":
            shown = [each for each in stream[begun:number] if isinstance(each, CoreShowChannel)]
            linkedids = frozenset(each.linkedid for each in shown)
            first = frozenset(each.uniqueid for each in shown if each.uniqueid == each.linkedid)
            outside = frozenset(each.linkedid for each in shown if "trunk" in each.channel)
            legs = frozenset((each.linkedid, base_of_channel(each.channel)) for each in shown)
            found.append(Look(begun, number + 1, asked_at, linkedids, first, outside, legs))
    return found[1:]
