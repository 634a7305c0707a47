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
# As long as a phone number, and no part of a time or a Uniqueid (1795302178.12): those go on behind a dot.
_NUMBER = re.compile(rb"\d{7,}(?!\d|\.\d)")
_NAMES = (re.compile(rb"CallerIDName: ([^\r\n]+)"), re.compile(rb"ConnectedLineName: ([^\r\n]+)"))
_CLOCKS = frozenset((b"LastCall: ", b"LastPause: ", b"LoginTime: ", b"Uptime: ", b"LastReload: ", b"RoundtripUsec: "))
_KNOWN = (b"<unknown>", b"unknown", b"")


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
        for names in _NAMES:
            text = names.sub(self._other_name, text)
        return _NUMBER.sub(self._other_number, text)

    def _other_name(self, found: re.Match[bytes]) -> bytes:
        name = found[1]
        if name in _KNOWN:
            return found[0]
        mark = b"\n" + name  # a name may be a number, too
        other = self._others.get(mark) or self._remembered(mark, b"Name " + self._digest(name)[:6].encode())
        return found[0][: -len(name)] + other

    def _other_number(self, found: re.Match[bytes]) -> bytes:
        number, text, at = found[0], found.string, found.start()
        before = text[at - 2 : at] if at > 1 else b""
        if before[1:] == b"." and before[:1].isdigit():
            return number  # of a version, an address
        if before[1:] == b"-" and len(number) <= 8 and number.startswith(b"000"):
            return number  # a channel's own ending
        if before == b": " and text[text.rfind(b"\n", 0, at) + 1 : at] in _CLOCKS:
            return number
        return self._others.get(number) or self._remembered(number, self._another(number))

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
