"""The back-fill without a bridge: takes the node's lease for as long as it works."""

from __future__ import annotations

import contextlib
import time
from typing import Any, TypeVar

import msgspec

from ami_bridge.lease import Lease, take_lease_now
from crm.database import CrmUnavailable, Database, FenceLost, commit_batch
from crm.ledger.sight import BLIND_WINDOWS, OFFSETS, OVER, STILL_BLIND, BlindWindow, FileOffset
from crm.ledger.statement import Statement
from crm.refusals import Refusal

from .files import Spot
from .filling import Files, Filler, Outcome

_LEASE_S = 600.0
_Row = TypeVar("_Row", BlindWindow, FileOffset)


async def fill_by_hand(database: Database, node: str, files: Files) -> Outcome:
    """Fill every window of the node, also the one in which nobody looks now. Raises Refusal while a bridge watches."""
    lease = await take_lease_now(database, node, lease_s=_LEASE_S)
    try:
        windows = await _windows(database, node, lease)
        spots = {row.file: Spot(row.inode, row.position) for row in await _read(database, OFFSETS, node, FileOffset)}
        return await Filler(database, node, lease.fence).fill(windows, files, spots)
    except FenceLost:
        raise Refusal(f"a bridge has begun to watch the node {node!r} meanwhile: it goes on with this") from None
    finally:
        with contextlib.suppress(FenceLost, CrmUnavailable):
            await _commit(database, [lease.guard(last=True)])


async def _windows(database: Database, node: str, lease: Lease) -> list[BlindWindow]:
    over = await _read(database, OVER, node, BlindWindow)
    blind = await _read(database, STILL_BLIND, node, BlindWindow)
    if not blind and lease.last_heard_at is not None:
        # The last bridge was killed: the next one will find this very window.
        blind = [BlindWindow(node, lease.last_heard_at, "the bridge had ended")]
        rows: list[Any] = list(blind)
        await _commit(database, [lease.guard(), (BLIND_WINDOWS.sql, (Statement.parameter(rows),))])
    for window in blind:
        window.to_at = time.time()
    return [*over, *blind]


async def _commit(database: Database, statements: list[tuple[str, tuple[object, ...]]]) -> None:
    connection = await database.connect_ledger()
    try:
        await commit_batch(connection, statements)
    finally:
        await connection.close()


async def _read(database: Database, query: str, node: str, kind: type[_Row]) -> list[_Row]:
    async with database.reading() as session:
        connection = await session.connection()
        text = (await connection.exec_driver_sql(query, (node,))).scalar_one()
    return msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
