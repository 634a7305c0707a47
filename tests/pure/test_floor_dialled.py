"""A seat that dials: kept free, rung, connected with the outside; and what follows when its leg is gone."""

from __future__ import annotations

from ami_stream import Leg, Room

from ami_bridge.changes import CallHandled, Originated
from crm.ledger.conversations import Conversation, Segment

MEMBER = {"MemberName": "1001", "Interface": "PJSIP/1001", "StateInterface": "PJSIP/1001", "Membership": "dynamic"}
ID = "0a5b2a52-6a0b-5f0e-8f4e-3f8f0a3f7c11"
PHONE = Leg("PJSIP/1001-01", ID, context="from-seat")
DIALS = Leg("PJSIP/1001-01", ID, context="kefu-outside", exten="+8613812345678")
FAR = Leg("PJSIP/trunk-02", "9.2", ID, context="from-trunk")


def reserved(reason: str = "RESERVED") -> Room:
    room = Room()
    room.says("QueueMemberAdded", Queue="support", **MEMBER, Paused=0, Status=1, at=0)
    assert room.floor.why_not_free("PJSIP/1001") is None
    room.says("QueueMemberPause", Queue="support", **MEMBER, Paused=1, PausedReason=reason, Status=1, at=1)
    return room


def dials(room: Room) -> None:
    room.says("Newchannel", PHONE, ChannelState=0, at=2)
    assert "call on your phone" in str(room.floor.why_not_free("PJSIP/1001"))
    room.says("OriginateResponse", PHONE, ActionID=ID, Response="Success", Reason=4, at=3)
    room.says("Newchannel", FAR, ChannelState=0, at=3)
    room.says("DialBegin", DIALS, FAR, at=3)


def hangs_up(room: Room, at: float) -> None:
    room.says("HangupRequest", PHONE, at=at)
    room.says("Hangup", FAR, Cause=16, at=at)
    room.says("Hangup", PHONE, Cause=16, at=at)
    room.wait(5)


def test_an_outbound_call_is_wrapped_up_by_whom_it_was_reserved_for() -> None:
    room = reserved()
    dials(room)
    room.says("DialEnd", DIALS, FAR, DialStatus="ANSWER", at=5)
    for leg in (FAR, PHONE):
        room.says("BridgeEnter", leg, BridgeUniqueid="x", BridgeTechnology="simple_bridge", at=5)
    hangs_up(room, 9)
    call = room.one(Conversation)
    assert (call.direction, call.outcome, call.dialled) == ("outbound", "answered", "+8613812345678")
    assert call.ended_by == "agent"
    assert [talk.seat for talk in room.of(Segment)] == ["PJSIP/1001"]
    assert [(done.seat, done.conversation_id) for done in room.said(CallHandled)] == [("PJSIP/1001", call.id)]
    assert [(said.asked, said.success) for said in room.said(Originated)] == [(ID, True)]


def test_a_customer_who_was_not_reached_is_wrapped_up_too() -> None:
    room = reserved()
    dials(room)
    room.says("DialEnd", DIALS, FAR, DialStatus="BUSY", at=5)
    hangs_up(room, 6)
    assert [done.seat for done in room.said(CallHandled)] == ["PJSIP/1001"]
    assert room.one(Conversation).outcome == "busy"


def test_who_dials_in_the_lunch_break_goes_back_to_lunch() -> None:
    room = reserved("lunch")
    dials(room)
    hangs_up(room, 6)
    assert room.said(CallHandled) == []


def test_a_phone_that_never_dialled_has_nothing_to_wrap_up() -> None:
    room = reserved()
    room.says("Newchannel", PHONE, ChannelState=0, at=2)
    room.says("OriginateResponse", PHONE, ActionID=ID, Response="Failure", Reason=3, at=22)
    room.says("Hangup", PHONE, Cause=19, at=22)
    room.wait(5)
    assert room.said(CallHandled) == []
    assert [(said.success, said.reason) for said in room.said(Originated)] == [(False, 3)]
    assert room.floor.why_not_free("PJSIP/1001") is None
