"""Reading one kind of event: by its shape where its lines are the usual ones, else header by header.

For one version and setting of Asterisk all events of a kind have the same lines in the same order, or one of a few
orders: a shape. It is learnt from the first event that has it, as one expression that tells in a single pass both that
the lines are these and what stands in the needed ones: twice as fast as to look for each. Whatever does not fit to the
letter (a line more, a forged header) is read header by header; both ways give the same event. Used by the family
modules beside it. May not import the floor.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from .headers import TIMESTAMP, Event, Header, Missing

_SHAPES_AT_MOST = 8
"""Of one kind. Whoever can forge lines may fill them, and gains only that this kind is read the longer way."""
_LESSONS_AT_MOST = 32
"""From so many events a shape is sought, found or not: to make an expression takes as long as some hundred events."""
_LEARNT_FROM_AT_MOST = 4_096


class Shape(NamedTuple):
    """The lines of an event. `fits`: groups of what stands in its headers as they come, or None; `pick` puts them into
    the order of the event's fields; `made`: the places where a fact is made of the text, and how."""

    fits: Callable[[str], re.Match[str] | None]
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    made: tuple[tuple[int, Callable[[str], object]], ...]


class Reader:
    """Text of a block → event, by its headers in the order of the event's fields. Raises Missing.

    once: headers that must not stand twice, because an unescaped name with a line end in it can forge one.
    """

    __slots__ = ("_headers", "_kind", "_lessons", "_once", "_shapes")

    def __init__(self, kind: type[Event], *headers: Header, once: tuple[str, ...] = ()) -> None:
        self._kind = kind
        self._headers = (TIMESTAMP, *headers)
        self._once = once
        self._shapes: list[Shape] = []
        self._lessons = 0

    def __call__(self, text: str) -> Event:
        for fits, pick, made in self._shapes:
            found = fits(text)
            if found is not None:
                facts = list(pick(found.groups()))
                for place, make in made:
                    facts[place] = make(facts[place])
                return self._kind(*facts)
        event = self.header_by_header(text)
        if len(text) <= _LEARNT_FROM_AT_MOST and self._lessons < _LESSONS_AT_MOST:
            self._learn(text)
        return event

    def header_by_header(self, text: str) -> Event:
        """The longer way, for any text."""
        lines = f"\r\n{text}\r\n"
        facts: list[Any] = [time_of(lines)]
        for name in self._once:
            if lines.count(f"\r\n{name}: ") > 1:
                raise Missing(f"with {name} twice")
        facts += [header.found_in(lines) for header in self._headers[1:]]
        return self._kind(*facts)

    def _learn(self, text: str) -> None:
        self._lessons += 1
        shape = _shape_of(text, self._headers)
        if shape is not None and len(self._shapes) < _SHAPES_AT_MOST:
            self._shapes.append(shape)


def _shape_of(text: str, headers: tuple[Header, ...]) -> Shape | None:
    """None where a needed header or the Event line stands twice (then the first of them counts), and where what stands
    in them is not the usual."""
    by_name, lines, groups = {header.name: header for header in headers}, list[str](), dict[str, int]()
    for line in text.split("\r\n"):
        name, colon, _ = line.partition(": ")
        if not colon or name in groups or (name == "Event" and lines):
            return None
        if name in by_name:
            groups[name] = len(groups)
            lines.append(f"{re.escape(name)}: ({by_name[name].usual})")
        else:
            lines.append(rf"{re.escape(name)}: [^\r]*+")
    # The last group takes no part in any text: what is found of an absent header, None.
    fits = re.compile(r"\r\n".join(lines) + "(?:|(x))").fullmatch
    if fits(text) is None:
        return None
    made = [(place, _making(header, header.name in groups)) for place, header in enumerate(headers)]
    return Shape(
        fits,
        itemgetter(*(groups.get(header.name, len(groups)) for header in headers)),
        tuple((place, make) for place, make in made if make is not None),
    )


def _making(header: Header, there: bool) -> Callable[[str], object] | None:
    """How the fact is made of what a shape has found; None where that is the fact already."""
    if there:
        return header.quick or header.of
    fact = None if header.of is None else header.of(None)
    return None if fact is None else lambda _: fact


def time_of(lines: str) -> object:
    """When it was. Raises Missing also for another Event line: hostile, or two messages whose blank line was lost."""
    if lines.find("\r\nEvent: ", 2) >= 0:
        raise Missing("with another Event line inside")
    return TIMESTAMP.found_in(lines)
