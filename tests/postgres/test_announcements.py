"""What happened is told: numbered after the commit, without a gap; once for each row of the ledger; a call in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from forged_floor import ForgedFloor
from sqlalchemy import text

from crm import announcements, webhooks
from crm.database import Database
from crm.deeds.announce_ledger import THOROUGH, announce_ledger
from crm.deeds.forget_announcements import forget_announcements
from crm.settings import Settings

SEAT = "PJSIP/1001"


async def said(database: Database) -> list[tuple[int | None, str, str]]:
    async with database.reading() as session:
        rows = await session.execute(text("SELECT number, kind, key FROM announcement ORDER BY id"))
        return [tuple(row) for row in rows]  # type: ignore[misc]


async def numbered(database: Database) -> int:
    async with database.transaction() as session:
        return await announcements.number_new(session)


async def test_a_deed_that_is_undone_was_never_announced(database: Database) -> None:
    async def undone() -> None:
        async with database.transaction() as session:
            await announcements.announce(session, "customer.erased", key="1", data={"id": uuid4()})
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await undone()
    async with database.transaction() as session:
        await announcements.announce(session, "customer.erased", key="2", data={"id": uuid4()})
    assert await numbered(database) == 1
    assert await said(database) == [(1, "customer.erased", "2")]
    assert await numbered(database) == 0


async def test_a_slow_transaction_is_numbered_when_it_commits_and_no_reader_passes_it(database: Database) -> None:
    async with database.transaction() as slow:
        await announcements.announce(slow, "customer.erased", key="slow", data={"id": uuid4()})
        async with database.transaction() as quick:
            await announcements.announce(quick, "customer.erased", key="quick", data={"id": uuid4()})
        assert await numbered(database) == 1
        async with database.reading() as session:
            assert [row.key for row in await announcements.since(session, 0, limit=10)] == ["quick"]
    assert await numbered(database) == 1
    async with database.reading() as session:
        assert [row.key for row in await announcements.since(session, 1, limit=10)] == ["slow"]


async def test_data_of_another_shape_is_our_own_fault(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(ValueError, match="is not in the event catalogue"):
            await announcements.announce(session, "customer.born", key="1", data={})
        with pytest.raises(ValueError, match=r"order\.changed: Object missing required field `number`"):
            await announcements.announce(session, "order.changed", key="1", data={"state": "paid"})


async def test_subscribers_get_what_they_asked_for(database: Database) -> None:
    async with database.transaction() as session:
        for name, kinds in (("all", []), ("orders", ["order.changed"]), ("cases", ["case.*"])):
            await webhooks.add(session, name=name, url="https://crm.example/", kinds=kinds, by="test")
        await webhooks.switch(session, "all", active=False)
        await webhooks.switch(session, "all", active=True)
        await announcements.announce(session, "order.changed", key="1", data={"number": "1"})
        await announcements.announce(session, "case.opened", key="2", data={"id": uuid4()})
    await numbered(database)
    async with database.reading() as session:
        behind = {each.name: each.behind for each in await webhooks.listed(session)}
    assert behind == {"all": 2, "cases": 1, "orders": 1}


async def test_the_ledger_is_announced_once_and_a_call_in_its_order(database: Database, database_url: str) -> None:
    floor = ForgedFloor(database_url)
    ring = floor.ring(SEAT)
    assert await announce_ledger(database) == 2
    assert await announce_ledger(database) == 0
    floor.answer(ring)
    floor.hang_up(ring)
    quick = floor.ring("PJSIP/1002", caller=None)
    floor.hang_up(quick)
    assert await announce_ledger(database) == 4
    assert await announce_ledger(database, back=THOROUGH) == 0
    first, second = str(ring.conversation_id), str(quick.conversation_id)
    assert [(kind, key) for _, kind, key in await said(database)] == [
        ("conversation.begun", first),
        ("pop.shown", first),
        ("conversation.begun", second),
        ("pop.shown", second),
        ("conversation.ended", first),
        ("conversation.ended", second),
    ]
    assert floor.rows("SELECT * FROM conversation_watch") == []


async def test_what_was_told_is_forgotten_and_what_waits_is_kept(database: Database) -> None:
    async with database.transaction() as session:
        await webhooks.add(session, name="one", url="https://crm.example/", kinds=["order.changed"], by="test")
        for number in range(3):
            await announcements.announce(session, "order.changed", key=str(number), data={"number": str(number)})
        await announcements.announce(session, "customer.erased", key="3", data={"id": uuid4()})
        await announcements.announce(session, "customer.erased", key="4", data={"id": uuid4()})
    await numbered(database)
    async with database.transaction() as session:
        await session.execute(text("UPDATE webhook_delivery SET state = 'delivered' WHERE number = 1"))
        gone = await announcements.forget(session, before=datetime.now(UTC) + timedelta(days=1))
    assert gone == 2
    assert [number for number, _, _ in await said(database)] == [2, 3, 5]
    async with database.transaction() as session:
        await announcements.announce(session, "customer.erased", key="5", data={"id": uuid4()})
    await numbered(database)
    assert (await said(database))[-1][0] == 6


async def test_what_the_ledger_is_still_looked_through_for_is_not_forgotten_and_told_anew(
    database: Database, database_url: str
) -> None:
    floor = ForgedFloor(database_url)
    floor.hang_up(floor.ring(SEAT))
    floor.do(("UPDATE conversation SET started_at = started_at - interval '30 hours'", {}))
    assert await announce_ledger(database, back=THOROUGH) == 3
    assert await numbered(database) == 3
    floor.do(("UPDATE announcement SET at = at - interval '30 hours'", {}))
    await forget_announcements(database, Settings(database_url=database_url, announcement_days=1))
    assert await announce_ledger(database, back=THOROUGH) == 0
