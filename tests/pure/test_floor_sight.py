"""Lists against the floor: taken in, doubted, mended; and what an earlier bridge left (blind: test_floor_blind.py)."""

from __future__ import annotations

import pytest
from ami_stream import T0, Room, block, caller, played, recorded, seat_leg
from forged_looks import CALLER, FIRST, IN_USE, MEMBER, RINGING, SEAT_1, look, row, talking

from ami_bridge.actions import LOOK
from ami_bridge.batch import Pending
from ami_bridge.changes import Corrected
from ami_bridge.watch import Watch
from crm.ledger.conversations import Conversation, Offer, Segment, Wait
from crm.ledger.pops import Pop
from crm.ledger.postures import Membership, Posture


def test_a_look_at_the_start_finds_who_waits_who_rings_and_who_talks() -> None:
    waiting, talker = caller("5.1", "13900000005"), caller("6.1", "13900000006")
    rung, busy = seat_leg("1001", "5.2", "5.1"), seat_leg("1002", "6.2", "6.1")
    room = Room()
    room.finds_sight()
    look(
        room,
        members=[RINGING, {**IN_USE, "Location": "PJSIP/1002"}],
        entries=[(waiting, 30)],
        channels=[(waiting, "", 6), (rung, "", 5), (talker, "b", 6), (busy, "b", 6)],
        devices={"PJSIP/1001": "RINGING", "PJSIP/1002": "INUSE", "PJSIP/trunk": "INUSE"},
    )
    assert {call.caller: call.direction for call in room.of(Conversation)} == {
        "13900000005": "inbound",
        "13900000006": "inbound",
    }
    assert room.one(Wait).entered_at == T0 - 30
    assert (room.one(Offer).seat, room.one(Offer).wait_id) == ("PJSIP/1001", room.one(Wait).id)
    assert room.one(Segment).seat == "PJSIP/1002"
    assert all(row.reconstructed for kind in (Conversation, Wait, Offer, Segment) for row in room.of(kind))
    assert room.words() == {"PJSIP/1001": "ringing", "PJSIP/1002": "talking"}
    assert [pop.seat for pop in room.of(Pop)] == ["PJSIP/1001"]
    room.wait(5)
    assert not room.said(Corrected)


@pytest.mark.parametrize("version", ["16", "22"])
def test_attached_while_the_caller_waits_the_rest_is_told_as_if_never_away(version: str) -> None:
    stream = recorded(f"looked_at.{version}.ami")
    begins = [
        number
        for number, event in enumerate(stream)
        if type(event).__name__ == "QueueParams" and type(stream[number - 1]).__name__ not in ("QueueParams",)
    ]
    whole, late = played(stream), played(stream[begins[1] :])
    for kind in (Conversation, Wait, Offer, Segment):
        known, found = whole.of(kind)[0], late.of(kind)[0]
        assert getattr(found, "outcome", None) == getattr(known, "outcome", None)
        ended = "left_at" if kind is Wait else "ended_at"
        assert getattr(found, ended) == getattr(known, ended)
    assert late.one(Conversation).ended_by == whole.one(Conversation).ended_by
    assert late.one(Offer).id != whole.one(Offer).id  # its wait was reckoned back; a real restart recalls it
    assert late.one(Conversation).id == whole.one(Conversation).id


def test_a_list_that_an_event_under_way_explains_corrects_nothing() -> None:
    room = talking()
    room.wait(60)
    look(room, members=[MEMBER], devices={"PJSIP/1001": "NOT_INUSE"})
    for leg in (FIRST, CALLER):
        room.says("BridgeLeave", leg, BridgeUniqueid="b", at=64)
        room.says("Hangup", leg, Cause=16, at=64)
    room.says("DeviceStateChange", Device="PJSIP/1001", State="NOT_INUSE", at=64)
    room.wait(5)
    assert room.one(Conversation).outcome == "answered"
    assert not room.said(Corrected)


def test_the_own_device_of_a_seat_that_is_watched_by_another_corrects_nothing() -> None:
    room = Room()
    room.finds_sight()
    row = {**MEMBER, "Queue": "support", "StateInterface": "PJSIP/1002"}
    room.says("QueueMemberAdded", **row, at=0)
    room.says("DeviceStateChange", Device="PJSIP/1002", State="NOT_INUSE", at=1)
    room.wait(60)
    look(room, members=[row], devices={"PJSIP/1001": "UNAVAILABLE", "PJSIP/1002": "NOT_INUSE"})
    room.wait(5)
    assert not room.said(Corrected)
    assert room.words() == {"PJSIP/1001": "ready"}


def test_what_is_younger_than_the_list_may_be_missing_in_it() -> None:
    room = Room()
    room.says("Newchannel", CALLER, ChannelState=4, at=0)
    room.hears(row("CoreShowChannelsComplete", "channels", ListItems=0))
    room.wait(5)
    assert room.one(Conversation).ended_at is None
    assert not room.said(Corrected)


def test_a_pause_and_a_leaving_that_were_missed_are_mended_and_counted() -> None:
    room = Room()
    room.says("QueueMemberAdded", **MEMBER, at=0)
    room.says("QueueMemberAdded", **{**MEMBER, "Queue": "reception"}, at=0)
    room.wait(60)
    look(room, members=[{**MEMBER, "Paused": 1, "PausedReason": "Lunch", "LastPause": int(T0) + 30}])
    room.wait(2)
    assert room.one(Posture).word == "paused"
    assert {change.what for change in room.said(Corrected)} == {
        "PJSIP/1001 stood otherwise in queue support than was known",
        "PJSIP/1001 had left queue reception unseen",
    }
    assert {place.queue: place.left_at is None for place in room.of(Membership)} == {
        "support": True,
        "reception": False,
    }


def test_a_seat_that_nobody_lists_any_more_is_unseen_not_free() -> None:
    room = Room()
    room.says("QueueMemberAdded", **MEMBER, at=0)
    room.says("QueueMemberRemoved", **MEMBER, at=1)
    room.wait(60)
    look(room, devices={"PJSIP/1002": "NOT_INUSE"})
    assert room.words() == {"PJSIP/1001": "unseen"}


def recalled(room: Room) -> Room:
    """A new bridge that recalls what this one had written, and was killed."""
    again = Room()
    rows = [row for key, row in room.rows.items() if key[0] in ("Conversation", "Wait", "Offer", "Segment")]
    still = {
        kind: [row for row in rows if isinstance(row, kind) and getattr(row, end) is None]
        for kind, end in ((Conversation, "ended_at"), (Wait, "left_at"), (Offer, "ended_at"), (Segment, "ended_at"))
    }
    again.floor.recall(
        still[Conversation],
        still[Wait],
        still[Offer],
        still[Segment],
        room.of(Membership),
        room.of(Posture),
        heard_at=room.now,
    )
    again.screens.recall([pop for pop in room.of(Pop) if pop.taken_at is None])
    again.now = room.now + 30
    again.finds_sight()
    return again


def test_a_bridge_started_anew_carries_a_talk_on() -> None:
    room = recalled(talking())
    look(room, members=[IN_USE], channels=[(CALLER, "b", 6), (FIRST, "b", 6)], devices={"PJSIP/1001": "INUSE"})
    room.wait(3)
    assert not room.said(Corrected)
    room.says("HangupRequest", CALLER, at=90)
    room.says("BridgeLeave", CALLER, BridgeUniqueid="b", at=90)
    room.says("Hangup", CALLER, Cause=16, at=90)
    call, talk, pop = room.one(Conversation), room.one(Segment), room.one(Pop)
    assert (call.outcome, call.ended_by, call.started_at) == ("answered", "caller", T0)
    assert (talk.started_at, talk.ended_at, talk.reconstructed) == (T0 + 4, T0 + 90, False)
    assert (pop.ending, pop.taken_at) == ("call_ended", T0 + 90)


def test_a_bridge_started_anew_carries_a_wait_and_a_ring_on() -> None:
    first = Room()
    first.says("QueueMemberAdded", **MEMBER, at=0)
    first.says("Newchannel", CALLER, ChannelState=4, at=0)
    first.says("QueueCallerJoin", CALLER, Queue="support", Position=1, at=1)
    first.says("Newchannel", FIRST, ChannelState=0, at=2)
    first.says("AgentCalled", CALLER, FIRST, **SEAT_1, at=2)
    first.says("DeviceStateChange", Device="PJSIP/1001", State="RINGING", at=2)
    room = recalled(first)
    look(
        room,
        members=[RINGING],
        entries=[(CALLER, 31)],
        channels=[(CALLER, "", 6), (FIRST, "", 5)],
        devices={"PJSIP/1001": "RINGING"},
    )
    room.says("QueueCallerLeave", CALLER, Queue="support", at=40)
    room.says("AgentConnect", CALLER, FIRST, **SEAT_1, RingTime=38, HoldTime=39, at=40)
    assert (room.one(Wait).entered_at, room.one(Wait).outcome) == (T0 + 1, "answered")
    assert (room.one(Offer).started_at, room.one(Offer).outcome) == (T0 + 2, "answered")
    assert not room.said(Corrected)


def test_a_bridge_started_anew_ends_what_is_no_more_when_a_bridge_last_heard() -> None:
    before = talking()
    room = recalled(before)
    look(room, members=[MEMBER], devices={"PJSIP/1001": "NOT_INUSE"})
    room.wait(3)
    call, talk = room.one(Conversation), room.one(Segment)
    assert (call.outcome, call.ended_by, call.ended_at) == ("lost_sight", "unknown", before.now)
    assert talk.ended_at == before.now
    assert room.one(Pop).taken_at == before.now
    assert room.words() == {"PJSIP/1001": "ready"}
    assert room.floor.empty


def test_shutdown_is_the_last_that_is_seen() -> None:
    room = talking()
    room.says("Shutdown", Shutdown="Cleanly", Restart="False", at=9)
    room.wait(20)
    room.loses_sight()
    assert room.floor.sight.lost_at == T0 + 9


def test_a_recording_that_begins_with_a_look_reckons_back_from_its_first_time_stamp() -> None:
    pending = Pending("asterisk1")
    watch = Watch("asterisk1", pending)
    duration = {"Duration": "00:01:00", "ActionID": f"{LOOK}channels"}
    watch.take_recorded(
        [
            block("CoreShowChannel", at=None, **CALLER.headers(), **duration),
            block("CoreShowChannelsComplete", at=None, ListItems=1, ActionID=f"{LOOK}channels"),
            block("HangupRequest", at=0, **CALLER.headers()),
        ]
    )
    (call,) = watch.floor.facts.calls.values()
    assert call.row.started_at == T0 - 60


def test_a_seat_in_no_queue_that_is_rung_when_the_look_comes_is_a_seat() -> None:
    calling, rung = caller("7.1", "13900000007"), seat_leg("1009", "7.2", "7.1")
    room = Room()
    room.finds_sight()
    look(room, channels=[(calling, "", 4), (rung, "", 5)])
    assert room.one(Conversation).caller == "13900000007"
    assert [offer.seat for offer in room.of(Offer)] == ["PJSIP/1009"]
