"""On a real queue: a pause asked for in a call, a phone that rejects, one that goes while it rings, codes dialled."""

from __future__ import annotations

from ledger_rows import seen
from sip_phones import SippSeat
from test_bridge import NODE, QUICK, bridging, seated, wish

from crm import agents
from crm.database import Database
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile

PHONE = "PJSIP/1001"


async def test_a_pause_asked_for_in_a_call_comes_after_its_work(sandbox: Sandbox, database_url: str) -> None:
    seat = "Local/76@sandbox-agents/n"
    state = "SELECT word, pause_reason, next_reason FROM posture"
    async with bridging(database_url, sandbox), seated(database_url, seat):
        await seen(database_url, state, [("ready", None, None)])
        sandbox.originate_local(CallFile(number="13800138000", variables=QUICK))
        await seen(database_url, "SELECT word FROM posture", [("talking",)])
        await wish(database_url, "pause", seat, reason="lunch")
        await seen(database_url, state, [("wrapping_up", "ACW", "lunch")])
        await wish(database_url, "end_after_call_work", seat)
        await seen(database_url, state, [("paused", "lunch", None)])
        await wish(database_url, "unpause", seat)
        await seen(database_url, state, [("ready", None, None)])


async def test_a_phone_that_rejects_is_not_rung_again_and_again_and_comes_back(
    sandbox: Sandbox, database_url: str
) -> None:
    brief = {"missed_calls": 2, "missed_call_rest_seconds": 0.5, "missed_calls_away_seconds": 0.5}
    with SippSeat(sandbox, "1001", ring_s=0.2, rejects=True):
        async with bridging(database_url, sandbox, **brief), seated(database_url, PHONE):
            await seen(database_url, "SELECT word FROM posture", [("ready",)])
            sandbox.originate_local(CallFile(number="13800138003", stay_s=20))
            rests = "SELECT reason, state FROM pbx_request WHERE asked_by = 'bridge' ORDER BY wanted_at LIMIT 2"
            await seen(database_url, rests, [("MISSED", "confirmed"), ("RONA", "confirmed")])
            sandbox.cli("channel request hangup all")
            back = "SELECT reason, state FROM pbx_request WHERE asked_by = 'time' ORDER BY wanted_at"
            await seen(database_url, back, [("MISSED", "confirmed"), ("RONA", "confirmed")])
            await seen(database_url, "SELECT word FROM posture", [("ready",)])
            await seen(database_url, "SELECT DISTINCT outcome FROM offer", [("rejected",)])


async def test_a_phone_that_goes_while_it_rings_is_nobodys_miss_and_comes_back_by_itself(
    sandbox: Sandbox, database_url: str
) -> None:
    state = "SELECT word, pause_reason FROM posture"
    with SippSeat(sandbox, "1001", ring_s=60) as phone:
        async with bridging(database_url, sandbox, phone_blip_seconds=1), seated(database_url, PHONE):
            await seen(database_url, state, [("ready", None)])
            sandbox.originate_local(CallFile(number="13800138004", stay_s=1.5))
            await seen(database_url, state, [("ringing", None)])
            phone.unregister()
            await seen(database_url, "SELECT outcome FROM conversation", [("abandoned",)])
            await seen(database_url, state, [("offline", "DEVICE")])
            phone.start()
            await seen(database_url, state, [("ready", None)])
            why = "SELECT kind, reason FROM pbx_request WHERE reason IS NOT NULL ORDER BY wanted_at"
            await seen(database_url, why, [("pause", "DEVICE"), ("unpause", "DEVICE")])


async def test_codes_dialled_at_the_seat_do_what_the_desks_buttons_do(sandbox: Sandbox, database_url: str) -> None:
    """The phone is called into the code, which it cannot tell from having dialled it."""
    with SippSeat(sandbox, "1001", ring_s=0.1, talk_s=20):
        async with bridging(database_url, sandbox):
            await wish(database_url, "add_member", PHONE, "reception")
            await sit_down(database_url, PHONE)
            sandbox.cli("channel originate PJSIP/1001 extension *222@from-seat")
            done = "SELECT kind, reason, asked_by, state FROM pbx_request WHERE kind LIKE '%pause' ORDER BY wanted_at"
            await seen(database_url, done, [("pause", "lunch", "amy", "confirmed")])
            sandbox.cli("channel request hangup all")
            await seen(database_url, "SELECT word, pause_reason FROM posture", [("paused", "lunch")])
            sandbox.cli("channel originate PJSIP/1001 extension *24@from-seat")
            await seen(database_url, "SELECT ended_by, ended_why FROM seat_session", [("amy", "signed_out")])
            await seen(database_url, "SELECT count(*) FROM membership WHERE left_at IS NULL", [(0,)])


async def sit_down(url: str, seat: str) -> None:
    database = Database(url, pool_size=1)
    async with database.transaction() as session:
        amy = await agents.create(session, login="amy", name="Amy", password="a good long password")
        await sign_in_to_seat(session, agent_id=amy.id, node=NODE, seat=seat, expiry_s=5)
    await database.close()
    await seen(url, "SELECT count(*) FROM pbx_request WHERE state <> 'confirmed'", [(0,)])
