"""Recorded calls of a real Asterisk 16 and 22: the floor says what the script that played them did.

The scripts stand in tests/traces/scenarios.py; the words and seconds here were taken from them, not from the floor.
"""

from __future__ import annotations

from typing import Any

import pytest
from ami_stream import CALLS, Room, played, recorded

from ami_bridge.changes import CallHandled, Corrected, PauseSeen
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.pops import Pop

SEAT_1, SEAT_2, SEAT_3 = "PJSIP/1001", "PJSIP/1002", "PJSIP/1003"
LOCAL, LOCAL_PHONE, LOCAL_FAR = "Local/201@sandbox-agents/n", "Local/1001@agent-local/n", "Local/301@agent-media"

Truth = dict[str, Any]
TRUTHS: dict[str, Truth] = {
    "queue_agent_ends": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "queue_caller_ends": {
        "call": ("inbound", "answered", "caller"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "queue_abandoned": {
        "call": ("inbound", "abandoned", "caller"),
        "waits": [("reception", "abandoned", 1.5)],
        "offers": [("reception", SEAT_2, "caller_left")],
    },
    "queue_rejected": {
        "call": ("inbound", "abandoned", "caller"),
        "waits": [("reception", "abandoned", 1.1)],
        "offers": [("reception", SEAT_3, "rejected")],
    },
    "queue_timeout": {
        "call": ("inbound", "no_answer", "system"),
        "waits": [("all", "timeout", 6)],
        "offers": [("all", SEAT_2, "no_answer"), ("all", SEAT_2, "no_answer")],
    },
    "queue_join_empty": {
        "call": ("inbound", "voicemail", "caller"),
        "waits": [("reception", "join_empty", 0)],
    },
    "queue_withdrawn": {
        "call": ("inbound", "no_answer", "system"),
        "waits": [("all", "withdrawn", 1.6)],
    },
    "queue_ring_all": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("all", "answered", 1)],
        "offers": [("all", SEAT_1, "answered"), ("all", SEAT_2, "taken_elsewhere")],
        "talks": [(SEAT_1, 2)],
    },
    "after_call_work": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "local_member": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1)],
        "offers": [("reception", LOCAL, "answered")],
        "talks": [(LOCAL, 2.5)],
    },
    "local_phone": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", LOCAL_PHONE, "answered")],
        "talks": [(LOCAL_PHONE, 3)],
    },
    "local_optimized": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 1)],
        "offers": [("reception", LOCAL_FAR, "answered")],
        "talks": [(LOCAL_FAR, 3.5)],
    },
    "transfer_blind": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.5), (SEAT_2, 2)],
        "transfers": [("blind", SEAT_1, "1002", "success")],
    },
    "transfer_attended": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.7), (SEAT_2, 6.2)],
        "transfers": [("attended", SEAT_1, SEAT_2, "success")],
    },
    "transfer_blonde": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 0.5)],
        "offers": [("reception", SEAT_1, "answered"), (None, SEAT_2, "answered")],
        "talks": [(SEAT_1, 1.7), (SEAT_2, 2)],
        "transfers": [("blonde", SEAT_1, SEAT_2, "success")],
    },
    "direct_answered": {
        "call": ("inbound", "answered", "agent"),
        "offers": [(None, SEAT_1, "answered")],
        "talks": [(SEAT_1, 2)],
    },
    "direct_no_answer": {"call": ("inbound", "no_answer", "system"), "offers": [(None, SEAT_1, "no_answer")]},
    "direct_rejected": {"call": ("inbound", "rejected", "system"), "offers": [(None, SEAT_1, "rejected")]},
    "direct_group": {
        "call": ("inbound", "answered", "agent"),
        "offers": [(None, SEAT_1, "answered"), (None, SEAT_2, "taken_elsewhere")],
        "talks": [(SEAT_1, 2)],
    },
    "ivr_self_served": {"call": ("inbound", "self_served", "system")},
    "ivr_hung_up": {"call": ("inbound", "abandoned", "caller")},
    "click_to_dial_colleague": {
        "call": ("internal", "answered", "agent"),
        "offers": [(None, SEAT_2, "answered")],
        "talks": [(SEAT_2, 2)],
    },
    "outbound_answered": {"call": ("outbound", "answered", "caller"), "talks": [(SEAT_1, 2)]},
    "outbound_rejected": {"call": ("outbound", "rejected", "caller")},
    "looked_at": {
        "call": ("inbound", "answered", "agent"),
        "waits": [("reception", "answered", 2.5)],
        "offers": [("reception", SEAT_1, "answered")],
        "talks": [(SEAT_1, 4)],
    },
}
TRACES = [f"{name}.{version}.ami" for name in TRUTHS for version in ("16", "22")]


def told(room: Room) -> Truth:
    call = room.one(Conversation)
    return {
        "call": (call.direction, call.outcome, call.ended_by),
        "waits": [(row.queue, row.outcome, about(row.left_at - row.entered_at)) for row in room.of(Wait)],
        "offers": sorted(((row.queue, row.seat, row.outcome) for row in room.of(Offer)), key=str),
        "talks": [(row.seat, about(row.ended_at - row.started_at)) for row in room.of(Segment)],
        "transfers": [(row.kind, row.from_seat, row.to, row.outcome) for row in room.of(Transfer)],
    }


def about(seconds: float) -> Any:
    """Asterisk and SIPp take their time, on a busy machine more of it."""
    return pytest.approx(seconds, abs=0.5)


@pytest.mark.parametrize("name", TRACES)
def test_the_ledger_says_what_was_played(name: str) -> None:
    truth = {"waits": [], "offers": [], "talks": [], "transfers": [], **TRUTHS[name.partition(".")[0]]}
    truth["offers"] = sorted(truth["offers"], key=str)
    room = played(recorded(name))
    assert truth == told(room)
    assert room.floor.empty
    assert not room.said(Corrected)
    assert not any(row.reconstructed for kind in (Conversation, Wait, Offer, Segment) for row in room.of(kind))
    assert all(pop.taken_at is not None for pop in room.of(Pop)), "a card was left on a screen"


@pytest.mark.parametrize("name", [name for name in TRACES if name.startswith(("transfer", "direct_a", "queue_ag"))])
def test_parents_are_told_before_their_children(name: str) -> None:
    """Rows are written in the order they are told; a child without its parent would be refused."""
    told_ids: set[str] = set()
    for change in Room().hears_all(recorded(name)).changes:
        for row in change.rows:
            parents = [getattr(row, key, None) for key in ("conversation_id", "wait_id")]
            if type(row).__name__ in CALLS:
                assert {parent for parent in parents if parent} <= told_ids, change
                told_ids.add(row.id)  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", ["16", "22"])
def test_the_card_stays_while_the_seat_consults_and_goes_when_it_lets_go(version: str) -> None:
    room = played(recorded(f"transfer_attended.{version}.ami"))
    first, second = room.of(Pop)
    assert (first.seat, second.seat) == (SEAT_1, SEAT_2)
    assert first.taken_at - first.answered_at == pytest.approx(6, abs=0.5)
    talk = room.of(Segment)[0]
    assert talk.ended_at - talk.started_at == pytest.approx(1.7, abs=0.5)
    assert talk.hold_s == pytest.approx(0.24, abs=0.2)


@pytest.mark.parametrize("version", ["16", "22"])
def test_after_call_work_shows_the_conversation_just_handled(version: str) -> None:
    room = Room()
    seen: list[tuple[str, str | None, str | None]] = []
    for event in recorded(f"after_call_work.{version}.ami"):
        room.hears(event)
        posture = next((row for key, row in room.rows.items() if key[0] == "Posture" and key[1] == SEAT_1), None)
        if posture is not None:
            now = (posture.word, posture.pause_reason, posture.conversation_id)  # type: ignore[attr-defined]
            seen += [now] if not seen or seen[-1] != now else []
    call = room.one(Conversation)
    words = [word for word, _, _ in seen]
    assert words[words.index("ringing") - 3 : words.index("ringing") + 1] == ["ready", "paused", "ready", "ringing"]
    assert ("paused", "Lunch", None) in seen
    assert ("talking", None, call.id) in seen
    assert ("wrapping_up", "ACW", call.id) in seen
    assert seen[-1] == ("ready", None, None)
    assert [handled.conversation_id for handled in room.said(CallHandled)] == [call.id]
    reasons = [(pause.paused, pause.reason) for pause in room.said(PauseSeen)]
    assert reasons == [(True, "Lunch")] * 2 + [(False, None)] * 2 + [(True, "ACW")] * 2 + [(False, None)] * 2


@pytest.mark.parametrize("version", ["16", "22"])
def test_a_talk_whose_wires_are_taken_out_of_the_middle_is_one_talk(version: str) -> None:
    stream = recorded(f"local_optimized.{version}.ami")
    assert "LocalOptimizationBegin" in {type(event).__name__ for event in stream}
    assert len(played(stream).of(Segment)) == 1
