"""What happens in the recorded traces of seats' own phones: hold, other lines, pickup, forwarding, parking."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any

from desk_phone import DeskPhone, Line
from floor_watch import member
from recorder import Recorder
from scenarios import ask, dialplan, in_queue, scenario
from sip_phones import SippCaller, SippSeat

from crm.pbx.sandbox import Sandbox


@contextmanager
def phone_in_queue(sandbox: Sandbox, seat: str, ring_s: float | None = 0.5) -> Any:
    phone = DeskPhone(sandbox, seat, ring_s=ring_s)
    with phone, member(sandbox, "reception", phone.interface):
        yield phone


def up(line: Line) -> Line:
    assert line.up.wait(20), "nobody answered"
    return line


def to_1001(sandbox: Sandbox, *more: str) -> None:
    dialplan(sandbox, "from-trunk", "701", *more, "Dial(PJSIP/1001,12)", "Hangup()")


# ---- hold


@scenario
def hold_and_back(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 talks a second, holds two, talks one more and hangs up."""
    with phone_in_queue(sandbox, "1001") as phone, SippCaller(sandbox, "13800138040") as caller:
        line = up(phone.rung())
        time.sleep(1)
        line.hold()
        time.sleep(2)
        line.unhold()
        time.sleep(1)
        line.hang_up()
        caller.wait()


# ---- the other line


def _consult(phone: DeskPhone, first: Line, number: str) -> Line:
    time.sleep(1)
    first.hold()
    return phone.dial(number)


@scenario
def consult_and_back(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 asks 1002 on the other line for two seconds and comes back to the caller."""
    with phone_in_queue(sandbox, "1001") as phone, SippSeat(sandbox, "1002", ring_s=0.5):
        with SippCaller(sandbox, "13800138041") as caller:
            first = up(phone.rung())
            second = up(_consult(phone, first, "1002"))
            time.sleep(2)
            second.hang_up()
            first.unhold()
            time.sleep(1)
            first.hang_up()
            caller.wait()


@scenario
def transfer_phone_attended(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 asks 1002 on the other line, then joins the two by REFER with Replaces."""
    with phone_in_queue(sandbox, "1001") as phone, SippSeat(sandbox, "1002", ring_s=0.5, talk_s=5):
        with SippCaller(sandbox, "13800138042") as caller:
            first = up(phone.rung())
            second = up(_consult(phone, first, "1002"))
            time.sleep(2)
            first.hand_over("1002", second)
            caller.wait()


@scenario
def transfer_phone_blonde(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 lets go while 1002's phone still rings."""
    with phone_in_queue(sandbox, "1001") as phone, SippSeat(sandbox, "1002", ring_s=3, talk_s=2):
        with SippCaller(sandbox, "13800138043") as caller:
            first = up(phone.rung())
            second = _consult(phone, first, "1002")
            recorder.until(rb"Event: DeviceStateChange[\s\S]*Device: PJSIP/1002[\s\S]*State: RINGING")
            time.sleep(0.5)
            first.hand_over("1002", second)
            caller.wait()


@scenario
def transfer_phone_blind(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 talks two seconds and sends the caller on by REFER."""
    with phone_in_queue(sandbox, "1001") as phone, SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2):
        with SippCaller(sandbox, "13800138044") as caller:
            first = up(phone.rung())
            time.sleep(2)
            first.hand_over("1002")
            caller.wait()


@scenario
def callers_joined(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 talks with one caller, then on the other line with another, and leaves the two with each other."""
    with DeskPhone(sandbox, "1001") as phone:
        to_1001(sandbox)
        with SippCaller(sandbox, "13800138045", dialled="701", stay_s=9) as one:
            first = up(phone.rung())
            time.sleep(1)
            first.hold()
            with SippCaller(sandbox, "13800138046", dialled="701", stay_s=20) as other:
                second = up(phone.rung())
                time.sleep(2)
                first.hand_over("13800138046", second)
                one.wait()
                other.wait()


@scenario
def three_way(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 asks 1002 by keys for some seconds, then makes it a talk of three with *3, and leaves it after two more."""
    with phone_in_queue(sandbox, "1001") as phone, SippSeat(sandbox, "1002", ring_s=0.5):
        with SippCaller(sandbox, "13800138047", stay_s=11) as caller:
            first = up(phone.rung())
            channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
            time.sleep(1)
            ask(sandbox, Action="Atxfer", Channel=channel, Context="internal", Exten="1002")
            recorder.until(rb"Event: BridgeEnter[\s\S]*Channel: PJSIP/1002")
            time.sleep(1)
            first.press("*3")
            time.sleep(2)
            first.hang_up()
            caller.wait()


# ---- taken by another


def _picked_up(recorder: Recorder, phone: DeskPhone, dialled: str, rung: bytes) -> None:
    recorder.until(rung)
    time.sleep(1)
    line = up(phone.dial(dialled))
    time.sleep(2)
    line.hang_up()


@scenario
def pickup_of_a_queue_call(sandbox: Sandbox, recorder: Recorder) -> None:
    """The queue rings 1001, who is away; 1002 dials *8 and talks two seconds."""
    with in_queue(sandbox, SippSeat(sandbox, "1001", ring_s=60)), DeskPhone(sandbox, "1002") as phone:
        with SippCaller(sandbox, "13800138050") as caller:
            _picked_up(recorder, phone, "*8", rb"Event: AgentCalled")
            caller.wait()


@scenario
def pickup_of_a_direct_call(sandbox: Sandbox, recorder: Recorder) -> None:
    to_1001(sandbox)
    with SippSeat(sandbox, "1001", ring_s=60), DeskPhone(sandbox, "1002") as phone:
        with SippCaller(sandbox, "13800138051", dialled="701") as caller:
            _picked_up(recorder, phone, "*8", rb"Event: DialBegin")
            caller.wait()


@scenario
def pickup_of_one_seat(sandbox: Sandbox, recorder: Recorder) -> None:
    """Likewise with the ringing seat's number behind *8."""
    to_1001(sandbox)
    with SippSeat(sandbox, "1001", ring_s=60), DeskPhone(sandbox, "1002") as phone:
        with SippCaller(sandbox, "13800138052", dialled="701") as caller:
            _picked_up(recorder, phone, "*81001", rb"Event: DialBegin")
            caller.wait()


@scenario
def pickup_by_replaces(sandbox: Sandbox, recorder: Recorder) -> None:
    """1002's phone, which watches 1001's, takes its ringing call by INVITE with Replaces."""
    to_1001(sandbox)
    with DeskPhone(sandbox, "1001", ring_s=None) as away, DeskPhone(sandbox, "1002") as phone:
        with SippCaller(sandbox, "13800138053", dialled="701") as caller:
            rings = away.rung()
            time.sleep(1)
            line = up(phone.dial("1001", rings.replaces))
            time.sleep(2)
            line.hang_up()
            caller.wait()


# ---- forwarded


@scenario
def forward_302(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001's phone forwards to 1002, who talks two seconds."""
    to_1001(sandbox)
    with DeskPhone(sandbox, "1001", forwards_to="1002"), SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2):
        with SippCaller(sandbox, "13800138054", dialled="701") as caller:
            caller.wait()


@scenario
def forward_302_in_a_queue(sandbox: Sandbox, recorder: Recorder) -> None:
    """Likewise when the queue rings 1001."""
    phone = DeskPhone(sandbox, "1001", forwards_to="1002")
    with phone, member(sandbox, "reception", phone.interface), SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2):
        with SippCaller(sandbox, "13800138055") as caller:
            caller.wait()


@scenario
def forward_local(sandbox: Sandbox, recorder: Recorder) -> None:
    """The dialplan rings another extension for the caller, and a phone stands behind that."""
    dialplan(sandbox, "from-trunk", "701", "Dial(Local/1002@internal,12)", "Hangup()")
    with SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2), SippCaller(sandbox, "13800138056", dialled="701") as caller:
        caller.wait()


# ---- parked


@scenario
def parked_and_taken(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 talks a second and parks the caller; two seconds later 1002 takes the caller, and talks two seconds."""
    with phone_in_queue(sandbox, "1001") as phone, DeskPhone(sandbox, "1002") as other:
        with SippCaller(sandbox, "13800138057") as caller:
            first = up(phone.rung())
            time.sleep(1)
            first.hand_over("700")
            space = recorder.until(rb"Event: ParkedCall")["ParkingSpace"]
            time.sleep(2)
            line = up(other.dial(space))
            time.sleep(2)
            line.hang_up()
            caller.wait()


@scenario
def parked_and_left(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 talks a second, parks the caller, and declines when the space rings back after two seconds: reception
    again, where 1002 has sat down meanwhile, and talks two seconds."""
    lot = sandbox.folder / "etc" / "res_parking.conf"
    lot.chmod(0o644)
    lot.write_text(lot.read_text().replace("parkingtime = 60", "parkingtime = 2"))
    sandbox.cli("module reload res_parking.so")
    phone = DeskPhone(sandbox, "1001")
    with phone, SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2) as other:
        with member(sandbox, "reception", phone.interface), SippCaller(sandbox, "13800138058") as caller:
            first = up(phone.rung())
            time.sleep(1)
            phone.ring_s = None
            first.hand_over("700")
            recorder.until(rb"Event: ParkedCall")
            ask(sandbox, Action="QueueRemove", Queue="reception", Interface=phone.interface)
            with member(sandbox, "reception", other.interface):
                back = phone.rung()
                time.sleep(0.5)
                back.reject()
                caller.wait()
    lot.write_text(lot.read_text().replace("parkingtime = 2", "parkingtime = 60"))
    sandbox.cli("module reload res_parking.so")


# ---- among seats


@scenario
def colleague(sandbox: Sandbox, recorder: Recorder) -> None:
    """1003 dials 1001 by hand; they talk two seconds."""
    with DeskPhone(sandbox, "1003") as phone, SippSeat(sandbox, "1001", ring_s=0.5):
        line = up(phone.dial("1001"))
        time.sleep(2)
        line.hang_up()


@scenario
def colleague_handed_on(sandbox: Sandbox, recorder: Recorder) -> None:
    """1003 dials 1001, talks a second, and sends 1001 on to 1002: the two talk two seconds."""
    with DeskPhone(sandbox, "1003") as phone, SippSeat(sandbox, "1001", ring_s=0.5):
        with SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2):
            line = up(phone.dial("1001"))
            time.sleep(1)
            line.hand_over("1002")
            recorder.until(rb"Event: Hangup\r\n", times=3)
