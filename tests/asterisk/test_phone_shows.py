"""What the agent's phone shows on a real Asterisk, and that no name of a caller becomes a word of the dialplan."""

from __future__ import annotations

import pytest
from agi_peer import AgiCall, agi_peer
from floor_watch import Watch, member

from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile

AGENT = "Local/7001@sandbox-agents/n"
HOSTILE = "x):Hangup(21)?Goto(voicemail,s,1"


def with_display(call: AgiCall) -> None:
    """What the flow of a known caller sets."""
    call.set("DISPLAY", "VIP 李伟")
    call.set("QUEUE", "support")
    call.set("NEXT_STEP", "queue")


def without_display(call: AgiCall) -> None:
    """What the flow of a stranger sets."""
    call.set("QUEUE", "support")
    call.set("NEXT_STEP", "queue")


@pytest.mark.parametrize(
    ("flow", "name", "shown"),
    [
        (with_display, "Wei", "VIP 李伟 · support"),
        (with_display, HOSTILE, "VIP 李伟 · support"),
        (without_display, "王芳", "王芳 · support"),
        (without_display, "O Brien & Co. ${EPOCH}", "O Brien & Co. EPOCH · support"),
        (without_display, HOSTILE, "x · support"),
    ],
)
def test_the_phone_shows_tier_name_and_queue(sandbox: Sandbox, flow: object, name: str, shown: str) -> None:
    number = f"1390007{abs(hash((flow.__name__, name))) % 10_000:04d}"  # type: ignore[attr-defined]
    with (
        Watch(sandbox, number) as caller,
        agi_peer(sandbox.agi_port, flow),  # type: ignore[arg-type]
        member(sandbox, "support", AGENT),
    ):
        sandbox.originate_local(CallFile(number=number, name=name, variables={"__SANDBOX_TALK_S": "1"}))
        called = caller.until("AgentCalled", Queue="support")
        assert called["CallerIDName"] == shown
        caller.until("QueueLeft")  # not AgentComplete, which names no caller when all legs hang up at once
