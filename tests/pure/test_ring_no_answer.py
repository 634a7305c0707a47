"""Who did not take a call rests, who misses several is taken for away; what was nobody's fault counts for nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ami_bridge.changes import RingEnded
from ami_bridge.misses import Misses
from crm.ledger.conversations import Offer
from crm.ledger.statement import Row
from crm.rules.ring_no_answer import Miss, Policy, judge
from crm.tables.conversations import OFFER_OUTCOMES

T0 = 1_800_000_000.0
SEAT = "PJSIP/201"
POLICY = Policy(misses=3, within_s=600, away_s=120, rest_s=5)


@pytest.mark.parametrize(
    ("outcome", "earlier", "pause", "for_s", "why"),
    [
        ("no_answer", [], "MISSED", 5, "not picked up: 1 of 3"),
        ("rejected", [("no_answer", 60)], "MISSED", 5, "rejected: 2 of 3"),
        ("busy", [], "MISSED", 5, "refused by the phone: 1 of 3"),
        ("rejected", [("no_answer", 60), ("busy", 300)], "RONA", 120, "rejected: 3 of 3"),
        ("no_answer", [("no_answer", 60), ("no_answer", 700)], "MISSED", 5, "not picked up: 2 of 3"),
        ("no_answer", [("caller_left", 5), ("caller_left", 9)], "MISSED", 5, "not picked up: 1 of 3"),
        ("caller_left", [("no_answer", 1), ("no_answer", 2)], None, 0, "the caller left"),
        ("device_gone", [("no_answer", 1), ("no_answer", 2)], None, 0, "the phone was gone"),
        ("taken_elsewhere", [], None, 0, "somebody else took the call"),
    ],
)  # fmt: skip
def test_by_cause(outcome: str, earlier: list[tuple[str, float]], pause: str | None, for_s: float, why: str) -> None:
    before = [Miss(str(number), T0 - ago, said) for number, (said, ago) in enumerate(earlier)]
    verdict = judge(Miss("now", T0, outcome), before, POLICY)
    assert (verdict.pause, verdict.for_s) == (pause, for_s)
    assert verdict.why.startswith(why)
    assert verdict.why.endswith({"RONA": "taken for away for 120 s", "MISSED": "rests for 5 s"}.get(pause or "", ""))


@pytest.mark.parametrize("outcome", OFFER_OUTCOMES)
def test_every_end_of_a_ring_is_judged(outcome: str) -> None:
    assert "is no miss" not in judge(Miss("now", T0, outcome), [], POLICY).why


def test_switched_off_nothing_follows() -> None:
    assert judge(Miss("now", T0, "rejected"), [], Policy(misses=0, rest_s=0)).pause is None


class Seat:
    """Misses of one seat, and what they bring about at once."""

    def __init__(self) -> None:
        self.did: list[tuple[str, str]] = []
        self.misses = Misses("n1", POLICY, self._at_once)

    def _at_once(self, wish_id: str, kind: str, seat: str, reason: str, now: float) -> Iterable[Row]:
        assert seat == SEAT
        self.did.append((kind, reason))
        return ()

    def ends(self, number: int, outcome: str, queue: str | None = "support") -> None:
        at = T0 + number
        offer = Offer(f"o{number}", "c", None, "n1", queue, SEAT, at - 1, at, outcome)
        assert list(self.misses.ring_ended(RingEnded(offer), at)) == []


def test_each_miss_brings_a_rest_and_the_third_an_absence_after_which_it_counts_anew() -> None:
    seat = Seat()
    for number in range(4):
        seat.ends(number, "rejected")
    assert seat.did == [("pause", "MISSED"), ("pause", "MISSED"), ("pause", "RONA"), ("pause", "MISSED")]


def test_a_better_word_about_the_same_ring_is_no_second_miss() -> None:
    seat = Seat()
    for number in (0, 0, 1, 1, 2, 2, 2):
        seat.ends(number, "busy")
        seat.ends(number, "rejected")
    assert seat.did == [("pause", "MISSED"), ("pause", "MISSED"), ("pause", "RONA")]


def test_the_caller_had_left_after_all() -> None:
    seat = Seat()
    seat.ends(0, "no_answer")
    seat.ends(0, "caller_left")
    assert seat.did == [("pause", "MISSED"), ("unpause", "MISSED")]
    seat.ends(1, "no_answer")
    seat.ends(2, "no_answer")
    assert seat.did[2:] == [("pause", "MISSED"), ("pause", "MISSED")], "the first one does not count"


def test_a_colleague_who_rings_directly_is_none_of_a_queues_business() -> None:
    seat = Seat()
    for number in range(5):
        seat.ends(number, "no_answer", queue=None)
    assert seat.did == []
