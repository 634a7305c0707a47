"""Events of bridges: who hangs together with whom, and the two halves of Local channels being taken out."""

from __future__ import annotations

from .channels import CHANNEL, LINKEDID, UNIQUEID
from .headers import Event, known, need, value

_BRIDGE = "\r\nBridgeUniqueid: "


class BridgeEnter(Event, frozen=True, gc=False):
    """`holding`: music or parking, not a talk. `swap`: the channel whose place this one takes."""

    bridge: str
    holding: bool
    channel: str
    uniqueid: str
    linkedid: str
    swap: str | None


class BridgeLeave(Event, frozen=True, gc=False):
    bridge: str
    channel: str
    uniqueid: str
    linkedid: str


class BridgeMerge(Event, frozen=True, gc=False):
    """Two bridges become one. The floor does not need it: each channel that moves is said to leave and to enter."""

    to_bridge: str
    from_bridge: str


class LocalOptimizationBegin(Event, frozen=True, gc=False):
    """A Local pair is about to be taken out of the middle of a talk."""

    one_uniqueid: str
    two_uniqueid: str


class LocalOptimizationEnd(Event, frozen=True, gc=False):
    """Its Success header says No when it succeeded, so it is not read."""

    one_uniqueid: str
    two_uniqueid: str


def bridge_enter(text: str, at: float | None) -> BridgeEnter:
    return BridgeEnter(
        at,
        need(text, _BRIDGE),
        value(text, "\r\nBridgeTechnology: ") == "holding_bridge",
        need(text, CHANNEL),
        need(text, UNIQUEID),
        need(text, LINKEDID),
        known(text, "\r\nSwapUniqueid: "),
    )


def bridge_leave(text: str, at: float | None) -> BridgeLeave:
    return BridgeLeave(at, need(text, _BRIDGE), need(text, CHANNEL), need(text, UNIQUEID), need(text, LINKEDID))


def bridge_merge(text: str, at: float | None) -> BridgeMerge:
    return BridgeMerge(at, need(text, "\r\nToBridgeUniqueid: "), need(text, "\r\nFromBridgeUniqueid: "))


def optimization_begin(text: str, at: float | None) -> LocalOptimizationBegin:
    return LocalOptimizationBegin(at, *_halves(text))


def optimization_end(text: str, at: float | None) -> LocalOptimizationEnd:
    return LocalOptimizationEnd(at, *_halves(text))


def _halves(text: str) -> tuple[str, str]:
    return need(text, "\r\nLocalOneUniqueid: "), need(text, "\r\nLocalTwoUniqueid: ")
