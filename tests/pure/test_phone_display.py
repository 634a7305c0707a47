"""The agent's phone shows tier, name and queue; the ledger never takes that for the caller's own name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.events import read
from ami_bridge.events.agents import AgentCalled
from crm.rules.phone_display import LONGEST, own_name, shown_as


@pytest.mark.parametrize(
    ("tier", "name", "shown"),
    [
        ("key", "Li Wei", "VIP Li Wei"),
        ("main", "李伟", "Main 李伟"),
        ("ordinary", "Bob", "Bob"),
        ("key", None, "VIP"),
        (None, None, ""),
        ("key", 'a"b\\c<d>\r\nX: ${SHELL(rm)}', "VIP abcd X SHELLrm"),
    ],
)
def test_what_a_phone_shows(tier: str | None, name: str | None, shown: str) -> None:
    assert shown_as(tier, name) == shown


@given(st.text(max_size=200), st.sampled_from(["support", "reception", "seat-1001", "vip_2"]))
def test_what_we_wrote_is_nobodys_own_name(name: str, queue: str) -> None:
    shown = shown_as("key", name)
    assert len(shown) <= LONGEST
    assert shown.isprintable()
    assert own_name(f"{shown} · {queue}") is None
    assert own_name(f" · {queue}".strip()) is None


@pytest.mark.parametrize("name", ["王芳", "A · B Trading Ltd.", "·", "Support", "x·support"])
def test_a_callers_own_name_stays(name: str) -> None:
    assert own_name(name) == name


def test_agent_called_carries_the_display_and_no_name() -> None:
    """Asterisk sends it with every event of the caller's channel from the queue on."""
    block = (
        "Event: AgentCalled\r\nTimestamp: 1772400000.5\r\nChannel: PJSIP/trunk-1\r\nCallerIDNum: 13800138000\r\n"
        "CallerIDName: VIP Li Wei · support\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nDestChannel: PJSIP/1001-2\r\n"
        "DestUniqueid: 1.2\r\nQueue: support\r\nMemberName: PJSIP/1001\r\nInterface: PJSIP/1001"
    )
    event = read(block.encode())
    assert isinstance(event, AgentCalled)
    assert (event.caller, event.caller_name) == ("13800138000", None)
