"""What an earlier bridge of this node left open in the ledger goes back to the floor, before Asterisk is heard.

The first look then keeps or ends it. What the floor cannot take back, rows whose conversation is over, is ended here as
lost from sight, at the time when Asterisk was last heard. Called once by bridge.py.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from crm.database import Database
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.open_rows import JUST_ENDED, OPEN_ROWS
from crm.ledger.pops import Pop
from crm.ledger.postures import Membership, Posture
from crm.ledger.sight import STILL_BLIND, BlindWindow
from crm.ledger.statement import Row

from .watch import Watch

_Row = TypeVar("_Row", bound=Row)
Found = dict[type[Row], list[Any]]


async def read_open_rows(database: Database, node: str) -> Found:
    """All rows, as of one moment."""
    found: Found = {}
    async with database.reading() as session:
        connection = await session.connection()
        for kind, query in OPEN_ROWS.items():
            text = (await connection.exec_driver_sql(query, {"node": node})).scalar_one()
            found[kind] = msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
    return found


async def read_just_ended(database: Database, node: str) -> list[tuple[str, float]]:
    """Linkedids of conversations that are over, and when they ended."""
    async with database.reading() as session:
        connection = await session.connection()
        text = (await connection.exec_driver_sql(JUST_ENDED, (node,))).scalar_one()
    return msgspec.json.decode(text, type=list[tuple[str, float]])


async def read_blind_windows(database: Database, node: str) -> list[BlindWindow]:
    """The window that an earlier life opened and nobody closed, if any."""
    async with database.reading() as session:
        connection = await session.connection()
        text = (await connection.exec_driver_sql(STILL_BLIND, (node,))).scalar_one()
    return msgspec.json.decode(text, type=list[BlindWindow])


def recall(watch: Watch, found: Found, last_heard_at: float) -> None:
    """Give the rows to floor and screens; what is left over is ended."""
    known = {row.id for row in found[Conversation]}
    for orphan in _orphans(found, known, last_heard_at):
        watch.pending.touch(orphan)
    watch.floor.recall(
        found[Conversation],
        [row for row in found[Wait] if row.conversation_id in known],
        [row for row in found[Offer] if row.conversation_id in known],
        [row for row in found[Segment] if row.conversation_id in known],
        found[Membership],
        found[Posture],
    )
    watch.screens.recall([pop for pop in found[Pop] if pop.conversation_id in known])


def _orphans(found: Found, known: set[str], at: float) -> list[Row]:
    ended: list[Row] = []
    for wait in _of(found, Wait):
        if wait.conversation_id not in known and wait.left_at is None:
            wait.left_at, wait.outcome = max(at, wait.entered_at), wait.outcome or "lost_sight"
            ended.append(wait)
    for offer in _of(found, Offer):
        if offer.conversation_id not in known and offer.ended_at is None:
            offer.ended_at, offer.outcome = max(at, offer.started_at), offer.outcome or "lost_sight"
            ended.append(offer)
    for segment in _of(found, Segment):
        if segment.conversation_id not in known and segment.ended_at is None:
            segment.ended_at = max(at, segment.started_at)
            ended.append(segment)
    for pop in _of(found, Pop):
        if pop.conversation_id not in known:
            pop.taken_at, pop.ending = max(at, pop.rung_at), "call_ended"
            ended.append(pop)
    return ended


def _of(found: Found, kind: type[_Row]) -> list[_Row]:
    return found[kind]
