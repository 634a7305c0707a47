"""A caller reaches a person whatever becomes of Python: away, dead in mid-call, frozen, talking nonsense."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from agi_peer import AgiCall, agi_peer
from floor_watch import Watch, member

from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile

AGENT = "Local/7002@sandbox-agents/n"


@pytest.fixture
def agent(sandbox: Sandbox) -> Iterator[str]:
    with member(sandbox, "reception", AGENT):
        yield AGENT


def ring_in(sandbox: Sandbox, number: str, *, stay_s: float = 4.0) -> None:
    quick = {"__SANDBOX_RING_S": "0.2", "__SANDBOX_TALK_S": "60"}
    sandbox.originate_local(CallFile(number=number, stay_s=stay_s, variables=quick))


def served_by_reception(sandbox: Sandbox, caller: Watch, agi_status: str, *, stay_s: float = 2.0) -> None:
    """Ring in, and see the caller talk to reception's agent."""
    ring_in(sandbox, caller.number, stay_s=stay_s)
    caller.until("IvrLeft", NextStep="queue", AgiStatus=agi_status)
    caller.until("QueueCallerJoin", Queue="reception")
    caller.until("AgentConnect", Queue="reception", Interface=AGENT)
    caller.until("QueueHangup", Queue="reception", Status="CONTINUE", Abandoned="")  # had been talking: no abandon


@pytest.mark.usefixtures("agent")
def test_nothing_listens(sandbox: Sandbox) -> None:
    """Callers hear the house's language all the same."""
    sandbox.cli("dialplan set global CALLER_LANGUAGE zh")
    try:
        with Watch(sandbox, "13700000001") as caller:
            served_by_reception(sandbox, caller, "FAILURE")
    finally:
        sandbox.cli("dialplan reload")
    assert {event["Language"] for event in caller.seen if event.get("UserEvent")} == {"zh"}


@pytest.mark.usefixtures("agent")
def test_python_dies_in_the_middle_of_a_call(sandbox: Sandbox) -> None:
    """Asterisk says SUCCESS then, so only NEXT_STEP, written last, can be believed."""

    def dies(call: AgiCall) -> None:
        call.set("QUEUE", "support")

    with Watch(sandbox, "13700000002") as caller, agi_peer(sandbox.agi_port, dies):
        ring_in(sandbox, caller.number)
        caller.until("IvrLeft", NextStep="queue", AgiStatus="SUCCESS")
        caller.until("QueueLeft", Queue="support", Status="JOINEMPTY")
        caller.until("AgentConnect", Queue="reception", Interface=AGENT)


@pytest.mark.usefixtures("agent")
def test_python_freezes(sandbox: Sandbox) -> None:
    test_over = threading.Event()

    def freezes(call: AgiCall) -> None:
        test_over.wait(30)

    with Watch(sandbox, "13700000003") as caller, agi_peer(sandbox.agi_port, freezes):
        try:
            served_by_reception(sandbox, caller, "TIMEOUT", stay_s=10)
        finally:
            test_over.set()


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    ("next_step", "queue"), [("dance", "reception"), ("queue", "no-such-queue"), ("queue", ""), ("", "reception")]
)
def test_python_talks_nonsense(sandbox: Sandbox, next_step: str, queue: str) -> None:
    def nonsense(call: AgiCall) -> None:
        call.set("QUEUE", queue)
        call.set("NEXT_STEP", next_step)

    with Watch(sandbox, "13700000004") as caller, agi_peer(sandbox.agi_port, nonsense):
        ring_in(sandbox, caller.number)
        caller.until("IvrLeft")
        caller.until("AgentConnect", Queue="reception", Interface=AGENT)


def test_the_talk_is_not_cut_by_the_time_limit_of_the_menu(sandbox: Sandbox) -> None:
    """TIMEOUT(absolute) guards the menu alone; left standing it would end every talk after some seconds."""
    with Watch(sandbox, "13700000005") as caller, member(sandbox, "reception", AGENT):
        ring_in(sandbox, caller.number, stay_s=9.5)
        caller.until("AgentConnect", Queue="reception")
        complete = caller.until("AgentComplete", Queue="reception")
    assert complete["Reason"] == "caller"
    assert int(complete["TalkTime"]) >= 7


def test_the_flow_is_told_the_call_and_the_number_dialled(sandbox: Sandbox) -> None:
    with Watch(sandbox, "13700000006") as caller, agi_peer(sandbox.agi_port, lambda call: None) as calls:
        sandbox.originate_local(CallFile(number=caller.number, dialled="95001", stay_s=1))
        linkedid = caller.until("IvrLeft")["Linkedid"]
    (call,) = calls
    assert call.environment["agi_arg_1"] == linkedid
    assert call.environment["agi_network_script"] == "front_desk"
    assert call.environment["agi_extension"] == "95001"
    assert call.environment["agi_callerid"] == caller.number


def test_the_flow_can_say_goodbye_take_a_message_or_transfer(sandbox: Sandbox) -> None:
    def asks_for(next_step: str, transfer_to: str = "") -> Callable[[AgiCall], None]:
        def flow(call: AgiCall) -> None:
            call.set("TRANSFER_TO", transfer_to)
            call.set("NEXT_STEP", next_step)

        return flow

    endings = {
        "13700000007": ("goodbye", "", "Hangup"),
        "13700000008": ("voicemail", "", "VoicemailLeft"),
        "13700000009": ("transfer", "1001", "QueueCallerJoin"),  # no phone at 1001: reception
    }
    for number, (next_step, transfer_to, end) in endings.items():
        flow = asks_for(next_step, transfer_to)
        with Watch(sandbox, number) as caller, agi_peer(sandbox.agi_port, flow), member(sandbox, "reception", AGENT):
            sandbox.originate_local(CallFile(number=number, stay_s=1))
            caller.until("IvrLeft", NextStep=next_step, AgiStatus="SUCCESS")
            caller.until(end)


def test_a_key_in_the_queue_is_the_second_servers_while_the_first_is_away(sandbox: Sandbox) -> None:
    """The first refuses; the second sets nothing at the front desk, so reception, and takes the promise there."""

    def flow(call: AgiCall) -> None:
        if call.environment["agi_network_script"] == "callback":
            call.set("NEXT_STEP", "callback")

    addresses = {"KEFU_AGI": "agi://127.0.0.1:9", "KEFU_AGI_OTHER": f"agi://127.0.0.1:{sandbox.agi_port}"}
    for name, address in addresses.items():
        sandbox.cli(f"dialplan set global {name} {address}")
    try:
        with (
            Watch(sandbox, "13700000012") as caller,
            agi_peer(sandbox.agi_port, flow),
            member(sandbox, "reception", AGENT, Paused="true"),
        ):
            sandbox.originate_local(CallFile(number=caller.number, keys="wwwwww1", stay_s=20))
            caller.until("QueueCallerJoin", Queue="reception")
            sandbox.cli("dialplan set global AGI_RESTS_UNTIL 0")
            caller.until("IvrLeft", NextStep="callback", AgiStatus="SUCCESS")
            caller.until("Hangup", timeout_s=3)
    finally:
        sandbox.cli(f"dialplan set global KEFU_AGI {sandbox.values.agi_url}")
        sandbox.cli("dialplan set global KEFU_AGI_OTHER none")


def test_what_a_caller_controls_is_filtered(sandbox: Sandbox) -> None:
    """The number becomes digits before any use; the name is passed on as it is and never evaluated."""
    with Watch(sandbox, "+8613700000010") as caller, agi_peer(sandbox.agi_port, lambda call: None) as calls:
        call_file = CallFile(number="+86137-0000${CHANNEL(name)}-0010", name="王 & co. ${EPOCH}", stay_s=1)
        sandbox.originate_local(call_file)
        left = caller.until("IvrLeft")
    assert left["CallerIDName"] == "王 & co. ${EPOCH}"
    assert calls[0].environment["agi_callerid"] == "+8613700000010"
