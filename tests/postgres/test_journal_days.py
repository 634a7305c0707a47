"""The journal's days: made ahead, old ones dropped whole, strayed blocks filed, blocks kept over the migration."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from ledger_rows import rows
from postgres_server import Databases
from sqlalchemy.exc import DBAPIError

from crm import journal
from crm.database import Database
from crm.ledger.journal import BLOCK
from crm.migrations import upgrade

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'journal'::regclass ORDER BY 1"
WHERE = "SELECT tableoid::regclass::text, number FROM journal ORDER BY number"


def block(url: str, number: int, at: datetime, *linkedids: str, text: bytes = b"Event: Hangup\r\n\r\n") -> None:
    """As the bridge writes one."""
    with psycopg.connect(url, autocommit=True) as connection:
        seconds = at.timestamp()
        packed = zlib.compress(text, 1)
        connection.execute(BLOCK.encode(), ("n1", 1, number, seconds, seconds, 1, 0, list(linkedids), packed))


async def test_days_are_made_ahead_and_old_ones_dropped_whole(database: Database, database_url: str) -> None:
    block(database_url, 1, NOW)
    block(database_url, 2, NOW - timedelta(days=20))
    kept = await journal.keep(database, 14, NOW)
    assert kept.made == [date(2026, 11, 2), *(TODAY + timedelta(days=n) for n in (-1, 0, 1, 2, 3))]
    assert kept.dropped == [date(2026, 11, 2)]
    assert rows(database_url, WHERE) == [("journal_days.d20261122", 1)]
    block(database_url, 3, NOW + timedelta(days=1))
    assert rows(database_url, WHERE)[1] == ("journal_days.d20261123", 3)
    later = await journal.keep(database, 14, NOW + timedelta(days=15))
    assert later.dropped == [TODAY - timedelta(days=1), TODAY]
    assert rows(database_url, WHERE) == [("journal_days.d20261123", 3)]


async def test_keeping_twice_changes_nothing(database: Database, database_url: str) -> None:
    await journal.keep(database, 14, NOW)
    before = rows(database_url, PARTITIONS)
    assert await journal.keep(database, 14, NOW) == journal.Kept([], [])
    assert rows(database_url, PARTITIONS) == before


async def test_a_block_sent_twice_is_kept_once(database: Database, database_url: str) -> None:
    await journal.keep(database, 14, NOW)
    for _ in range(2):
        block(database_url, 1, NOW)
    assert rows(database_url, WHERE) == [("journal_days.d20261122", 1)]


async def test_a_bridge_that_writes_is_not_held_up_for_long(database: Database, database_url: str) -> None:
    """A batch in flight holds the journal: the day is made another time, and says why."""
    with psycopg.connect(database_url) as traffic:
        traffic.execute(BLOCK.encode(), ("n1", 1, 1, NOW.timestamp(), NOW.timestamp(), 1, 0, [], b""))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await journal.keep(database, 14, NOW)
    assert (await journal.keep(database, 14, NOW)).made
    assert rows(database_url, WHERE) == [("journal_days.d20261122", 1)]


def test_blocks_from_before_the_days_are_kept(databases: Databases) -> None:
    url = databases.create()
    upgrade(url, "0002")
    for number, at in enumerate((NOW, NOW - timedelta(days=1), NOW)):
        block(url, number, at)
    upgrade(url)
    assert rows(url, WHERE) == [
        ("journal_days.d20261122", 0),
        ("journal_days.d20261121", 1),
        ("journal_days.d20261122", 2),
    ]
    databases.drop(url)


async def test_a_conversations_messages_come_out_in_the_order_heard(database: Database, database_url: str) -> None:
    late = b"Event: Hangup\r\nTimestamp: 1795339900.5\r\nLinkedid: 1.1\r\n\r\n"
    first = (
        b"Event: Newchannel\r\nTimestamp: 1795339800.25\r\nLinkedid: 1.1\r\nCallerIDName: \xe9\r\n\r\nEvent: X\r\n\r\n"
    )
    block(database_url, 1, NOW, "1.1", text=first)
    block(database_url, 2, NOW + timedelta(seconds=90), "1.1", "2.2", text=late)
    block(database_url, 3, NOW, "2.2")
    async with database.reading() as session:
        heard = await journal.messages(session, "n1", ["1.1"], NOW, NOW + timedelta(minutes=5))
    assert [(each.get("Event"), each.at) for each in heard] == [
        ("Newchannel", 1795339800.25),
        ("X", 1795339800.25),
        ("Hangup", 1795339900.5),
    ]
