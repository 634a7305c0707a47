"""Wishes as AMI headers, and which of Asterisk's words confirm them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.actions import LOOK, adding, already_so, begin_after_call_work, headers_of, login, look, ping, settles
from ami_bridge.changes import CallHandled, MemberSeen, PauseSeen
from ami_bridge.sending import Unsendable, refuse_unsendable
from crm.ledger.requests import Wish
from crm.rules.pause_steps import Standing


def wish(
    kind: str,
    *,
    seat: str = "PJSIP/1001",
    queue: str | None = None,
    reason: str | None = None,
    penalty: int | None = None,
) -> Wish:
    return Wish("w-1", kind, seat, queue, reason, penalty, None, 100.0)


@pytest.mark.parametrize(
    ("wished", "headers"),
    [
        (
            wish("pause", reason="Lunch"),
            {"Action": "QueuePause", "Interface": "PJSIP/1001", "Paused": "true", "Reason": "Lunch"},
        ),
        (wish("unpause"), {"Action": "QueuePause", "Interface": "PJSIP/1001", "Paused": "false"}),
        (
            wish("pause", queue="vip"),
            {"Action": "QueuePause", "Interface": "PJSIP/1001", "Paused": "true", "Queue": "vip"},
        ),
        (
            wish("add_member", queue="support", penalty=3),
            {"Action": "QueueAdd", "Interface": "PJSIP/1001", "Queue": "support", "Penalty": "3", "Paused": "false"},
        ),
        (
            wish("remove_member", queue="support"),
            {"Action": "QueueRemove", "Interface": "PJSIP/1001", "Queue": "support"},
        ),
    ],
)
def test_a_wish_becomes_its_action(wished: Wish, headers: dict[str, str]) -> None:
    made = headers_of(wished)
    assert dict(made) == {**headers, "ActionID": "w-1"}
    assert next(iter(made)) == "Action"


def test_a_seat_that_is_paused_joins_a_queue_paused_and_with_its_reason() -> None:
    add, reason = adding(wish("add_member", queue="vip"), Standing(paused=True, reason="ACW>lunch", wrapping=True))
    assert (add["Action"], add["Paused"]) == ("QueueAdd", "true")
    assert reason == {
        "Action": "QueuePause",
        "Interface": "PJSIP/1001",
        "Queue": "vip",
        "Paused": "true",
        "Reason": "ACW>lunch",
    }
    assert [each["Paused"] for each in adding(wish("add_member", queue="vip"), Standing())] == ["false"]


def test_after_call_work_pauses_the_seat_everywhere_at_once() -> None:
    handled = CallHandled("PJSIP/1001", "c-1", 500.0)
    row, headers = begin_after_call_work(handled, "asterisk1", 500.2, 5.0)
    assert headers == {
        "Action": "QueuePause",
        "ActionID": row.id,
        "Interface": "PJSIP/1001",
        "Paused": "true",
        "Reason": "ACW",
    }
    assert (row.state, row.kind, row.conversation_id, row.expires_at) == ("sent", "pause", "c-1", 505.2)
    assert begin_after_call_work(handled, "asterisk1", 900.0, 5.0)[0].id == row.id


@pytest.mark.parametrize("value", ["x\r\nAction: Originate", "x\ny", "\0", "x" * 1001, "\x7f"])
def test_n7_a_value_that_would_arrive_as_another_header_is_refused(value: str) -> None:
    for wished in (wish("pause", reason=value), wish("add_member", queue=value), wish("unpause", seat=value)):
        with pytest.raises(Unsendable, match=r"take it out|shorten it"):
            refuse_unsendable(headers_of(wished))


@given(st.text(), st.text(), st.text())
def test_n7_whatever_a_wish_holds_it_is_one_action_or_refused(seat: str, queue: str, reason: str) -> None:
    headers = headers_of(wish("pause", seat=seat, queue=queue, reason=reason))
    try:
        refuse_unsendable(headers)
    except Unsendable:
        return
    sent = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    assert sent.count("\r\n") == len(headers)
    assert not any(ord(sign) < 32 for sign in sent.replace("\r\n", ""))


def test_a_look_asks_for_members_before_channels_and_its_rows_are_known_by_their_id() -> None:
    asked = look()
    assert [each["Action"] for each in asked] == ["QueueStatus", "CoreShowChannels", "DeviceStateList"]
    assert all(each["ActionID"].startswith(LOOK) for each in asked)
    assert len({each["ActionID"] for each in asked}) == 3


def test_login_and_ping() -> None:
    assert login("kefu_reader", "s3cret")["Events"] == "on"
    assert ping() == {"Action": "Ping"}


@pytest.mark.parametrize(
    ("wished", "change", "settled"),
    [
        (wish("pause", reason="Lunch"), PauseSeen("PJSIP/1001", True, "Lunch", 1.0), True),
        (wish("pause", reason="Lunch"), PauseSeen("PJSIP/1001", True, "ACW", 1.0), False),
        (wish("pause", reason="Lunch"), PauseSeen("PJSIP/1001", False, None, 1.0), False),
        (wish("pause", reason="Lunch"), PauseSeen("PJSIP/1002", True, "Lunch", 1.0), False),
        (wish("pause"), PauseSeen("PJSIP/1001", True, None, 1.0), True),
        (wish("unpause"), PauseSeen("PJSIP/1001", False, None, 1.0), True),
        (wish("unpause"), PauseSeen("PJSIP/1001", True, None, 1.0), False),
        (wish("add_member", queue="vip"), MemberSeen("PJSIP/1001", "vip", True, 1.0), True),
        (wish("add_member", queue="vip"), MemberSeen("PJSIP/1001", "support", True, 1.0), False),
        (wish("remove_member", queue="vip"), MemberSeen("PJSIP/1001", "vip", True, 1.0), False),
        (wish("remove_member", queue="vip"), MemberSeen("PJSIP/1001", "vip", False, 1.0), True),
        (wish("add_member", queue="vip"), PauseSeen("PJSIP/1001", True, None, 1.0), False),
    ],
)
def test_only_asterisks_word_about_the_same_thing_settles(
    wished: Wish, change: PauseSeen | MemberSeen, settled: bool
) -> None:
    assert settles(wished, change) is settled


def test_what_had_come_true_before_is_no_refusal() -> None:
    assert already_so(wish("add_member", queue="vip"), "Unable to add interface: Already there")
    assert already_so(wish("remove_member", queue="vip"), "Unable to remove interface: Not there")
    assert not already_so(wish("pause"), "Interface not found")
    assert not already_so(wish("add_member", queue="vip"), "Unable to add interface to queue: No such queue")
