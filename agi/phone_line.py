"""A caller's line: pyst2's AGI made safe for a socket. The only importer of pyst2.

Used by the player (through the server's sockets) and by the classic script (through standard input and output).
pyst2 gives the commands; how lines are written, read and understood is repaired here, each repair tested by name:
P1 its FastAGI server does not import, P2 its constructor takes SIGHUP, P3 a hang-up has four faces, P4 its quoting
escapes nothing, P5 it writes str to bytes and spins at EOF inside a usage text, P6 it prints every line to stderr,
P7 its manager breaks on Python 3 (nothing here imports it).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from asterisk.agi import AGI, AGIAppError, AGIError, AGIInvalidCommand, AGIUsageError

from .steps import CallerHungUp

TONE_S = 2.0  # the tone before a recording, amply
KEPT_KEYS_MS = 20  # the sound that came before such a key is read first
MOST_KEPT_KEYS = 8
MOST_RUBBISH_LINES = 8
MOST_USAGE_LINES = 64
KEYS_OF_A_PHONE = frozenset("0123456789*#ABCD")
_REPLY = re.compile(r"(\d{3})(?:[ -](.*))?$", re.DOTALL)
_PAIR = re.compile(r"(\w+)=(\S*)(?: \((.*)\))?")
# A line break would begin a command of the caller's own choosing; other control characters have no use in a value.
_CONTROL = dict.fromkeys((*range(32), 127), " ")


class NoAgiPeer(Exception):
    """The other side speaks no AGI. Whose fault: theirs; the connection is closed and nobody else is disturbed."""


class Wire(Protocol):
    """Lines of text both ways. `readline` returns "" when the other side is gone. A wire that minds how long the other
    side says nothing has `grant`, too: what was just written takes so many seconds by itself."""

    def readline(self) -> str: ...

    def write(self, text: str) -> object: ...


class _Silence:
    """Where pyst2's own printing goes."""

    def write(self, _text: str) -> int:
        return 0


class PhoneLine(AGI):  # type: ignore[misc]  # pyst2 has no types
    """pyst2's commands (`stream_file`, `wait_for_digit`, `set_variable`, …) on any wire."""

    def __init__(self, wire: Wire, env: dict[str, str]) -> None:
        # Not pyst2's own constructor: it installs a signal handler, which only the main thread may (P2).
        self.stdin = wire
        self.stdout = wire
        self.stderr = _Silence()
        self.env = env
        self._got_sighup = False
        self.reply: dict[str, tuple[str, str]] = {}
        self.hung_up = False
        self._flush = getattr(wire, "flush", None)
        self._grant = getattr(wire, "grant", None)
        self._takes_s = 0.0

    @property
    def played_nothing(self) -> bool:
        """Whether the last STREAM FILE ended where it began: Asterisk says so when the file is missing."""
        return self.reply.get("endpos", ("", ""))[0] == "0" and self.reply["result"][0] == "0"

    def stream_file(self, filename: str, escape_digits: str = "", sample_offset: int = 0) -> str:
        return self._key(lambda: super(PhoneLine, self).stream_file(filename, escape_digits, sample_offset))

    def wait_for_digit(self, timeout: int = -1) -> str:
        """`timeout`: milliseconds."""
        self._takes_s = max(0, timeout) / 1000
        return self._key(lambda: super(PhoneLine, self).wait_for_digit(timeout))

    def forget_keys(self) -> None:
        """Keys that were pressed by now and that nothing has read yet: Asterisk keeps them for the next command."""
        for _ in range(MOST_KEPT_KEYS):
            if not self.wait_for_digit(KEPT_KEYS_MS):
                return

    def record(self, filename: str, most_s: int, silence_s: int) -> int:
        """What is heard after a tone, as wav, up to #, so much silence or `most_s`; how many samples it became."""
        self._takes_s = most_s + TONE_S
        self.record_file(filename, "wav", "#", most_s * 1000, 0, "beep", silence_s)
        return int(self.reply.get("endpos", ("0", ""))[0] or 0)

    def _key(self, press: Callable[[], str]) -> str:
        """The key that a command reports, if a phone has such a key."""
        try:
            key = press()
        except (AGIError, OverflowError) as lie:
            if isinstance(lie, AGIInvalidCommand | AGIUsageError):
                raise
            raise NoAgiPeer("it reported a key that is none") from None
        if key and key not in KEYS_OF_A_PHONE:
            raise NoAgiPeer("it reported a key that no phone has")
        return key

    def send_command(self, command: str, *args: object) -> None:
        """Write one command as exactly one line, whatever its arguments hold."""
        if self.hung_up:
            raise CallerHungUp
        line = _without_controls(f"{command} {' '.join(map(str, args))}".strip())
        try:
            self.stdout.write(f"{line}\n")
            if self._flush is not None:
                self._flush()
            if self._takes_s and self._grant is not None:
                self._grant(self._takes_s)
        except (BrokenPipeError, ConnectionError):
            raise self._left() from None
        finally:
            self._takes_s = 0.0

    def get_result(self, _stdin: object = None) -> dict[str, tuple[str, str]]:
        """The reply to the last command. CallerHungUp whichever way Asterisk tells it (P3)."""
        line = self.stdin.readline()
        # Nearly all replies by far.
        if line.startswith("200 result="):
            value, told, at = line[11:-1].partition(" endpos=")
            if value.isdecimal() and (at.isdecimal() or not told):
                self.reply = {"result": (value, ""), "endpos": (at, "")} if told else {"result": (value, "")}
                return self.reply
        for _ in range(MOST_RUBBISH_LINES):
            line = self._heard(line)
            reply = _REPLY.match(line)
            code, said = (reply.group(1), reply.group(2) or "") if reply else ("", "")
            if code == "511":  # not permitted on a dead channel
                raise self._left()
            if code == "510":
                raise AGIInvalidCommand(said)
            if code == "520":
                raise AGIUsageError(self._usage(line))
            if code == "200":
                return self._understood(said)
            line = self.stdin.readline()  # rubbish, or 100 Trying: the reply follows
        raise NoAgiPeer(f"{MOST_RUBBISH_LINES} lines came that are no AGI reply")

    def _understood(self, said: str) -> dict[str, tuple[str, str]]:
        self.reply = {name: (value, data) for name, value, data in _PAIR.findall(said)}
        if "result" not in self.reply:
            raise NoAgiPeer("a reply came without a result")
        if self.reply["result"][0] == "-1":
            if self.reply.get("endpos", ("", ""))[0] != "0":
                raise self._left()
            # Asterisk 16 and 22 answer so for a file that is not there; of a caller who left, the next command hears.
            self.reply["result"] = ("0", "")
        return self.reply

    def _usage(self, line: str) -> str:
        """The text after `520-`, up to its last line; a peer that stops in the middle has hung up (P5)."""
        usage = [line]
        while line.startswith("520-") or not line.startswith("520"):
            line = self._heard(self.stdin.readline())
            usage.append(line)
            if len(usage) > MOST_USAGE_LINES:
                raise NoAgiPeer("a usage text came that does not end")
        return "\n".join(usage)

    def _heard(self, line: str) -> str:
        if not line or line.strip() == "HANGUP":
            raise self._left()
        return line.rstrip("\r\n")

    def _left(self) -> CallerHungUp:
        self.hung_up = True
        return CallerHungUp()

    def _quote(self, value: object) -> str:
        """One argument between quotes, such that Asterisk reads back exactly its text (P4)."""
        text = _without_controls(str(value))
        if "\\" in text or '"' in text:
            text = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{text}"'


def _without_controls(text: str) -> str:
    return text if text.isprintable() else text.translate(_CONTROL)


def read_environment(lines: list[str]) -> dict[str, str]:
    """The `agi_*: value` lines Asterisk sends first. NoAgiPeer when the peer is not Asterisk.

    Values are the caller's to choose (agi_callerid, agi_calleridname): control characters are taken out here.
    """
    env = _plain_environment(lines)
    if env is None:
        env = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name.startswith("agi_"):
                raise NoAgiPeer("it began with a line that is no agi_ variable")
            env[name] = _without_controls(value.strip())
    if "agi_uniqueid" not in env:
        raise NoAgiPeer("it named no call (agi_uniqueid)")
    return env


def _plain_environment(lines: list[str]) -> dict[str, str] | None:
    """As Asterisk nearly always sends it; None when each line has to be looked at by itself."""
    whole = "\n".join(lines)
    if not (whole.startswith("agi_") and whole.count("\nagi_") == whole.count(": ") - 1 == len(lines) - 1):
        return None
    if not whole.replace("\n", "").isprintable():
        return None
    return {name: value.strip() for name, value in [line.split(": ", 1) for line in lines]}


__all__ = ["AGIAppError", "AGIInvalidCommand", "AGIUsageError", "NoAgiPeer", "PhoneLine", "Wire", "read_environment"]
