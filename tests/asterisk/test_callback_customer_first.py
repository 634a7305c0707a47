"""Customer first on a real Asterisk: an agent is kept free, the customer is rung; on 1 the queue rings the agent."""

from __future__ import annotations

import asyncio

from sip_phones import SippCustomer
from test_bridge import bridging, rows, seated, seen, words_shown
from test_callback_calls import ANYTIME, QUICK, promised

from crm import queues
from crm.database import Database
from crm.pbx.sandbox import Sandbox
from crm.reports.callbacks import promises_kept

NUMBER, OTHER = "+8613800138000", "+8613900139000"
SEAT = "Local/95@sandbox-agents/n"
NORMAL = {"SANDBOX_RING_S": "1", "SANDBOX_TALK_S": "5", "CALLBACK_RING_S": "25"}


def reached_at(sandbox: Sandbox, phone: SippCustomer) -> None:
    sandbox.cli("dialplan set global CALLBACK_BY PJSIP/trunk/sip:+")
    sandbox.cli(f"dialplan set global CALLBACK_VIA @127.0.0.1:{phone.port}")


async def test_the_customer_is_dialled_for_an_agent_who_is_kept_free(sandbox: Sandbox, database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    for name, value in (QUICK | {"CALLBACK_RING_S": "2"}).items():
        sandbox.cli(f"dialplan set global {name} {value}")
    deaf = SippCustomer(sandbox, ring_s=60)
    phone = SippCustomer(sandbox, ring_s=0.3, keys=[(1.0, "1")], talk_s=1.5)
    async with bridging(database_url, sandbox, callback_hours=ANYTIME) as bridge, seated(database_url, SEAT):
        await seen(database_url, "SELECT word FROM posture", [("ready",)])
        async with promised(database_url), database.transaction() as session:
            await queues.define(session, "reception", callback_dialling="customer_first")
        words = words_shown(bridge)

        with deaf:  # a phone that nobody answers: the agent is free again
            reached_at(sandbox, deaf)
            async with promised(database_url, OTHER):
                await seen(database_url, "SELECT word, pause_reason FROM posture", [("paused", "RESERVED")])
                await seen(database_url, "SELECT kind, seat FROM callback_attempt", [("customer_first", SEAT)])
                await seen(database_url, "SELECT outcome FROM callback_attempt", [("no_answer",)])
                await seen(database_url, "SELECT state, dials FROM callback", [("waiting", 1)])
                await seen(database_url, "SELECT word, pause_reason FROM posture", [("ready", None)], 3)
            assert words == ["paused", "ready"]
            assert rows(
                database_url, "SELECT direction, dialled, outcome, (SELECT count(*) FROM offer) FROM conversation"
            ) == [("outbound", OTHER, "no_answer", 0)]

        with phone:
            reached_at(sandbox, phone)
            async with promised(database_url, NUMBER):
                await seen(database_url, "SELECT seat, taken_at IS NULL FROM pop", [(SEAT, True)])
                about = f"FROM callback WHERE number_e164 = '{NUMBER}'"
                await seen(
                    database_url, f"SELECT state, kept, dials, mode {about}", [("reached", True, 1, "customer_first")]
                )
        assert bridge.promises is not None
        assert bridge.promises.placed == 2
    ((chose, in_order, rung_s, caller, dialled, outcome, ended_by),) = rows(
        database_url,
        "SELECT a.chose, a.dialled_at < a.queued_at AND a.queued_at < a.talked_at AND a.talked_at < a.ended_at, "
        "(SELECT extract(epoch FROM o.started_at - a.queued_at)::float8 FROM offer o), "
        "c.caller, c.dialled, c.outcome, c.ended_by "
        "FROM callback_attempt a JOIN conversation c ON c.linkedid = a.id::text WHERE a.outcome = 'reached'",
    )
    assert (chose, in_order, caller, dialled, outcome, ended_by) == ("1", True, NUMBER, NUMBER, "answered", "caller")
    assert rung_s < 1.2  # from the customer in the queue, and the agent free, to the ring
    assert rows(database_url, "SELECT seat, queue FROM segment") == [(SEAT, "reception")]
    assert rows(database_url, "SELECT queue, outcome FROM wait") == [("reception", "answered")]
    async with database.reading() as session:
        figures = await promises_kept(session)
    await database.close()
    beyond = (figures["overtakes"], figures["customers_dialled_first"], figures["dials_beyond_seats"])
    assert beyond == (0, 0, 0)
    for name, value in NORMAL.items():
        await asyncio.to_thread(sandbox.cli, f"dialplan set global {name} {value}")
