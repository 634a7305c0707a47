"""One FastAGI connection: bytes in, lines out, bounded in every direction.

The server makes one a connection. A call's greenlet reads it with plain `readline` (it waits without holding up the
loop); the environment is awaited before any greenlet exists, so peers that say nothing or rubbish cost little.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

import greenback

from .phone_line import NoAgiPeer

LONGEST_LINE = 8192  # Asterisk's own buffer; 2048 before 2025
MOST_ENVIRONMENT_LINES = 200  # some 30 are sent, and one an argument
MOST_WAITING_LINES = 256  # replies come one at a time: more is a flood


class CallSocket(asyncio.Protocol):
    """What Asterisk's connection has sent and not yet been read.

    `due_at`: by when (loop time) it must speak; infinity while it owes us nothing.
    """

    def __init__(self, on_connect: Callable[[CallSocket], None], answer_within_s: float) -> None:
        self._on_connect = on_connect
        self._answer_within_s = answer_within_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._lines: deque[str] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._gone = False
        self.fault: str | None = None
        self.peer = "?"
        self.due_at = self._loop.time()

    # asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.peer = str((transport.get_extra_info("peername") or ("?",))[0])
        self._on_connect(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._tail = (self._tail + data).split(b"\n")
        if len(self._tail) > LONGEST_LINE or max(map(len, lines), default=0) > LONGEST_LINE:
            self.refuse(f"it sent a line of more than {LONGEST_LINE} bytes")
            return
        for line in lines:
            # Names may hold any bytes; nothing here needs them back as they were.
            self._lines.append(line.decode("utf-8", "replace"))
        if len(self._lines) > MOST_WAITING_LINES:
            self.refuse(f"it sent more than {MOST_WAITING_LINES} lines unasked")
            return
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True
        self._wake()

    # For the server ---------------------------------------------------------------------------------------------

    async def environment(self) -> list[str]:
        """The lines up to the empty one. NoAgiPeer when the peer leaves or overdoes it before that."""
        lines: list[str] = []
        while True:
            while self._lines:
                line = self._lines.popleft().rstrip("\r")
                if not line:
                    self.due_at = math.inf
                    return lines
                lines.append(line)
                if len(lines) > MOST_ENVIRONMENT_LINES:
                    raise NoAgiPeer(f"it sent more than {MOST_ENVIRONMENT_LINES} lines and no end of them")
            if self._gone:
                raise NoAgiPeer(self.fault or "it closed the connection before its call was told")
            await self._news()

    def refuse(self, why: str) -> None:
        """Close at once; whoever reads is told that the peer is gone."""
        self.fault = self.fault or why
        self._lines.clear()
        self._gone = True
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def close(self) -> None:
        """Close after what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    # For the phone line, inside a greenlet ----------------------------------------------------------------------

    def readline(self) -> str:
        """The next line, or "" when the peer is gone."""
        while not self._lines:
            if self._gone:
                return ""
            greenback.await_(self._news())
        self.due_at = math.inf  # now it is we who keep the peer waiting
        return self._lines.popleft() + "\n"

    def write(self, text: str) -> None:
        if self._gone or self._transport is None:
            raise BrokenPipeError
        self.due_at = self._loop.time() + self._answer_within_s
        self._transport.write(text.encode("utf-8", "replace"))

    def _news(self) -> asyncio.Future[None]:
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
