"""What the board counts today: a call once, for the queue it came to first, from when it came there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from crm import queues
from crm.database import Database
from crm.tables.conversations import Conversation, Wait
from crm.tables.routing import Routing
from crm.wallboard import Wallboard

NODE = "asterisk1"
Stay = tuple[str, float, float, str | None]
"""Queue, seconds from when to when, and how it ended (None: still waits)."""


async def call(database: Database, *stays: Stay, meant_for: str | None = None) -> None:
    """One caller of this very moment, who went from queue to queue."""
    now, linkedid = datetime.now(UTC), f"{uuid4()}"[:12]
    of = Conversation(id=uuid4(), node=NODE, linkedid=linkedid, direction="inbound", started_at=now)
    async with database.transaction() as session:
        session.add(of)
        await session.flush()
        for queue, since_s, until_s, outcome in stays:
            stay = {"conversation_id": of.id, "node": NODE, "caller_uniqueid": linkedid, "queue": queue}
            left_at = now + timedelta(seconds=until_s) if outcome else None
            since = now + timedelta(seconds=since_s)
            session.add(Wait(id=uuid4(), entered_at=since, left_at=left_at, outcome=outcome, **stay))
        if meant_for is not None:
            session.add(
                Routing(visit_id=uuid4(), node=NODE, linkedid=linkedid, queue=meant_for, decided_at=now, credit_s=0,
                        credit_reasons=[], last_seat="PJSIP/1001", last_agent_s=10, announced=False)
            )  # fmt: skip


async def board(database: Database) -> dict[str, tuple[int, int, int, int, int]]:
    tiles = (await Wallboard(database, ZoneInfo("UTC")).board()).queues
    return {each.name: (each.offered, each.answered, each.in_time, each.abandoned, each.waiting) for each in tiles}


@pytest.fixture(autouse=True)
async def two_queues(database: Database) -> None:
    async with database.transaction() as session:
        for name in ("support", "sales"):
            await queues.define(session, name)


@pytest.mark.parametrize(
    ("stays", "support", "sales"),
    [
        ([("support", 0, 9, "answered")], (1, 1, 1, 0, 0), (0, 0, 0, 0, 0)),
        # 1 was pressed, no callback wanted, and back
        ([("support", 0, 9, "key_exit"), ("support", 12, 19, "answered")], (1, 1, 1, 0, 0), (0, 0, 0, 0, 0)),
        # the twenty seconds do not begin anew
        ([("support", 0, 15, "withdrawn"), ("support", 15, 25, "answered")], (1, 1, 0, 0, 0), (0, 0, 0, 0, 0)),
        ([("support", 0, 9, "timeout"), ("sales", 9, 18, "answered")], (1, 1, 1, 0, 0), (0, 0, 0, 0, 0)),
        ([("support", 0, 9, "timeout"), ("sales", 9, 30, "abandoned")], (1, 0, 0, 1, 0), (0, 0, 0, 0, 0)),
        ([("support", 0, 9, "timeout"), ("sales", 9, 0, None)], (0, 0, 0, 0, 0), (0, 0, 0, 0, 1)),
        ([("support", 0, 9, "key_exit")], (1, 0, 0, 0, 0), (0, 0, 0, 0, 0)),  # a callback was booked
        ([("support", 0, 9, "abandoned")], (1, 0, 0, 1, 0), (0, 0, 0, 0, 0)),
    ],
)
async def test_a_call_counts_once_where_it_came_first(
    database: Database, stays: list[Stay], support: tuple[int, ...], sales: tuple[int, ...]
) -> None:
    await call(database, *stays)
    assert await board(database) == {"support": support, "sales": sales}


async def test_who_waited_for_the_last_agent_first_came_for_the_queue(database: Database) -> None:
    await call(database, ("seat-1001", 0, 15, "timeout"), ("support", 15, 25, "answered"), meant_for="support")
    await call(database, ("seat-1001", 0, 0, None), meant_for="support")
    assert (await board(database))["support"] == (1, 1, 0, 0, 1)
