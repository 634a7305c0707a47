"""All eight ways out of Queue(), each to the ending that the dialplan chose, on a real Asterisk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from agi_peer import AgiCall, agi_peer
from floor_watch import Watch, member

from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile

OTHER = "Local/7009@sandbox-agents/n"
PROMPT = "Local/7001@sandbox-agents/n"


def to_support(call: AgiCall) -> None:
    """What the front desk's flow does for a caller who pressed 2."""
    call.set("QUEUE", "support")
    call.set("CREDIT", "60")
    call.set("NEXT_STEP", "queue")


def ring_in(sandbox: Sandbox, number: str, *, stay_s: float = 60.0) -> None:
    sandbox.originate_local(CallFile(number=number, stay_s=stay_s))


def test_without_members_reception_ends_in_voicemail(sandbox: Sandbox) -> None:
    with Watch(sandbox, "13900000001") as caller:
        ring_in(sandbox, caller.number, stay_s=2)
        caller.until("QueueLeft", Queue="reception", Status="JOINEMPTY")
        caller.until("VoicemailLeft")


def test_with_members_that_cannot_ring_reception_ends_in_voicemail(sandbox: Sandbox) -> None:
    with Watch(sandbox, "13900000002") as caller, member(sandbox, "reception", "PJSIP/1008"):
        ring_in(sandbox, caller.number, stay_s=2)
        caller.until("QueueLeft", Queue="reception", Status="JOINEMPTY")
        caller.until("VoicemailLeft")


def test_paused_members_keep_the_caller_waiting(sandbox: Sandbox) -> None:
    """All agents pause at once in every team meeting: callers wait, they are not thrown out."""
    with Watch(sandbox, "13900000003") as caller, member(sandbox, "reception", PROMPT, Paused="true"):
        ring_in(sandbox, caller.number, stay_s=3)
        caller.until("QueueCallerJoin", Queue="reception")
        caller.until("QueueHangup", Queue="reception", Status="", Abandoned="TRUE")


def test_the_last_member_leaving_sends_support_callers_to_reception(sandbox: Sandbox) -> None:
    with (
        Watch(sandbox, "13900000004") as caller,
        agi_peer(sandbox.agi_port, to_support),
        member(sandbox, "support", OTHER, Paused="true"),
        member(sandbox, "reception", PROMPT),
    ):
        ring_in(sandbox, caller.number)
        caller.until("QueueCallerJoin", Queue="support")
        sandbox.cli(f"queue remove member {OTHER} from support")
        caller.until("QueueLeft", Queue="support", Status="LEAVEEMPTY")
        caller.until("AgentConnect", Queue="reception")
        sandbox.cli("channel request hangup all")


def test_members_becoming_unavailable_send_support_callers_to_reception(sandbox: Sandbox) -> None:
    sandbox.cli("devstate change Custom:plug NOT_INUSE")
    with (
        Watch(sandbox, "13900000005") as caller,
        agi_peer(sandbox.agi_port, to_support),
        member(sandbox, "support", PROMPT, StateInterface="Custom:plug", Paused="true"),
    ):
        ring_in(sandbox, caller.number, stay_s=5)
        caller.until("QueueCallerJoin", Queue="support")
        sandbox.cli("devstate change Custom:plug UNAVAILABLE")
        caller.until("QueueLeft", Queue="support", Status="LEAVEEMPTY")
        caller.until("QueueLeft", Queue="reception", Status="JOINEMPTY")
        sandbox.cli("channel request hangup all")


def test_a_long_wait_for_support_ends_at_reception(sandbox: Sandbox) -> None:
    sandbox.cli("dialplan set global SUPPORT_WAIT_S 1")
    try:
        with (
            Watch(sandbox, "13900000006") as caller,
            agi_peer(sandbox.agi_port, to_support),
            member(sandbox, "support", PROMPT, Paused="true"),
            member(sandbox, "reception", PROMPT),
        ):
            ring_in(sandbox, caller.number)
            caller.until("QueueCallerAbandon", Queue="support")  # Asterisk calls it so; it is none
            caller.until("QueueLeft", Queue="support", Status="TIMEOUT")
            caller.until("AgentConnect", Queue="reception")
            sandbox.cli("channel request hangup all")
    finally:
        sandbox.cli("dialplan set global SUPPORT_WAIT_S 180")


def test_a_full_queue_sends_the_next_caller_to_reception(sandbox: Sandbox) -> None:
    maxlen = 50
    with (
        Watch(sandbox, "13900000007") as caller,
        agi_peer(sandbox.agi_port, to_support),
        member(sandbox, "support", PROMPT, Paused="true"),
    ):
        for number in range(maxlen):
            ring_in(sandbox, f"1391{number:07d}")
        for _ in range(maxlen):
            caller.probe.read_until("QueueCallerJoin", timeout_s=30)
        ring_in(sandbox, caller.number)
        caller.until("QueueLeft", Queue="support", Status="FULL")
        sandbox.cli("channel request hangup all")


def test_a_caller_whose_agent_hangs_up_is_served(sandbox: Sandbox) -> None:
    with Watch(sandbox, "13900000008") as caller, member(sandbox, "reception", PROMPT):
        sandbox.originate_local(CallFile(number=caller.number, variables={"__SANDBOX_TALK_S": "1"}))
        caller.until("AgentComplete", Queue="reception", Reason="agent")
        caller.until("QueueLeft", Queue="reception", Status="CONTINUE")


@pytest.mark.parametrize(("info", "queue"), [("support", "support"), ("", "reception"), ("no such", "reception")])
def test_a_withdrawn_caller_goes_where_the_supervisor_says(sandbox: Sandbox, info: str, queue: str) -> None:
    with (
        Watch(sandbox, f"1390000001{len(info)}") as caller,
        member(sandbox, "reception", PROMPT, Paused="true"),
        member(sandbox, "support", PROMPT, Paused="true"),
    ):
        ring_in(sandbox, caller.number, stay_s=8)
        channel = caller.until("QueueCallerJoin", Queue="reception")["Channel"]
        with sandbox.ami(sandbox.actor) as actor:
            wish = {"Action": "QueueWithdrawCaller", "Queue": "reception", "Caller": channel}
            assert actor.ask({**wish, "WithdrawInfo": info})["Response"] == "Success"
        caller.until("QueueLeft", Queue="reception", Status="WITHDRAW")
        caller.until("QueueCallerJoin", Queue=queue)
        sandbox.cli("channel request hangup all")


def test_the_place_is_kept_from_queue_to_queue(sandbox: Sandbox) -> None:
    """A caller who comes back to a queue stands before one who came later, and credit counts as waiting."""
    sandbox.cli("dialplan set global SUPPORT_WAIT_S 3")
    try:
        with (
            Watch(sandbox, "13900000020") as caller,
            agi_peer(sandbox.agi_port, to_support),
            member(sandbox, "support", PROMPT, Paused="true"),
            member(sandbox, "reception", PROMPT, Paused="true"),
        ):
            ring_in(sandbox, caller.number)
            caller.until("QueueCallerJoin", Queue="support")
            with sandbox.ami() as reader:
                first = _priorities(reader.ask_list({"Action": "QueueStatus", "Queue": "support"}))
            caller.until("QueueCallerJoin", Queue="reception")
            with sandbox.ami() as reader:
                again = _priorities(reader.ask_list({"Action": "QueueStatus", "Queue": "reception"}))
            sandbox.cli("channel request hangup all")
    finally:
        sandbox.cli("dialplan set global SUPPORT_WAIT_S 180")
    assert len(first) == 1
    assert first == again


@pytest.mark.parametrize("status", ["JOINUNAVAIL", "LEAVEUNAVAIL"])
def test_the_statuses_that_asterisk_documents_but_does_not_send_have_their_ending(
    sandbox: Sandbox, status: str
) -> None:
    """app_queue of 16 to 22 says JOINEMPTY and LEAVEEMPTY in these cases too; a caller put there must not be lost."""
    with Watch(sandbox, "13900000030") as caller:
        place = CallFile(number=caller.number, dialled=status, context="queue-support")
        sandbox.originate_local(place)
        caller.until("QueueLeft", Queue="reception", Status="JOINEMPTY")


def _priorities(rows: list[dict[str, str]]) -> list[str]:
    return [row["Priority"] for row in rows if row["Event"] == "QueueEntry"]


@pytest.fixture
def sales(sandbox: Sandbox) -> Iterator[None]:
    """A third queue of the house, for which no context was written."""
    conf = sandbox.folder / "etc" / "queues.conf"
    as_it_was = conf.read_text(encoding="utf-8")
    conf.chmod(0o644)
    conf.write_text(as_it_was + "\n[sales](waiting)\n", encoding="utf-8")
    sandbox.cli("queue reload all")
    yield
    conf.write_text(as_it_was, encoding="utf-8")
    sandbox.cli("queue reload all")


def sent(**said: str) -> Callable[[AgiCall], None]:
    def flow(call: AgiCall) -> None:
        for name, value in said.items():
            call.set(name, value)

    return flow


@pytest.mark.usefixtures("sales")
def test_a_queue_without_a_context_of_its_own_is_waited_in_and_reception_is_behind_it(sandbox: Sandbox) -> None:
    with (
        Watch(sandbox, "13900000021") as caller,
        agi_peer(sandbox.agi_port, sent(QUEUE="sales", NEXT_STEP="queue")),
        member(sandbox, "sales", OTHER, Paused="true"),
    ):
        ring_in(sandbox, caller.number)
        caller.until("QueueCallerJoin", Queue="sales")
        sandbox.cli(f"queue remove member {OTHER} from sales")
        caller.until("QueueLeft", Queue="sales", Status="LEAVEEMPTY")
        caller.until("QueueLeft", Queue="reception")


@pytest.mark.parametrize(
    ("number", "flow", "queue"),
    [
        ("13900000022", {"NEXT_STEP": "transfer", "TRANSFER_TO": "2002"}, "support"),
        ("13900000023", {"NEXT_STEP": "transfer", "TRANSFER_TO": "2009"}, "reception"),
        ("13900000024", {"NEXT_STEP": "queue", "QUEUE": "nowhere"}, "reception"),
        ("13900000025", {"NEXT_STEP": "queue", "QUEUE": "?"}, "reception"),
    ],
)
def test_the_flow_may_name_a_queue_by_its_number_and_nothing_by_what_does_not_exist(
    sandbox: Sandbox, number: str, flow: dict[str, str], queue: str
) -> None:
    with Watch(sandbox, number) as caller, agi_peer(sandbox.agi_port, sent(**flow)):
        ring_in(sandbox, number, stay_s=2)
        caller.until("QueueLeft", Queue=queue)
