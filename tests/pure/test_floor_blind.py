"""What the floor makes of a time in which nobody looked, by the look after it."""

from __future__ import annotations

from ami_stream import T0, Leg, Room, seat_leg
from forged_looks import CALLER, FIRST, IN_USE, MEMBER, look, ringing, talking

from ami_bridge.changes import Corrected, SightChanged
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.pops import Pop


def test_what_ended_while_nobody_looked_ends_when_it_was_last_seen() -> None:
    room = talking()
    room.wait(6)
    room.loses_sight()
    room.wait(600)
    room.finds_sight()
    look(room, members=[MEMBER], devices={"PJSIP/1001": "NOT_INUSE"})
    room.wait(2)
    call, talk = room.one(Conversation), room.one(Segment)
    assert (call.outcome, call.ended_by, call.ended_at) == ("lost_sight", "unknown", T0 + 10)
    assert (talk.ended_at, room.one(Wait).outcome, room.one(Offer).outcome) == (T0 + 10, "answered", "answered")
    assert room.one(Pop).taken_at == T0 + 10
    assert room.words() == {"PJSIP/1001": "ready"}
    assert {change.what for change in room.said(Corrected)} == {
        "channel PJSIP/trunk-1.1 had ended unseen",
        "channel PJSIP/1001-1.2 had ended unseen",
        "PJSIP/1001 stood otherwise in queue support than was known",
    }
    assert room.floor.empty


def test_a_caller_who_may_have_been_answered_while_nobody_looked_did_not_abandon() -> None:
    """The hang-up is heard, what came between the joining and the hang-up was not: nobody may call that an abandon."""
    room = Room()
    room.finds_sight()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("QueueCallerJoin", CALLER, Queue="support", Position=1, at=1)
    room.loses_sight()
    room.wait(3)
    room.finds_sight()
    room.says("Hangup", CALLER, Cause=16, at=5)
    room.wait(3)
    assert (room.one(Wait).outcome, room.one(Conversation).outcome) == ("lost_sight", "lost_sight")


def test_a_call_of_which_only_the_end_was_seen_did_not_fail() -> None:
    """Known before the blind moment and seen to end after it: served in between, for all we know."""
    room = Room()
    room.finds_sight()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.loses_sight()
    room.wait(30)
    room.finds_sight()
    room.says("Hangup", CALLER, Cause=16, at=31)
    room.wait(3)
    assert room.one(Conversation).outcome == "lost_sight"


def test_a_talk_that_began_unseen_and_ends_right_after_the_look_was_a_talk() -> None:
    room = ringing()
    room.loses_sight()
    room.wait(8)
    room.finds_sight()
    look(room, members=[IN_USE], channels=[(CALLER, "b", 6), (FIRST, "b", 6)], devices={"PJSIP/1001": "INUSE"})
    assert room.words() == {"PJSIP/1001": "talking"}
    room.says("HangupRequest", FIRST, at=10.2)
    for leg in (FIRST, CALLER):
        room.says("BridgeLeave", leg, BridgeUniqueid="b", at=10.2)
        room.says("Hangup", leg, Cause=16, at=10.2)
    room.wait(3)
    call, wait, offer, talk = (room.one(kind) for kind in (Conversation, Wait, Offer, Segment))
    assert (call.outcome, call.ended_by, wait.outcome, offer.outcome) == ("answered", "agent", "answered", "answered")
    assert (talk.started_at, talk.ended_at, talk.reconstructed) == (T0 + 10, T0 + 10.2, True)
    assert wait.left_at == offer.ended_at == talk.started_at


def test_a_ring_that_was_answered_unseen_was_no_miss_though_its_seat_asks_somebody_now() -> None:
    room = ringing()
    room.loses_sight()
    room.wait(8)
    room.finds_sight()
    look(room, members=[IN_USE], channels=[(CALLER, "", 6), (FIRST, "", 6)], devices={"PJSIP/1001": "INUSE"})
    room.wait(3)
    room.says("Hangup", FIRST, Cause=16)
    room.wait(1)
    assert room.one(Offer).outcome == "answered"


def test_a_talk_whose_seat_let_go_unseen_ended_when_it_was_last_seen() -> None:
    room = talking()
    room.wait(6)
    room.loses_sight()
    room.wait(60)
    room.finds_sight()
    look(
        room,
        members=[MEMBER],
        channels=[(CALLER, "", 6)],
        entries=[(CALLER, 20)],
        devices={"PJSIP/1001": "NOT_INUSE"},
    )
    room.wait(2)
    assert room.one(Segment).ended_at == T0 + 10
    assert [wait.outcome for wait in room.of(Wait)] == ["answered", None]
    assert room.one(Conversation).ended_at is None


def test_a_caller_who_left_and_joined_the_same_queue_anew_unseen_waits_twice() -> None:
    room = Room()
    room.finds_sight()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.says("QueueCallerJoin", CALLER, Queue="support", Position=1, at=1)
    room.wait(9)
    room.loses_sight()
    room.wait(60)
    room.finds_sight()
    look(room, channels=[(CALLER, "", 6)], entries=[(CALLER, 20)])
    first, second = room.of(Wait)
    assert (first.left_at, first.outcome, first.reconstructed) == (T0 + 10, "lost_sight", False)
    assert (second.entered_at, second.left_at, second.reconstructed) == (T0 + 50, None, True)


def test_a_pause_that_the_first_look_shows_is_known_without_delay() -> None:
    room = Room()
    room.finds_sight()
    room.says("QueueMemberAdded", **MEMBER, at=0)
    room.wait(5)
    room.loses_sight()
    room.wait(5)
    room.finds_sight()
    look(room, members=[{**MEMBER, "Paused": 1, "PausedReason": "Lunch", "LastPause": int(T0) + 7}])
    assert room.words() == {"PJSIP/1001": "paused"}
    assert len(room.said(Corrected)) == 1


def test_what_still_goes_on_after_blindness_is_not_touched() -> None:
    room = talking()
    before = room.ledger()
    room.loses_sight()
    room.wait(5)
    room.finds_sight()
    look(room, members=[IN_USE], channels=[(CALLER, "b", 6), (FIRST, "b", 6)], devices={"PJSIP/1001": "INUSE"})
    room.wait(5)
    assert room.ledger() == before
    assert not room.said(Corrected)
    lost, found = [change.sight for change in room.said(SightChanged)][-2:]
    assert found is lost
    assert found.lost_at is None


def test_colleagues_who_talk_on_when_the_caller_is_gone_do_not_change_what_was_written_of_him() -> None:
    """The caller sent the seat on to a colleague and left. Their legs keep his Linkedid, and each look shows them."""
    room = talking()
    second = seat_leg("1002", "1.3", "1.1")
    room.says("Hangup", CALLER, Cause=16, at=6)
    room.wait(5)
    before = room.ledger()
    for blind in (False, True):
        if blind:
            room.loses_sight()
            room.wait(5)
            room.finds_sight()
        look(room, members=[IN_USE], channels=[(FIRST, "c", 6), (second, "c", 6)], devices={"PJSIP/1001": "INUSE"})
        room.wait(5)
        assert room.ledger() == before


def test_a_bridge_started_anew_does_not_begin_again_what_the_ledger_knows_to_be_over() -> None:
    """The seat sent the caller's leg's number on to somebody outside, the caller left: his Linkedid lives on."""
    room = Room()
    room.floor.bury([(CALLER.linkedid, T0 - 5)])
    room.finds_sight()
    outside = Leg("PJSIP/trunk-9", "1.9", "1.1", context="from-trunk")
    look(room, members=[IN_USE], channels=[(FIRST, "c", 6), (outside, "c", 6)], devices={"PJSIP/1001": "INUSE"})
    room.wait(3)
    assert not room.of(Conversation)
    assert room.words() == {"PJSIP/1001": "talking"}
