"""Phones that are gone: not rung until they have stayed for as long as a blip may last.

A seat whose device is unavailable is not rung by any queue; one that comes and goes would be, each time for nothing. So
after a blip the bridge pauses it with the reason DEVICE, and ends that when the phone has been back for as long. A blip
changes nothing, and nobody is signed out. Called by the watch and each second by the mirror, for bridge.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID, uuid5

from crm.ledger.postures import Posture
from crm.ledger.statement import Row
from crm.rules.pause_steps import DEVICE

from .changes import Change, PostureChanged
from .misses import Reflex

AWAY = ("UNAVAILABLE", "INVALID")
AGAIN_S = 10.0
_LOST = UUID("b8a3f5de-1a6b-5c55-8b51-7d2f0f6f4f0e")


class LostPhones:
    """One node's. blip_s 0: nothing is done. stands: whether a seat stands in any queue, and is not paused."""

    def __init__(self, node: str, blip_s: float, reflex: Reflex, *, stands: Callable[[str], bool]) -> None:
        self._node = node
        self._blip_s = blip_s
        self._reflex = reflex
        self._stands = stands
        self._away: dict[str, float] = {}
        self._back: dict[str, float] = {}
        self._asked: dict[str, float] = {}

    def recall(self, postures: Iterable[Posture], now: float) -> None:
        """What an earlier bridge wrote last."""
        for row in postures:
            self._note(row, now)

    def changed(self, change: Change, now: float) -> Iterable[Row]:
        """A posture was said."""
        assert isinstance(change, PostureChanged)
        self._note(change.posture, now)
        return ()

    def tick(self, now: float) -> Iterable[Row]:
        """Each second: who was gone, or is back, for long enough."""
        if not self._blip_s:
            return ()
        rows: list[Row] = []
        for seat, since in self._away.items():
            if now - since >= self._blip_s and self._stands(seat):
                rows += self._ask(seat, "pause", now)
        for seat, since in list(self._back.items()):
            if now - since >= self._blip_s:
                rows += self._ask(seat, "unpause", now)
        return rows

    def _note(self, row: Posture, now: float) -> None:
        if row.device_state in AWAY:
            self._away.setdefault(row.seat, now)
            self._back.pop(row.seat, None)
            return
        self._away.pop(row.seat, None)
        if row.paused and row.pause_reason == DEVICE:
            self._back.setdefault(row.seat, now)
        else:
            self._back.pop(row.seat, None)

    def _ask(self, seat: str, kind: str, now: float) -> Iterable[Row]:
        """At most every few seconds: what Asterisk refuses is not said to it again and again."""
        if now - self._asked.get(f"{kind} {seat}", 0.0) < AGAIN_S:
            return ()
        wish_id = str(uuid5(_LOST, f"{self._node}\0{seat}\0{kind}\0{now:.6f}"))
        rows = list(self._reflex(wish_id, kind, seat, DEVICE, now))
        if rows:
            self._asked[f"{kind} {seat}"] = now
        return rows
