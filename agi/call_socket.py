"""One FastAGI connection: bytes in, lines out, bounded in every direction.

The server makes one a connection. Until the environment is whole nothing else exists of the call, so peers that say
nothing or rubbish cost little; then the server starts the call's thread, which reads here with plain `readline` and is
gone on with from the very bytes that bring its line.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from .call_thread import CallThread, this_call, wait

LINE_END = ord("\n")
LONGEST_LINE = 8192  # Asterisk's own buffer; 2048 before 2025
MOST_ENVIRONMENT_LINES = 200  # some 30 are sent, and one an argument
MOST_WAITING_LINES = 256  # replies come one at a time: more is a flood


class CallSocket(asyncio.Protocol):
    """What Asterisk's connection has sent and not yet been read.

    `due_at`: by when (loop time) it must speak; infinity while it owes us nothing. `fault`: what was wrong with the
    peer; `counted`: the server has told of it. `on_connect` is told of the connection, `on_call` once of its
    environment, `on_end` that the peer is gone.
    """

    def __init__(
        self,
        on_connect: Callable[[CallSocket], None],
        on_call: Callable[[CallSocket, list[str]], None],
        on_end: Callable[[CallSocket], None],
        answer_within_s: float,
    ) -> None:
        self._on_connect = on_connect
        self._on_call = on_call
        self._on_end = on_end
        self._answer_within_s = answer_within_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._lines: deque[str] = deque()
        self._environment: list[str] | None = []
        self._reader: CallThread | None = None
        self._gone = False
        self.thread: CallThread | None = None
        self.fault: str | None = None
        self.counted = False
        self.peer = "?"
        self.due_at = math.inf

    # asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.peer = str((transport.get_extra_info("peername") or ("?",))[0])
        self._on_connect(self)

    def data_received(self, data: bytes) -> None:
        if self._gone:
            return
        if self._tail or data[-1] != LINE_END:
            data = self._tail + data
            end = data.rfind(b"\n") + 1
            data, self._tail = data[:end], data[end:]
        # Names may hold any bytes; nothing here needs them back as they were.
        lines = data.decode("utf-8", "replace").split("\n")
        lines.pop()
        longest = len(self._tail) if len(data) <= LONGEST_LINE else max(len(self._tail), *map(len, lines))
        if longest > LONGEST_LINE:
            self.refuse(f"it sent a line of more than {LONGEST_LINE} bytes")
        elif self._environment is not None:
            self._hear_environment(self._environment, lines)
        else:
            self._hear(lines)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True
        self._go_on()
        self._on_end(self)

    def _hear_environment(self, heard: list[str], lines: list[str]) -> None:
        """All lines up to the empty one tell of the call; what comes behind it is for the call."""
        for index, line in enumerate(lines):
            if line in ("", "\r"):
                heard.extend(lines[:index])
                break
        else:
            heard.extend(lines)
            if len(heard) > MOST_ENVIRONMENT_LINES:
                self.refuse(f"it sent more than {MOST_ENVIRONMENT_LINES} lines and no end of them")
            return
        if len(lines) - index > MOST_WAITING_LINES:
            self.refuse(f"it sent more than {MOST_WAITING_LINES} lines unasked")
            return
        self._environment = None
        self.due_at = math.inf
        self._lines.extend(lines[index + 1 :])
        self._on_call(self, heard)

    def _hear(self, lines: list[str]) -> None:
        self._lines.extend(lines)
        if len(self._lines) > MOST_WAITING_LINES:
            self.refuse(f"it sent more than {MOST_WAITING_LINES} lines unasked")
        elif self._lines:
            self._go_on()

    # For the server ---------------------------------------------------------------------------------------------

    def refuse(self, why: str) -> None:
        """Close at once; whoever reads is told that the peer is gone."""
        self.fault = self.fault or why
        self._lines.clear()
        self._gone = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close after what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    @property
    def told_its_call(self) -> bool:
        """Whether the environment came to its end."""
        return self._environment is None

    # For the phone line, inside the call's thread ---------------------------------------------------------------

    def readline(self) -> str:
        """The next line, or "" when the peer is gone."""
        while not self._lines:
            if self._gone:
                return ""
            self._reader = this_call()
            wait()
        self.due_at = math.inf  # now it is we who keep the peer waiting
        return self._lines.popleft() + "\n"

    def write(self, text: str) -> None:
        if self._gone or self._transport is None:
            raise BrokenPipeError
        self.due_at = self._loop.time() + self._answer_within_s
        self._transport.write(text.encode("utf-8", "replace"))

    def grant(self, takes_s: float) -> None:
        """What was just written takes so long by itself: the peer need not answer before."""
        self.due_at += takes_s

    def _go_on(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.switch()
