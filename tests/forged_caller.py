"""Asterisk's side of AGI, for forging bytes: sends an environment, answers commands, presses keys, hangs up.

Real calls are in tests/asterisk; this one does what no real Asterisk would do on demand.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def environment(**more: str) -> bytes:
    """What Asterisk sends first. `callerid="…"` becomes agi_callerid."""
    values = {
        "network": "yes",
        "network_script": "front_desk",
        "channel": "PJSIP/trunk-00000001",
        "uniqueid": "1700000000.1",
        "callerid": "unknown",
        "calleridname": "unknown",
        "arg_1": "1700000000.1",
        **more,
    }
    return (
        "".join(f"agi_{name}: {value}\n" for name, value in values.items()).encode("utf-8", "surrogateescape") + b"\n"
    )


def arguments(command: str) -> list[str]:
    """A command's words as Asterisk's parser reads them, quotes and backslashes undone."""
    return [
        re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
        for quoted, plain in _ARGUMENT.findall(command)
    ]


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close, whatever the other side has done meanwhile."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


class AgiPeer:
    """One call. `keys` are pressed one at each chance; `-` lets a chance pass. `takes_s`: how long a command takes."""

    takes_s: Mapping[str, float] = {}

    def __init__(self, keys: str = "", hang_up_after: int | None = None, farewell: bytes = b"") -> None:
        self.keys = list(keys)
        self.hang_up_after = hang_up_after
        self.farewell = farewell
        self.commands: list[str] = []
        self.variables: list[tuple[str, str]] = []
        self.played: list[str] = []
        self.hearing = asyncio.Event()

    @property
    def last(self) -> dict[str, str]:
        """Channel variables as the dialplan finds them afterwards."""
        return dict(self.variables)

    async def call(self, port: int, env: bytes | None = None) -> AgiPeer:
        """Speak with a server until it closes or we hang up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(env or environment())
            while line := (await reader.readline()).decode():
                if len(self.commands) == self.hang_up_after:
                    writer.write(self.farewell)
                    await writer.drain()
                    break
                self.commands.append(line.rstrip("\n"))
                await asyncio.sleep(self.takes_s.get(line.split()[0], 0))
                writer.write(self.answer(line))
        except ConnectionError:
            pass
        finally:
            await hang_up(writer)
        return self

    def answer(self, line: str) -> bytes:
        words = arguments(line)
        match words:
            case ["SET", "VARIABLE", name, value]:
                self.variables.append((name, value))
                return b"200 result=1\n"
            case ["STREAM", "FILE", prompt, escape, *_]:
                self.played.append(prompt)
                self.hearing.set()
                key = self._press() if escape else ""
                return f"200 result={ord(key) if key else 0} endpos={4000}\n".encode()
            case ["WAIT", "FOR", "DIGIT", *_]:
                key = self._press()
                return f"200 result={ord(key) if key else 0}\n".encode()
        return b"510 Invalid or unknown command\n"

    def _press(self) -> str:
        key = self.keys.pop(0) if self.keys else "-"
        return "" if key == "-" else key


class Wire:
    """Lines prepared beforehand, for a PhoneLine with no socket at all."""

    def __init__(self, replies: Iterable[str]) -> None:
        self.replies = list(replies)
        self.written: list[str] = []

    def readline(self) -> str:
        return self.replies.pop(0) + "\n" if self.replies else ""

    def write(self, text: str) -> None:
        self.written.append(text)
