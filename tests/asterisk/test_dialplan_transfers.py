"""Where a caller goes whom a seat passes on: to a colleague, to a queue, and never into nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
