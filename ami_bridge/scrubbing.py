"""Taking people out of a stream: phone numbers and names become others, the same ones always the same others.

Calls can still be followed: times, ids and channels stay. A recording and the raw ring are written through it. Bounded,
whatever the bytes are. Pure: no clock, no file.
"""

from __future__ import annotations

import hashlib
import re
import secrets

TAIL_AT_MOST = 262_144
_REMEMBERED = 4096
_BLANK_LINE = b"\r\n\r\n"
_NAMES = tuple(
    re.compile(name + rb"Name: (?!<unknown>\r|unknown\r)([^\r\n]+)") for name in (rb"CallerID", rb"ConnectedLine")
)
# Runs of digits and dots are found by splitting: several times faster than by a regular expression.
_DIGITS_ALONE = bytes(sign if sign in b"0123456789." else 32 for sign in range(256))
_SHORTEST = 7
_EPOCHS = (b"1500000000", b"2000000000")
"""Ten digits that would be a time between 2017 and 2033 are one, and no phone number."""
_CLOCKS = frozenset((b"LastCall: ", b"LastPause: ", b"LoginTime: ", b"Uptime: ", b"LastReload: ", b"RoundtripUsec: "))


class Scrubber:
    """Takes a stream in any chunking, gives it back with numbers and names replaced; whole messages only."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(16)
        self._tail = b""
        self._others: dict[bytes, bytes] = {}

    def scrub(self, chunk: bytes) -> bytes:
        """The whole messages that `chunk` completes, scrubbed. A block without an end is let go line by line."""
        whole, end, self._tail = (self._tail + chunk).rpartition(_BLANK_LINE)
        if len(self._tail) > TAIL_AT_MOST:
            lines, cut, self._tail = self._tail.rpartition(b"\n")
            if not cut:
                lines, self._tail = self._tail, b""
            return self._scrubbed(whole + end + lines + cut)
        return self._scrubbed(whole + end)

    def rest(self) -> bytes:
        """What never became a message."""
        rest, self._tail = self._tail, b""
        return self._scrubbed(rest)

    def _scrubbed(self, text: bytes) -> bytes:
        for name in {name for names in _NAMES for name in names.findall(text)}:
            text = text.replace(b"Name: " + name + b"\r", b"Name: " + self._other_name(name) + b"\r")
        runs = {run.strip(b".") for run in set(text.translate(_DIGITS_ALONE).split()) if len(run) >= _SHORTEST}
        ids = b" ".join(run for run in runs if b"." in run)
        for number in sorted((run for run in runs if _is_number(run)), key=lambda run: (-len(run), run)):
            other = self._others.get(number) or self._remembered(number, self._another(number))
            if len(number) < 10 or number in ids:
                text = _replaced_where_it_stands_alone(text, number, other)
            else:
                text = text.replace(number, other)
        return text

    def _other_name(self, name: bytes) -> bytes:
        mark = b"\n" + name  # a name may be a number, too
        return self._others.get(mark) or self._remembered(mark, b"Name " + self._digest(name)[:6].encode())

    def _another(self, number: bytes) -> bytes:
        return str(int(self._digest(number), 16))[: len(number)].rjust(len(number), "0").encode()

    def _remembered(self, value: bytes, other: bytes) -> bytes:
        if len(self._others) >= _REMEMBERED:
            self._others.clear()
        self._others[value] = other
        return other

    def _digest(self, value: bytes) -> str:
        return hashlib.blake2b(value, key=self._key, digest_size=16).hexdigest()


def scrub(data: bytes, key: bytes | None = None) -> bytes:
    """A whole recording at once."""
    scrubber = Scrubber(key)
    return scrubber.scrub(data) + scrubber.rest()


def _is_number(run: bytes) -> bool:
    """Not an id with dots, nor a channel's own ending (-00000012), nor a time."""
    if len(run) < _SHORTEST or b"." in run or (len(run) <= 8 and run.startswith(b"000")):
        return False
    return len(run) != 10 or not _EPOCHS[0] <= run < _EPOCHS[1]


def _replaced_where_it_stands_alone(text: bytes, number: bytes, other: bytes) -> bytes:
    pieces, start, at = [], 0, text.find(number)
    while at >= 0:
        end = at + len(number)
        pieces += [text[start:at], number if _is_part_of_more(text, at, end) else other]
        start, at = end, text.find(number, end)
    return b"".join([*pieces, text[start:]])


def _is_part_of_more(text: bytes, at: int, end: int) -> bool:
    """Of a longer number, or of an id or a version with dots; or a clock's reading."""
    before, after = text[max(0, at - 2) : at], text[end : end + 2]
    if before[-1:].isdigit() or after[:1].isdigit():
        return True
    if (before[-1:] == b"." and before[:1].isdigit()) or (after[:1] == b"." and after[1:].isdigit()):
        return True
    return before == b": " and text[text.rfind(b"\n", 0, at) + 1 : at] in _CLOCKS
