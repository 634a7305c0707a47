"""What CEL tells of each leg as a whole, which single records do not: who rang it, when it answered, who hung up.

Called by telling.py before the records are told one by one. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from ami_bridge.floor.facts import base_of_channel, base_of_interface, half_of
from crm.rules.cel import CelEvent

_TOGETHER_S = 0.05
"""Legs that fall one after another so quickly fall for one reason: the first of them was let go by whoever hung up."""
_ON_ITS_OWN = "dialplan/builtin"


class Leg(Struct):
    """One channel. `rung_by`: AppQueue, AppDial, AppDial2 (Originate), or '' for one that came by itself.

    `joined`, `left`: when it entered and left Queue(), with the queue; `hung_up_at`: when its far end let go, if that
    was what ended it; `dial_status`: how its last Dial() ended; `rung_from`: the leg whose Dial() rang this one.
    """

    uniqueid: str
    channel: str
    linkedid: str
    born_at: float
    base: str
    half: int
    number: str = ""
    name: str = ""
    rung_by: str = ""
    answered_at: float | None = None
    ended_at: float | None = None
    cause: int = 0
    caused_by: str = ""
    dial_status: str = ""
    rung_from: str = ""
    entered: list[float] = field(default_factory=list)
    joined: list[tuple[float, str]] = field(default_factory=list)
    left: list[tuple[float, str]] = field(default_factory=list)
    hung_up_at: float | None = None


class Legs:
    """All legs by Uniqueid, and the seats they may belong to."""

    def __init__(self, cel: Iterable[CelEvent], seats: Iterable[str]) -> None:
        self.legs: dict[str, Leg] = {}
        self.seats = {base_of_interface(seat): seat for seat in seats}
        self._halves: dict[tuple[str, str], Leg] = {}
        falls: dict[str, list[float]] = {}
        for event in cel:
            if event.kind == "LINKEDID_END":
                continue
            _tell(self._leg(event), event)
            if event.kind in ("HANGUP", "BRIDGE_EXIT", "APP_END"):
                falls.setdefault(event.linkedid, []).append(event.at)
        for leg in list(self.legs.values()):
            self._who_hung_up(leg, falls.get(leg.linkedid, []))

    def seat_of(self, leg: Leg) -> str | None:
        """The seat this leg is rung at, if any is known by its name."""
        return self.seats.get(leg.base)

    def partner(self, leg: Leg) -> Leg | None:
        """The other half of a Local pair."""
        return self._halves.get((leg.linkedid, f"{leg.channel[:-1]}{3 - leg.half}")) if leg.half else None

    def _leg(self, event: CelEvent) -> Leg:
        leg = self.legs.get(event.uniqueid)
        if leg is None:
            name = event.channel
            leg = Leg(event.uniqueid, name, event.linkedid, event.at, base_of_channel(name), half_of(name))
            self.legs[event.uniqueid] = leg
            if leg.half:
                self._halves[event.linkedid, name] = leg  # a restarted Asterisk gives the same names again
        return leg

    def _who_hung_up(self, leg: Leg, falls: list[float]) -> None:
        """Asterisk names who hung up with the leg's own name; of Local halves, the dialplan of the other one did."""
        if leg.ended_at is None:
            return
        ended_at = leg.ended_at
        began = min((at for at in falls if ended_at - _TOGETHER_S <= at <= ended_at), default=ended_at)
        if leg.caused_by == leg.channel:
            leg.hung_up_at = began
        elif leg.half and leg.caused_by == _ON_ITS_OWN and (other := self.partner(leg)) is not None:
            other.hung_up_at = began


def _tell(leg: Leg, event: CelEvent) -> None:
    kind = event.kind
    if event.app != "AppDial2":  # from its answer on, an originated leg bears the number that it rang
        leg.number, leg.name = leg.number or event.number, leg.name or event.name
    if event.app in ("AppQueue", "AppDial", "AppDial2"):
        leg.rung_by = event.app
    if kind == "ANSWER":
        leg.answered_at = leg.answered_at or event.at
    elif kind == "BRIDGE_ENTER":
        leg.entered.append(event.at)
    elif kind in ("APP_START", "APP_END") and event.app == "Queue":
        (leg.joined if kind == "APP_START" else leg.left).append((event.at, queue_of(event)))
    elif kind == "HANGUP":
        cause = event.extra.get("hangupcause")
        leg.cause = cause if isinstance(cause, int) else 0
        leg.caused_by = str(event.extra.get("hangupsource", ""))
        leg.dial_status = str(event.extra.get("dialstatus", ""))
        leg.ended_at = event.at


def queue_of(event: CelEvent) -> str:
    """The queue's name in the arguments of Queue()."""
    return event.app_data.split(",", 1)[0]
