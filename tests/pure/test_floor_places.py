"""A promised callback in its queue, as a real Asterisk told of it: a talk begins with the customer, not before."""

from __future__ import annotations

from ami_stream import T0, Leg, Room
from forged_looks import look

from ami_bridge.changes import CallHandled
from crm.ledger.callbacks import AttemptFacts
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.pops import Pop

TRY = "02c85bb3-7b69-4fc6-9422-d578f7a7d60d"
NUMBER = "+8613800138000"
PLACE = "Local/support-600@kefu-callback-00000000"
NEAR = Leg(f"{PLACE};1", TRY, TRY, context="kefu-callback", exten="support-600")
FAR = Leg(f"{PLACE};2", f"{TRY};2", TRY, context="kefu-callback", number=NUMBER, exten="support-600")
SEAT = Leg("PJSIP/1001-00000001", "1.2", TRY, context="from-seat")
CUSTOMER = Leg("PJSIP/trunk-00000002", "1.3", TRY, context="from-trunk", number=NUMBER)
MEMBER = {"Queue": "support", "Interface": "PJSIP/1001"}
SIMPLE = {"BridgeTechnology": "simple_bridge"}


def placed() -> Room:
    room = Room()
    for half in (NEAR, FAR):
        room.says("Newchannel", half, ChannelState=0 if half is NEAR else 4, CallerIDNum="<unknown>", at=0)
    room.says("DialBegin", None, NEAR, at=0.01)
    room.says("QueueCallerJoin", FAR, Queue="support", Position=1, at=0.02)
    return room


def dialling() -> Room:
    """An agent has answered; the customer's phone rings."""
    room = placed()
    room.says("Newchannel", SEAT, ChannelState=0, at=1)
    room.says("AgentCalled", FAR, SEAT, **MEMBER, at=1)
    room.says("DialBegin", FAR, SEAT, at=1)
    room.says("DialEnd", FAR, SEAT, DialStatus="ANSWER", at=2)
    room.says("QueueCallerLeave", FAR, Queue="support", at=2)
    room.says("AgentConnect", FAR, SEAT, **MEMBER, RingTime=1, HoldTime=2, at=2)
    room.says("UserEvent", NEAR, UserEvent="CallbackDialling", at=2.01)
    room.says("Newchannel", CUSTOMER, ChannelState=0, at=2.02)
    room.says("DialBegin", NEAR, CUSTOMER, at=2.02)
    room.says("BridgeEnter", SEAT, BridgeUniqueid="b1", **SIMPLE, at=2.03)
    room.says("BridgeEnter", FAR, BridgeUniqueid="b1", **SIMPLE, at=2.03)
    return room


def hung_up(room: Room, at: float, status: str, cause: int = 16) -> Room:
    room.says("UserEvent", NEAR, UserEvent="CallbackEnded", Status=status, Cause=cause, at=at)
    room.says("Hangup", NEAR, Cause=16, at=at)
    room.says("AgentComplete", FAR, SEAT, **MEMBER, HoldTime=2, TalkTime=5, Reason="caller", at=at)
    room.says("BridgeLeave", FAR, BridgeUniqueid="b1", **SIMPLE, at=at)
    room.says("BridgeLeave", SEAT, BridgeUniqueid="b1", **SIMPLE, at=at)
    room.says("Hangup", SEAT, Cause=16, at=at)
    room.says("UserEvent", FAR, UserEvent="QueueHangup", Queue="support", Status="CONTINUE", Abandoned="", at=at)
    room.says("Hangup", FAR, Cause=16, at=at)
    room.wait(3)
    return room


def test_the_talk_begins_when_the_customer_is_there() -> None:
    room = dialling()
    assert room.of(Segment) == []
    call = room.one(Conversation)
    assert (call.direction, call.linkedid, call.caller, call.dialled) == ("outbound", TRY, NUMBER, NUMBER)
    assert room.one(Pop).conversation_id == call.id  # the card is there before the talk
    room.says("UserEvent", CUSTOMER, UserEvent="CallbackChoice", Choice="1", at=8)
    room.says("DialEnd", NEAR, CUSTOMER, DialStatus="ANSWER", at=8)
    room.says("BridgeEnter", CUSTOMER, BridgeUniqueid="b2", **SIMPLE, at=8.01)
    room.says("BridgeEnter", NEAR, BridgeUniqueid="b2", **SIMPLE, at=8.02)
    talk = room.one(Segment)
    assert (talk.seat, talk.caller_uniqueid, talk.queue) == ("PJSIP/1001", "1.3", "support")
    assert talk.started_at == T0 + 8.02
    room.says("BridgeLeave", CUSTOMER, BridgeUniqueid="b2", **SIMPLE, at=20)
    room.says("Hangup", CUSTOMER, Cause=16, at=20)
    hung_up(room, 20.1, "ANSWER")
    assert (talk.ended_at, call.outcome, room.one(Wait).outcome) == (T0 + 20, "answered", "answered")
    facts = room.one(AttemptFacts)
    assert (facts.id, facts.seen_at, facts.dialled_at) == (TRY, T0, T0 + 2.01)
    assert (facts.chose, facts.talked_at, facts.ended_at) == ("1", T0 + 8.02, T0 + 20.1)
    assert len(room.said(CallHandled)) == 1
    assert room.floor.empty
    assert room.floor.facts.places == {}


def test_a_phone_that_nobody_answers_is_no_talk() -> None:
    room = dialling()
    room.says("DialEnd", NEAR, CUSTOMER, DialStatus="NOANSWER", at=27)
    room.says("Hangup", CUSTOMER, Cause=19, at=27)
    hung_up(room, 27.1, "NOANSWER", 19)
    assert room.of(Segment) == []
    assert room.one(Conversation).outcome == "no_answer"
    facts = room.one(AttemptFacts)
    assert (facts.dial_status, facts.cause, facts.chose, facts.talked_at) == ("NOANSWER", 19, None, None)
    assert room.one(Offer).outcome == "answered"


def test_a_machine_presses_nothing() -> None:
    room = dialling()
    room.says("UserEvent", CUSTOMER, UserEvent="CallbackChoice", Choice="", at=8)
    room.says("DialEnd", NEAR, CUSTOMER, DialStatus="ANSWER", at=8)
    room.says("Hangup", CUSTOMER, Cause=16, at=8)
    hung_up(room, 8.1, "ANSWER")
    assert (room.one(Conversation).outcome, room.one(AttemptFacts).chose) == ("no_answer", "")


def test_a_place_that_is_taken_out_was_no_abandon() -> None:
    room = placed()
    room.says("Hangup", NEAR, Cause=16, at=5)
    room.says("QueueCallerAbandon", FAR, Queue="support", Position=1, HoldTime=5, at=5)
    room.says("QueueCallerLeave", FAR, Queue="support", at=5)
    room.says("UserEvent", FAR, UserEvent="QueueHangup", Queue="support", Status="", Abandoned="TRUE", at=5)
    room.says("Hangup", FAR, Cause=16, at=5)
    room.wait(3)
    assert (room.one(Wait).outcome, room.one(Conversation).outcome) == ("withdrawn", "cancelled")
    facts = room.one(AttemptFacts)
    assert (facts.dialled_at, facts.ended_at) == (None, T0 + 5)


def test_a_place_of_no_try_is_left_alone() -> None:
    room = Room()
    strange = Leg("Local/x-1@kefu-callback-0;1", "1.9", context="kefu-callback")
    room.says("Newchannel", strange, ChannelState=0, at=0)
    room.says("Hangup", strange, Cause=16, at=1)
    assert room.of(AttemptFacts) == []


def test_heard_twice_it_is_the_same() -> None:
    once, twice = dialling(), dialling()
    twice.says("UserEvent", NEAR, UserEvent="CallbackDialling", at=3)
    assert once.one(AttemptFacts).dialled_at == twice.one(AttemptFacts).dialled_at


FIRST = "Local/zh-8613800138000@kefu-callback-dial-00000000"
QUEUES = Leg(f"{FIRST};1", TRY, TRY, context="kefu-callback-dial", exten="zh-8613800138000")
DIALS = Leg(f"{FIRST};2", f"{TRY};2", TRY, context="kefu-callback-dial", exten="zh-8613800138000")


def dialled_first() -> Room:
    """No agent is there yet, and the customer's phone rings."""
    room = Room()
    for half in (QUEUES, DIALS):
        room.says("Newchannel", half, ChannelState=0 if half is QUEUES else 4, at=0)
    room.says("DialBegin", None, QUEUES, at=0.01)
    room.says("UserEvent", DIALS, UserEvent="CallbackDialling", at=0.02)
    room.says("Newchannel", CUSTOMER, ChannelState=0, at=0.03)
    room.says("DialBegin", DIALS, CUSTOMER, at=0.03)
    return room


def chose(room: Room) -> Room:
    """The customer has pressed 1 and stands in the queue."""
    room.says("DialEnd", DIALS, CUSTOMER, DialStatus="ANSWER", at=4)
    room.says("UserEvent", CUSTOMER, UserEvent="CallbackChoice", Choice="1", at=6)
    for leg in (CUSTOMER, DIALS):
        room.says("BridgeEnter", leg, BridgeUniqueid="b2", **SIMPLE, at=6.01)
    room.says("QueueCallerJoin", QUEUES, Queue="support", Position=1, at=6.02)
    return room


def over(room: Room, at: float, status: str, cause: int = 16) -> Room:
    room.says("UserEvent", DIALS, UserEvent="CallbackEnded", Status=status, Cause=cause, at=at)
    for leg in (CUSTOMER, DIALS, QUEUES):
        room.says("Hangup", leg, Cause=cause, at=at)
    nobody = Leg("OutgoingSpoolFailed", "1.9", context="kefu-callback-chose", exten="failed")
    room.says("Newchannel", nobody, ChannelState=0, at=at)
    room.says("Hangup", nobody, Cause=0, at=at)
    room.wait(3)
    return room


def test_who_is_dialled_first_stands_in_the_queue_and_talks() -> None:
    room = chose(dialled_first())
    call, stay = room.one(Conversation), room.one(Wait)
    assert (call.direction, call.linkedid, call.caller, call.dialled) == ("outbound", TRY, NUMBER, NUMBER)
    assert (stay.queue, stay.caller_uniqueid, stay.left_at, room.of(Segment)) == ("support", TRY, None, [])
    room.says("Newchannel", SEAT, ChannelState=0, at=7)
    room.says("AgentCalled", QUEUES, SEAT, **MEMBER, at=7)
    assert room.one(Pop).conversation_id == call.id
    room.says("AgentConnect", QUEUES, SEAT, **MEMBER, RingTime=1, HoldTime=2, at=8)
    for leg in (SEAT, QUEUES):
        room.says("BridgeEnter", leg, BridgeUniqueid="b1", **SIMPLE, at=8.01)
    room.says("BridgeLeave", CUSTOMER, BridgeUniqueid="b2", **SIMPLE, at=20)
    room.says("Hangup", SEAT, Cause=16, at=20.1)
    over(room, 20.1, "ANSWER")
    talk, facts = room.one(Segment), room.one(AttemptFacts)
    assert (talk.seat, talk.started_at, talk.ended_at) == ("PJSIP/1001", T0 + 8.01, T0 + 20)
    assert (facts.dialled_at, facts.chose, facts.queued_at) == (T0 + 0.02, "1", T0 + 6.02)
    assert (facts.talked_at, facts.ended_at) == (T0 + 8.01, T0 + 20.1)
    assert (call.outcome, stay.outcome, len(room.of(Conversation))) == ("answered", "answered", 1)
    assert room.floor.empty
    assert room.floor.facts.places == {}


def test_who_is_dialled_first_and_does_not_answer_was_in_no_queue() -> None:
    room = dialled_first()
    room.says("DialEnd", DIALS, CUSTOMER, DialStatus="NOANSWER", at=25)
    over(room, 25, "NOANSWER", 19)
    call, facts = room.one(Conversation), room.one(AttemptFacts)
    assert (call.outcome, call.dialled, room.of(Wait)) == ("no_answer", NUMBER, [])
    assert (facts.dial_status, facts.queued_at, facts.ended_at) == ("NOANSWER", None, T0 + 25)


def test_who_was_dialled_first_and_hangs_up_waiting_has_abandoned() -> None:
    room = chose(dialled_first())
    room.says("QueueCallerAbandon", QUEUES, Queue="support", Position=1, HoldTime=5, at=11)
    room.says("QueueCallerLeave", QUEUES, Queue="support", at=11)
    room.says("UserEvent", QUEUES, UserEvent="QueueHangup", Queue="support", Status="", Abandoned="TRUE", at=11)
    over(room, 11, "ANSWER")
    assert (room.one(Wait).outcome, room.one(Conversation).outcome) == ("abandoned", "abandoned")


def test_a_customer_who_was_dialled_first_is_found_in_the_queue_after_a_blind_moment() -> None:
    room = Room()
    room.finds_sight()
    legs = [(QUEUES, "", 6), (DIALS, "b2", 6), (CUSTOMER, "b2", 6)]
    look(room, channels=legs, entries=[(QUEUES, 4)])
    facts = room.one(AttemptFacts)
    assert (facts.id, facts.queued_at is not None, facts.ended_at) == (TRY, True, None)
    assert room.one(Conversation).direction == "outbound"
