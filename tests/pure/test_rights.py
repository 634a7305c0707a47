"""Which class of events is missed: only named when another class proves that there was something to hear."""

from __future__ import annotations

from forged_asterisk import block

from ami_bridge.rights import GRACE_S, Rights

BOOTED = block("Event: FullyBooted", "Privilege: system,all").strip()
MEMBER = block("Event: QueueMember", "Queue: support", "StateInterface: PJSIP/201", "Status: 1").strip()
PHONE = block("Event: DeviceStateChange", "Privilege: call,all", "Device: PJSIP/201", "State: INUSE").strip()
STRANGER = block("Event: DeviceStateChange", "Privilege: call,all", "Device: PJSIP/999", "State: INUSE").strip()
RUNG = block("Event: AgentCalled", "Privilege: agent,all", "Queue: support").strip()
LEFT = block("Event: UserEvent", "Privilege: user,all", "UserEvent: QueueHangup", "Queue: support").strip()
LATE = GRACE_S + 2


def heard(*blocks: bytes) -> Rights:
    rights = Rights("kefu_reader", 0.0)
    rights.hear(list(blocks), 1.0)
    return rights


def test_all_classes_heard_is_complete() -> None:
    rights = heard(BOOTED, PHONE, RUNG)
    assert rights.complete
    assert rights.missing(LATE) is None


def test_a_quiet_night_proves_nothing() -> None:
    rights = heard(BOOTED, MEMBER, STRANGER)
    assert not rights.complete
    assert rights.missing(LATE) is None


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


def test_no_fully_booted_means_that_system_is_missing() -> None:
    sentence = str(heard().missing(LATE))
    assert "class system:" in sentence
    assert "'kefu_reader'" in sentence
    assert "manager.conf" in sentence
