"""What happens in the recorded traces of queues: strategies, one queue after another, a member behind a trunk."""

from __future__ import annotations

import time
from contextlib import ExitStack

from desk_phone import DeskPhone
from floor_watch import member
from recorder import Recorder
from scenarios import dialplan, in_queue, queue_steps, scenario
from sip_phones import SippCaller, SippSeat

from crm.pbx.sandbox import Sandbox

STRATEGIES = ("leastrecent", "fewestcalls", "random", "rrmemory", "linear", "wrandom")
QUEUES = "".join(
    f"[{strategy}]\nstrategy = {strategy}\nmusicclass = default\ntimeout = 8\nretry = 1\nringinuse = no\n"
    for strategy in STRATEGIES
)


def _strategy(sandbox: Sandbox, strategy: str) -> None:
    """Two seats, two callers one after the other; whichever seat the strategy rings answers."""
    dialplan(sandbox, "from-trunk", "700", *queue_steps(strategy, 20))
    with ExitStack() as seats:
        for number in ("1001", "1002"):
            seats.enter_context(in_queue(sandbox, SippSeat(sandbox, number, ring_s=0.5, talk_s=1), strategy))
        for number in ("13800138031", "13800138032"):
            with SippCaller(sandbox, number, dialled="700") as caller:
                caller.wait()


@scenario
def strategy_leastrecent(sandbox: Sandbox, recorder: Recorder) -> None:
    _strategy(sandbox, "leastrecent")


@scenario
def strategy_fewestcalls(sandbox: Sandbox, recorder: Recorder) -> None:
    _strategy(sandbox, "fewestcalls")


@scenario
def strategy_random(sandbox: Sandbox, recorder: Recorder) -> None:
    _strategy(sandbox, "random")


@scenario
def strategy_rrmemory(sandbox: Sandbox, recorder: Recorder) -> None:
    _strategy(sandbox, "rrmemory")


@scenario
def strategy_linear(sandbox: Sandbox, recorder: Recorder) -> None:
    _strategy(sandbox, "linear")


@scenario
def strategy_wrandom(sandbox: Sandbox, recorder: Recorder) -> None:
    _strategy(sandbox, "wrandom")


def _one_after_another(sandbox: Sandbox, first: str, second: str) -> None:
    steps = queue_steps(first, 3)[:-1] + queue_steps(second, 20)[2:]
    dialplan(sandbox, "from-trunk", "700", *steps)


@scenario
def queue_again(sandbox: Sandbox, recorder: Recorder) -> None:
    """A caller who timed out goes back into the same queue, and is answered at the second ring there."""
    _one_after_another(sandbox, "all", "all")
    seat = SippSeat(sandbox, "1001", ring_s=4, talk_s=1)
    with in_queue(sandbox, seat, "all", Paused="true"), SippCaller(sandbox, "13800138033", dialled="700") as caller:
        recorder.until(rb"UserEvent: QueueLeft")
        with in_queue(sandbox, SippSeat(sandbox, "1002", ring_s=0.5, talk_s=1), "all"):
            caller.wait()


@scenario
def queue_overflow(sandbox: Sandbox, recorder: Recorder) -> None:
    """Nobody of the first queue answers in time; a seat of the second one does."""
    _one_after_another(sandbox, "all", "linear")
    silent, seat = SippSeat(sandbox, "1001", ring_s=60), SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2)
    with in_queue(sandbox, silent, "all"), in_queue(sandbox, seat, "linear"):
        with SippCaller(sandbox, "13800138034", dialled="700") as caller:
            caller.wait()


@scenario
def queue_group(sandbox: Sandbox, recorder: Recorder) -> None:
    """Two callers at once in a queue of two seats: each has one of them."""
    dialplan(sandbox, "from-trunk", "700", *queue_steps("linear", 20))
    with ExitStack() as seats:
        for number in ("1001", "1002"):
            seats.enter_context(in_queue(sandbox, SippSeat(sandbox, number, ring_s=1, talk_s=2), "linear"))
        first = seats.enter_context(SippCaller(sandbox, "13800138035", dialled="700"))
        recorder.until(rb"Event: AgentConnect")
        with SippCaller(sandbox, "13800138036", dialled="700") as second:
            second.wait()
        first.wait()


@scenario
def accepted_by_key(sandbox: Sandbox, recorder: Recorder) -> None:
    """A member far away, behind the trunk: it answers, hears who calls, and presses 1 to take the call."""
    accept = ("Read(ACCEPTED,beep,1,,1,5)", "Set(GOSUB_RESULT=${IF($[${ACCEPTED} = 1]?:NOANSWER)})", "Return()")
    dialplan(sandbox, "accept-by-key", "s", *accept)
    far = DeskPhone(sandbox, "8001", far=True)
    dialplan(sandbox, "agent-mobile", "8001", f"Dial(PJSIP/trunk/{far.address},20,U(accept-by-key))")
    with far, member(sandbox, "reception", "Local/8001@agent-mobile/n"):
        with SippCaller(sandbox, "13800138037") as caller:
            line = far.rung()
            assert line.up.wait(5)
            time.sleep(1)
            line.press("1")
            recorder.until(rb"Event: AgentConnect")
            time.sleep(2)
            line.hang_up()
            caller.wait()
