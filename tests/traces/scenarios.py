"""What happens in each recorded trace: who calls, who answers, how long, how it ends. The script is the truth.

Seats are SIP phones played by SIPp unless a scenario says otherwise. Each function is one scenario and gives the trace
its name; `SCENARIOS` lists them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import Any

from floor_watch import member
from recorder import Recorder
from sip_phones import SippCaller, SippSeat

from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile

Scenario = Callable[[Sandbox, Recorder], None]
SCENARIOS: dict[str, Scenario] = {}
SHORT_RING_QUEUE = "[all]\nstrategy = ringall\nmusicclass = default\ntimeout = 3\nretry = 1\nringinuse = no\n"
"""A queue of our own: rings all its seats for 3 s."""


def scenario(play: Scenario) -> Scenario:
    SCENARIOS[play.__name__] = play
    return play


def dialplan(sandbox: Sandbox, context: str, exten: str, *steps: str) -> None:
    for priority, step in enumerate(steps, 1):
        sandbox.cli(f'dialplan add extension "{exten},{priority},{step}" into {context} replace')


def queue_steps(queue: str, longest_s: int) -> tuple[str, ...]:
    return (
        "Set(CHANNEL(hangup_handler_push)=caller-hung-up,s,1)",
        "Answer()",
        f"Gosub(join-queue,s,1({queue}))",
        f"Queue({queue},ct,,,{longest_s})",
        f"Gosub(leave-queue,s,1({queue}))",
        "Hangup(16)",
    )


@contextmanager
def in_queue(sandbox: Sandbox, phone: SippSeat, queue: str = "reception", **more: str) -> Any:
    with phone, member(sandbox, queue, phone.interface, **more):
        yield phone


def ask(sandbox: Sandbox, **headers: str) -> None:
    with sandbox.ami(sandbox.actor) as actor:
        actor.ask(headers)


def ring_and_dial(sandbox: Sandbox, seat: str, exten: str) -> None:
    """Click to dial: the seat's own phone rings first."""
    ask(
        sandbox,
        Action="Originate",
        Channel=f"PJSIP/{seat}",
        Context="from-seat",
        Exten=exten,
        Priority="1",
        CallerID=seat,
        Async="true",
    )


# ---- one caller, one queue


@scenario
def queue_agent_ends(sandbox: Sandbox, recorder: Recorder) -> None:
    seat = SippSeat(sandbox, "1001", ring_s=1, talk_s=2)
    with in_queue(sandbox, seat), SippCaller(sandbox, "13800138000", name="王芳") as caller:
        caller.wait()


@scenario
def queue_caller_ends(sandbox: Sandbox, recorder: Recorder) -> None:
    seat = SippSeat(sandbox, "1001", ring_s=0.5, talk_s=60)
    with in_queue(sandbox, seat), SippCaller(sandbox, "13800138000", stay_s=3) as caller:
        caller.wait()


@scenario
def queue_abandoned(sandbox: Sandbox, recorder: Recorder) -> None:
    with (
        in_queue(sandbox, SippSeat(sandbox, "1002", ring_s=60)),
        SippCaller(sandbox, "13800138001", stay_s=2) as caller,
    ):
        caller.wait()


@scenario
def queue_rejected(sandbox: Sandbox, recorder: Recorder) -> None:
    seat = SippSeat(sandbox, "1003", ring_s=0.5, rejects=True)
    with in_queue(sandbox, seat), SippCaller(sandbox, "13800138002", stay_s=1.6) as caller:
        caller.wait()


@scenario
def queue_timeout(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "700", *queue_steps("all", 6))
    seat = SippSeat(sandbox, "1002", ring_s=60)
    with in_queue(sandbox, seat, "all"), SippCaller(sandbox, "13800138004", dialled="700") as caller:
        caller.wait()


@scenario
def queue_join_empty(sandbox: Sandbox, recorder: Recorder) -> None:
    with SippCaller(sandbox, "13800138003", stay_s=3) as caller:
        caller.wait()


@scenario
def queue_withdrawn(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "700", *queue_steps("all", 30))
    seat = SippSeat(sandbox, "1002", ring_s=60)
    with in_queue(sandbox, seat, "all", Paused="true"), SippCaller(sandbox, "13800138012", dialled="700") as caller:
        channel = recorder.until(rb"Event: QueueCallerJoin")["Channel"]
        time.sleep(1)
        ask(sandbox, Action="QueueWithdrawCaller", Queue="all", Caller=channel)
        caller.wait()


@scenario
def queue_ring_all(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "700", *queue_steps("all", 20))
    with ExitStack() as seats:
        seats.enter_context(in_queue(sandbox, SippSeat(sandbox, "1001", ring_s=1, talk_s=2), "all"))
        seats.enter_context(in_queue(sandbox, SippSeat(sandbox, "1002", ring_s=60), "all"))
        with SippCaller(sandbox, "13800138010", dialled="700") as caller:
            caller.wait()


@scenario
def after_call_work(sandbox: Sandbox, recorder: Recorder) -> None:
    seat = SippSeat(sandbox, "1001", ring_s=0.5, talk_s=2)
    with in_queue(sandbox, seat), member(sandbox, "support", seat.interface):
        pause = {"Action": "QueuePause", "Interface": seat.interface}
        ask(sandbox, **pause, Paused="true", Reason="Lunch")
        ask(sandbox, **pause, Paused="false")
        with SippCaller(sandbox, "13800138011") as caller:
            recorder.until(rb"Event: AgentComplete")
            ask(sandbox, **pause, Paused="true", Reason="ACW")
            caller.wait()
        time.sleep(1)
        ask(sandbox, **pause, Paused="false")


# ---- members that are Local channels


def _local(sandbox: Sandbox, recorder: Recorder, interface: str) -> None:
    with member(sandbox, "reception", interface):
        talk = {"__SANDBOX_RING_S": "1", "__SANDBOX_TALK_S": "2"}
        sandbox.originate_local(CallFile(number="13800138006", name="Li", stay_s=30, variables=talk))
        recorder.until(rb"Event: Hangup\r\n", times=4)


@scenario
def local_member(sandbox: Sandbox, recorder: Recorder) -> None:
    _local(sandbox, recorder, "Local/201@sandbox-agents/n")


@scenario
def local_phone(sandbox: Sandbox, recorder: Recorder) -> None:
    """A Local member behind which a phone rings; queue and device states watch the phone."""
    dialplan(sandbox, "agent-local", "1001", "Dial(PJSIP/1001,20)")
    watching = member(sandbox, "reception", "Local/1001@agent-local/n", StateInterface="PJSIP/1001")
    with SippSeat(sandbox, "1001", ring_s=0.5, talk_s=3), watching, SippCaller(sandbox, "13800138007") as caller:
        caller.wait()


@scenario
def local_optimized(sandbox: Sandbox, recorder: Recorder) -> None:
    """The pair is taken out of the middle of the talk after its first sound."""
    dialplan(sandbox, "agent-media", "301", "Dial(Local/302@agent-far/n,20)")
    dialplan(sandbox, "agent-far", "302", "Ringing()", "Wait(1)", "Answer()", "MusicOnHold(default,3)", "Hangup(16)")
    interface = "Local/301@agent-media"
    with member(sandbox, "reception", interface), SippCaller(sandbox, "13800138016", stay_s=8) as caller:
        caller.wait()


# ---- handed over


@scenario
def transfer_blind(sandbox: Sandbox, recorder: Recorder) -> None:
    seat, target = SippSeat(sandbox, "1001", ring_s=0.5, talk_s=60), SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2)
    with in_queue(sandbox, seat), target, SippCaller(sandbox, "13800138008") as caller:
        channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
        time.sleep(1.5)
        ask(sandbox, Action="BlindTransfer", Channel=channel, Context="internal", Exten="1002")
        caller.wait()


def _attended(sandbox: Sandbox, recorder: Recorder, target: SippSeat, let_go_after_s: float) -> None:
    seat = SippSeat(sandbox, "1001", ring_s=0.5, talk_s=let_go_after_s)
    with in_queue(sandbox, seat), target, SippCaller(sandbox, "13800138009", stay_s=25) as caller:
        channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
        time.sleep(1.2)
        ask(sandbox, Action="Atxfer", Channel=channel, Context="internal", Exten="1002")
        caller.wait()


@scenario
def transfer_attended(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 consults 1002 by keys for some seconds, then lets go."""
    _attended(sandbox, recorder, SippSeat(sandbox, "1002", ring_s=0.5, talk_s=10), 6)


@scenario
def transfer_blonde(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 lets go while 1002 still rings."""
    _attended(sandbox, recorder, SippSeat(sandbox, "1002", ring_s=6, talk_s=2), 5)


# ---- no queue at all


@scenario
def direct_answered(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "701", "Dial(PJSIP/1001,4)", "Hangup()")
    with SippSeat(sandbox, "1001", ring_s=0.5, talk_s=2), SippCaller(sandbox, "13800138005", dialled="701") as caller:
        caller.wait()


@scenario
def direct_no_answer(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "701", "Dial(PJSIP/1001,1)", "Hangup()")
    with SippSeat(sandbox, "1001", ring_s=60), SippCaller(sandbox, "13800138005", dialled="701") as caller:
        caller.refusal()


@scenario
def direct_rejected(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "701", "Dial(PJSIP/1001,4)", "Hangup()")
    seat = SippSeat(sandbox, "1001", ring_s=0.5, rejects=True)
    with seat, SippCaller(sandbox, "13800138005", dialled="701") as caller:
        caller.refusal()


@scenario
def direct_group(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "702", "Dial(PJSIP/1001&PJSIP/1002,8)", "Hangup()")
    first, second = SippSeat(sandbox, "1001", ring_s=1, talk_s=2), SippSeat(sandbox, "1002", ring_s=60)
    with first, second, SippCaller(sandbox, "13800138005", dialled="702") as caller:
        caller.wait()


@scenario
def ivr_self_served(sandbox: Sandbox, recorder: Recorder) -> None:
    served = "UserEvent(IvrLeft,NextStep: goodbye,AgiStatus: SUCCESS)"
    dialplan(sandbox, "from-trunk", "704", "Answer()", "Wait(1)", served, "Hangup(16)")
    with SippCaller(sandbox, "13800138013", dialled="704") as caller:
        caller.wait()


@scenario
def ivr_hung_up(sandbox: Sandbox, recorder: Recorder) -> None:
    dialplan(sandbox, "from-trunk", "705", "Answer()", "Wait(20)")
    with SippCaller(sandbox, "13800138014", dialled="705", stay_s=1.5) as caller:
        caller.wait()


# ---- begun by a seat


@scenario
def click_to_dial_colleague(sandbox: Sandbox, recorder: Recorder) -> None:
    first, second = SippSeat(sandbox, "1001", ring_s=0.5), SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2)
    with first, second:
        ring_and_dial(sandbox, "1001", "1002")
        recorder.until(rb"Event: Hangup\r\n", times=2)


def _outbound(sandbox: Sandbox, recorder: Recorder, customer: SippSeat) -> None:
    far = f"Dial(PJSIP/trunk/sip:8001@127.0.0.1:{customer.port},20)"
    dialplan(sandbox, "from-seat", "8001", far, "Hangup()")
    with customer, SippSeat(sandbox, "1001", ring_s=0.3):
        ring_and_dial(sandbox, "1001", "8001")
        recorder.until(rb"Event: Hangup\r\n", times=2)


@scenario
def outbound_answered(sandbox: Sandbox, recorder: Recorder) -> None:
    _outbound(sandbox, recorder, SippSeat(sandbox, "1003", ring_s=1, talk_s=2))


@scenario
def outbound_rejected(sandbox: Sandbox, recorder: Recorder) -> None:
    _outbound(sandbox, recorder, SippSeat(sandbox, "1003", ring_s=1, rejects=True))


# ---- looked at in the middle


@scenario
def looked_at(sandbox: Sandbox, recorder: Recorder) -> None:
    """Looks while the caller waits, while the seat rings, and twice while they talk."""
    seat = SippSeat(sandbox, "1001", ring_s=1.5, talk_s=4)
    with in_queue(sandbox, seat, Paused="true"), SippCaller(sandbox, "13800138020", name="Look") as caller:
        recorder.until(rb"Event: QueueCallerJoin")
        time.sleep(0.5)
        recorder.look()
        ask(sandbox, Action="QueuePause", Interface=seat.interface, Paused="false")
        recorder.until(rb"Event: AgentCalled")
        time.sleep(0.5)
        recorder.look()
        recorder.until(rb"Event: AgentConnect")
        for _ in range(2):
            time.sleep(1)
            recorder.look()
        caller.wait()
