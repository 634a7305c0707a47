"""Postures, memberships, pauses: computed from facts, the newest of each thing."""

from __future__ import annotations

import pytest
from ami_stream import T0, Room, caller, seat_leg
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.changes import MemberSeen, PauseSeen
from crm.ledger.postures import Membership, Posture

MEMBER = {"Interface": "PJSIP/1001", "Penalty": 0, "Status": 1, "Paused": 0, "LoginTime": int(T0) - 50}


def sitting(*queues: str) -> Room:
    room = Room()
    for queue in queues or ("support",):
        room.says("QueueMemberAdded", Queue=queue, **MEMBER, at=0)
    return room


def pause(room: Room, queue: str, reason: str, at: float, paused: int = 1) -> None:
    row = {**MEMBER, "Paused": paused, "PausedReason": reason, "LastPause": int(T0 + at)}
    room.says("QueueMemberPause", Queue=queue, **row, at=at)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("NOT_INUSE", "ready"),
        ("UNKNOWN", "ready"),
        ("RINGING", "ringing"),
        ("INUSE", "talking"),
        ("BUSY", "talking"),
        ("ONHOLD", "talking"),
        ("RINGINUSE", "talking"),
        ("UNAVAILABLE", "offline"),
        ("INVALID", "offline"),
    ],
)
def test_a_device_state_makes_a_posture(state: str, word: str) -> None:
    room = sitting()
    room.says("DeviceStateChange", Device="PJSIP/1001", State=state, at=1)
    assert room.words() == {"PJSIP/1001": word}
    assert room.one(Posture).since == (T0 if word == "ready" else T0 + 1)


def test_paused_is_who_no_queue_rings() -> None:
    room = sitting("support", "reception")
    pause(room, "support", "Lunch", 5)
    assert room.words() == {"PJSIP/1001": "ready"}
    pause(room, "reception", "Lunch", 5.1)
    posture = room.one(Posture)
    assert (posture.word, posture.pause_reason, posture.since) == ("paused", "Lunch", T0 + 5.1)
    room.says("QueueMemberAdded", Queue="vip", **MEMBER, at=9)
    assert room.words() == {"PJSIP/1001": "ready"}


def test_a_reason_that_asterisk_keeps_after_the_pause_is_not_shown() -> None:
    room = sitting()
    pause(room, "support", "Lunch", 5)
    pause(room, "support", "Lunch", 6, paused=0)
    posture = room.one(Posture)
    assert (posture.word, posture.paused, posture.pause_reason) == ("ready", False, None)
    assert [(seen.paused, seen.reason) for seen in room.said(PauseSeen)] == [(True, "Lunch"), (False, None)]


def test_a_pause_found_in_a_list_began_when_asterisk_says() -> None:
    room = Room()
    row = {**MEMBER, "Paused": 1, "PausedReason": "ACW", "LastPause": int(T0) - 40, "Location": "PJSIP/1001"}
    room.says("QueueMember", Queue="support", **row, at=None)
    posture = room.one(Posture)
    assert (posture.word, posture.since) == ("wrapping_up", T0 - 40)


def test_who_asks_for_a_pause_in_a_talk_is_talking_until_it_ends() -> None:
    room = sitting()
    leg, line = seat_leg("1001", "1.2", "1.1"), caller()
    room.says("Newchannel", line, ChannelState=4, at=1)
    room.says("Newchannel", leg, ChannelState=0, at=1)
    room.says("DialBegin", line, leg, at=1)
    assert room.words() == {"PJSIP/1001": "ringing"}
    for each in (leg, line):
        room.says("BridgeEnter", each, BridgeUniqueid="b", at=2)
    pause(room, "support", "Lunch", 3)
    posture = room.one(Posture)
    assert (posture.word, posture.paused, posture.segment_id is not None) == ("talking", True, True)
    room.says("BridgeLeave", leg, BridgeUniqueid="b", at=9)
    room.says("Hangup", leg, Cause=16, at=9)
    assert (posture.word, posture.conversation_id) == ("paused", None)


def test_an_older_word_never_overwrites_a_newer_one() -> None:
    room = sitting()
    room.says("DeviceStateChange", Device="PJSIP/1001", State="INUSE", at=10)
    room.says("DeviceStateChange", Device="PJSIP/1001", State="NOT_INUSE", at=9.9)
    room.says("QueueMemberPause", Queue="support", **{**MEMBER, "Paused": 1, "Status": 2}, at=12)
    room.says("QueueMemberPause", Queue="support", **{**MEMBER, "Paused": 0}, at=11)
    posture = room.one(Posture)
    assert (posture.word, posture.paused) == ("talking", True)


def test_a_member_stands_in_a_queue_since_its_login_until_it_is_removed() -> None:
    room = sitting()
    place = room.one(Membership)
    assert (place.joined_at, place.left_at) == (T0 - 50, None)
    room.says("QueueMemberPenalty", Queue="support", **{**MEMBER, "Penalty": 4}, at=3)
    assert place.penalty == 4
    room.says("QueueMemberRemoved", Queue="support", **MEMBER, at=9)
    assert place.left_at == T0 + 9
    assert [(seen.queue, seen.present) for seen in room.said(MemberSeen)] == [("support", True), ("support", False)]


def test_a_queue_that_watches_a_phone_behind_a_local_member_shows_the_phone() -> None:
    room = Room()
    row = {**MEMBER, "Interface": "Local/1001@agents/n", "StateInterface": "PJSIP/1001"}
    room.says("QueueMemberAdded", Queue="support", **row, at=0)
    room.says("DeviceStateChange", Device="PJSIP/1001", State="RINGING", at=1)
    room.says("DeviceStateChange", Device="Local/1001@agents", State="INUSE", at=1.1)
    assert room.words() == {"Local/1001@agents/n": "ringing"}


@given(st.lists(st.tuples(st.sampled_from(["NOT_INUSE", "INUSE", "UNAVAILABLE", "RINGING"]), st.floats(0, 50))))
def test_in_whatever_order_they_come_the_newest_device_state_stands(news: list[tuple[str, float]]) -> None:
    room = sitting()
    for state, at in news:
        room.says("DeviceStateChange", Device="PJSIP/1001", State=state, at=round(at, 3) + 1)
    newest = max(news, key=lambda each: round(each[1], 3), default=None)
    if newest is not None and sum(round(at, 3) == round(newest[1], 3) for _, at in news) == 1:
        assert room.one(Posture).device_state == newest[0]
