"""What happens in more recorded traces of callers handed over: to nobody, from the other side, into a queue."""

from __future__ import annotations

import time

from desk_phone import DeskPhone
from floor_watch import member
from recorder import Recorder
from scenarios import ask, dialplan, in_queue, queue_steps, scenario
from sip_phones import SippCaller, SippSeat

from crm.pbx.sandbox import Sandbox


@scenario
def transfer_attended_rejected(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 consults 1002, who declines, comes back to the caller with *1, and talks on for two seconds."""
    phone, target = DeskPhone(sandbox, "1001"), SippSeat(sandbox, "1002", ring_s=0.5, rejects=True)
    with phone, member(sandbox, "reception", phone.interface), target, SippCaller(sandbox, "13800138060") as caller:
        line = phone.rung()
        channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
        time.sleep(1)
        ask(sandbox, Action="Atxfer", Channel=channel, Context="internal", Exten="1002")
        recorder.until(rb"Event: DialEnd[\s\S]*DestChannel: PJSIP/1002")
        time.sleep(1)
        line.press("*1")
        time.sleep(2)
        line.hang_up()
        caller.wait()


@scenario
def transfer_attended_recalled(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 consults 1002, who declines, and hangs up: Asterisk rings 1001 again, who talks two more seconds."""
    with DeskPhone(sandbox, "1001") as phone, member(sandbox, "reception", phone.interface):
        with SippSeat(sandbox, "1002", ring_s=0.5, rejects=True), SippCaller(sandbox, "13800138064") as caller:
            line = phone.rung()
            channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
            time.sleep(1)
            ask(sandbox, Action="Atxfer", Channel=channel, Context="internal", Exten="1002")
            recorder.until(rb"Event: DialEnd[\s\S]*DestChannel: PJSIP/1002")
            time.sleep(1)
            line.hang_up()
            again = phone.rung()
            assert again.up.wait(5)
            time.sleep(2)
            again.hang_up()
            caller.wait()


@scenario
def transfer_blind_unanswered(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 sends the caller to 1002, who declines; the caller hears so and is hung up."""
    dialplan(sandbox, "blind-target", "1002", "Dial(PJSIP/1002,10)", "Hangup()")
    seat = SippSeat(sandbox, "1001", ring_s=0.5, talk_s=60)
    target = SippSeat(sandbox, "1002", ring_s=0.5, rejects=True)
    with in_queue(sandbox, seat), target, SippCaller(sandbox, "13800138061") as caller:
        channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
        time.sleep(1)
        ask(sandbox, Action="BlindTransfer", Channel=channel, Context="blind-target", Exten="1002")
        caller.wait()


@scenario
def transfer_blind_by_caller(sandbox: Sandbox, recorder: Recorder) -> None:
    """The caller's own side sends the seat on to 1002 and is gone; the two seats talk two seconds."""
    seat, target = SippSeat(sandbox, "1001", ring_s=0.5, talk_s=60), SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2)
    with in_queue(sandbox, seat), target, SippCaller(sandbox, "13800138062") as caller:
        channel = recorder.until(rb"Event: AgentConnect")["Channel"]
        time.sleep(1)
        ask(sandbox, Action="BlindTransfer", Channel=channel, Context="internal", Exten="1002")
        caller.wait()
        recorder.until(rb"Event: Hangup\r\n", times=3)


@scenario
def transfer_into_a_queue(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 sends the caller into another queue, where 1002 answers: two waits of one conversation."""
    dialplan(sandbox, "blind-target", "700", *queue_steps("all", 20)[2:])
    seat, target = SippSeat(sandbox, "1001", ring_s=0.5, talk_s=60), SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2)
    with in_queue(sandbox, seat), in_queue(sandbox, target, "all"), SippCaller(sandbox, "13800138063") as caller:
        channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
        time.sleep(1)
        ask(sandbox, Action="BlindTransfer", Channel=channel, Context="blind-target", Exten="700")
        caller.wait()
