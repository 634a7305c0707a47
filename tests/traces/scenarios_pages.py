"""What happens in the recorded traces of calls that agents act on from their pages, by the bridge's own actions."""

from __future__ import annotations

import time

from desk_phone import DeskPhone, Line
from recorder import Recorder
from scenarios import ask, scenario
from scenarios_phones import phone_in_queue, up
from sip_phones import SippCaller, SippSeat

from ami_bridge.call_wishes import asked
from ami_bridge.floor.hands import Hands
from crm.ledger.requests import Wish
from crm.pbx.sandbox import Sandbox


def page(sandbox: Sandbox, channel: str, kind: str, target: str | None = None, *, consults: bool = False) -> None:
    """What the bridge sends for this wish of the agent at this channel."""
    wish = Wish("page", kind, "PJSIP/1001", None, None, None, "c", 0.0, None, target)
    actions = asked(wish, Hands(channel, "", None, consults=consults))
    assert not isinstance(actions, str), actions
    for action in actions:
        ask(sandbox, **action)


def talking(recorder: Recorder, phone: DeskPhone) -> str:
    up(phone.rung())
    channel = recorder.until(rb"Event: AgentConnect")["DestChannel"]
    time.sleep(1)
    return channel


@scenario
def page_hangs_up(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 talks a second and hangs up on the page."""
    with phone_in_queue(sandbox, "1001") as phone, SippCaller(sandbox, "13800138070") as caller:
        page(sandbox, talking(recorder, phone), "hang_up")
        caller.wait()


@scenario
def page_sends_on(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 talks a second and sends the caller to 1002, who talks two."""
    with phone_in_queue(sandbox, "1001") as phone, SippSeat(sandbox, "1002", ring_s=0.5, talk_s=2):
        with SippCaller(sandbox, "13800138071") as caller:
            page(sandbox, talking(recorder, phone), "transfer", "seat-1002")
            caller.wait()


def _asks(sandbox: Sandbox, recorder: Recorder, phone: DeskPhone, other: DeskPhone) -> tuple[str, Line]:
    """1001 asks 1002 for two seconds."""
    channel = talking(recorder, phone)
    page(sandbox, channel, "consult", "1002")
    line = up(other.rung())
    time.sleep(2)
    return channel, line


@scenario
def page_asks_and_lets_go(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 asks 1002 for two seconds and leaves the caller to them: they talk two more."""
    with phone_in_queue(sandbox, "1001") as phone, DeskPhone(sandbox, "1002") as other:
        with SippCaller(sandbox, "13800138072") as caller:
            channel, line = _asks(sandbox, recorder, phone, other)
            page(sandbox, channel, "consult_end", "complete", consults=True)
            time.sleep(2)
            line.hang_up()
            caller.wait()


@scenario
def page_asks_and_goes_back(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 asks 1002 for two seconds, goes back to the caller, talks one more, and hangs up on the page."""
    with phone_in_queue(sandbox, "1001") as phone, DeskPhone(sandbox, "1002") as other:
        with SippCaller(sandbox, "13800138073") as caller:
            channel, _ = _asks(sandbox, recorder, phone, other)
            page(sandbox, channel, "consult_end", "cancel", consults=True)
            time.sleep(1)
            page(sandbox, channel, "hang_up")
            caller.wait()


@scenario
def page_asks_in_vain(sandbox: Sandbox, recorder: Recorder) -> None:
    """1001 asks 1003, whose phone is away, then 1002, who declines after half a second; is back with the caller each
    time, and hangs up on the page."""
    with phone_in_queue(sandbox, "1001") as phone, DeskPhone(sandbox, "1002", ring_s=None) as other:
        with SippCaller(sandbox, "13800138074") as caller:
            channel = talking(recorder, phone)
            page(sandbox, channel, "consult", "1003")
            time.sleep(4)
            page(sandbox, channel, "consult", "1002")
            line = other.rung()
            time.sleep(0.5)
            line.reject()
            time.sleep(3)
            page(sandbox, channel, "hang_up")
            caller.wait()
