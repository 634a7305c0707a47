"""Who hung together with whom, and when, by CEL alone: bridges joined by the halves of Local pairs.

The same rule as the floor's, on other evidence: music is no talk, and legs parted for less than a quarter of a second
were never apart. Called by reconcile and the back-fill. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from .cel import Leg

PARTED_S = 0.25
Span = tuple[float, float]


def base_of(channel: str) -> str:
    """A channel's interface: `PJSIP/1001-0000002a` → `PJSIP/1001`, `Local/71@agents-0000000a;1` → `Local/71@agents`."""
    base, dash, ending = channel.partition(";")[0].rpartition("-")
    return base if dash and ending and all(letter in "0123456789abcdefABCDEF" for letter in ending) else channel


def together(legs: Mapping[str, Leg], party: str, until: float) -> dict[str, list[Span]]:
    """Uniqueid of each other leg → the spans in which it heard the `party`. until: the end of what still goes on."""
    marks = sorted({mark for leg in legs.values() for mark in _marks(leg, until)})
    found: dict[str, list[Span]] = {}
    for begin, end in pairwise(marks):
        for uniqueid in _hear(legs, party, (begin + end) / 2, until):
            spans = found.setdefault(uniqueid, [])
            if spans and begin - spans[-1][1] < PARTED_S:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((begin, end))
    return found


def overlap_s(spans: Iterable[Span], begin: float, end: float) -> float:
    """Seconds of `spans` inside [begin, end]."""
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in spans)


def _marks(leg: Leg, until: float) -> Iterable[float]:
    for stay in leg.bridged:
        yield stay.entered_at
        yield _left(leg, stay.left_at, until)


def _left(leg: Leg, left_at: float | None, until: float) -> float:
    return left_at if left_at is not None else leg.ended_at if leg.ended_at is not None else until


def _hear(legs: Mapping[str, Leg], party: str, at: float, until: float) -> set[str]:
    """All legs that hear the party at this moment, itself left out."""
    if party not in legs:
        return set()
    in_bridge: dict[str, list[str]] = {}
    bridge_of: dict[str, str] = {}
    for uniqueid, leg in legs.items():
        for stay in leg.bridged:
            if not stay.holding and stay.entered_at <= at < _left(leg, stay.left_at, until):
                in_bridge.setdefault(stay.bridge, []).append(uniqueid)
                bridge_of[uniqueid] = stay.bridge
    pairs: dict[str, list[str]] = {}
    for uniqueid, leg in legs.items():
        if ";" in leg.channel:
            pairs.setdefault(leg.channel.partition(";")[0], []).append(uniqueid)
    found, todo = {party}, [party]
    while todo:
        uniqueid = todo.pop()
        near = list(in_bridge.get(bridge_of.get(uniqueid, ""), ()))
        if ";" in legs[uniqueid].channel:
            near += pairs[legs[uniqueid].channel.partition(";")[0]]
        for other in near:
            if other not in found:
                found.add(other)
                todo.append(other)
    return found - {party}
