"""Recorded calls of a real Asterisk 16 and 22: the floor says what the script that played them did.

What the scripts say stands in floor_truths.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from ami_stream import CALLS, Room, played, recorded
from attached_late import gaps
from floor_truths import SEAT_1, SEAT_2, TAKES_TURNS, TRUTHS, Truth

from ami_bridge.changes import CallHandled, Corrected, PauseSeen
from crm.ledger.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.ledger.pops import Pop

TRACES = [f"{name}.{version}.ami" for name in TRUTHS for version in ("16", "22")]
SOME = 29


def told(room: Room) -> list[Truth]:
    return [_told(room, call) for call in sorted(room.of(Conversation), key=lambda call: call.started_at)]


def _told(room: Room, call: Conversation) -> Truth:
    def of(kind: type[Any]) -> list[Any]:
        return [row for row in room.of(kind) if row.conversation_id == call.id]

    talks = sorted(of(Segment), key=lambda row: row.started_at)
    return {
        "call": (call.direction, call.outcome, call.ended_by),
        "waits": [(row.queue, row.outcome, about(row.left_at - row.entered_at)) for row in of(Wait)],
        "offers": sorted(((row.queue, row.seat, row.outcome) for row in of(Offer)), key=str),
        "talks": [(row.seat, about(row.ended_at - row.started_at)) for row in talks],
        "held": [(row.seat, about(row.hold_s)) for row in talks],
        "transfers": [(row.kind, row.from_seat, row.to, row.outcome) for row in of(Transfer)],
    }


def about(seconds: float) -> Any:
    """Asterisk and SIPp take their time, on a busy machine more of it."""
    return pytest.approx(seconds, abs=0.5)


@pytest.mark.parametrize("name", TRACES)
def test_the_ledger_says_what_was_played(name: str) -> None:
    scenario = name.partition(".")[0]
    truth = TRUTHS[scenario]
    room = played(recorded(name))
    found = told(room)
    for expected, call in zip(truth if isinstance(truth, list) else [truth], found, strict=True):
        for what in ("call", "waits", "offers", "talks", "transfers"):
            wanted = expected.get(what, [])
            assert (sorted(wanted, key=str) if what == "offers" else wanted) == call[what], what
        assert call["held"] == expected.get("held", [(seat, 0) for seat, _ in call["talks"]])
    if scenario in TAKES_TURNS:
        assert {call["talks"][0][0] for call in found} == {SEAT_1, SEAT_2}
    handled = truth.get("handled") if isinstance(truth, dict) else None
    assert handled is None or [change.seat for change in room.said(CallHandled)] == handled
    assert room.floor.empty
    assert not room.said(Corrected)
    assert not any(row.reconstructed for kind in (Conversation, Wait, Offer, Segment) for row in room.of(kind))
    assert all(pop.taken_at is not None for pop in room.of(Pop)), "a card was left on a screen"


@pytest.mark.parametrize("name", TRACES)
def test_what_a_look_can_show_is_known_after_any_gap(name: str) -> None:
    """One gap of 29 here, all of them in tests/traces/prove_floor.py. What is compared: attached_late.py."""
    stream = recorded(name)
    otherwise = {missed: differences for missed, differences in gaps(stream, played(stream), SOME) if differences}
    assert not otherwise


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
