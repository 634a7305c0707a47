"""The talk graph: segments by bridges and Local pairs, transfers between two calls, consults that are no calls."""

from __future__ import annotations

from ami_stream import T0, Leg, Room, caller, seat_leg

from ami_bridge.changes import CallHandled, LegGone
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer
from crm.ledger.pops import Pop

CALLER = caller()
FIRST = seat_leg("1001", "1.2", "1.1")
CONSULT = seat_leg("1001", "2.1", "2.1")
TARGET = seat_leg("1002", "2.2", "2.1")
TARGET_NOW = Leg(TARGET.name, TARGET.uniqueid, "1.1", context="from-seat")


def enters(room: Room, leg: Leg, bridge: str, at: float, **headers: object) -> None:
    room.says("BridgeEnter", leg, BridgeUniqueid=bridge, BridgeTechnology="simple_bridge", at=at, **headers)


def leaves(room: Room, leg: Leg, bridge: str, at: float) -> None:
    room.says("BridgeLeave", leg, BridgeUniqueid=bridge, at=at)


def direct_talk() -> Room:
    """A call from outside straight to seat 1001, talking since second 2."""
    room = Room()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("Newchannel", FIRST, ChannelState=0, at=0.1)
    room.says("DialBegin", CALLER, FIRST, at=0.2)
    room.says("DialEnd", CALLER, FIRST, DialStatus="ANSWER", at=2)
    enters(room, FIRST, "a", 2)
    enters(room, CALLER, "a", 2)
    return room


def consulting() -> Room:
    """1001 has put the caller on hold on its phone, and talks to 1002 on another line since second 12."""
    room = direct_talk()
    room.says("Hold", FIRST, MusicClass="default", at=10)
    room.says("Newchannel", CONSULT, ChannelState=4, at=10.1)
    room.says("Newchannel", TARGET, ChannelState=0, at=10.2)
    room.says("DialBegin", CONSULT, TARGET, at=10.2)
    room.says("DialEnd", CONSULT, TARGET, DialStatus="ANSWER", at=12)
    enters(room, TARGET, "b", 12)
    enters(room, CONSULT, "b", 12)
    return room


def _one_talks_to_two(room: Room) -> None:
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("Newchannel", FIRST, ChannelState=0, at=0.1)
    room.says("DialBegin", CALLER, FIRST, at=0.2)
    room.says("DialEnd", CALLER, FIRST, DialStatus="ANSWER", at=2)
    enters(room, FIRST, "a", 2)
    enters(room, CALLER, "a", 2)
    room.says("Newchannel", CONSULT, ChannelState=4, at=10.1)
    room.says("Newchannel", TARGET, ChannelState=0, at=10.2)
    room.says("DialBegin", CONSULT, TARGET, at=10.2)
    room.says("DialEnd", CONSULT, TARGET, DialStatus="ANSWER", at=12)
    enters(room, TARGET, "b", 12)
    enters(room, CONSULT, "b", 12)


def _two_is_left_alone(room: Room) -> None:
    leaves(room, CONSULT, "b", 16.001)
    leaves(room, TARGET_NOW, "b", 16.001)
    enters(room, TARGET_NOW, "a", 16.002, SwapUniqueid="1.2")
    leaves(room, FIRST, "a", 16.003)
    room.says("Hangup", FIRST, Cause=16, at=16.004)
    room.says("Hangup", CONSULT, Cause=16, at=16.004)


def test_a_consult_on_the_phones_other_line_is_no_conversation() -> None:
    room = consulting()
    leaves(room, TARGET, "b", 15)
    leaves(room, CONSULT, "b", 15)
    room.says("Hangup", TARGET, Cause=16, at=15)
    room.says("Hangup", CONSULT, Cause=16, at=15)
    room.says("Unhold", FIRST, at=15)
    room.says("HangupRequest", FIRST, at=20)
    room.says("Hangup", FIRST, Cause=16, at=20)
    room.says("Hangup", CALLER, Cause=16, at=20)
    assert room.one(Conversation).outcome == "answered"
    assert [(offer.seat, offer.outcome) for offer in room.of(Offer)] == [
        ("PJSIP/1001", "answered"),
        ("PJSIP/1002", "answered"),
    ]
    assert [(pop.seat, pop.taken_at) for pop in room.of(Pop)] == [("PJSIP/1001", T0 + 20), ("PJSIP/1002", T0 + 15)]
    talk = room.one(Segment)
    assert (talk.seat, talk.started_at, talk.ended_at, talk.hold_s) == ("PJSIP/1001", T0 + 2, T0 + 20, 5.0)


def test_an_attended_transfer_between_two_lines_moves_the_talk_to_the_target() -> None:
    room = consulting()
    room.says(
        "AttendedTransfer",
        Result="Success",
        at=16,
        DestType="Bridge",
        **FIRST.headers("OrigTransferer"),
        **CONSULT.headers("SecondTransferer"),
        **CALLER.headers("Transferee"),
        **TARGET.headers("TransferTarget"),
    )
    leaves(room, CONSULT, "b", 16.001)
    leaves(room, TARGET_NOW, "b", 16.001)
    enters(room, TARGET_NOW, "a", 16.002, SwapUniqueid="1.2")
    leaves(room, FIRST, "a", 16.003)
    room.says("Hangup", FIRST, Cause=16, at=16.004)
    room.says("Hangup", CONSULT, Cause=16, at=16.004)
    room.says("HangupRequest", TARGET_NOW, at=30)
    room.says("Hangup", TARGET_NOW, Cause=16, at=30)
    room.says("Hangup", CALLER, Cause=16, at=30.1)
    room.wait(5)
    assert (room.one(Conversation).outcome, room.one(Conversation).ended_by) == ("answered", "agent")
    assert [(talk.seat, round(talk.ended_at - talk.started_at, 3)) for talk in room.of(Segment)] == [
        ("PJSIP/1001", 14.003),
        ("PJSIP/1002", 13.998),
    ]
    handed = room.one(Transfer)
    assert (handed.kind, handed.from_seat, handed.to, handed.outcome) == (
        "attended",
        "PJSIP/1001",
        "PJSIP/1002",
        "success",
    )
    assert room.floor.empty


def test_who_is_hung_up_for_its_agent_ended_the_call() -> None:
    """Asterisk itself would say that the caller did, and sends no HangupRequest."""
    room = direct_talk()
    hands = room.floor.hands("PJSIP/1001", room.one(Conversation).id)
    assert hands is not None
    assert (hands.leg, hands.uniqueid, hands.party, hands.consults) == (FIRST.name, "1.2", CALLER.name, False)
    leaves(room, FIRST, "a", 8)
    leaves(room, CALLER, "a", 8)
    room.says("Hangup", FIRST, Cause=31, at=8.001)
    assert room.floor.hands("PJSIP/1001", room.one(Conversation).id) is None
    room.says("Hangup", CALLER, Cause=16, at=8.0005)
    room.wait(5)
    assert (room.one(Conversation).ended_by, room.one(Segment).ended_at) == ("agent", T0 + 8)
    assert [(gone.seat, gone.uniqueid) for gone in room.said(LegGone)] == [("PJSIP/1001", "1.2")]


def test_a_caller_whom_the_network_ends_so_was_not_ended_by_the_agent() -> None:
    room = direct_talk()
    leaves(room, FIRST, "a", 8)
    leaves(room, CALLER, "a", 8)
    room.says("Hangup", CALLER, Cause=31, at=8.001)
    room.says("Hangup", FIRST, Cause=16, at=8.002)
    room.wait(5)
    assert room.one(Conversation).ended_by == "system"


def test_hands_are_of_ones_own_call_alone() -> None:
    room = direct_talk()
    call = room.one(Conversation).id
    assert room.floor.hands("PJSIP/1002", call) is None
    assert room.floor.hands("PJSIP/1001", "another") is None
    assert room.floor.hands("PJSIP/1001", None) is None


def test_who_took_a_caller_over_wraps_the_call_up_as_after_a_queues() -> None:
    room = Room()
    member = {"MemberName": "1002", "Interface": "PJSIP/1002", "StateInterface": "PJSIP/1002", "Membership": "dynamic"}
    room.says("QueueMemberAdded", Queue="support", **member, Paused=0, Status=1, at=0)
    for step in (_one_talks_to_two, _two_is_left_alone):
        step(room)
    assert [(done.seat, done.conversation_id) for done in room.said(CallHandled)] == []
    room.says("HangupRequest", TARGET_NOW, at=30)
    room.says("BridgeLeave", TARGET_NOW, BridgeUniqueid="a", at=30)
    room.says("Hangup", TARGET_NOW, Cause=16, at=30)
    room.says("Hangup", CALLER, Cause=16, at=30.1)
    room.wait(5)
    assert [(done.seat, done.conversation_id) for done in room.said(CallHandled)] == [
        ("PJSIP/1002", room.one(Conversation).id)
    ]


def test_a_blonde_transfer_says_so() -> None:
    room = consulting()
    room.says(
        "AttendedTransfer",
        Result="Success",
        at=16,
        DestType="App",
        DestApp="Dial",
        **FIRST.headers("OrigTransferer"),
        **CONSULT.headers("SecondTransferer"),
        **CALLER.headers("Transferee"),
    )
    assert room.one(Transfer).kind == "blonde"


def test_three_in_a_bridge_are_two_talks_with_the_caller() -> None:
    room = direct_talk()
    third = seat_leg("1002", "1.3", "1.1")
    room.says("Newchannel", third, ChannelState=0, at=4)
    enters(room, third, "a", 5)
    leaves(room, third, "a", 8)
    room.says("Hangup", third, Cause=16, at=8)
    room.says("Hangup", CALLER, Cause=16, at=9)
    assert [(talk.seat, talk.started_at - T0, talk.ended_at - T0) for talk in room.of(Segment)] == [
        ("PJSIP/1001", 2, 9),
        ("PJSIP/1002", 5, 8),
    ]


def test_music_and_parking_are_no_talk() -> None:
    room = direct_talk()
    leaves(room, FIRST, "a", 5)
    leaves(room, CALLER, "a", 5)
    for leg in (CALLER, FIRST):
        room.says("BridgeEnter", leg, BridgeUniqueid="p", BridgeTechnology="holding_bridge", at=5.1)
    room.wait(1)
    assert room.one(Segment).ended_at == T0 + 5


def test_parted_for_a_moment_is_not_parted() -> None:
    room = direct_talk()
    leaves(room, FIRST, "a", 5)
    enters(room, FIRST, "c", 5.1)
    enters(room, CALLER, "c", 5.2)
    room.wait(1)
    assert room.one(Segment).ended_at is None
    leaves(room, FIRST, "c", 9)
    room.wait(1)
    enters(room, FIRST, "c", 11)
    assert [(talk.started_at - T0, talk.ended_at) for talk in room.of(Segment)] == [(2, T0 + 9), (11, None)]


def test_an_older_move_of_a_leg_changes_nothing() -> None:
    room = direct_talk()
    leaves(room, CALLER, "a", 5)
    enters(room, CALLER, "a", 4.5)
    room.wait(1)
    assert room.one(Segment).ended_at == T0 + 5


def test_after_a_clock_was_set_back_the_floor_goes_on() -> None:
    room = direct_talk()
    leaves(room, FIRST, "a", -3600)
    room.says("Hangup", FIRST, Cause=16, at=-3600)
    room.says("Hangup", CALLER, Cause=16, at=-3600)
    room.says("DeviceStateChange", Device="PJSIP/1001", State="NOT_INUSE", at=-3590)
    assert room.one(Conversation).outcome == "answered"
    assert room.floor.empty


def test_a_call_between_seats_is_internal_and_one_to_the_outside_outbound() -> None:
    room = Room()
    first = Leg("PJSIP/1001-1", "3.1", context="from-seat", number="1001", exten="1002")
    second = seat_leg("1002", "3.2", "3.1")
    room.says("Newchannel", first, ChannelState=4, at=0)
    room.says("Newchannel", second, ChannelState=0, at=0)
    room.says("DialBegin", first, second, at=0)
    room.says("DialEnd", first, second, DialStatus="BUSY", at=1)
    room.says("Hangup", second, Cause=17, at=1)
    room.says("Hangup", first, Cause=17, at=1.1)
    out = Leg("PJSIP/1001-2", "4.1", context="from-seat", number="1001", exten="01012345678")
    far = Leg("PJSIP/trunk-3", "4.2", "4.1", context="from-trunk")
    room.says("Newchannel", out, ChannelState=4, at=10)
    room.says("Newchannel", far, ChannelState=0, at=10)
    room.says("DialBegin", out, far, at=10)
    room.says("DialEnd", out, far, DialStatus="NOANSWER", at=30)
    room.says("Hangup", far, Cause=19, at=30)
    room.says("Hangup", out, Cause=19, at=30)
    inside, outside = room.of(Conversation)
    assert (inside.direction, inside.outcome, inside.caller, inside.dialled) == ("internal", "busy", "1001", "1002")
    assert (outside.direction, outside.outcome, outside.dialled) == ("outbound", "no_answer", "01012345678")
