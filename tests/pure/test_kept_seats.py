"""Which seats are kept free for customers who are dialled, and when they are let go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from ami_stream import Leg, Room, caller

from ami_bridge import kept_seats
from ami_bridge.changes import PlaceChanged, PostureChanged
from ami_bridge.kept_seats import KeptSeats
from crm.ledger.callbacks import AttemptFacts
from crm.ledger.statement import Row
from crm.rules.pause_steps import step_of

ONE, TWO, SKILLED = "PJSIP/1001", "PJSIP/1002", "PJSIP/1003"
TRY = "02c85bb3-7b69-4fc6-9422-d578f7a7d60d"


class Center:
    """A floor with seats, and an Asterisk that does at once what it is told."""

    def __init__(self) -> None:
        self.room = Room()
        self.room.finds_sight()
        self.at = 1.0
        self.told: list[tuple[str, str]] = []
        self.seats = KeptSeats(self.room.floor, self._at_once, lambda row: None)
        for seat, penalty in ((ONE, 0), (TWO, 0), (SKILLED, 200)):
            self.member(seat, penalty=penalty)

    def member(self, seat: str, reason: str | None = None, *, penalty: int = 0, queue: str = "support") -> None:
        self.at += 1
        told: dict[str, Any] = {"Queue": queue, "Interface": seat, "Status": 1, "Penalty": penalty}
        told |= {"Paused": int(reason is not None), "PausedReason": reason or ""}
        changes = self.room.says("QueueMemberPause", **told, at=self.at)
        for change in changes:
            if isinstance(change, PostureChanged):
                list(self.seats.posture_changed(change, self.at))

    def rings(self, seat: str) -> None:
        self.at += 1
        leg = Leg(f"{seat}-1", f"{seat}.9", "1.1", context="from-seat")
        self.room.says("AgentCalled", caller(), leg, Queue="support", Interface=seat, at=self.at)

    def place(self, **facts: Any) -> None:
        list(self.seats.place_changed(PlaceChanged(AttemptFacts(TRY, **facts)), self.at))

    def _at_once(self, wish: str, kind: str, seat: str, reason: str, now: float) -> Iterable[Row]:
        step = step_of(kind, reason, self.room.floor.standing(seat))
        if step is not None:
            self.told.append((kind, seat))
            self.member(seat, step.reason if step.paused else None)
        return ()


@pytest.fixture
def center() -> Center:
    return Center()


def test_as_many_seats_as_are_wanted_and_none_that_skills_hold_back(center: Center) -> None:
    center.seats.need({"support": 1})
    assert center.told == [("pause", ONE)]
    assert center.seats.confirmed() == {ONE: "support"}
    center.seats.need({"support": 5})
    assert center.told == [("pause", ONE), ("pause", TWO)]
    center.seats.need({})  # nobody is to be dialled after all
    assert center.told[2:] == [("unpause", ONE), ("unpause", TWO)]
    assert center.seats.forgotten() == set()


def test_a_seat_is_its_trys_until_the_customer_stands_in_the_queue(center: Center) -> None:
    center.seats.need({"support": 1})
    center.seats.given(TRY, ONE)
    center.seats.need({"support": 1})
    assert center.told == [("pause", ONE), ("pause", TWO)]
    assert center.seats.lost() == []
    center.place(dialled_at=1.0)
    assert center.told[2:] == []
    center.place(dialled_at=1.0, queued_at=2.0)
    assert center.told[2:] == [("unpause", ONE)]
    center.seats.need({"support": 3})
    assert center.told[3:] == [], "the queue rings them for the customer first"


def test_a_seat_whose_dial_is_over_is_kept_for_the_next_customer(center: Center) -> None:
    center.seats.need({"support": 1})
    center.seats.given(TRY, ONE)
    center.seats.need({"support": 2})
    center.place(dialled_at=1.0, ended_at=2.0)
    assert center.told == [("pause", ONE), ("pause", TWO)]
    assert center.seats.confirmed() == {ONE: "support", TWO: "support"}
    center.seats.need({})
    center.seats.sync({})
    assert center.room.words()[ONE] == center.room.words()[TWO] == "ready"


def test_a_call_that_is_quicker_has_the_seat(center: Center) -> None:
    center.seats.need({"support": 1})
    center.rings(ONE)
    assert center.seats.confirmed() == {}
    assert center.told[-1] == ("unpause", ONE)


def test_an_agent_who_asks_for_a_pause_has_it_and_the_dial_has_lost_its_seat(center: Center) -> None:
    center.seats.need({"support": 1})
    center.seats.given(TRY, ONE)
    center.member(ONE, "lunch")
    assert center.seats.lost() == [(TRY, ONE, "it is reserved no more")]
    center.seats.sync({})
    assert center.told == [("pause", ONE)], "nobody's lunch is ended"
    assert center.room.words()[ONE] == "paused"


def test_who_becomes_ready_is_kept_before_a_queue_rings_them(center: Center) -> None:
    for seat in (ONE, TWO):
        center.member(seat, "ACW")
    center.seats.need({"support": 1})
    assert center.told == []
    assert center.seats.keeps(SKILLED) is False
    assert center.seats.keeps(ONE) is True  # the outbox reserves it instead of making it ready
    assert center.seats.keeps(TWO) is False
    center.seats.need({"support": 2})
    center.member(TWO)  # ready by another way
    assert center.told == [("pause", TWO)]


def test_a_seat_that_is_never_confirmed_is_let_go(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.seats.need({"support": 1})
    monkeypatch.setattr(kept_seats.time, "monotonic", lambda: 1e12)
    center.seats.confirmed()
    assert center.told[-1] == ("unpause", ONE)


def test_what_an_earlier_bridge_kept_free_is_found_and_let_go(center: Center) -> None:
    center.member(ONE, "RESERVED")
    center.member(TWO, "RESERVED")
    center.seats.sync({TRY: TWO})
    assert center.seats.forgotten() == {ONE}
    center.seats.let_go(TWO)
    center.seats.let_go(ONE)
    assert center.told == [("unpause", ONE)]
