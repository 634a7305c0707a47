"""One stream of all that happened with a customer: whole, in order, page by page, each entry with its reason; and what
the card says of somebody who calls again."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner

from crm import agents, customers, notes, queues
from crm.cli import main
from crm.database import Database
from crm.ledger.ids import conversation_id
from crm.refusals import Refusal
from crm.reports import repeats
from crm.reports.customer_timeline import KINDS, Entry, timeline
from crm.rules.phone_numbers import to_e164
from crm.tables.customers import Customer

NODE = "asterisk1"
MINE, SHARED = "+8613800138000", "+861082661234"


class Rows:
    """The bridge's and the menus' rows, by hand."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.now = datetime.now(UTC).replace(microsecond=0)

    def do(self, sql: str, **values: Any) -> None:
        with psycopg.connect(self._url) as connection:
            connection.execute(sql, {"node": NODE, **values})

    def call(self, hours_ago: float, caller: str | None, **more: Any) -> UUID:
        linkedid = str(uuid4())
        call = UUID(conversation_id(NODE, linkedid))
        row = {"direction": "inbound", "outcome": "answered", "dialled": None, "facts": None, "matter": None, **more}
        at = self.now - timedelta(hours=hours_ago)
        self.do(
            "INSERT INTO conversation (id, node, linkedid, direction, caller, dialled, started_at, ended_at, outcome, "
            "reconstructed) VALUES (%(id)s, %(node)s, %(l)s, %(direction)s, %(caller)s, %(dialled)s, %(at)s, "
            "%(at)s + interval '1 minute', %(outcome)s, false)",
            id=call,
            l=linkedid,
            caller=caller,
            at=at,
            **row,
        )
        if row["facts"] or row["matter"]:
            self.do(
                "INSERT INTO caller_facts (node, linkedid, number_e164, customer_id, matter, learnt_at) "
                "VALUES (%(node)s, %(l)s, %(e164)s, %(facts)s, %(matter)s, %(at)s)",
                l=linkedid,
                e164=to_e164(caller, "CN"),
                at=at,
                **row,
            )
        return call


@pytest.fixture
def rows(database_url: str) -> Rows:
    return Rows(database_url)


@pytest.fixture
async def people(database: Database) -> dict[str, Customer]:
    """Wang with a number alone and one shared with Sun."""
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="支持")
        return {
            "wang": await customers.create(session, code="C1", name="Wang", phones=(MINE, SHARED), country="CN"),
            "sun": await customers.create(session, code="C2", name="Sun", phones=(SHARED,), country="CN"),
        }


async def entries(database: Database, who: Customer, **more: Any) -> list[Entry]:
    async with database.reading() as session:
        return (await timeline(session, who.id, **more)).entries


async def test_each_call_is_whose_it_is_and_says_why(
    database: Database, rows: Rows, people: dict[str, Customer]
) -> None:
    wang, sun = people["wang"], people["sun"]
    own = rows.call(1, "13800138000", facts=wang.id)
    shared = rows.call(2, SHARED)
    of_sun = rows.call(3, SHARED, facts=sun.id)
    by_code = rows.call(4, "+4420794609", facts=wang.id)
    picked = rows.call(5, SHARED, facts=sun.id)
    rows.do(
        "INSERT INTO caller_pick (id, conversation_id, number_e164, customer_id, picked_by) "
        "VALUES (gen_random_uuid(), %(call)s, %(n)s, %(who)s, 'lily')",
        call=picked,
        n=SHARED,
        who=wang.id,
    )
    outbound = rows.call(6, "1001", direction="outbound", dialled="013800138000"[1:])
    rows.call(7, "+8613900139000")
    found = await entries(database, wang)
    assert [(entry.id, entry.why) for entry in found] == [
        (own, "number"),
        (shared, "number"),
        (by_code, "menu"),
        (picked, "picked"),
        (outbound, "dialled"),
    ]
    assert found[3].about == "lily"
    assert [entry.id for entry in await entries(database, sun)] == [shared, of_sun]


async def test_all_kinds_stand_in_one_order_and_pages_lose_none(
    database: Database, rows: Rows, people: dict[str, Customer]
) -> None:
    wang = people["wang"]
    calls = [rows.call(hours, MINE) for hours in range(1, 30)]
    rows.do(
        "INSERT INTO voicemail (id, conversation_id, node, linkedid, box, file, left_at) "
        "SELECT gen_random_uuid(), id, node, linkedid, 'support', 'x.wav', started_at + interval '30 s' "
        "FROM conversation WHERE id = ANY(%(ids)s)",
        ids=calls[:3],
    )
    rows.do(
        "INSERT INTO customer_order (id, number, customer_id, state, item, amount, currency, placed_at, source) "
        "SELECT gen_random_uuid(), 'SO-' || n, %(who)s, 'paid', 'Filter', 10, 'CNY', %(now)s - n * interval '3 hours', "
        "'erp' FROM generate_series(1, 8) n",
        who=wang.id,
        now=rows.now,
    )
    rows.do(
        "INSERT INTO tier_change (customer_id, at, from_tier, to_tier, by, why) "
        "VALUES (%(who)s, %(now)s - interval '5 hours', 'ordinary', 'key', 'kefu', 'score 14')",
        who=wang.id,
        now=rows.now,
    )
    async with database.transaction() as session:
        await notes.write(session, wang.id, "prefers\x00 mornings\nand tea", author="lily", conversation_id=calls[0])
    seen: list[Entry] = []
    cursor = None
    async with database.reading() as session:
        while True:
            page = await timeline(session, wang.id, cursor=cursor, limit=7)
            seen += page.entries
            cursor = page.next
            if cursor is None:
                break
    assert len(seen) == len({(entry.kind, entry.id) for entry in seen}) == 29 + 3 + 8 + 1 + 1
    assert [entry.at for entry in seen] == sorted((entry.at for entry in seen), reverse=True)
    assert {entry.kind for entry in seen} == set(KINDS) - {"case", "callback"}
    told = {entry.kind: entry for entry in seen}
    assert (told["order"].why, told["order"].about) == ("source", "erp")
    assert told["note"].detail["text"] == "prefers mornings\nand tea"
    assert told["tier"].why == "ranking"
    assert told["voicemail"].detail["state"] == "new"
    only = await entries(database, wang, kinds=["note", "tier"])
    assert [entry.kind for entry in only] == ["note", "tier"]
    with pytest.raises(Refusal, match="none of ours"):
        await entries(database, wang, cursor="abc")
    with pytest.raises(Refusal, match="no 'sms' in a timeline"):
        await entries(database, wang, kinds=["sms"])


async def test_who_is_bound_to_queues_sees_what_came_to_them_and_their_own(
    database: Database, rows: Rows, people: dict[str, Customer]
) -> None:
    waited, sent, own, _, others = (rows.call(hours, MINE) for hours in range(1, 6))
    async with database.transaction() as session:
        lily = await agents.create(session, login="lily", name="Lily", password="a good long password")
    rows.do(
        "INSERT INTO wait (id, conversation_id, node, queue, caller_uniqueid, entered_at, reconstructed) "
        "SELECT gen_random_uuid(), call, %(node)s, queue, '1', now() - n * interval '1 minute', false "
        "FROM unnest(%(calls)s::uuid[], %(queues)s::text[]) WITH ORDINALITY AS w(call, queue, n)",
        calls=[waited, waited, sent, own, others],
        queues=["sales", "support", "seat-101", "sales", "sales"],
    )
    rows.do(
        "INSERT INTO routing (visit_id, node, linkedid, queue, decided_at, credit_s, credit_reasons, last_agent_s, "
        "announced) SELECT gen_random_uuid(), node, linkedid, 'support', now(), 0, '[]', 0, false "
        "FROM conversation WHERE id = %(call)s",
        call=sent,
    )
    rows.do(
        "INSERT INTO segment (id, conversation_id, node, seat, agent_id, caller_uniqueid, started_at, hold_s, "
        "reconstructed) VALUES (gen_random_uuid(), %(call)s, %(node)s, 'PJSIP/1', %(who)s, '1', now(), 0, false)",
        call=own,
        who=lily.id,
    )
    rows.do(
        "INSERT INTO voicemail (id, conversation_id, node, linkedid, box, file, left_at) "
        "SELECT gen_random_uuid(), id, node, linkedid, box, 'x.wav', started_at + interval '30 s' "
        "FROM conversation, unnest(ARRAY['support', 'sales']) AS box WHERE id = %(call)s",
        call=others,
    )

    async def seen(*queues: str, **more: Any) -> list[tuple[str, UUID | str]]:
        found = await entries(database, people["wang"], queues=list(queues), **more)
        return [(each.kind, each.detail.get("box") or each.id) for each in found]

    assert await seen("support", agent_id=lily.id, limit=4) == [
        ("conversation", waited),
        ("conversation", sent),
        ("conversation", own),
        ("voicemail", "support"),
    ]
    assert await seen("sales", agent_id=uuid4()) == [
        ("conversation", waited),
        ("conversation", own),
        ("voicemail", "sales"),
        ("conversation", others),
    ]
    assert await seen(agent_id=uuid4()) == []


async def test_somebody_calls_again_about_the_same(database: Database, rows: Rows, people: dict[str, Customer]) -> None:
    rows.call(60, MINE)
    rows.call(47, MINE, matter="refund")
    rows.call(20, SHARED, matter="refund")
    rows.call(10, "1001", direction="outbound", dialled=MINE)
    now = rows.call(0, MINE, matter="refund")
    async with database.reading() as session:
        alone = await repeats.of_call(session, now)
        known = await repeats.of_call(session, now, [MINE, SHARED])
        hidden = await repeats.of_call(session, rows.call(0, None))
    assert alone is not None
    assert known is not None
    assert (alone.count, alone.about, alone.what) == (2, "matter", "refund")
    assert (known.count, known.about) == (3, "matter")
    assert hidden is None


async def test_the_figures_of_repeats_open_into_their_calls(
    database: Database, database_url: str, rows: Rows, people: dict[str, Customer]
) -> None:
    first = rows.call(100, MINE)
    rows.call(99.9, MINE)
    rows.call(50, SHARED, matter="refund")
    rows.call(30, SHARED, matter="order")
    rows.call(20, None)
    since, until = rows.now - timedelta(hours=200), rows.now + timedelta(hours=1)
    async with database.reading() as session:
        everything, *by_queue = await repeats.figures(session, since, until)
        behind = await repeats.calls_behind(session, since, until, window="10m")
    assert (everything.calls, everything.hidden, everything.repeated) == (5, 1, {"10m": 1, "24h": 2, "48h": 2, "7d": 2})
    assert (everything.same_48h, everything.rate_48h, everything.fcr) == (1, 0.5, 0.75)
    assert [queue.queue for queue in by_queue] == ["-"]
    assert behind == [first]
    ran = await asyncio.to_thread(
        CliRunner().invoke, main, ["report", "repeats", "--json", "--database-url", database_url]
    )
    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout)["queues"][0]["calls"] == 5


async def test_a_matter_that_comes_back_after_another_call_was_not_resolved(database: Database, rows: Rows) -> None:
    """The next call is about something else, the one after it about the same: any within the 48 hours counts."""
    rows.call(60, MINE, matter="refund")
    rows.call(59, MINE, matter="order")
    rows.call(55, MINE, matter="refund")
    rows.call(3, MINE, matter="order")
    since, until = rows.now - timedelta(hours=200), rows.now + timedelta(hours=1)
    async with database.reading() as session:
        everything, *_ = await repeats.figures(session, since, until)
    assert everything.repeated == {"10m": 0, "24h": 2, "48h": 2, "7d": 3}
    assert (everything.answered, everything.same_48h, everything.fcr) == (4, 1, 0.75)
