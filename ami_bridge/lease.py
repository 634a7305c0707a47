"""One bridge a node: the lease is held in the node's row, and each taking raises the fence.

Every batch checks its fence, so a bridge that was frozen and outlived its lease writes nothing more. A second bridge
waits and says so. A holder that died on this machine is known to be gone at once; elsewhere its lease runs out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from crm.cancelling import cancelled
from crm.database import BatchRefused, CrmUnavailable, Database, FenceLost, commit_batch
from crm.ledger.journal import FENCE, KEEP_LEASE, LET_GO, READ_LEASE, TAKE_LEASE
from crm.refusals import Refusal

LEASE_S = 6.0
_LOOK_AGAIN_S = 0.5

Say = Callable[[str], None]
Guard = tuple[str, tuple[object, ...]]


class Lease:
    """A taken lease. `last_heard_at`: when the bridge before us last heard Asterisk, epoch seconds."""

    def __init__(self, node: str, fence: int, last_heard_at: float | None, lease_s: float = LEASE_S) -> None:
        self.node = node
        self.fence = fence
        self.last_heard_at = last_heard_at
        self._lease_s = lease_s
        self._kept_at = time.monotonic()

    @property
    def due(self) -> bool:
        """A third of it is over: time to make it longer."""
        return time.monotonic() - self._kept_at > self._lease_s / 3

    def guard(self, *, last: bool = False) -> Guard:
        """The first statement of a batch: checks the fence, and makes the lease longer when due. `last`: lets it go."""
        if last:
            return LET_GO, (self.node, self.fence)
        if self.due:
            self._kept_at = time.monotonic()
            return KEEP_LEASE, (self._lease_s, self.node, self.fence)
        return FENCE, (self.node, self.fence)

    @asynccontextmanager
    async def kept(self, database: Database) -> AsyncIterator[None]:
        """Keep it for as long as the block takes, which writes nothing itself."""
        keeping = asyncio.ensure_future(self._keep(database))
        try:
            yield
        finally:
            await cancelled(keeping)

    async def _keep(self, database: Database) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            with contextlib.suppress(CrmUnavailable, BatchRefused):
                connection = await database.connect_ledger()
                try:
                    await commit_batch(connection, [self.guard()])
                except FenceLost:
                    return  # whoever writes next is told
                finally:
                    await connection.close()


async def take_lease(database: Database, node: str, *, say: Say, lease_s: float = LEASE_S) -> Lease:
    """Wait until the node is ours; says once what it waits for."""
    said = None
    while True:
        try:
            lease, sentence = await _try_to_take(database, node, lease_s)
        except CrmUnavailable as away:
            lease, sentence = None, f"{away}; waiting for it"
        if lease is not None:
            return lease
        if sentence != said:
            said = sentence
            say(sentence)
        await asyncio.sleep(_LOOK_AGAIN_S)


async def take_lease_now(database: Database, node: str, *, lease_s: float = LEASE_S) -> Lease:
    """Take the node for a piece of work that no bridge does meanwhile. Raises Refusal when one watches it."""
    lease, _ = await _try_to_take(database, node, lease_s)
    if lease is None:
        raise Refusal(f"a bridge watches the node {node!r}: it does this by itself; stop it first to do it by hand")
    return lease


async def _try_to_take(database: Database, node: str, lease_s: float) -> tuple[Lease | None, str]:
    me = this_process()
    async with database.transaction() as session:
        connection = await session.connection()
        held: Any = (await connection.exec_driver_sql(READ_LEASE, (node,))).first()
        holder = held[0] if held is not None and held[1] else None
        gone = holder if holder is not None and is_gone(holder) else ""
        wish = {"node": node, "holder": me, "lease_s": lease_s, "gone": gone}
        taken: Any = (await connection.exec_driver_sql(TAKE_LEASE, wish)).first()
    if taken is not None:
        return Lease(node, taken[0], taken[1], lease_s), ""
    return None, f"node {node!r} is watched by another bridge ({_in_words(holder)}): waiting until it ends"


def this_process() -> str:
    """Who we are: machine, boot, pid space, pid, birth; others on this machine can see whether we still live."""
    return " ".join((socket.gethostname(), *_here(), str(os.getpid()), _birth(os.getpid()) or "0"))


def is_gone(holder: str) -> bool:
    """Whether a holder is known to have ended. False for one on another machine: who knows."""
    parts = holder.split(" ")
    if len(parts) != 5 or (parts[1], parts[2]) != _here() or not parts[3].isdecimal():
        return False
    return _birth(int(parts[3])) != parts[4]


def _here() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return boot, Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return "unknown", str(os.getpid())


def _birth(pid: int) -> str | None:
    """When a process began, in clock ticks since boot: a pid may be used again, its birth not. None: no such process,
    or one that is dead and only not yet buried."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else after_name[19]


def _in_words(holder: str | None) -> str:
    parts = (holder or "").split(" ")
    return f"process {parts[3]} on {parts[0]}" if len(parts) == 5 else "of unknown place"
