"""The whole way of a SIP call with Python away: trunk, front desk, reception, a registered seat, and back."""

from __future__ import annotations

from agi_peer import AgiCall, agi_peer
from floor_watch import Watch, member
from sip_phones import SippCaller, SippSeat

from crm.pbx.sandbox import Sandbox


def test_a_sip_caller_talks_to_a_sip_seat(sandbox: Sandbox) -> None:
    with (
        SippSeat(sandbox, "1001", ring_s=1, talk_s=2) as seat,
        Watch(sandbox, "13800138000") as caller,
        member(sandbox, "reception", seat.interface),
        SippCaller(sandbox, "13800138000", name="王芳") as phone,
    ):
        called = caller.until("AgentCalled", Queue="reception", Interface="PJSIP/1001")
        connect = caller.until("AgentConnect", Queue="reception", Interface="PJSIP/1001")
        complete = caller.until("AgentComplete", Queue="reception", Reason="agent")
        caller.until("QueueLeft", Queue="reception", Status="CONTINUE")
        phone.wait()
    assert called["CallerIDName"] == "王芳 · reception"  # what the agent's own phone shows
    assert connect["RingTime"] == "1"
    assert complete["TalkTime"] == "2"
    assert "ENTERQUEUE||13800138000|1" in sandbox.queue_log_file.read_text()
    events = [line for line in sandbox.cel_file.read_text().splitlines() if called["Linkedid"] in line]
    assert {"CHAN_START", "ANSWER", "BRIDGE_ENTER", "HANGUP", "LINKEDID_END"} <= {line.split('"')[1] for line in events}


def test_a_caller_who_hangs_up_in_the_queue_abandons_and_stops_the_ringing(sandbox: Sandbox) -> None:
    with (
        SippSeat(sandbox, "1002", ring_s=60) as seat,
        Watch(sandbox, "13800138001") as caller,
        member(sandbox, "reception", seat.interface),
        SippCaller(sandbox, "13800138001", stay_s=2) as phone,
    ):
        caller.until("AgentCalled", Queue="reception", Interface="PJSIP/1002")
        phone.wait()
        caller.until("QueueCallerAbandon", Queue="reception")
        caller.until("QueueHangup", Queue="reception", Status="", Abandoned="TRUE")


def test_a_seat_that_rejects_is_left_and_the_caller_goes_on_waiting(sandbox: Sandbox) -> None:
    with (
        SippSeat(sandbox, "1003", ring_s=0.3, rejects=True) as seat,
        Watch(sandbox, "13800138002") as caller,
        member(sandbox, "reception", seat.interface),
        SippCaller(sandbox, "13800138002", stay_s=4) as phone,
    ):
        caller.until("AgentRingNoAnswer", Queue="reception", Interface="PJSIP/1003")
        caller.until("AgentCalled", Queue="reception", Interface="PJSIP/1003")
        phone.wait()


def test_keys_of_a_sip_caller_reach_the_flow(sandbox: Sandbox) -> None:
    heard: list[str] = []

    def asks(call: AgiCall) -> None:
        heard.append(call.command("WAIT FOR DIGIT 5000"))
        heard.append(call.command("WAIT FOR DIGIT 5000"))
        call.set("NEXT_STEP", "goodbye")

    with (
        agi_peer(sandbox.agi_port, asks),
        Watch(sandbox, "13800138003") as caller,
        SippCaller(sandbox, "13800138003", keys=[(0.5, "2"), (0.5, "#")]) as phone,
    ):
        caller.until("IvrLeft", NextStep="goodbye")
        phone.wait()
    assert heard == [f"200 result={ord('2')}", f"200 result={ord('#')}"]


def test_a_phone_without_the_seat_secret_gets_in_nowhere(sandbox: Sandbox) -> None:
    """A caller who claims to be seat 1001, from the trunk's own address, is asked for a password and has none."""
    with SippCaller(sandbox, "1001", dialled="1002") as phone:
        assert phone.refusal() == "401"
    assert "0 active channels" in sandbox.cli("core show channels")


def test_a_caller_from_the_trunk_cannot_dial_a_seat(sandbox: Sandbox) -> None:
    """Whatever number an outside caller asks for, the front desk answers."""
    with Watch(sandbox, "13800138004") as caller, SippCaller(sandbox, "13800138004", dialled="1002", stay_s=1) as phone:
        caller.until("IvrLeft", NextStep="queue")
        phone.wait()
