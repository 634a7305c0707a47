"""What was heard from Asterisk, in wire order, until the one consumer takes it.

listener.py (or a replay) puts, mirror.py takes. It is unbounded on purpose: a bounded queue would raise inside the
socket's callback. Its depth is a gauge in bytes, and reading pauses above a limit. No database, no telephony in here.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct

from .framing import Block


class Connected(Struct, frozen=True):
    """Login was accepted: what follows is heard from now on. `at` in epoch seconds."""

    at: float
    version: str | None


class Heard(Struct, frozen=True):
    """Blocks of one read. `at`: when the bytes were read, epoch seconds; `size`: their bytes."""

    at: float
    blocks: list[Block]
    size: int


class Lost(Struct, frozen=True):
    """The connection ended; `why` in words."""

    at: float
    why: str


News = Connected | Heard | Lost


class Inbox:
    """The queue between the socket and the floor."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self.depth_bytes = 0

    def put_nowait(self, news: News) -> None:
        """Append; never waits, never raises."""
        if type(news) is Heard:
            self.depth_bytes += news.size
        self._news.put_nowait(news)

    @property
    def empty(self) -> bool:
        return self._news.empty()

    async def take(self) -> News:
        """The oldest news; waits for one."""
        return self._counted(await self._news.get())

    def take_nowait(self) -> News:
        """The oldest news; there must be one."""
        return self._counted(self._news.get_nowait())

    def _counted(self, news: News) -> News:
        if type(news) is Heard:
            self.depth_bytes -= news.size
        return news
