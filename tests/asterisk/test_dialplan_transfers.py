"""Where a caller goes whom a seat passes on: to a colleague, to a queue, and never into nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk_phone import DeskPhone
from floor_watch import Watch, member
from sip_phones import SippCaller, SippSeat

from crm.pbx.sandbox import Sandbox


@pytest.fixture
def seat(sandbox: Sandbox) -> Iterator[SippSeat]:
    with SippSeat(sandbox, "1001", ring_s=0.2) as phone, member(sandbox, "reception", phone.interface):
        yield phone


def pass_on(sandbox: Sandbox, caller: Watch, to: str) -> None:
    """The seat that talks to this caller dials ## and `to` (the keys of features.conf, by way of AMI)."""
    talking = caller.until("AgentConnect", Queue="reception", Interface="PJSIP/1001")["DestChannel"]
    with sandbox.ami(sandbox.actor) as actor:
        wish = {"Action": "BlindTransfer", "Channel": talking, "Context": "from-seat", "Exten": to}
        caller.until("BridgeEnter")
        answer = actor.ask(wish)
    assert answer["Response"] == "Success", answer


@pytest.mark.usefixtures("seat")
def test_to_a_colleague(sandbox: Sandbox) -> None:
    with (
        SippSeat(sandbox, "1002", ring_s=0.2, talk_s=1),
        Watch(sandbox, "13600000001") as caller,
        SippCaller(sandbox, "13600000001") as phone,
    ):
        pass_on(sandbox, caller, "1002")
        caller.until("DialEnd", DestContext="from-seat", DialStatus="ANSWER")
        caller.until("Hangup")
        phone.wait()
    assert not [event for event in caller.seen if event.get("UserEvent") == "QueueHangup"], "it had left the queue"


@pytest.mark.usefixtures("seat")
def test_to_a_colleague_who_is_not_there(sandbox: Sandbox) -> None:
    """The caller comes back to reception, and keeps the place of somebody who has called for that long."""
    with Watch(sandbox, "13600000002") as caller, SippCaller(sandbox, "13600000002", stay_s=12):
        pass_on(sandbox, caller, "1008")
        caller.until("QueueCallerJoin", Queue="reception")


@pytest.mark.usefixtures("seat")
def test_to_a_queue(sandbox: Sandbox) -> None:
    with (
        member(sandbox, "support", "Local/7003@sandbox-agents/n"),
        Watch(sandbox, "13600000003") as caller,
        SippCaller(sandbox, "13600000003", stay_s=12),
    ):
        pass_on(sandbox, caller, "2002")
        caller.until("AgentConnect", Queue="support")


@pytest.mark.usefixtures("seat")
def test_to_a_number_that_does_not_exist(sandbox: Sandbox) -> None:
    with Watch(sandbox, "13600000004") as caller, SippCaller(sandbox, "13600000004", stay_s=12):
        pass_on(sandbox, caller, "4711")
        caller.until("QueueCallerJoin", Queue="reception")


@pytest.fixture
def desk(sandbox: Sandbox) -> Iterator[DeskPhone]:
    """A phone with a transfer key of its own, in reception."""
    with DeskPhone(sandbox, "1001", ring_s=0.2) as phone, member(sandbox, "reception", phone.interface):
        yield phone


@pytest.mark.parametrize(("to", "number"), [("1008", "13600000005"), ("913912345678", "13600000006")])
def test_after_a_consult_of_the_page_the_phones_own_transfer_is_what_it_was(
    sandbox: Sandbox, desk: DeskPhone, to: str, number: str
) -> None:
    """Atxfer leaves its context on the seat's channel; nobody is cut off by that, and nothing outside is dialled."""
    with Watch(sandbox, number) as caller, SippCaller(sandbox, number, stay_s=12):
        line = desk.rung()
        talking = caller.until("AgentConnect", Queue="reception")["DestChannel"]
        caller.until("BridgeEnter")
        with sandbox.ami(sandbox.actor) as actor, sandbox.ami() as reader:
            asks = {"Action": "Atxfer", "Channel": talking, "Context": "kefu-consult", "Exten": "1007"}
            assert actor.ask(asks)["Response"] == "Success"
            reader.read_until(lambda seen: "1007@kefu-consult" in seen.get("Channel", "") and seen["Event"] == "Hangup")
            left = actor.ask({"Action": "Getvar", "Channel": talking, "Variable": "TRANSFER_CONTEXT"})
            assert left["Value"] == "kefu-consult"
        line.hand_over(to)
        caller.until("QueueCallerJoin", Queue="reception")


def test_a_customer_who_was_sent_on_has_no_keys(sandbox: Sandbox, desk: DeskPhone) -> None:
    by_whom: list[str] = []
    with (
        SippSeat(sandbox, "1002", ring_s=0.2),
        sandbox.ami() as reader,
        SippCaller(sandbox, "13600000007", keys=[(2.5, "##1003")], stay_s=1),
    ):
        line = desk.rung()
        assert line.up.wait(5)
        reader.read_until("BridgeEnter")
        line.hand_over("1002")
        for seen in reader.messages(timeout_s=15):
            if seen["Event"] == "BlindTransfer":
                by_whom.append(seen["TransfererChannel"].partition("-")[0])
            elif seen["Event"] == "Hangup" and seen["CallerIDNum"] == "13600000007":
                break
    assert by_whom == ["PJSIP/1001"]


def test_a_parked_caller_whom_nobody_takes_back_comes_to_reception(sandbox: Sandbox) -> None:
    conf = sandbox.folder / "etc" / "res_parking.conf"
    as_it_was = conf.read_text(encoding="utf-8")
    conf.chmod(0o644)
    conf.write_text(as_it_was.replace("parkingtime = 60", "parkingtime = 1"), encoding="utf-8")
    sandbox.cli("module reload res_parking.so")
    try:
        with (
            DeskPhone(sandbox, "1001", ring_s=0.2) as phone,
            Watch(sandbox, "13600000008") as caller,
            SippCaller(sandbox, "13600000008", stay_s=12),
            member(sandbox, "reception", phone.interface),
        ):
            line = phone.rung()
            caller.until("BridgeEnter")
            line.hand_over("700")
            phone.ring_s = None
            phone.rung().reject()
            caller.until("QueueCallerJoin", Queue="reception")
    finally:
        conf.write_text(as_it_was, encoding="utf-8")
        sandbox.cli("module reload res_parking.so")
