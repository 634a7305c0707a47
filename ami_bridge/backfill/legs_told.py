"""CEL records → what AMI says of channels, rings, bridges and transfers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ami_bridge.events import Event
from ami_bridge.events.agents import AgentCalled
from ami_bridge.events.bridges import BridgeEnter, BridgeLeave
from ami_bridge.events.channels import DialBegin, DialEnd, Hangup, HangupRequest, Newchannel
from ami_bridge.events.ours import IvrLeft, QueueLeft, VoicemailLeft
from ami_bridge.events.system import DeviceStateChange
from ami_bridge.events.transfers import AttendedTransfer, BlindTransfer
from crm.rules.cel import CelEvent
from crm.rules.withheld import told_number

from .legs import Leg, Legs, queue_of

_DOWN, _RING = 0, 4
_BUSY_CAUSE = 17
_STATUS_OF_CAUSE = {
    1: "CHANUNAVAIL", 3: "CHANUNAVAIL", 17: "BUSY", 20: "CHANUNAVAIL", 21: "NOANSWER", 27: "CHANUNAVAIL",
    34: "CONGESTION", 38: "CONGESTION",
}  # fmt: skip
_RANG_S = 0.5
"""A phone that says busy so long after it was called rang, and a person declined."""
_ENDS_OF_A_FLOW = ("goodbye", "callback", "voicemail")
_VOICEMAIL = "/kefu-voicemail/"
_RECORDS_FOR = "record-"
"""dialplan/voicemail.conf: the extension names the box, because CEL knows no variables."""
_NO_NUMBER = ("", "s", "h", "i", "t")

Joins = set[tuple[str, str]]


class _Running:
    """Applications that run on channels now, by Linkedid: who rings whom."""

    def __init__(self) -> None:
        self._queues: dict[str, dict[str, CelEvent]] = {}
        self._dials: dict[str, dict[str, CelEvent]] = {}

    def take(self, event: CelEvent) -> None:
        running = {"Queue": self._queues, "Dial": self._dials}.get(event.app)
        if running is None:
            return
        if event.kind == "APP_START":
            running.setdefault(event.linkedid, {})[event.uniqueid] = event
        elif event.kind == "APP_END":
            running.get(event.linkedid, {}).pop(event.uniqueid, None)

    def queue_for(self, rung: CelEvent) -> CelEvent | None:
        return next(reversed(self._queues.get(rung.linkedid, {}).values()), None)

    def dial_for(self, rung: CelEvent, base: str) -> CelEvent | None:
        dials = list(self._dials.get(rung.linkedid, {}).values())
        return next((dial for dial in reversed(dials) if base in dial.app_data), dials[-1] if dials else None)


def legs_told(cel: Iterable[CelEvent], legs: Legs, joined: Joins) -> Iterator[Event]:
    """joined: (Uniqueid, queue) of the joins that queue_log tells of: Queue() may also refuse to take a caller."""
    running = _Running()
    for event in cel:
        leg = legs.legs.get(event.uniqueid)
        if leg is None:
            continue
        if event.kind == "CHAN_START":
            yield from _born(event, leg, legs, running)
        elif event.kind == "APP_END":
            yield from _app_ended(event, joined)
        elif (rule := _RULES.get(event.kind)) is not None:
            yield from rule(event, leg, legs)
        running.take(event)


def _born(event: CelEvent, leg: Leg, legs: Legs, running: _Running) -> Iterator[Event]:
    at = event.at
    state = _DOWN if leg.half == 1 or leg.rung_by else _RING
    exten = event.exten if event.exten not in _NO_NUMBER else None
    yield Newchannel(
        at,
        event.channel,
        event.uniqueid,
        event.linkedid,
        state,
        event.context,
        exten,
        told_number(leg.number),
        leg.name or None,
    )
    if leg.rung_by == "AppQueue" and (caller := running.queue_for(event)) is not None:
        seat = legs.seat_of(leg) or leg.base
        yield AgentCalled(
            at,
            caller.channel,
            caller.uniqueid,
            caller.linkedid,
            event.channel,
            event.uniqueid,
            queue_of(caller),
            seat,
            told_number(caller.number),
            caller.name or None,
        )
    elif leg.rung_by == "AppDial" and (source := running.dial_for(event, leg.base)) is not None:
        leg.rung_from = source.uniqueid
        yield DialBegin(
            at,
            source.channel,
            source.uniqueid,
            source.linkedid,
            source.exten or None,
            event.channel,
            event.uniqueid,
            event.linkedid,
            event.context,
        )


def _answered(event: CelEvent, leg: Leg, legs: Legs) -> Iterator[Event]:
    if leg.rung_by in ("AppQueue", "AppDial") and leg.answered_at == event.at:
        yield DialEnd(event.at, None, event.uniqueid, "ANSWER")


def _entered(event: CelEvent, leg: Leg, legs: Legs) -> Iterator[Event]:
    holding = event.extra.get("bridge_technology") == "holding_bridge"
    bridge = str(event.extra.get("bridge_id", ""))
    if bridge:
        yield BridgeEnter(event.at, bridge, holding, event.channel, event.uniqueid, event.linkedid, None)


def _left(event: CelEvent, leg: Leg, legs: Legs) -> Iterator[Event]:
    bridge = str(event.extra.get("bridge_id", ""))
    if bridge:
        yield BridgeLeave(event.at, bridge, event.channel, event.uniqueid, event.linkedid)


def _hung_up(event: CelEvent, leg: Leg, legs: Legs) -> Iterator[Event]:
    if leg.hung_up_at is not None:
        yield HangupRequest(leg.hung_up_at, event.channel, event.uniqueid, event.linkedid)
    if event.context == "next-step" and event.exten in _ENDS_OF_A_FLOW:
        yield IvrLeft(event.at, event.channel, event.uniqueid, event.linkedid, event.exten)
    rang_s = event.at - leg.born_at
    if leg.rung_by and leg.cause == _BUSY_CAUSE and leg.answered_at is None and rang_s >= _RANG_S:
        yield DeviceStateChange(event.at, leg.base, "RINGING", None)
    if leg.rung_from and leg.answered_at is None:
        yield DialEnd(event.at, None, event.uniqueid, _dial_ended(leg, legs))
    yield Hangup(event.at, event.channel, event.uniqueid, event.linkedid, leg.cause)


def _dial_ended(leg: Leg, legs: Legs) -> str:
    """DialStatus of a leg that did not answer: by its own cause, else as Dial() ended for whoever rang it."""
    source = legs.legs.get(leg.rung_from)
    status = source.dial_status if source is not None else ""
    if status == "ANSWER":
        return "CANCEL"  # another leg of the same Dial() answered
    return _STATUS_OF_CAUSE.get(leg.cause) or status or "NOANSWER"


def _app_ended(event: CelEvent, joined: Joins) -> Iterator[Event]:
    who = (event.channel, event.uniqueid, event.linkedid)
    if event.app == "Queue" and (event.uniqueid, queue_of(event)) not in joined:
        # Neither log says whether the queue was full or empty; empty is what happens.
        yield QueueLeft(event.at, *who, queue_of(event), "JOINEMPTY")
    elif event.app == "Record" and _VOICEMAIL in event.app_data:
        _, _, box = event.exten.partition(_RECORDS_FOR)
        yield VoicemailLeft(event.at, *who, "DTMF", box or None)


def _blind(event: CelEvent, leg: Leg, legs: Legs) -> Iterator[Event]:
    extra = event.extra
    yield BlindTransfer(
        event.at,
        "Success",
        event.channel,
        event.uniqueid,
        _said(extra.get("transferee_channel_uniqueid")),
        _said(extra.get("bridge_id")),
        _said(extra.get("extension")) or "",
    )


def _attended(event: CelEvent, leg: Leg, legs: Legs) -> Iterator[Event]:
    extra = event.extra
    app = _said(extra.get("app"))
    yield AttendedTransfer(
        event.at,
        "Success",
        event.channel,
        event.uniqueid,
        _said(extra.get("channel2_name")) or event.channel,
        _said(extra.get("channel2_uniqueid")) or event.uniqueid,
        None,
        None,
        "App" if app else "Bridge",
        app,
        _said(extra.get("bridge1_id")),
        _said(extra.get("transferee_channel_uniqueid")),
        _said(extra.get("transfer_target_channel_name")),
        _said(extra.get("transfer_target_channel_uniqueid")),
    )


def _said(value: object) -> str | None:
    return str(value) if value not in (None, "", "N/A") else None


Rule = Callable[[CelEvent, Leg, Legs], Iterator[Event]]
_RULES: Mapping[str, Rule] = {
    "ANSWER": _answered,
    "BRIDGE_ENTER": _entered,
    "BRIDGE_EXIT": _left,
    "HANGUP": _hung_up,
    "BLINDTRANSFER": _blind,
    "ATTENDEDTRANSFER": _attended,
}
