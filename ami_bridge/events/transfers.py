"""Events of handing a caller over: blind, attended, parked."""

from __future__ import annotations

from .headers import Event, known, need, words
from .shapes import Reader


class BlindTransfer(Event, frozen=True, gc=False):
    """`result` Success does not mean that the target answers. `transferee_uniqueid` is None with several parties."""

    result: str
    transferer_channel: str
    transferer_uniqueid: str
    transferee_uniqueid: str | None
    bridge: str | None
    extension: str


class AttendedTransfer(Event, frozen=True, gc=False):
    """`dest_type` Bridge, Link, Threeway or Fail; App when the transferer let go before the target answered (blonde).

    `transferee` was talking with the transferer first, `target` is whom it consulted; either may be unknown.
    """

    result: str
    first_channel: str
    first_uniqueid: str
    second_channel: str
    second_uniqueid: str
    second_exten: str | None
    second_connected: str | None
    dest_type: str
    dest_app: str | None
    dest_bridge: str | None
    transferee_uniqueid: str | None
    target_channel: str | None
    target_uniqueid: str | None


class ParkedCall(Event, frozen=True, gc=False):
    channel: str
    uniqueid: str
    linkedid: str
    space: str | None


class UnParkedCall(Event, frozen=True, gc=False):
    channel: str
    uniqueid: str
    linkedid: str
    retriever_uniqueid: str | None


blind_transfer = Reader(
    BlindTransfer,
    need("Result"),
    need("TransfererChannel"),
    need("TransfererUniqueid"),
    known("TransfereeUniqueid"),
    known("BridgeUniqueid"),
    words("Extension"),
)
attended_transfer = Reader(
    AttendedTransfer,
    need("Result"),
    need("OrigTransfererChannel"),
    need("OrigTransfererUniqueid"),
    need("SecondTransfererChannel"),
    need("SecondTransfererUniqueid"),
    known("SecondTransfererExten"),
    known("SecondTransfererConnectedLineNum"),
    words("DestType"),
    known("DestApp"),
    known("DestBridgeUniqueid"),
    known("TransfereeUniqueid"),
    known("TransferTargetChannel"),
    known("TransferTargetUniqueid"),
)
_PARKEE = (need("ParkeeChannel"), need("ParkeeUniqueid"), need("ParkeeLinkedid"))
parked_call = Reader(ParkedCall, *_PARKEE, known("ParkingSpace"))
unparked_call = Reader(UnParkedCall, *_PARKEE, known("RetrieverUniqueid"))
