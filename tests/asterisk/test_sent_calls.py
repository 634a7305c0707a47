"""Where a page's transfer and a page's dialling end: in contexts that nothing else enters, and never in nothing."""

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


@pytest.mark.usefixtures("seat")
@pytest.mark.parametrize(("to", "number"), [("seat-1008", "13600000011"), ("nowhere", "13600000012")])
def test_who_cannot_be_reached_leads_back_to_reception(sandbox: Sandbox, to: str, number: str) -> None:
    with Watch(sandbox, number) as caller, SippCaller(sandbox, number, stay_s=12):
        talking = caller.until("AgentConnect", Queue="reception", Interface="PJSIP/1001")["DestChannel"]
        caller.until("BridgeEnter")
        with sandbox.ami(sandbox.actor) as actor:
            wish = {"Action": "BlindTransfer", "Channel": talking, "Context": "kefu-to", "Exten": to}
            assert actor.ask(wish)["Response"] == "Success"
        caller.until("QueueCallerJoin", Queue="reception")


def test_a_number_is_dialled_over_the_trunk_with_the_houses_own_number(sandbox: Sandbox) -> None:
    wish = {
        "Action": "Originate",
        "Channel": "PJSIP/1001",
        "Context": "kefu-to",
        "Exten": "out+8613812345678",
        "Priority": "1",
        "Async": "true",
        "Timeout": "20000",
        "ChannelId": "0a5b2a52-6a0b-5f0e-8f4e-3f8f0a3f7c12",
    }
    with DeskPhone(sandbox, "1001", ring_s=0.2) as phone, DeskPhone(sandbox, "8001", ring_s=0.2, far=True) as far:
        sandbox.cli("dialplan set global CALLBACK_BY PJSIP/trunk/sip:+")
        sandbox.cli(f"dialplan set global CALLBACK_VIA @{far.address.rpartition('@')[2]}")
        with sandbox.ami(sandbox.actor) as actor:
            assert actor.ask(wish)["Response"] == "Success"
            line = far.rung()
            assert line.invite is not None
            assert line.invite.first.startswith("INVITE sip:+8613812345678@")
            assert "95000" in line.invite.header("From")
            assert line.up.wait(5)
            assert phone.rung().up.wait(5)
        line.hang_up()
