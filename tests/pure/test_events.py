"""AMI blocks → events: what is read, in which units, and what is refused."""

from __future__ import annotations

import random

import msgspec
import pytest
from ami_stream import T0, TRACES, block
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_bridge.events import FOLLOWED, Event, Unreadable, encode, read
from ami_bridge.events.agents import AgentComplete, AgentConnect, AgentRingNoAnswer
from ami_bridge.events.channels import Newchannel
from ami_bridge.events.lists import CoreShowChannel, QueueEntry
from ami_bridge.events.ours import IvrLeft, QueueHangup, QueueLeft
from ami_bridge.events.queues import MemberState
from ami_bridge.events.system import Response

CHANNEL = {
    "Channel": "PJSIP/trunk-00000001",
    "ChannelState": "4",
    "CallerIDNum": "13800138000",
    "CallerIDName": "王芳",
    "Context": "from-trunk",
    "Exten": "95000",
    "Uniqueid": "1700000000.1",
    "Linkedid": "1700000000.1",
}
PARTIES = {**CHANNEL, "DestChannel": "PJSIP/1001-00000002", "DestUniqueid": "1700000000.2"}
MEMBER = {"Queue": "support", "Interface": "PJSIP/1001", "Status": 1, "Paused": 1, "PausedReason": "Lunch"}


def real_blocks() -> list[bytes]:
    return [block for path in sorted(TRACES.glob("*.ami")) for block in path.read_bytes().split(b"\r\n\r\n") if block]


def newchannel(**headers: object) -> Newchannel:
    event = read(block("Newchannel", **{**CHANNEL, **headers}))
    assert isinstance(event, Newchannel), event
    return event


def test_a_channel_is_born_with_what_is_known_of_its_caller() -> None:
    assert newchannel() == Newchannel(
        T0, "PJSIP/trunk-00000001", "1700000000.1", "1700000000.1", 4, "from-trunk", "95000", "13800138000", "王芳"
    )


def test_a_caller_unknown_to_asterisk_is_none() -> None:
    event = newchannel(CallerIDNum="<unknown>", CallerIDName="")
    assert (event.caller, event.caller_name) == (None, None)


@pytest.mark.parametrize("word", ["anonymous", "Anonymous", "RESTRICTED", "Unavailable", "+anonymous"])
def test_a_word_in_the_place_of_a_number_is_no_number(word: str) -> None:
    assert newchannel(CallerIDNum=word).caller is None
    assert newchannel(CallerIDNum="anonymous7").caller == "anonymous7"
    joined = read(block("QueueCallerJoin", **{**CHANNEL, "CallerIDNum": word}, Queue="support", Position=1))
    assert (joined.caller, joined.caller_name) == (None, "王芳")


def test_every_followed_block_of_a_real_asterisk_is_readable() -> None:
    kinds = set()
    for raw in real_blocks():
        event = read(raw.partition(b"\r\n")[2] if raw.startswith(b"Asterisk Call Manager/") else raw)
        assert not isinstance(event, Unreadable), (event, raw)
        kinds.add(type(event).__name__)
    assert len(kinds) > 20


def test_units_seconds_in_agent_connect_milliseconds_in_ring_no_answer() -> None:
    named = {**PARTIES, "Queue": "support", "Interface": "PJSIP/1001"}
    connect = read(block("AgentConnect", **named, RingTime=7, HoldTime=31))
    missed = read(block("AgentRingNoAnswer", **named, RingTime=15000))
    assert isinstance(connect, AgentConnect)
    assert isinstance(missed, AgentRingNoAnswer)
    assert (connect.ring_s, connect.hold_s, missed.ring_ms) == (7, 31, 15000)


def test_agent_complete_may_lack_the_caller_or_the_member_group() -> None:
    alone = read(block("AgentComplete", Queue="support", Interface="PJSIP/1001", TalkTime=3, Reason="agent"))
    assert isinstance(alone, AgentComplete)
    assert (alone.uniqueid, alone.dest_uniqueid, alone.talk_s) == (None, None, 3)


def test_a_listed_member_has_its_interface_under_location() -> None:
    listed = read(block("QueueMember", at=None, ActionID="kefu-look-queues", **{**MEMBER, "Location": "PJSIP/1001"}))
    event = read(block("QueueMemberPause", **MEMBER))
    assert isinstance(listed, MemberState)
    assert isinstance(event, MemberState)
    assert (listed.at, listed.news, listed.interface, listed.paused) == (None, "listed", "PJSIP/1001", True)
    assert (event.at, event.news, event.reason) == (T0, "pause", "Lunch")


def test_listed_channels_and_callers() -> None:
    channel = read(block("CoreShowChannel", at=None, **CHANNEL, BridgeId="b-1", Duration="01:02:03"))
    entry = read(block("QueueEntry", at=None, Queue="support", Position=2, Channel="x", Uniqueid="1.1", Wait=40))
    assert isinstance(channel, CoreShowChannel)
    assert isinstance(entry, QueueEntry)
    assert (channel.bridge, channel.duration_s, entry.wait_s, entry.position) == ("b-1", 3723, 40, 2)


def test_our_dialplan_says_how_a_queue_was_left_and_where_a_flow_ended() -> None:
    left = read(block("UserEvent", UserEvent="QueueLeft", **CHANNEL, Queue="support", Status="TIMEOUT"))
    hung = read(block("UserEvent", UserEvent="QueueHangup", **CHANNEL, Queue="support", Status="", Abandoned="TRUE"))
    ivr = read(block("UserEvent", UserEvent="IvrLeft", **CHANNEL, NextStep="goodbye"))
    assert isinstance(left, QueueLeft)
    assert isinstance(hung, QueueHangup)
    assert isinstance(ivr, IvrLeft)
    assert (left.status, hung.status, hung.abandoned, ivr.next_step) == ("TIMEOUT", "", True, "goodbye")
    assert read(block("UserEvent", UserEvent="SomebodyElse", **CHANNEL)) is None


def test_an_answer_tells_whether_rows_follow() -> None:
    answer = read(b"Response: Success\r\nActionID: a-1\r\nEventList: start\r\nMessage: Channels will follow")
    assert answer == Response(None, "a-1", True, "Channels will follow", True)


def test_what_is_not_followed_is_none() -> None:
    assert read(block("VarSet", **CHANNEL, Variable="X", Value="1")) is None
    assert read(block("DeviceStateChange", Device="Queue:support", State="INUSE")) is None
    assert b"VarSet" not in FOLLOWED


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (block("Hangup", Channel="x", Linkedid="1.1"), "Hangup without Uniqueid"),
        (block("Newchannel", **{**CHANNEL, "Linkedid": ""}), "Newchannel without Linkedid"),
        (block("Newchannel", at=None, Timestamp="soon", **CHANNEL), "Newchannel with Timestamp soon, which is no time"),
        (block("Newchannel", at=None, Timestamp="nan", **CHANNEL), "Newchannel with Timestamp nan, which is no time"),
        (block("Newchannel", **{**CHANNEL, "ChannelState": "4x"}), "with ChannelState 4x, which is no number"),
        (block("Hangup", **CHANNEL) + b"\r\nEvent: Hangup", "Hangup with another Event line inside"),
        (b"\x00\xff", "begins with neither Event nor Response"),
        (block("Hangup", **CHANNEL, Padding="x" * 1_000_000), "longer than anything that Asterisk sends"),
        (block("Newchannel", **{**CHANNEL, "Exten": "x" * 5_000}), "with a exten longer than 1000 characters"),
    ],
)
def test_nonsense_is_unreadable_with_a_reason(raw: bytes, why: str) -> None:
    event = read(raw)
    assert isinstance(event, Unreadable)
    assert why in event.why


def test_an_unescaped_name_cannot_forge_a_header() -> None:
    forged = block("QueueEntry", Queue="vip", Uniqueid="1.1", Channel="x", CallerIDName="Eve\r\nWait: 9999", Wait=1)
    event = read(forged)
    assert isinstance(event, Unreadable)
    assert event.why == "QueueEntry with Wait twice"


def test_an_escaped_name_is_shown_as_it_was_meant_and_moves_no_cursor() -> None:
    assert newchannel(CallerIDName=r"Bob \"the\\builder\"").caller_name == r'Bob "the\builder"'
    assert newchannel(CallerIDName=r"Eve\r\nEvent: Hangup").caller_name == "Eve  Event: Hangup"
    assert newchannel(CallerIDName="\x1b[2Jcleared \u202egnp.exe").caller_name == "[2Jcleared gnp.exe"
    assert newchannel(CallerIDName="<script>alert(1)</script>").caller_name == "<script>alert(1)</script>"


def test_broken_utf8_and_nul_never_reach_postgres_and_ids_keep_their_bytes() -> None:
    raw = block("Newchannel", **CHANNEL).replace("王芳".encode(), b"Andr\xe9\x00")
    raw = raw.replace(b"PJSIP/trunk", b"PJSIP/tr\xfc\x00nk")
    event = read(raw)
    assert isinstance(event, Newchannel)
    assert event.caller_name == "Andr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert b"\0" not in event.channel.encode()
    assert encode(event.channel) == b"PJSIP/tr\xfc\x00nk-00000001"


def test_names_and_numbers_are_short() -> None:
    event = newchannel(CallerIDNum="1" * 900, CallerIDName="x" * 900)
    assert (len(event.caller or ""), len(event.caller_name or "")) == (80, 200)


def fit_for_postgres(event: Event) -> None:
    text = msgspec.json.encode(event)
    assert b"\\u0000" not in text
    text.decode()


@settings(max_examples=5 * settings().max_examples)
@given(st.binary(max_size=400), st.sampled_from([*sorted(FOLLOWED), b""]))
def test_no_bytes_make_it_raise(raw: bytes, kind: bytes) -> None:
    for candidate in (raw, b"Event: " + kind + b"\r\n" + raw, b"Response: " + raw):
        event = read(candidate)
        if isinstance(event, Event):
            fit_for_postgres(event)


def test_no_mutation_of_real_blocks_makes_it_raise() -> None:
    dice = random.Random(22)
    blocks = real_blocks()
    for _ in range(10_000):
        raw = bytearray(dice.choice(blocks))
        for _ in range(dice.randint(1, 4)):
            spot = dice.randrange(len(raw))
            match dice.randrange(4):
                case 0:
                    raw[spot] = dice.randrange(256)
                case 1:
                    del raw[spot : spot + dice.randrange(1, 30)]
                case 2:
                    raw[spot:spot] = dice.choice((b"\r\n", b"\0", b"\r\nEvent: Hangup", b"\r\nUniqueid: ", b"\xff"))
                case _:
                    raw[spot:spot] = raw[dice.randrange(len(raw)) :][:50]
            raw = raw or bytearray(b"x")
        event = read(bytes(raw))
        if isinstance(event, Event):
            fit_for_postgres(event)
