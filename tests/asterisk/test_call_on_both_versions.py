"""The call test on both ends of the supported range: one configuration tree, Asterisk 22 and Asterisk 16.

SIPp rings in, hears the menu and presses keys, waits in the queue and talks to SIPp at the agent's seat; the rows are
what SIPp saw. The versions differ in events and fields, and nothing of that may reach the ledger.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from center import NODE, Center, spoken_prompts
from ledger_rows import seen
from postgres_server import Databases
from sip_phones import SippCaller, SippSeat

from crm import agents, queues
from crm.database import Database
from crm.deeds.sign_in_to_seat import sign_in_to_seat

SEAT = "PJSIP/1001"
NUMBER = "13800138000"
ENGLISH_THEN_SUPPORT = [(1.5, "1"), (5.0, "2")]
RINGS_S, TALKS_S = 2.0, 3.0
NEAR_S = 0.4
"""How far a time of the ledger may lie from SIPp's: the way through Asterisk, on a busy machine."""


@pytest.fixture(params=["22", "16"])
async def center(
    request: pytest.FixtureRequest, databases: Databases, template_url: str, tmp_path: Any
) -> AsyncIterator[Center]:
    url = databases.create(template_url)
    async with Center(tmp_path, url, prompts=await spoken_prompts(), version=request.param) as running:
        assert running.sandbox.installation.version.partition(".")[0] == request.param
        await _sit_lily_down(url)
        yield running
    databases.drop(url)


async def test_a_call_goes_through_menu_and_queue_to_a_seat_and_into_rows(center: Center) -> None:
    url = center.database_url
    with SippSeat(center.sandbox, "1001", ring_s=RINGS_S, talk_s=TALKS_S) as seat:
        await seen(url, "SELECT word FROM posture", [("ready",)])
        with SippCaller(center.sandbox, NUMBER, name="王芳", keys=ENGLISH_THEN_SUPPORT, stay_s=60) as caller:
            await seen(url, "SELECT ending IS NULL, answered_at IS NULL FROM pop", [(True, True)], 30)
            await seen(url, "SELECT word FROM posture", [("talking",)])
            await caller.wait_async()
            await seen(url, "SELECT word, pause_reason FROM posture", [("wrapping_up", "ACW")])
            await seen(url, "SELECT outcome FROM conversation", [("answered",)])
            (call,) = await center.kefu("conversation", "list", "--caller", NUMBER)
            _is_what_sipp_saw(call, caller, seat)
    with psycopg.connect(url) as rows:
        visit = rows.execute("SELECT node, linkedid, pressed, language, ending FROM visit").fetchall()
        assert visit == [(NODE, call["linkedid"], "12", "en", "join_queue")]
        assert rows.execute("SELECT matter FROM caller_facts").fetchall() == [("support",)]
        wishes = "SELECT kind, reason, state FROM pbx_request ORDER BY wanted_at"
        joined = ("add_member", None, "confirmed")  # the queue, and the seat's own
        assert rows.execute(wishes).fetchall() == [joined, joined, ("pause", "ACW", "confirmed")]
        assert rows.execute("SELECT ending FROM pop").fetchall() == [("call_ended",)]
        assert rows.execute("SELECT count(*) FROM set_aside").fetchall() == [(0,)]
    _logs_name_the_call(center, call["linkedid"])
    for service in center.services.values():
        await service.ready()
        assert "kefu_build_info" in await service.metrics()
    counted = await center.services["bridge"].metrics()
    for nothing in ("unreadable_total", "corrections_total", "faults_total"):
        assert f"kefu_bridge_{nothing} 0.0" in counted


def _is_what_sipp_saw(call: dict[str, Any], caller: SippCaller, seat: SippSeat) -> None:
    assert (call["direction"], call["caller"], call["caller_name"]) == ("inbound", NUMBER, "王芳")
    assert (call["dialled"], call["outcome"], call["ended_by"]) == ("95000", "answered", "agent")
    assert (call["transfers"], call["reconstructed"]) == ([], False)
    (wait,), (offer,), (segment,) = call["waits"], call["offers"], call["segments"]
    assert (wait["queue"], wait["outcome"]) == ("support", "answered")
    assert (offer["seat"], offer["agent"], offer["outcome"]) == (SEAT, "lily", "answered")
    assert (segment["seat"], segment["agent"], segment["hold_s"]) == (SEAT, "lily", 0)
    times = {
        call["started_at"]: caller.moment("INVITE", of="INVITE", sent=True),
        call["ended_at"]: caller.moment("BYE", of="BYE", sent=False),
        offer["started_at"]: seat.moment("INVITE", of="INVITE", sent=False),
        wait["left_at"]: seat.moment("SIP/2.0 200", of="INVITE", sent=True),
        segment["ended_at"]: seat.moment("BYE", of="BYE", sent=True),
    }
    for row, wire in times.items():
        assert datetime.fromisoformat(row).timestamp() == pytest.approx(wire, abs=NEAR_S)
    assert segment["talk_s"] == pytest.approx(TALKS_S, abs=NEAR_S)


def _logs_name_the_call(center: Center, linkedid: str) -> None:
    """One id finds the call's lines in each service's log; no line shows the whole number."""
    told = {}
    for name in ("ivr", "bridge"):
        lines = [json.loads(line) for line in center.services[name].log.read_text().splitlines() if line[:1] == "{"]
        told[name] = [line for line in lines if line.get("conversation") == linkedid]
        assert NUMBER not in str(lines)
    assert [line["event"] for line in told["ivr"]] == ["visit"]
    assert [(line["event"], line["outcome"]) for line in told["bridge"]] == [("conversation ended", "answered")]


async def _sit_lily_down(url: str) -> None:
    database = Database(url, application_name="kefu-test")
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        lily = await agents.create(session, login="lily", name="Lily Chen", password="a good long password")
        await agents.serve(session, lily.id, "support")
        await sign_in_to_seat(session, agent_id=lily.id, node=NODE, seat=SEAT, expiry_s=10)
    await database.close()
