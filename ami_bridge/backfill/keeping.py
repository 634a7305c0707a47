"""The back-fill of a living bridge: remembers how far the files need not be read, and fills windows once they are over.

A task beside watch and write that waits for neither. While Asterisk is seen, the files' ends are marked; a mark may be
kept as the place to begin when no call that goes on, and no window that is not filled, is older. A fault of ours here
is logged and tried again: the mirror goes on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from crm.database import CrmUnavailable, Database, FenceLost
from crm.ledger.reconstruction import OLDEST_OPEN, STILL_OPEN
from crm.ledger.sight import OFFSETS, TO_FILL, BlindWindow, FileOffset
from crm.ledger.statement import Row

from .files import Spot, end_of
from .filling import SETTLED_S, Files, Filler
from .windows import EDGE_S

LOOK_S = 1.0
MARK_S = 10.0
AGAIN_S = 60.0

_LOG = logging.getLogger(__name__)
_Row = TypeVar("_Row", bound=Row)

FindFiles = Callable[[], Awaitable[Files]]


class Keeping:
    """`run` as a task. `in_sight`: whether Asterisk is heard now; `noted`: a row for the next batch."""

    def __init__(
        self,
        database: Database,
        node: str,
        fence: int,
        *,
        find_files: FindFiles,
        in_sight: Callable[[], bool],
        noted: Callable[[Row], None],
        say: Callable[[str], None],
        settled_s: float = SETTLED_S,
    ) -> None:
        self.faults = 0
        self.rows = 0
        self._database = database
        self._node = node
        self._filler = Filler(database, node, fence, settled_s=settled_s)
        self._find_files = find_files
        self._in_sight = in_sight
        self._noted = noted
        self._say = say
        self._settled_s = settled_s
        self._marks: deque[tuple[float, dict[str, Spot]]] = deque()
        self._marked_at = 0.0
        self._open: list[str] = []
        self._due_at = 0.0
        self._read_for: set[float] = set()
        self._said: str | None = None

    async def run(self) -> None:
        """Until cancelled. Raises FenceLost when another bridge took the node."""
        while True:
            try:
                await self._once()
            except FenceLost:
                raise
            except CrmUnavailable:
                pass  # the writer says so
            except Exception:  # noqa: BLE001 - a fault of the back-fill must not end the mirror
                self.faults += 1
                self._due_at = time.monotonic() + AGAIN_S
                _LOG.exception("the back-fill failed")
            await asyncio.sleep(LOOK_S)

    async def _once(self) -> None:
        if not self._in_sight():
            self._marks.clear()
            return
        windows = await self._rows(TO_FILL, BlindWindow)
        now = time.time()
        over = [window for window in windows if window.to_at is not None and window.to_at + self._settled_s < now]
        if over and await self._due(over):
            await self._fill(over)
        elif time.monotonic() - self._marked_at >= MARK_S:
            self._marked_at = time.monotonic()
            await self._mark(windows, now)

    async def _due(self, windows: list[BlindWindow]) -> bool:
        """At once for what was not read for yet; else when a call that touches a window has ended, or after a while."""
        until = max(window.to_at or 0.0 for window in windows) + EDGE_S
        async with self._database.reading() as session:
            connection = await session.connection()
            still = [str(key) for (key,) in await connection.exec_driver_sql(STILL_OPEN, (self._node, until))]
        if still != self._open:
            self._open = still
            self._due_at = min(self._due_at, time.monotonic() + self._settled_s)
        return time.monotonic() >= self._due_at or any(window.from_at not in self._read_for for window in windows)

    async def _fill(self, windows: list[BlindWindow]) -> None:
        files = await self._find_files()
        spots = {row.file: Spot(row.inode, row.position) for row in await self._rows(OFFSETS, FileOffset)}
        outcome = await self._filler.fill(windows, files, spots)
        self.rows += outcome.added + outcome.changed
        self._read_for = {window.from_at for window in windows}
        soon = outcome.pending > len(self._open) or not outcome.files_read
        self._due_at = time.monotonic() + (self._settled_s if soon else AGAIN_S)
        if not outcome.files_read:
            trouble = "; ".join(outcome.trouble) or "Asterisk's files are not here: set queue_log_file and cel_file"
            if trouble != self._said:
                self._said = trouble
                self._say(f"what happened unseen is not reconstructed yet: {trouble}")

    async def _mark(self, windows: list[BlindWindow], now: float) -> None:
        files = await self._find_files()
        ends = {name: spot for name, path in files.all.items() if (spot := end_of(path)) is not None}
        if ends:
            self._marks.append((now, ends))
        oldest = await self._oldest_open()
        begun = [window.from_at for window in windows]
        safe = min([now, *begun, *([oldest] if oldest is not None else [])]) - self._settled_s
        kept: tuple[float, dict[str, Spot]] | None = None
        while self._marks and self._marks[0][0] <= safe:
            kept = self._marks.popleft()
        if kept is not None:
            at, spots = kept
            for name, spot in spots.items():
                self._noted(FileOffset(self._node, name, spot.inode, spot.position, at))

    async def _oldest_open(self) -> float | None:
        async with self._database.reading() as session:
            connection = await session.connection()
            found: float | None = (await connection.exec_driver_sql(OLDEST_OPEN, (self._node,))).scalar_one()
            return found

    async def _rows(self, query: str, kind: type[_Row]) -> list[_Row]:
        async with self._database.reading() as session:
            connection = await session.connection()
            text: Any = (await connection.exec_driver_sql(query, (self._node,))).scalar_one()
        return msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
