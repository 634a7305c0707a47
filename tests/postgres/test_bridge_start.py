"""A bridge that begins beside years of calls: it finds what is open by what is open, and keeps its lease meanwhile."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from ami_bridge import lease
from ami_bridge.lease import take_lease
from crm.database import Database
from crm.ledger.conversations import Offer, Segment, Wait
from crm.ledger.open_rows import OPEN_ROWS

YEARS = """
INSERT INTO conversation (id, node, linkedid, direction, started_at, ended_at, outcome, ended_by, reconstructed)
SELECT md5(n::text)::uuid, 'asterisk1', n::text, 'inbound', now(), CASE WHEN n > 3 THEN now() END,
       CASE WHEN n > 3 THEN 'answered' END, CASE WHEN n > 3 THEN 'agent' END, false FROM generate_series(1, 4000) AS n;
INSERT INTO wait (id, conversation_id, node, queue, caller_uniqueid, entered_at, left_at, outcome, reconstructed)
SELECT id, id, node, 'support', linkedid, now(), now(), 'answered', false FROM conversation;
INSERT INTO offer (id, conversation_id, wait_id, node, queue, seat, started_at, ended_at, outcome, reconstructed)
SELECT id, id, id, node, 'support', 'PJSIP/201', now(), now(), 'answered', false FROM conversation;
INSERT INTO segment
  (id, conversation_id, node, queue, seat, caller_uniqueid, seat_uniqueid, started_at, ended_at, hold_s, reconstructed)
SELECT id, id, node, 'support', 'PJSIP/201', linkedid, linkedid, now(), now(), 0, false FROM conversation;
ANALYZE conversation, wait, offer, segment
"""


def test_what_is_open_is_read_without_the_years_before(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in YEARS.split(";"):
            connection.execute(statement.encode())
        for kind in (Wait, Offer, Segment):
            query = OPEN_ROWS[kind].encode()
            plan = connection.execute(b"EXPLAIN " + query, {"node": "asterisk1"}).fetchall()
            assert "Seq Scan" not in str(plan), plan
            (found,) = connection.execute(query, {"node": "asterisk1"}).fetchall()
            assert found[0].count("PJSIP/201" if kind is not Wait else "support") == 3  # ended, of calls that go on


async def test_a_lease_is_kept_while_nothing_is_written(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    lease_s = 1.0
    said: list[str] = []
    first = await take_lease(database, "asterisk1", say=said.append, lease_s=lease_s)
    monkeypatch.setattr(lease, "this_process", lambda: "another machine's process")
    waiting = asyncio.ensure_future(take_lease(database, "asterisk1", say=said.append, lease_s=lease_s))
    async with first.kept(database):
        done, _ = await asyncio.wait((waiting,), timeout=2 * lease_s)
        assert not done
    second = await waiting
    assert second.fence == first.fence + 1
