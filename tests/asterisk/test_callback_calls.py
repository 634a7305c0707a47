"""A promise kept on a real Asterisk: the place stands in its queue, the agent has the card, the customer presses 1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sip_phones import SippCaller, SippCustomer
from test_bridge import NODE, bridging, rows, seated, seen

from agi.desk import Site
from agi.endings import JoinQueue
from agi.server import AgiServer
from agi.steps import FindCaller, Flow
from crm.database import Database
from crm.deeds import place_callbacks, steer_callback
from crm.deeds.book_callback import Wanted, book
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile
from crm.reports.callbacks import promises_kept
from crm.rules import callback_policy
from crm.rules.opening_hours import read_opening_hours
from crm.settings import read_settings
from crm.tables.queues import Queue

NUMBER = "+8613800138000"
SEAT = "Local/91@sandbox-agents/n"
ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
QUICK = {"SANDBOX_RING_S": "0.4", "SANDBOX_TALK_S": "8"}


@pytest.fixture
def customer(sandbox: Sandbox) -> Iterator[SippCustomer]:
    """The customer's phone, and the way to it."""
    with SippCustomer(sandbox, ring_s=0.3, keys=[(1.0, "1")], talk_s=1.5) as phone:
        sandbox.cli("dialplan set global CALLBACK_BY PJSIP/trunk/sip:+")
        sandbox.cli(f"dialplan set global CALLBACK_VIA @127.0.0.1:{phone.port}")
        for name, value in QUICK.items():
            sandbox.cli(f"dialplan set global {name} {value}")
        yield phone
    for name, value in {"SANDBOX_RING_S": "1", "SANDBOX_TALK_S": "5"}.items():
        sandbox.cli(f"dialplan set global {name} {value}")


@asynccontextmanager
async def promised(url: str, *numbers: str, minutes_ago: int = 5) -> AsyncIterator[None]:
    """Promises to these numbers, the first of whom has waited the longest."""
    settings = read_settings(callback_hours=ANYTIME)
    database = Database(url, pool_size=1)
    async with database.transaction() as session:
        await session.merge(Queue(name="reception", title_en="Reception", title_zh="前台"))
    for index, number in enumerate(numbers):
        joined = datetime.now(UTC) - timedelta(minutes=minutes_ago - index)
        async with database.transaction() as session:
            wanted = Wanted("reception", number, "queue", "amy", "zh", joined_at=joined, about="kettle")
            await book(session, settings, wanted)
    await database.close()
    yield


def bridged(url: str, sandbox: Sandbox) -> Any:
    return bridging(url, sandbox, callback_hours=ANYTIME)


async def test_the_customer_is_called_back_in_turn_and_talks(
    sandbox: Sandbox, database_url: str, customer: SippCustomer
) -> None:
    async with bridged(database_url, sandbox), seated(database_url, SEAT):
        await seen(database_url, "SELECT word FROM posture", [("ready",)])
        async with promised(database_url, NUMBER):
            await seen(
                database_url, "SELECT seat, taken_at IS NULL FROM pop", [(SEAT, True)]
            )  # the card, before a talk
            await seen(
                database_url,
                "SELECT state, outcome, kept, dials, tries FROM callback",
                [("reached", "reached", True, 1, 1)],
            )
    assert rows(
        database_url,
        "SELECT direction, caller, dialled, outcome, ended_by FROM conversation",
    ) == [("outbound", NUMBER, NUMBER, "answered", "caller")]
    ((attempt, linkedid, before_s, talk_s, seat, talked_at),) = rows(
        database_url,
        "SELECT a.id::text, c.linkedid, extract(epoch FROM a.talked_at - a.dialled_at)::float8, "
        "extract(epoch FROM s.ended_at - s.started_at)::float8, s.seat, extract(epoch FROM a.talked_at)::float8 "
        "FROM callback_attempt a, conversation c, segment s WHERE a.chose = '1'",
    )
    assert (attempt, seat) == (linkedid, SEAT)  # one id from the row to the channel to the ledger
    assert before_s > 1  # the customer's key, not the agent's answer, begins the talk
    assert 1 < talk_s < 4
    answered = customer.moment("SIP/2.0 200", of="INVITE", sent=True)
    assert 0.8 < talked_at - answered < 4
    assert rows(database_url, "SELECT queue, outcome FROM wait") == [("reception", "answered")]


def to_reception() -> Flow:
    """Whoever calls is found and waits."""
    yield FindCaller()
    return JoinQueue("reception")


@asynccontextmanager
async def answering(url: str, sandbox: Sandbox) -> AsyncIterator[None]:
    """The IVR server in this process."""
    database = Database(url, application_name="ivr")
    settings = read_settings(callback_hours=ANYTIME)
    hours = read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai")
    server = AgiServer(Site(NODE, "CN", hours, budget_s=4.0, settings=settings), database, {"front_desk": to_reception})
    await server.listen("127.0.0.1", sandbox.agi_port)
    yield
    await server.drain(5.0)
    await database.close()


async def test_a_caller_presses_for_a_callback_hangs_up_and_talks_in_turn(
    sandbox: Sandbox, database_url: str, customer: SippCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it, by SIP on both sides: the key in the queue, the number confirmed, the place kept, the talk."""
    monkeypatch.setattr(callback_policy, "UNSERVED_AGAIN_S", 0)  # the first agent leaves, and the queue is empty
    monkeypatch.setattr(place_callbacks, "NOBODY_WORKS_AGAIN", timedelta(seconds=0))
    quiet = "Local/quiet-93@sandbox-agents/n"
    async with bridged(database_url, sandbox), answering(database_url, sandbox):
        async with seated(database_url, quiet):
            await seen(database_url, "SELECT count(*) > 0 FROM posture", [(True,)])
            async with promised(database_url):
                pass
            with SippCaller(sandbox, NUMBER.removeprefix("+86"), keys=[(1.5, "1"), (1.0, "1")], stay_s=20) as caller:
                await caller.wait_async(40)
            await seen(database_url, "SELECT number_e164, source FROM callback", [(NUMBER, "queue")])
            await seen(
                database_url, "SELECT outcome FROM conversation WHERE direction = 'inbound'", [("callback_booked",)]
            )
            await seen(database_url, "SELECT state FROM callback", [("placed",)])
        async with seated(database_url, SEAT):
            await seen(database_url, "SELECT state, outcome, kept FROM callback", [("reached", "reached", True)], 40)
    (waits,) = rows(database_url, "SELECT json_agg(outcome ORDER BY entered_at) FROM wait")[0]
    assert (waits[0], waits[-1]) == ("key_exit", "answered")
    assert rows(
        database_url,
        "SELECT abs(extract(epoch FROM joined_at - (SELECT min(entered_at) FROM wait))) < 2 FROM callback",
    ) == [(True,)]  # the place of the first join
    assert rows(database_url, "SELECT ending FROM visit WHERE flow = 'callback'") == [("callback",)]
    database = Database(database_url, pool_size=1)
    async with database.reading() as session:
        figures = await promises_kept(session)
    await database.close()
    assert (figures["promise_kept"], figures["callback_reach"], figures["overtakes"]) == (100.0, 100.0, 0)


async def test_who_rings_in_is_not_called_meanwhile_and_served_once(
    sandbox: Sandbox, database_url: str, customer: SippCustomer
) -> None:
    """They give up the first time: the promise stands. The second time an agent answers."""
    quiet = "Local/quiet-94@sandbox-agents/n"
    tried = "SELECT json_agg(coalesce(outcome, 'stands') ORDER BY number) FROM callback_attempt"
    async with bridged(database_url, sandbox), answering(database_url, sandbox), seated(database_url, quiet):
        async with promised(database_url, NUMBER):
            await seen(database_url, "SELECT state FROM callback", [("placed",)])
            ring_in(sandbox, NUMBER.removeprefix("+86"), stay_s=3)
            await seen(database_url, "SELECT state, dials, not_now FROM callback", [("waiting", 0, "on_line")])
            await seen(database_url, "SELECT outcome FROM wait WHERE outcome IS NOT NULL", [("withdrawn",)])
            await seen(database_url, "SELECT count(*) FROM wait WHERE outcome = 'abandoned'", [(1,)])
            await seen(database_url, tried, [(["attached", "stands"],)])
            ring_in(sandbox, NUMBER.removeprefix("+86"))
            await seen(database_url, tried, [(["attached", "attached"],)])
            async with seated(database_url, SEAT):
                await seen(database_url, "SELECT state, dials, kept FROM callback", [("attached", 0, None)])
        sandbox.cli("channel request hangup all")


async def test_a_cancelled_promise_leaves_its_queue(sandbox: Sandbox, database_url: str) -> None:
    quiet = "Local/quiet-91@sandbox-agents/n"
    async with bridged(database_url, sandbox), seated(database_url, quiet), promised(database_url, NUMBER):
        await seen(database_url, "SELECT queue, left_at IS NULL FROM wait", [("reception", True)])
        database = Database(database_url, pool_size=1)
        async with database.transaction() as session:
            (promise,) = await asyncio.to_thread(rows, database_url, "SELECT id FROM callback")
            await steer_callback.cancel(session, promise[0], by="amy")
        await database.close()
        await seen(database_url, "SELECT outcome FROM wait", [("withdrawn",)])
        await seen(database_url, "SELECT state, dials FROM callback", [("cancelled", 0)])
        assert "kefu-callback" not in sandbox.cli("core show channels concise")


async def test_a_place_outlives_the_bridge_and_is_made_again_after_a_restart_of_asterisk(
    sandbox: Sandbox, database_url: str
) -> None:
    quiet = "Local/quiet-92@sandbox-agents/n"
    async with bridged(database_url, sandbox), seated(database_url, quiet), promised(database_url, NUMBER):
        await seen(database_url, "SELECT queue, left_at IS NULL FROM wait", [("reception", True)])
    assert "kefu-callback" in sandbox.cli("core show channels concise")  # with Kefu dead
    async with bridged(database_url, sandbox):
        await asyncio.sleep(3)
        assert rows(database_url, "SELECT count(*) FROM callback_attempt") == [(1,)]  # the same one
        sandbox.cli("channel request hangup all")
        await seen(database_url, "SELECT outcome FROM callback_attempt WHERE number = 1", [("not_served",)])
        assert rows(database_url, "SELECT state, dials FROM callback") == [("waiting", 0)]


def ring_in(sandbox: Sandbox, number: str, stay_s: float = 40.0) -> None:
    sandbox.originate_local(CallFile(number=number, name="", stay_s=stay_s, variables={"__SANDBOX_TALK_S": "1"}))
