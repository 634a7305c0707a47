"""Reading the raw ring while it is written: its last messages, then each that comes. Called by tail_cli.py.

A message as an operator reads it: when, what, and the few headers that matter of that kind. No socket, no database.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from .events.headers import decode
from .raw_ring import ring_files

_BLANK_LINE = b"\r\n\r\n"
_PIECE = 1024 * 1024
_IDS = ("Uniqueid", "Linkedid", "UniqueID")
_PARTIES = ("Channel", "DestChannel", "CallerIDNum", "Exten", "Linkedid")
_MEMBER = ("Queue", "Interface", "Location", "Status", "Paused", "PausedReason", "Penalty")
_QUEUED = ("Queue", "Channel", "CallerIDNum", "Position", "Wait", "HoldTime", "Linkedid")
_OFFERED = ("Queue", "Interface", "Channel", "RingTime", "HoldTime", "TalkTime", "Reason", "Linkedid")
# The headers that matter, by what an event's name begins with; the first that fits.
_MATTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("QueueMember", _MEMBER),
    ("Queue", _QUEUED),
    ("Agent", _OFFERED),
    ("Dial", ("Channel", "DestChannel", "DialString", "DialStatus", "Linkedid")),
    ("Bridge", ("BridgeUniqueid", "BridgeType", "BridgeNumChannels", "Channel", "Linkedid")),
    ("Hangup", ("Channel", "Cause", "Cause-txt", "Linkedid")),
    ("CoreShowChannel", ("Channel", "ChannelStateDesc", "Application", "Duration", "Linkedid")),
    ("DeviceState", ("Device", "State")),
    ("UserEvent", ("UserEvent", "Queue", "Status", "NextStep", "Abandoned", "Channel", "Linkedid")),
    ("BlindTransfer", ("Result", "TransfererChannel", "TransfereeChannel", "Extension", "TransfererLinkedid")),
    (
        "AttendedTransfer",
        ("Result", "OrigTransfererChannel", "SecondTransfererChannel", "DestType", "OrigTransfererLinkedid"),
    ),
    ("VarSet", ("Variable", "Value", "Channel")),
    ("Response", ("Message", "ActionID")),
)


class Message(Struct, frozen=True):
    """One message: `event` is its name, or `Response …`; `at` epoch seconds, None where it carries no time."""

    event: str
    at: float | None
    headers: list[tuple[str, str]]

    def line(self, zone: tzinfo, *, whole: bool = False) -> str:
        """As a line of text; `whole`: all its headers, each on a line of its own below."""
        clock = f"{datetime.fromtimestamp(self.at, zone):%H:%M:%S.%f}"[:-3] if self.at is not None else " " * 12
        if whole:
            return "\n".join([f"{clock}  {self.event}", *(f"    {key}: {value}" for key, value in self.headers[1:])])
        wanted = next((keys for begin, keys in _MATTERS if self.event.startswith(begin)), _PARTIES)
        found = dict(reversed(self.headers))
        told = [f"{key} {found[key]}" for key in wanted if found.get(key)]
        return f"{clock}  {self.event:<24} {' · '.join(told)}".rstrip()


class Wanted(Struct, frozen=True):
    """Which messages: `events` are names, * and ? stand for anything; `call` is a Linkedid or a channel's Uniqueid."""

    events: tuple[str, ...] = ()
    call: str | None = None

    def fits(self, block: bytes, message: Message) -> bool:
        if self.call is not None and not any(
            value == self.call for key, value in message.headers if key.endswith(_IDS)
        ):
            return False
        name = message.event.lower()
        return not self.events or any(fnmatchcase(name, wanted.lower()) for wanted in self.events)


class RingReader:
    """`last` first, then `more` again and again."""

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._folder = folder
        self._wanted = wanted
        self._file: Path | None = None
        self._offset = 0
        self._tail = b""

    def last(self, count: int) -> list[Message]:
        """The last so many that are wanted, in the order heard; `more` goes on after them."""
        found: list[Message] = []
        for file in reversed(ring_files(self._folder)):
            data = _read(file, 0)
            if self._file is None:
                self._file, self._offset = file, len(data)
                data, _, self._tail = data.rpartition(_BLANK_LINE)
            found = list(self._chosen(data)) + found
            if len(found) >= count:
                break
        return found[-count:] if count else []

    def more(self) -> Iterator[Message]:
        """What was written since."""
        for file in ring_files(self._folder):
            if self._file is not None and file < self._file:
                continue
            if file != self._file:
                self._file, self._offset, self._tail = file, 0, b""
            while data := _read(file, self._offset, _PIECE):
                self._offset += len(data)
                whole, _, self._tail = (self._tail + data).rpartition(_BLANK_LINE)
                yield from self._chosen(whole)

    def _chosen(self, data: bytes) -> Iterator[Message]:
        call = self._wanted.call.encode() if self._wanted.call is not None else b""
        for block in data.split(_BLANK_LINE):
            if block.strip() and call in block:
                message = understood(block)
                if self._wanted.fits(block, message):
                    yield message


def understood(block: bytes) -> Message:
    """A block as an operator may see it: nothing in it moves a cursor."""
    headers = [
        (key, value)
        for key, _, value in (_printable(line).partition(": ") for line in decode(block).strip("\r\n").split("\r\n"))
    ]
    while len(headers) > 1 and headers[0][0].startswith("Asterisk Call Manager/"):
        del headers[0]  # the banner has no blank line of its own
    kind, name = headers[0]
    event = name if kind == "Event" else f"{kind} {name}".strip()
    at = None
    for key, value in headers:
        if key == "Timestamp":
            at = _time(value)
    return Message(event, at, headers)


def _time(value: str) -> float | None:
    try:
        at = float(value)
    except ValueError:
        return None
    return at if 0 <= at < 1e11 else None


def _printable(line: str) -> str:
    return line if line.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in line)


def _read(file: Path, offset: int, size: int = -1) -> bytes:
    """The file may be dropped at any moment."""
    try:
        with file.open("rb") as stream:
            stream.seek(offset)
            return stream.read(size)
    except FileNotFoundError:
        return b""
