"""Events of bridges: who hangs together with whom, and the two halves of Local channels being taken out."""

from __future__ import annotations

from .channels import LEG
from .headers import Event, known, need, says
from .shapes import Reader


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


_BRIDGE = need("BridgeUniqueid")
_HALVES = (need("LocalOneUniqueid"), need("LocalTwoUniqueid"))

bridge_enter = Reader(BridgeEnter, _BRIDGE, says("BridgeTechnology", "holding_bridge"), *LEG, known("SwapUniqueid"))
bridge_leave = Reader(BridgeLeave, _BRIDGE, *LEG)
bridge_merge = Reader(BridgeMerge, need("ToBridgeUniqueid"), need("FromBridgeUniqueid"))
optimization_begin = Reader(LocalOptimizationBegin, *_HALVES)
optimization_end = Reader(LocalOptimizationEnd, *_HALVES)
