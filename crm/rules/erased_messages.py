"""Taking one person out of raw AMI messages, and leaving everybody else's as they are.

Messages of the person's own calls are dropped; where a message speaks of another call, too, it stays, and only numbers
and names are put out of sight. Called by journal.py. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

ERASED = "(erased)"
SHORTEST_NUMBER = 5
"""Shorter ones are extensions, of which every call is full."""
_BLANK_LINE = "\r\n\r\n"
_ID = re.compile(r"^[A-Za-z0-9]*(Linkedid|Uniqueid): ([^\r\n]+)", re.MULTILINE)
_NUMBER = re.compile(r"\+?[\d ()/.-]+")


class Erasure(Struct, frozen=True):
    """What is to go. `calls`: Linkedids and Uniqueids of the person's conversations; `values`: numbers and names."""

    calls: frozenset[str]
    pattern: re.Pattern[str] | None

    def rest_of(self, raw: bytes) -> bytes | None:
        """What stays of a block's messages, each with its blank line; None when nothing in it has to go."""
        text = raw.decode("utf-8", "surrogateescape")
        messages = [message for message in text.split(_BLANK_LINE) if message.strip()]
        kept = [self._scrubbed(message) for message in messages if not self._goes(message)]
        if kept == messages:
            return None
        return "".join(message + _BLANK_LINE for message in kept).encode("utf-8", "surrogateescape")

    def _goes(self, message: str) -> bool:
        """Whether all calls that it names are the person's."""
        if not self.calls:
            return False
        named: dict[str, set[str]] = {"Linkedid": set(), "Uniqueid": set()}
        for kind, value in _ID.findall(message):
            named[kind].add(value)
        ids = named["Linkedid"] or named["Uniqueid"]
        return bool(ids) and ids <= self.calls

    def _scrubbed(self, message: str) -> str:
        return message if self.pattern is None else self.pattern.sub(ERASED, message)


def erasure(calls: Collection[str], values: Collection[str]) -> Erasure:
    """values: numbers as dialled or stored (+8613800138000 is found as 13800138000 only when that is named, too) and
    names. Raises ValueError for one that is too short to tell a person from anybody else."""
    patterns = [pattern for value in values for pattern in _patterns(value.strip())]
    pattern = re.compile("|".join(sorted(patterns, key=len, reverse=True))) if patterns else None
    return Erasure(frozenset(calls), pattern)


def _patterns(value: str) -> list[str]:
    if _NUMBER.fullmatch(value):
        digits = re.sub(r"\D", "", value)
        if len(digits) < SHORTEST_NUMBER:
            raise ValueError(f"the number {value!r} is too short to be erased everywhere: name the calls instead")
        # Also behind a prefix (0086…, 9…), but not inside a time or an id that goes on behind a dot.
        return [rf"(?<![\d.])\+?\d*{digits}(?!\d|\.\d)"]
    if len(value) < 2:
        raise ValueError(f"the name {value!r} is too short to be erased everywhere: name the calls instead")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    latin = value.encode("latin-1", "ignore").decode("utf-8", "surrogateescape")
    spellings = {value, escaped} | ({latin} if len(latin) == len(value) else set())
    return [rf"(?<!\w){re.escape(spelling)}(?!\w)" for spelling in spellings]
