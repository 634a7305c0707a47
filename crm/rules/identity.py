"""One person as texts name them: numbers however they are spaced, names, codes, addresses; found in prose and in JSON.

`certain` values can mean nobody else (a whole number, a code, a name that only one customer bears); `shared` ones count
only where a certain one stands beside them, or in a row that is the person's anyway. Called by the erasure. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property
from typing import Any

from msgspec import Struct

ERASED = "(erased)"
SHORTEST_NUMBER = 7
"""Digits; what is shorter is an extension or part of anything."""
SHORTEST_NAME = 2
_BETWEEN = r"[ ()./-]{0,2}"
_NUMBER = re.compile(r"\+?[\d ()./-]+")
SPACES = " ()-./+"
"""What people write between digits and words, and what a first look through a table leaves out of account."""
_NO_SPACES = str.maketrans("", "", SPACES)


class Identity(Struct, frozen=True, dict=True):
    """Numbers as digits alone (without the country's: 13877776666), names, codes, e-mail addresses."""

    certain: frozenset[str]
    shared: frozenset[str] = frozenset()

    @cached_property
    def needles(self) -> list[str]:
        """For a first, coarse look: in lower case, without what may stand between digits and words."""
        return sorted(value.lower().translate(_NO_SPACES) for value in self.certain)

    @cached_property
    def certain_pattern(self) -> re.Pattern[str]:
        """Finds what can mean nobody else."""
        return _pattern(self.certain)

    @cached_property
    def whole_pattern(self) -> re.Pattern[str]:
        """Finds all of it."""
        return _pattern(self.certain | self.shared)

    def scrubbed(self, value: Any, *, own: bool) -> Any:
        """A text, a list or a JSON document without this person; equal to `value` if they were not in it. `own`: of a
        row that is the person's, in which their shared names are theirs, too."""
        if own or self.found_in(value):
            return _without(value, self.whole_pattern)
        return value

    def found_in(self, value: Any) -> bool:
        """Whether something certain stands in it."""
        return bool(_without(value, self.certain_pattern) != value)


def digits_of(number: str) -> str:
    """The digits of a number as people write it."""
    return re.sub(r"\D", "", number)


def is_number(value: str) -> bool:
    """Whether a value is written like a phone number."""
    return bool(_NUMBER.fullmatch(value.strip())) and bool(digits_of(value))


def check(value: str) -> None:
    """Raises ValueError for a value too short to tell a person from anybody else."""
    if is_number(value) and len(digits_of(value)) < SHORTEST_NUMBER:
        raise ValueError(f"the number {value!r} is too short to tell a person by")
    if len(value.strip()) < SHORTEST_NAME:
        raise ValueError(f"{value!r} is too short to tell a person by")


def tells(name: str) -> bool:
    """Whether a name that one customer alone bears may be taken out of anybody's text: 王芳 stands in other words, too,
    and Li in every second sentence."""
    name = name.strip()
    return (len(name) >= 5 and " " in name) if name.isascii() else len(name) >= 3


def identity(certain: Collection[str], shared: Collection[str] = ()) -> Identity:
    """Values that are too short are left out: they would take everybody else with them."""
    return Identity(frozenset(filter(_fit, certain)), frozenset(filter(_fit, shared)) - frozenset(certain))


def _fit(value: str) -> bool:
    try:
        check(value)
    except ValueError:
        return False
    return True


def _pattern(values: Collection[str]) -> re.Pattern[str]:
    parts = [_part(value) for value in sorted(values, key=lambda value: (-len(value), value))]
    return re.compile("|".join(parts) if parts else r"(?!)", re.IGNORECASE)


def _part(value: str) -> str:
    if is_number(value):
        # Behind a prefix (0086, 9), in parts, but not inside a longer number, a time, an id that goes on behind a dot.
        spread = _BETWEEN.join(digits_of(value))
        return rf"(?<![\d.])\+?(?:\d{_BETWEEN}){{0,6}}{spread}(?!\d|\.\d)"
    beside = r"\w" if value.isascii() else r"[0-9A-Za-z_]"
    before = rf"(?<!{beside})" if value[0].isalnum() else ""
    after = rf"(?!{beside})" if value[-1].isalnum() else ""
    return f"{before}{re.escape(value)}{after}"


def _without(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(ERASED, value)
    if isinstance(value, list | tuple):
        return [_without(each, pattern) for each in value]
    if isinstance(value, dict):
        return {_without(key, pattern): _without(each, pattern) for key, each in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and pattern.search(str(value)):
        return None
    return value
