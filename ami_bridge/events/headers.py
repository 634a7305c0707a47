"""Headers of one AMI block: decoding, finding the few that are needed, and what each of them says.

They are looked for by `find`, or found all at once by shapes.py; a dict of thirty is never built. Called by the family
modules beside it. Every text that leaves here is fit for Postgres: valid UTF-8 without NUL. May not import the floor.
"""

from __future__ import annotations

import codecs
import math
import unicodedata
from collections.abc import Callable

from msgspec import Struct

from crm.rules.phone_display import own_name
from crm.rules.withheld import told_number

NAME_AT_MOST = 200
NUMBER_AT_MOST = 80
_RAW_BYTES_AT = 0xEF00
_ABSENT = ("", "<unknown>", "unknown")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Event(Struct, frozen=True, gc=False):
    """Base of all events. `at`: Asterisk's own clock in epoch seconds; None where it sends no Timestamp (lists)."""

    at: float | None


class Unreadable(Struct, frozen=True):
    """The peer sent what no reader understands: to be journaled and counted, never to stop anything."""

    why: str


class Missing(Exception):
    """A header that the event cannot do without is absent or nonsense."""


def _keep_raw_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(_RAW_BYTES_AT + byte) for byte in bad), error.end


codecs.register_error("kefu_raw_bytes", _keep_raw_bytes)


def decode(block: bytes) -> str:
    """Text of a block. A byte that is no UTF-8, and NUL, becomes a private character that `encode` turns back."""
    try:
        text = block.decode()
    except UnicodeDecodeError:
        text = block.decode("utf-8", "kefu_raw_bytes")
    return text.replace("\0", chr(_RAW_BYTES_AT)) if "\0" in text else text


def encode(text: str) -> bytes:
    """The bytes that `decode` read."""
    return b"".join(
        bytes((ord(sign) - _RAW_BYTES_AT,)) if _is_raw(sign) else sign.encode("utf-8", "replace") for sign in text
    )


def _is_raw(sign: str) -> bool:
    return sign == chr(_RAW_BYTES_AT) or 0x80 <= ord(sign) - _RAW_BYTES_AT <= 0xFF


def value(text: str, mark: str) -> str | None:
    """The first value of a header, or None. mark: line end, name, colon, blank; `text` ends with a line end."""
    start = text.find(mark)
    if start < 0:
        return None
    start += len(mark)
    return text[start : text.find("\r\n", start)]


class Header(Struct, frozen=True):
    """A header that an event is made of. `of` makes the fact of what was found, None when it is absent; without it the
    text stands as it was sent. `needed`: never absent or empty.

    `usual`: an expression for what mostly stands there, without line end; of such a text `quick` makes the same fact.
    """

    name: str
    of: Callable[[str | None], object] | None = None
    needed: bool = False
    usual: str = r"[^\r]*+"
    quick: Callable[[str], object] | None = None

    def found_in(self, text: str) -> object:
        """Raises Missing when the event cannot do without it, or when it is nonsense."""
        found = value(text, f"\r\n{self.name}: ")
        if self.needed and not found:
            raise Missing(f"without {self.name}")
        return found if self.of is None else self.of(found)


def need(name: str) -> Header:
    """As sent; raises Missing when it is absent or empty."""
    return Header(name, needed=True, usual=r"[^\r]++")


def sent(name: str) -> Header:
    """As sent, or None."""
    return Header(name)


def filled(name: str) -> Header:
    """As sent; None also when it is empty."""
    return Header(name, lambda found: found or None)


def words(name: str) -> Header:
    """As sent; empty when it is absent."""
    return Header(name, lambda found: found or "")


def says(name: str, word: str) -> Header:
    """Whether it is this word."""
    return Header(name, lambda found: found == word)


def always(fact: object) -> Header:
    """No header: the kind of the event says it."""
    return Header("", lambda _: fact)


def known(name: str) -> Header:
    """As sent; None also for what Asterisk writes where it knows nothing."""
    return Header(name, _known)


def whole(name: str) -> Header:
    """A whole number; 0 when it is absent or empty. Raises Missing for anything else."""

    def of(found: str | None) -> int:
        if not found:
            return 0
        if len(found) < 16 and found.lstrip("-").isdecimal():
            try:
                return int(found)
            except ValueError:
                pass
        raise Missing(f"with {name} {found:.40}, which is no number")

    return Header(name, of, usual="[0-9]{1,15}+", quick=int)


def number(name: str) -> Header:
    """A caller's number as sent: hostile text, without control characters, cut to length; None where it is withheld."""
    return Header(name, _number)


def escaped_name(name: str) -> Header:
    """A caller's name from a channel snapshot, where Asterisk has escaped it."""
    return Header(name, _escaped_name)


def raw_name(name: str) -> Header:
    """A caller's name from QueueEntry and OriginateResponse, where Asterisk has not escaped it."""
    return Header(name, _raw_name)


def _timestamp(found: str | None) -> float | None:
    if not found:
        return None
    try:
        at = float(found)
    except ValueError:
        at = math.nan
    # Not before 2001 nor after 5138: anything else would be refused by Postgres or is no time.
    if not 1e9 <= at <= 1e11:
        raise Missing(f"with Timestamp {found:.40}, which is no time")
    return at


TIMESTAMP = Header("Timestamp", _timestamp, usual="[1-9][0-9]{9}[.][0-9]{1,9}+", quick=float)
"""Asterisk's own clock: seconds.microseconds. Raises Missing when it is no time."""


def _known(found: str | None) -> str | None:
    return None if found in _ABSENT else found


def _number(found: str | None) -> str | None:
    found = told_number(found)
    if found is None:
        return None
    return _printable(found)[:NUMBER_AT_MOST] or None


def _escaped_name(found: str | None) -> str | None:
    return _raw_name(found) if found is None or "\\" not in found else own_name(_shown_name(_unescape(found)))


def _raw_name(found: str | None) -> str | None:
    return None if found is None or found in _ABSENT else own_name(_shown_name(found))


def _shown_name(found: str) -> str:
    return _printable(found)[:NAME_AT_MOST]


def _unescape(escaped: str) -> str:
    pieces = iter(escaped)
    return "".join(_ESCAPES.get(following := next(pieces, ""), following) if sign == "\\" else sign for sign in pieces)


def _printable(found: str) -> str:
    """What a screen, a terminal or a log may show: a name must not move a cursor or turn the reading direction."""
    if not found.isprintable():
        found = "".join(map(_shown, found))
    return found.strip()


def _shown(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cf":
        return ""
    return "\N{REPLACEMENT CHARACTER}" if category in ("Co", "Cs", "Cn") else sign
