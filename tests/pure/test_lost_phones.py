"""A phone that is gone is not rung before it has stayed for as long as a blip may last; a blip changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ami_stream import T0

from ami_bridge.changes import PostureChanged
from ami_bridge.lost_phones import AGAIN_S, LostPhones
from crm.ledger.postures import Posture
from crm.ledger.statement import Row

SEAT = "PJSIP/1001"
BLIP_S = 5.0


class Phones:
    """One seat; `did` is what was asked of Asterisk, which confirms it when `confirms`."""

    def __init__(self, blip_s: float = BLIP_S) -> None:
        self.row = Posture("n1", SEAT, "ready", T0, "NOT_INUSE")
        self.did: list[tuple[str, str, float]] = []
        self.confirms = True
        self.phones = LostPhones("n1", blip_s, self._at_once, stands=lambda seat: not self.row.paused)
        self.now = T0

    def _at_once(self, wish_id: str, kind: str, seat: str, reason: str, now: float) -> Iterable[Row]:
        self.did.append((kind, reason, now - T0))
        if self.confirms:
            self.row.paused, self.row.pause_reason = kind == "pause", reason if kind == "pause" else None
            self._said()
        return (self.row,)

    def says(self, device: str) -> None:
        self.row.device_state = device
        self._said()

    def _said(self) -> None:
        assert list(self.phones.changed(PostureChanged(self.row), self.now)) == []

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            list(self.phones.tick(self.now))


def test_a_blip_is_not_a_loss() -> None:
    seat = Phones()
    for _ in range(5):
        seat.says("UNAVAILABLE")
        seat.wait(4)
        seat.says("NOT_INUSE")
        seat.wait(1)
    assert seat.did == []


def test_a_loss_is_noticed_once_and_ends_when_the_phone_has_stayed() -> None:
    seat = Phones()
    seat.says("UNAVAILABLE")
    seat.wait(30)
    assert seat.did == [("pause", "DEVICE", BLIP_S)]
    for _ in range(3):  # it flaps
        seat.says("NOT_INUSE")
        seat.wait(4)
        seat.says("UNAVAILABLE")
        seat.wait(4)
    assert len(seat.did) == 1
    seat.says("NOT_INUSE")
    seat.wait(10)
    assert seat.did[1:] == [("unpause", "DEVICE", 59.0)]


def test_who_pauses_meanwhile_stays_paused_and_is_not_rung_afterwards_either() -> None:
    seat = Phones()
    seat.row.paused, seat.row.pause_reason = True, "lunch"
    seat.says("UNAVAILABLE")
    seat.wait(20)
    assert seat.did == []
    seat.row.paused, seat.row.pause_reason = False, None
    seat.says("UNAVAILABLE")
    seat.wait(1)
    assert [kind for kind, _, _ in seat.did] == ["pause"]


def test_what_asterisk_refuses_is_not_said_to_it_each_second() -> None:
    seat = Phones()
    seat.confirms = False
    seat.says("INVALID")
    seat.wait(26)
    assert [at for _, _, at in seat.did] == [BLIP_S, BLIP_S + AGAIN_S, BLIP_S + 2 * AGAIN_S]


@pytest.mark.parametrize("device", ["NOT_INUSE", "UNAVAILABLE"])
def test_a_new_bridge_carries_on(device: str) -> None:
    seat = Phones()
    seat.row.paused, seat.row.pause_reason, seat.row.device_state = True, "DEVICE", device
    seat.phones.recall([seat.row], T0)
    seat.wait(10)
    assert [kind for kind, _, _ in seat.did] == (["unpause"] if device == "NOT_INUSE" else [])


def test_switched_off() -> None:
    seat = Phones(blip_s=0)
    seat.says("UNAVAILABLE")
    seat.wait(60)
    assert seat.did == []
