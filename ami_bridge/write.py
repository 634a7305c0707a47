"""Writing: sealed batches to Postgres, in order, each once.

At once when something urgent happened, else after a short linger; up to a thousand messages when behind. Postgres away
means that batches gather here, counted in bytes, and are written in order when it is back; the watch never waits. A
batch that may or may not have been written is sent again: its rows are the same rows. A refused row is set aside with
its conversation. The lease is kept by the batches themselves; a lost fence ends the bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence

from crm import metrics
from crm.database import (
    BatchRefused,
    CrmUnavailable,
    Database,
    FenceLost,
    LedgerConnection,
    commit_batch,
)

from .backoff import Backoff
from .batch import Batch, Pending
from .lease import Lease
from .set_aside import is_about_rows, pieces

RECONNECT_AT_MOST_S = 5.0
SILENT_S = 5.0
"""A commit that takes longer is told: Postgres, or the way to it, stands still."""
Statements = Sequence[tuple[str, tuple[object, ...]]]
Say = Callable[[str], None]


class Limits:
    """How much is written together: `linger_ms` for what is not urgent, messages of a usual and of a late batch."""

    def __init__(self, linger_ms: int = 40, messages: int = 200, messages_behind: int = 1000) -> None:
        self.linger_s = linger_ms / 1000
        self.messages = messages
        self.messages_behind = messages_behind


class Writer:
    """Sends what is pending. `noted` after every change of it, `run` as a task, `flush` at the end."""

    def __init__(self, database: Database, lease: Lease, pending: Pending, limits: Limits, *, say: Say) -> None:
        self.only_full = False
        """Nobody waits for what is written (a replay): only full batches are worth a transaction."""
        self.batches = 0
        self.set_aside = 0
        self.written_messages = 0
        self._database = database
        self._lease = lease
        self._pending = pending
        self._limits = limits
        self._say = say
        self._sealed: deque[Batch] = deque()
        self._sealed_bytes = 0
        self._in_flight: Batch | None = None
        self._connection: LedgerConnection | None = None
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._progress = asyncio.Event()
        self._away: str | None = None
        self._counted = metrics.bridge()

    @property
    def backlog_bytes(self) -> int:
        """What waits to be written."""
        in_flight = self._in_flight.size if self._in_flight else 0
        return self._pending.size + self._sealed_bytes + in_flight

    @property
    def away(self) -> str | None:
        """Why Postgres takes nothing now, or None."""
        return self._away

    def noted(self) -> None:
        """Something was added to what is pending. Seals it when it is large, and tells the writer."""
        pending, limits = self._pending, self._limits
        if pending.messages >= limits.messages_behind:
            self._seal()
        if self._something:
            self._wake.set()
            if self._sealed or pending.urgent or pending.messages >= limits.messages:
                self._hurry.set()

    async def run(self) -> None:
        """Write until cancelled. Raises FenceLost when another bridge took the node."""
        try:
            while True:
                await self._due()
                batch = self._sealed.popleft() if self._sealed else self._pending.seal()
                self._sealed_bytes = sum(each.size for each in self._sealed) if self._sealed else 0
                self._in_flight = batch
                await self._write(batch)
                self._in_flight = None
                self._progress.set()
        finally:
            await self._let_go_of_connection()

    async def wait_until_below(self, batches: int) -> None:
        """Hold a replay that is faster than Postgres."""
        while len(self._sealed) > batches:
            self._progress.clear()
            await self._progress.wait()

    async def drained(self) -> None:
        """Return when nothing is left to write."""
        self.only_full = False
        while self._sealed or self._pending or self._in_flight is not None:
            self._progress.clear()
            self._wake.set()
            self._hurry.set()
            await self._progress.wait()

    async def close(self) -> None:
        """Let the lease go, so that the next bridge need not wait; call when `run` has ended."""
        with contextlib.suppress(CrmUnavailable, BatchRefused, FenceLost):
            await commit_batch(await self._connected(), [self._lease.guard(last=True)])
        await self._let_go_of_connection()

    # ---- one batch

    def _seal(self) -> None:
        batch = self._pending.seal()
        self._sealed.append(batch)
        self._sealed_bytes += batch.size

    @property
    def _something(self) -> bool:
        return bool(self._sealed or (self._pending and not self.only_full) or self._lease.due)

    async def _due(self) -> None:
        while not self._something:
            self._wake.clear()
            await self._wake.wait()
        pending = self._pending
        if not self._sealed and pending and not pending.urgent and pending.messages < self._limits.messages:
            self._hurry.clear()
            timer = asyncio.get_running_loop().call_later(self._limits.linger_s, self._hurry.set)
            await self._hurry.wait()
            timer.cancel()

    async def _write(self, batch: Batch) -> None:
        lease, begun = self._lease, time.perf_counter()
        try:
            await self._commit(batch.statements(lease.node, lease.fence))
        except BatchRefused as refused:
            await self._write_by_pieces(batch, refused)
        self.batches += 1
        self.written_messages += batch.messages
        self._counted.commit_s.observe(time.perf_counter() - begun)
        self._counted.batch_messages.observe(batch.messages)

    async def _write_by_pieces(self, batch: Batch, first: BatchRefused) -> None:
        node, fence = self._lease.node, self._lease.fence
        for piece in pieces(batch):
            try:
                await self._commit(piece.statements())
            except BatchRefused as refused:
                self.set_aside += len(piece.rows)
                rows = len(piece.rows)
                self._say(f"Postgres refused {rows} rows of {piece.whose} ({refused.reason}): set aside, see set_aside")
                await self._keep(piece.kept(node, fence, batch.number, refused.reason))
        await self._keep(batch.tail(node, fence), first.reason)

    async def _keep(self, statements: Statements, reason: str = "") -> None:
        try:
            await self._commit(statements)
        except BatchRefused as refused:
            self._say(f"a part of a batch is lost, Postgres refused it ({refused.reason}; before: {reason})")

    async def _commit(self, statements: Statements) -> None:
        """One transaction; tried until Postgres takes or refuses it. Raises BatchRefused and FenceLost."""
        backoff = Backoff(0.05, RECONNECT_AT_MOST_S)
        while True:
            silent = f"Postgres has not answered for {SILENT_S:g} s"
            patience = asyncio.get_running_loop().call_later(SILENT_S, self._tell, silent)
            try:
                connection = await self._connected()
                await commit_batch(connection, [self._lease.guard(), *statements])
            except CrmUnavailable as away:
                self._tell(str(away))
                await self._let_go_of_connection()
            except BatchRefused as refused:
                if is_about_rows(refused.sqlstate):
                    raise
                mend = ": run `kefu db upgrade`" if refused.sqlstate in ("42P01", "42703") else ""
                self._tell(f"Postgres does not take a batch now ({refused.reason}){mend}")
                await self._let_go_of_connection()
            else:
                self._tell(None)
                return
            finally:
                patience.cancel()
            await backoff.wait()

    def _tell(self, away: str | None) -> None:
        if away is not None and self._away is None:
            self._say(f"{away}; what is seen is kept until then")
        elif away is None and self._away is not None:
            self._say("Postgres takes what is written again")
        self._away = away

    async def _connected(self) -> LedgerConnection:
        if self._connection is None:
            self._connection = await self._database.connect_ledger()
        return self._connection

    async def _let_go_of_connection(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
