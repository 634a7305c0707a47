"""Which class of events is missed: only named when another class proves that there was something to hear."""

from __future__ import annotations

from pathlib import Path

import pytest
from forged_asterisk import block

from ami_bridge.rights import GRACE_S, Rights

BOOTED = block("Event: FullyBooted", "Privilege: system,all").strip()
MEMBER = block("Event: QueueMember", "Queue: support", "StateInterface: PJSIP/201", "Status: 1").strip()
PHONE = block("Event: DeviceStateChange", "Privilege: call,all", "Device: PJSIP/201", "State: INUSE").strip()
STRANGER = block("Event: DeviceStateChange", "Privilege: call,all", "Device: PJSIP/999", "State: INUSE").strip()
RUNG = block("Event: AgentCalled", "Privilege: agent,all", "Queue: support").strip()
LEFT = block("Event: UserEvent", "Privilege: user,all", "UserEvent: QueueHangup", "Queue: support").strip()
OUTSIDE = block("Event: Newchannel", "Privilege: call,all", "Context: from-trunk", "Uniqueid: 1.1").strip()
COLLEAGUE = block("Event: Newchannel", "Privilege: call,all", "Context: from-seat", "Uniqueid: 1.1").strip()
_IN = ("Uniqueid: 1.1", "Queue: support")
GAVE_UP = block("Event: QueueCallerAbandon", "Privilege: agent,all", "Context: queue-support", *_IN).strip()
GAVE_UP_ELSEWHERE = block("Event: QueueCallerAbandon", "Privilege: agent,all", "Context: office", *_IN).strip()
GONE = block("Event: Hangup", "Privilege: call,all", "Context: queue-support", "Uniqueid: 1.1").strip()
GONE_LATER = block("Event: Hangup", "Privilege: call,all", "Context: voicemail", "Uniqueid: 1.1").strip()
TRACES = Path(__file__).parents[1] / "traces"
LATE = GRACE_S + 2


def heard(*blocks: bytes) -> Rights:
    rights = Rights("kefu_reader", 0.0)
    rights.hear(list(blocks), 1.0)
    return rights


def test_all_classes_heard_is_complete() -> None:
    assert not heard(BOOTED, PHONE, RUNG).complete
    rights = heard(BOOTED, PHONE, RUNG, LEFT)
    assert rights.complete
    assert rights.missing(LATE) is None


def test_a_quiet_night_proves_nothing() -> None:
    rights = heard(BOOTED, MEMBER, STRANGER)
    assert not rights.complete
    assert rights.missing(LATE) is None


def test_an_agent_who_sits_down_before_the_first_call_proves_nothing() -> None:
    for name in ("QueueMemberAdded", "QueueMemberPause", "QueueMemberPenalty"):
        assert heard(BOOTED, block(f"Event: {name}", "Privilege: agent,all").strip()).missing(LATE) is None


def test_a_members_phone_without_a_word_of_the_queue_means_that_agent_is_missing() -> None:
    rights = heard(BOOTED, MEMBER, PHONE)
    assert rights.missing(1.5) is None, "its word may be under way"
    assert "class agent:" in str(rights.missing(LATE))
    rights.hear([RUNG], 20.0)
    assert rights.missing(LATE) is None


def test_a_caller_who_left_a_queue_that_nobody_spoke_of_means_that_agent_is_missing() -> None:
    assert "class agent:" in str(heard(BOOTED, LEFT).missing(LATE))


def test_queue_events_without_any_call_event_mean_that_call_is_missing() -> None:
    assert "class call:" in str(heard(BOOTED, RUNG).missing(LATE))


def test_a_caller_who_hung_up_in_our_queue_without_a_word_of_ours_means_that_user_is_missing() -> None:
    rights = heard(BOOTED, OUTSIDE, GAVE_UP, GONE)
    assert "class user:" in str(rights.missing(LATE))
    rights.hear([LEFT], 20.0)
    assert rights.missing(LATE) is None
    assert rights.complete


@pytest.mark.parametrize(
    "blocks",
    [
        (OUTSIDE, GAVE_UP_ELSEWHERE, GONE),
        (OUTSIDE, GAVE_UP, GONE_LATER),  # timeout, withdrawn, sent on
        (COLLEAGUE, GAVE_UP, GONE),
        (OUTSIDE, GAVE_UP),
        (OUTSIDE, GONE),
    ],
)
def test_a_call_that_owes_no_word_of_ours_proves_nothing(blocks: tuple[bytes, ...]) -> None:
    assert heard(BOOTED, PHONE, RUNG, *blocks).missing(LATE) is None


@pytest.mark.parametrize("version", ["16", "22"])
def test_as_recorded_a_caller_who_gave_up_shows_whether_user_is_heard(version: str) -> None:
    recorded = (TRACES / f"queue_abandoned.{version}.ami").read_bytes().split(b"\r\n\r\n")
    assert heard(*recorded).missing(LATE) is None
    deaf = [each for each in recorded if not each.startswith(b"Event: UserEvent")]
    assert "class user:" in str(heard(*deaf).missing(LATE))


def test_no_fully_booted_means_that_system_is_missing() -> None:
    sentence = str(heard().missing(LATE))
    assert "class system:" in sentence
    assert "'kefu_reader'" in sentence
    assert "manager.conf" in sentence
