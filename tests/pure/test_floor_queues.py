"""Waits and rings: the traps of app_queue's events, each by hand."""

from __future__ import annotations

import pytest
from ami_stream import T0, Leg, Room, caller, seat_leg

from ami_bridge.changes import CallHandled
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.pops import Pop

CALLER = caller()
FIRST = seat_leg("1001", "1.2", "1.1")
SECOND = seat_leg("1002", "1.3", "1.1")
SEAT_1 = {"Queue": "support", "Interface": "PJSIP/1001"}
SEAT_2 = {"Queue": "support", "Interface": "PJSIP/1002"}


def waiting() -> Room:
    """A caller stands in support since second 1."""
    room = Room()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("QueueCallerJoin", CALLER, Queue="support", Position=1, at=1)
    return room


def ringing(room: Room, leg: Leg = FIRST, at: float = 2.0) -> Room:
    seat = SEAT_1 if leg is FIRST else SEAT_2
    room.says("Newchannel", leg, ChannelState=0, at=at)
    room.says("AgentCalled", CALLER, leg, **seat, at=at)
    room.says("DialBegin", CALLER, leg, at=at)
    return room


def talking() -> Room:
    """Seat 1001 has answered at second 4."""
    room = ringing(waiting())
    room.says("DialEnd", CALLER, FIRST, DialStatus="ANSWER", at=4)
    room.says("QueueCallerLeave", CALLER, Queue="support", at=4)
    room.says("AgentConnect", CALLER, FIRST, **SEAT_1, RingTime=2, HoldTime=3, at=4)
    room.says("BridgeEnter", FIRST, BridgeUniqueid="b", BridgeTechnology="simple_bridge", at=4)
    room.says("BridgeEnter", CALLER, BridgeUniqueid="b", BridgeTechnology="simple_bridge", at=4.001)
    return room


def caller_hangs_up(room: Room, at: float) -> Room:
    room.says("HangupRequest", CALLER, at=at)
    room.says("Hangup", CALLER, Cause=16, at=at + 0.01)
    return room


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("TIMEOUT", "timeout"),
        ("LEAVEEMPTY", "leave_empty"),
        ("LEAVEUNAVAIL", "leave_empty"),
        ("WITHDRAW", "withdrawn"),
    ],
)
def test_what_asterisk_calls_an_abandon_may_be_something_else(status: str, outcome: str) -> None:
    room = ringing(waiting())
    room.says("QueueCallerAbandon", CALLER, Queue="support", Position=1, HoldTime=9, at=10)
    room.says("QueueCallerLeave", CALLER, Queue="support", at=10)
    room.says("UserEvent", CALLER, UserEvent="QueueLeft", Queue="support", Status=status, at=10.001)
    room.says("Hangup", CALLER, Cause=16, at=11)
    assert room.one(Wait).outcome == outcome
    assert room.one(Wait).left_at == T0 + 10
    assert room.one(Offer).outcome == "no_answer"
    assert (room.one(Conversation).outcome, room.one(Conversation).ended_by) == ("no_answer", "system")


@pytest.mark.parametrize("order", [0, 1])
def test_a_caller_who_leaves_while_it_rings_is_not_the_agents_fault(order: int) -> None:
    room = ringing(waiting())
    room.says("HangupRequest", CALLER, at=5)
    missed = ("AgentRingNoAnswer", CALLER, FIRST, {**SEAT_1, "RingTime": 3000, "at": 5.001})
    gone = ("QueueCallerAbandon", CALLER, None, {"Queue": "support", "Position": 1, "HoldTime": 4, "at": 5.001})
    for event, leg, dest, headers in (missed, gone)[:: 1 - 2 * order]:
        room.says(event, leg, dest, **headers)
    room.says("QueueCallerLeave", CALLER, Queue="support", at=5.002)
    room.says("UserEvent", CALLER, UserEvent="QueueHangup", Queue="support", Status="", Abandoned="TRUE", at=5.003)
    room.says("Hangup", CALLER, Cause=0, at=5.004)
    room.says("Hangup", FIRST, Cause=0, at=5.005)
    assert room.one(Offer).outcome == "caller_left"
    assert room.one(Wait).outcome == "abandoned"
    assert (room.one(Conversation).outcome, room.one(Conversation).ended_by) == ("abandoned", "caller")
    assert room.one(Pop).ending == "ring_ended"


@pytest.mark.parametrize(("status", "outcome"), [("FULL", "full"), ("JOINEMPTY", "join_empty")])
def test_a_queue_that_lets_nobody_in_is_a_wait_of_no_time(status: str, outcome: str) -> None:
    room = Room()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("UserEvent", CALLER, UserEvent="QueueLeft", Queue="support", Status=status, at=1)
    wait = room.one(Wait)
    assert (wait.outcome, wait.entered_at, wait.left_at, wait.position) == (outcome, T0 + 1, T0 + 1, None)


def test_a_key_leads_out_of_one_queue_into_another() -> None:
    room = waiting()
    room.says("QueueCallerLeave", CALLER, Queue="support", at=3)
    room.says("QueueCallerJoin", CALLER, Queue="reception", Position=1, at=3.1)
    caller_hangs_up(room, 5)
    assert [(wait.queue, wait.outcome) for wait in room.of(Wait)] == [
        ("support", "key_exit"),
        ("reception", "abandoned"),
    ]


def test_joining_the_same_queue_again_is_another_wait() -> None:
    room = waiting()
    room.says("QueueCallerLeave", CALLER, Queue="support", at=3)
    room.says("UserEvent", CALLER, UserEvent="QueueLeft", Queue="support", Status="WITHDRAW", at=3)
    room.says("QueueCallerJoin", CALLER, Queue="support", Position=1, at=4)
    assert [(wait.outcome, wait.entered_at) for wait in room.of(Wait)] == [("withdrawn", T0 + 1), (None, T0 + 4)]


def test_an_answered_wait_stays_answered_whatever_the_dialplan_says_after_the_talk() -> None:
    room = talking()
    room.says("HangupRequest", FIRST, at=9)
    room.says("AgentComplete", CALLER, FIRST, **SEAT_1, TalkTime=5, HoldTime=3, Reason="agent", at=9)
    room.says("BridgeLeave", FIRST, BridgeUniqueid="b", at=9)
    room.says("Hangup", FIRST, Cause=16, at=9)
    room.says("UserEvent", CALLER, UserEvent="QueueLeft", Queue="support", Status="CONTINUE", at=9.1)
    room.says("Hangup", CALLER, Cause=16, at=9.2)
    assert (room.one(Wait).outcome, room.one(Wait).left_at) == ("answered", T0 + 4)
    assert (room.one(Conversation).outcome, room.one(Conversation).ended_by) == ("answered", "agent")


def agent_hangs_up(room: Room) -> Room:
    room.says("HangupRequest", FIRST, at=9)
    room.says("BridgeLeave", FIRST, BridgeUniqueid="b", at=9)
    room.says("Hangup", FIRST, Cause=16, at=9)
    return room


def test_the_agent_ended_the_call_when_only_our_goodbye_followed() -> None:
    room = caller_hangs_up(agent_hangs_up(talking()), 15)
    assert room.one(Conversation).ended_by == "agent"
    assert room.one(Segment).ended_at == T0 + 9


def test_a_caller_who_waits_again_after_the_agent_ends_the_call_himself() -> None:
    room = agent_hangs_up(talking())
    room.says("QueueCallerJoin", CALLER, Queue="reception", Position=1, at=10)
    caller_hangs_up(room, 30)
    assert room.one(Conversation).ended_by == "caller"


@pytest.mark.parametrize("groups", ["other_dest", "only_dest", "neither"])
def test_agent_complete_is_joined_by_what_it_has(groups: str) -> None:
    room = talking()
    complete = {**SEAT_1, "TalkTime": 5, "HoldTime": 3, "Reason": "agent", "at": 9}
    if groups == "other_dest":
        room.says("AgentComplete", CALLER, Leg("Local/x@y-1;1", "7.7", "1.1", context="y"), **complete)
    elif groups == "only_dest":
        room.says("AgentComplete", None, FIRST, **complete)
    else:
        room.says("AgentComplete", None, None, **complete)
        room.says("AgentComplete", None, None, **complete)
    handled = room.said(CallHandled)
    assert [(each.seat, each.conversation_id, each.at) for each in handled] == [
        ("PJSIP/1001", room.one(Conversation).id, T0 + 9)
    ]


def test_agent_complete_that_comes_after_the_call_still_begins_after_call_work() -> None:
    room = caller_hangs_up(talking(), 9)
    room.says("AgentComplete", None, None, **SEAT_1, TalkTime=5, HoldTime=3, Reason="caller", at=9.1)
    room.says("Hangup", FIRST, Cause=16, at=9.2)
    room.wait(10)
    room.says("AgentComplete", None, None, **SEAT_1, TalkTime=5, HoldTime=3, Reason="caller", at=20)
    assert [each.conversation_id for each in room.said(CallHandled)] == [room.one(Conversation).id]


def test_agent_complete_that_names_no_leg_at_all_still_begins_after_call_work() -> None:
    """In the order of a real Asterisk 22 whose legs all hung up within a millisecond: the event comes behind them."""
    room = Room()
    asks, waits = (Leg(f"Local/95000@from-trunk-e;{half}", f"1.{half}", "1.1", context="c") for half in (1, 2))
    near, far = (Leg(f"Local/7001@agents-f;{half}", f"1.{half + 2}", "1.1", context="a") for half in (1, 2))
    seat = {"Queue": "support", "Interface": "Local/7001@agents/n"}
    for leg in (asks, waits, near, far):
        room.says("Newchannel", leg, at=1)
        if leg is waits:
            room.says("QueueCallerJoin", waits, Queue="support", Position=1, at=1)
    room.says("AgentCalled", waits, near, **seat, at=1)
    room.says("AgentConnect", waits, near, **seat, RingTime=1, HoldTime=1, at=2)
    for leg in (near, waits):
        room.says("BridgeEnter", leg, BridgeUniqueid="b", BridgeTechnology="simple_bridge", at=2)
    room.says("HangupRequest", near, Cause=16, at=4)
    room.says("Hangup", far, Cause=16, at=4)
    room.says("BridgeLeave", near, BridgeUniqueid="b", at=4.0001)
    room.says("Hangup", near, Cause=16, at=4.0001)
    room.says("BridgeLeave", waits, BridgeUniqueid="b", at=4.0001)
    room.says("UserEvent", waits, UserEvent="QueueLeft", Queue="support", Status="CONTINUE", at=4.0005)
    room.says("HangupRequest", asks, at=4.0007)
    room.says("Hangup", waits, Cause=16, at=4.0007)
    room.says("Hangup", asks, Cause=16, at=4.0007)
    assert room.said(CallHandled) == []
    room.says("AgentComplete", **seat, TalkTime=2, HoldTime=1, Reason="agent", at=4.0008)
    assert [(each.seat, each.conversation_id) for each in room.said(CallHandled)] == [
        ("Local/7001@agents/n", room.one(Conversation).id)
    ]


def test_agent_complete_of_a_call_never_seen_begins_after_call_work_too() -> None:
    room = Room()
    room.says("AgentComplete", CALLER, FIRST, **SEAT_1, TalkTime=5, HoldTime=3, Reason="agent", at=9)
    room.says("AgentComplete", None, None, **SEAT_2, TalkTime=5, HoldTime=3, Reason="agent", at=9)
    known, unknown = room.said(CallHandled)
    assert known.conversation_id is not None
    assert (unknown.seat, unknown.conversation_id) == ("PJSIP/1002", None)


def test_an_agent_who_hangs_up_in_the_announcement_has_rejected_and_the_caller_waits_on() -> None:
    room = ringing(waiting())
    room.says("DialEnd", CALLER, FIRST, DialStatus="ANSWER", at=4)
    for _ in (1, 2):
        room.says("AgentDump", CALLER, FIRST, **SEAT_1, at=6)
    assert (room.one(Offer).outcome, room.one(Wait).outcome) == ("rejected", None)
    assert room.one(Pop).taken_at == T0 + 6


@pytest.mark.parametrize(
    ("rang", "status", "cause", "outcome"),
    [
        (True, "BUSY", 17, "rejected"),
        (False, "BUSY", 17, "busy"),
        (True, "NOANSWER", 21, "rejected"),
        (True, "NOANSWER", 19, "no_answer"),
        (False, "CHANUNAVAIL", 20, "device_gone"),
        (False, "NOANSWER", 38, "device_gone"),
        (True, "NOANSWER", 0, "no_answer"),
    ],
)
def test_why_nobody_answered(rang: bool, status: str, cause: int, outcome: str) -> None:
    room = ringing(waiting())
    if rang:
        room.says("DeviceStateChange", Device="PJSIP/1001", State="RINGING", at=2.1)
    room.says("DialEnd", CALLER, FIRST, DialStatus=status, at=5)
    room.says("AgentRingNoAnswer", CALLER, FIRST, **SEAT_1, RingTime=3000, at=5.001)
    room.says("Hangup", FIRST, Cause=cause, at=5.002)
    assert room.one(Offer).outcome == outcome
    assert room.one(Offer).ended_at == T0 + 5


def test_of_two_seats_rung_one_answers_and_the_others_ring_is_taken_elsewhere() -> None:
    room = ringing(ringing(waiting()), SECOND)
    room.says("DialEnd", CALLER, SECOND, DialStatus="CANCEL", at=4)
    room.says("DialEnd", CALLER, FIRST, DialStatus="ANSWER", at=4)
    room.says("QueueCallerLeave", CALLER, Queue="support", at=4)
    room.says("AgentConnect", CALLER, FIRST, **SEAT_1, RingTime=2, HoldTime=3, at=4.001)
    assert {offer.seat: offer.outcome for offer in room.of(Offer)} == {
        "PJSIP/1001": "answered",
        "PJSIP/1002": "taken_elsewhere",
    }
    assert {pop.seat: pop.ending for pop in room.of(Pop)} == {"PJSIP/1001": None, "PJSIP/1002": "ring_ended"}


def test_a_seat_rung_again_for_the_same_caller_has_another_offer_and_another_card() -> None:
    room = ringing(waiting())
    room.says("AgentRingNoAnswer", CALLER, FIRST, **SEAT_1, RingTime=3000, at=5)
    room.says("Hangup", FIRST, Cause=16, at=5)
    again = seat_leg("1001", "1.9", "1.1")
    room.says("AgentCalled", CALLER, again, **SEAT_1, at=6)
    assert [offer.outcome for offer in room.of(Offer)] == ["no_answer", None]
    assert [pop.ending for pop in room.of(Pop)] == ["ring_ended", None]


def test_hold_is_counted_inside_the_talk_and_an_unhold_alone_is_nothing() -> None:
    room = talking()
    room.says("Unhold", FIRST, at=5)
    room.says("Hold", FIRST, MusicClass="default", at=6)
    room.says("Unhold", FIRST, at=8)
    room.says("Hold", FIRST, MusicClass="default", at=10)
    caller_hangs_up(room, 13)
    assert room.one(Segment).hold_s == pytest.approx(2 + 3, abs=0.02)


def test_attached_at_the_answer_the_wait_and_the_ring_are_reckoned_back() -> None:
    room = Room()
    room.says("AgentConnect", CALLER, FIRST, **SEAT_1, RingTime=2, HoldTime=30, at=40)
    wait, offer = room.one(Wait), room.one(Offer)
    assert (wait.entered_at, wait.outcome, wait.reconstructed) == (T0 + 10, "answered", True)
    assert (offer.started_at, offer.outcome, offer.reconstructed) == (T0 + 38, "answered", True)


def test_nothing_of_an_ended_call_is_kept() -> None:
    room = talking()
    room.says("BridgeLeave", FIRST, BridgeUniqueid="b", at=9)
    room.says("BridgeLeave", CALLER, BridgeUniqueid="b", at=9)
    room.says("Hangup", FIRST, Cause=16, at=9)
    room.says("Hangup", CALLER, Cause=16, at=9)
    room.wait(3)
    facts = room.floor.facts
    assert room.floor.empty
    assert not any((facts.halves, facts.bridges, facts.entries, facts.partings, facts.endings))
    assert not any(seat.channels or seat.rings or seat.talks for seat in facts.seats.values())


def test_a_caller_whose_connect_was_not_heard_is_known_as_answered_by_the_talk() -> None:
    """Blind between the ring and the bridge: Queue() says CONTINUE afterwards, as for everyone who was served."""
    room = ringing(waiting())
    room.loses_sight()
    room.finds_sight()
    room.says("BridgeEnter", FIRST, BridgeUniqueid="b", BridgeTechnology="simple_bridge", at=4)
    room.says("BridgeEnter", CALLER, BridgeUniqueid="b", BridgeTechnology="simple_bridge", at=4.001)
    for leg in (FIRST, CALLER):
        room.says("BridgeLeave", leg, BridgeUniqueid="b", at=4.5)
    room.says("UserEvent", CALLER, UserEvent="QueueLeft", Queue="support", Status="CONTINUE", at=4.501)
    room.says("Hangup", CALLER, Cause=16, at=6)
    room.wait(5)
    assert (room.one(Wait).outcome, room.one(Wait).left_at) == ("answered", T0 + 4.001)
    assert room.one(Conversation).outcome == "answered"


def test_the_callers_own_name_is_learnt_before_the_phones_display_takes_its_place() -> None:
    """A trunk says no name when its channel is born; before the queue the dialplan writes what the phone shows."""
    room = Room()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("UserEvent", CALLER, UserEvent="IvrLeft", NextStep="queue", CallerIDName="Wang Fang", at=0.9)
    room.says("QueueCallerJoin", CALLER, Queue="support", Position=1, CallerIDName="VIP Wang Fang · support", at=1)
    assert room.one(Conversation).caller_name == "Wang Fang"
