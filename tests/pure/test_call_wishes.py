"""Wishes about a call as AMI actions, and which of Asterisk's words say that they came true."""

from __future__ import annotations

from pathlib import Path

import pytest
from ami_stream import Room, recorded

from ami_bridge.actions import headers_of
from ami_bridge.call_hands import CallHands
from ami_bridge.call_wishes import ABOUT_CALLS, CONSULT_KEYS, asked, refused, settled
from ami_bridge.changes import AskedInVain, CallerParked, CallerTransferred, Change, LegGone, TalkBegan
from ami_bridge.floor.hands import Hands
from crm.ledger.conversations import Conversation, Segment, Transfer
from crm.ledger.requests import Wish
from crm.tables.requests import WISH_KINDS

SEAT, CALL = "PJSIP/1001", "c-1"
HANDS = Hands("PJSIP/1001-0000002a", "1.2", "PJSIP/trunk-00000029", consults=False)
CONSULTING = Hands(HANDS.leg, HANDS.uniqueid, HANDS.party, consults=True)
FEATURES = Path(__file__).parents[2] / "asterisk-conf" / "features.conf"


def wish(kind: str, target: str | None = None) -> Wish:
    return Wish("w-1", kind, SEAT, None, None, None, CALL, 100.0, None, target)


def actions(kind: str, target: str | None = None, hands: Hands = HANDS) -> list[dict[str, str]]:
    found = asked(wish(kind, target), hands)
    assert not isinstance(found, str), found
    return [dict(each) for each in found]


def test_each_becomes_its_action_on_the_right_leg() -> None:
    leg, known = {"Channel": HANDS.leg}, {"ActionID": "w-1"}
    assert actions("hang_up") == [{"Action": "Hangup", **leg, "Cause": "31", **known}]
    assert actions("mute") == [{"Action": "Setvar", **leg, "Variable": "MUTEAUDIO(in)", "Value": "on", **known}]
    assert actions("unmute")[0]["Value"] == "off"
    assert actions("transfer", "seat-1002") == [
        {"Action": "BlindTransfer", **leg, "Context": "kefu-to", "Exten": "seat-1002", **known}
    ]
    assert actions("consult", "1002") == [
        {"Action": "Atxfer", **leg, "Context": "kefu-consult", "Exten": "1002", **known}
    ]
    assert actions("park")[0]["Context"] == "parkedcalls"


def test_what_atxfer_leaves_on_the_seats_channel_is_taken_off_once_the_consult_is_settled() -> None:
    sent: list[dict[str, str]] = []
    calls = CallHands(lambda seat, conversation: HANDS, sent.append, lambda *_: None, lambda *_: None)
    calls.settled(wish("transfer", "seat-1002"), HANDS)
    assert sent == []
    taken_off = {"Action": "Setvar", "Channel": HANDS.leg, "Variable": "TRANSFER_CONTEXT", "Value": ""}
    calls.settled(wish("consult", "1002"), CONSULTING)
    calls.settled(wish("consult", "1002"), None)  # an earlier bridge sent it
    assert sent == [taken_off, taken_off]


def test_keys_go_to_the_other_end_one_an_action() -> None:
    found = actions("send_keys", "1#")
    assert [(each["Action"], each["Channel"], each["Digit"]) for each in found] == [
        ("PlayDTMF", HANDS.party, "1"),
        ("PlayDTMF", HANDS.party, "#"),
    ]
    assert ["ActionID" in each for each in found] == [False, True], "only the last answer settles it"


def test_the_keys_that_end_a_consult_are_those_of_features_conf() -> None:
    said = dict(line.split(" = ") for line in FEATURES.read_text("utf-8").splitlines() if " = " in line[:30])
    names = {"cancel": "atxferabort", "complete": "atxfercomplete", "join": "atxferthreeway", "swap": "atxferswap"}
    for how, keys in CONSULT_KEYS.items():
        assert said[names[how]] == keys
        typed = actions("consult_end", how, CONSULTING)
        assert "".join(each["Digit"] for each in typed) == keys
        assert {each["Receive"] for each in typed} == {"true"}


@pytest.mark.parametrize("kind", ["hang_up", "send_keys", "transfer", "consult", "park"])
def test_while_a_colleague_is_asked_nothing_else_is_done_to_the_caller(kind: str) -> None:
    assert "a colleague is being asked" in asked(wish(kind, "1"), CONSULTING)


def test_what_cannot_be_is_a_sentence() -> None:
    for kind in ABOUT_CALLS:
        assert asked(wish(kind, "1"), None) == "the call is over at this phone"
    assert "nobody is being asked" in asked(wish("consult_end", "complete"), HANDS)
    assert "nobody on the other end" in asked(wish("send_keys", "1"), Hands("a", "1", None, consults=False))


def handed(kind: str, seat: str = SEAT, outcome: str = "success") -> CallerTransferred:
    return CallerTransferred(Transfer("t", CALL, "n", kind, seat, "1002", 1.0, outcome))


def talks(seat: str = SEAT) -> TalkBegan:
    call = Conversation(CALL, "n", "1.1", "inbound", 1.0)
    return TalkBegan(call, Segment("s", CALL, "n", None, seat, "1.1", 1.0), None)


@pytest.mark.parametrize(
    ("asked_for", "change", "said"),
    [
        (wish("hang_up"), LegGone(SEAT, "1.2", 1.0), ""),
        (wish("hang_up"), LegGone(SEAT, "1.9", 1.0), None),
        (wish("mute"), LegGone(SEAT, "1.2", 1.0), None),
        (wish("transfer"), handed("blind"), ""),
        (wish("transfer"), handed("blind", "PJSIP/1003"), None),
        (wish("transfer"), handed("blind", outcome="fail"), None),
        (wish("transfer"), handed("attended"), None),
        (wish("consult_end", "complete"), handed("attended"), ""),
        (wish("consult_end", "complete"), handed("blonde"), ""),
        (wish("consult_end", "cancel"), handed("attended"), None),
        (wish("consult_end", "cancel"), talks(), ""),
        (wish("consult_end", "complete"), talks(), None),
        (wish("consult_end", "cancel"), talks("PJSIP/1002"), None),
        (wish("park"), CallerParked(CALL, "701", 1.0), "701"),
        (wish("park"), CallerParked("c-2", "701", 1.0), None),
    ],
)
def test_only_asterisks_word_about_the_same_thing_settles(asked_for: Wish, change: Change, said: str | None) -> None:
    assert settled(asked_for, HANDS, change) == said


@pytest.mark.parametrize("version", ["16", "22"])
def test_a_recorded_transfer_settles_both_halves_of_its_wish(version: str) -> None:
    """A consult begins as the colleague rings, and ends as the two are left together."""
    room = Room().hears_all(recorded(f"transfer_attended.{version}.ami"))
    call = room.one(Conversation).id
    begun = Wish("w-1", "consult", SEAT, None, None, None, call, 1.0, None, "1002")
    ended = Wish("w-2", "consult_end", SEAT, None, None, None, call, 1.0, None, "complete")
    said = [
        [type(change).__name__ for change in room.changes if settled(each, HANDS, change) == ""]
        for each in (begun, ended)
    ]
    assert said == [["AgentRung", "TalkEnded"], ["CallerTransferred"]]


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (17, "the other side is busy"),
        (19, "nobody answered there"),
        (20, "the other side cannot be reached"),
        (0, "the other side cannot be reached"),
    ],
)
def test_who_is_asked_in_vain_is_said_with_asterisks_cause(cause: int, said: str) -> None:
    vain = AskedInVain(CALL, "1002", cause, 1.0)
    assert refused(wish("consult", "1002"), vain) == said
    assert refused(wish("consult", "1003"), vain) is None
    assert refused(wish("transfer", "1002"), vain) is None
    assert settled(wish("consult", "1002"), HANDS, vain) is None


@pytest.mark.parametrize("version", ["16", "22"])
def test_a_recorded_phone_that_is_away_and_one_that_declines_are_told(version: str) -> None:
    room = Room().hears_all(recorded(f"page_asks_in_vain.{version}.ami"))
    call = room.one(Conversation).id
    said = {
        number: [why for change in room.changes if (why := refused(asked_for, change)) is not None]
        for number in ("1003", "1002")
        if (asked_for := Wish("w", "consult", SEAT, None, None, None, call, 1.0, None, number))
    }
    assert said == {"1003": ["the other side cannot be reached"], "1002": ["the other side is busy"]}


def test_no_wish_about_a_call_is_taken_for_a_pause() -> None:
    """`headers_of` makes pauses of what it does not know."""
    assert set(WISH_KINDS) >= ABOUT_CALLS
    assert headers_of(wish("pause"))["Action"] == "QueuePause"
