"""Events of handing a caller over: blind, attended, parked."""

from __future__ import annotations

from .headers import Event, known, need, value


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


def blind_transfer(text: str, at: float | None) -> BlindTransfer:
    return BlindTransfer(
        at,
        need(text, "\r\nResult: "),
        need(text, "\r\nTransfererChannel: "),
        need(text, "\r\nTransfererUniqueid: "),
        known(text, "\r\nTransfereeUniqueid: "),
        known(text, "\r\nBridgeUniqueid: "),
        value(text, "\r\nExtension: ") or "",
    )


def attended_transfer(text: str, at: float | None) -> AttendedTransfer:
    return AttendedTransfer(
        at,
        need(text, "\r\nResult: "),
        need(text, "\r\nOrigTransfererChannel: "),
        need(text, "\r\nOrigTransfererUniqueid: "),
        need(text, "\r\nSecondTransfererChannel: "),
        need(text, "\r\nSecondTransfererUniqueid: "),
        known(text, "\r\nSecondTransfererExten: "),
        known(text, "\r\nSecondTransfererConnectedLineNum: "),
        value(text, "\r\nDestType: ") or "",
        known(text, "\r\nDestApp: "),
        known(text, "\r\nDestBridgeUniqueid: "),
        known(text, "\r\nTransfereeUniqueid: "),
        known(text, "\r\nTransferTargetChannel: "),
        known(text, "\r\nTransferTargetUniqueid: "),
    )


def parked_call(text: str, at: float | None) -> ParkedCall:
    return ParkedCall(at, *_parkee(text), known(text, "\r\nParkingSpace: "))


def unparked_call(text: str, at: float | None) -> UnParkedCall:
    return UnParkedCall(at, *_parkee(text), known(text, "\r\nRetrieverUniqueid: "))


def _parkee(text: str) -> tuple[str, str, str]:
    return (
        need(text, "\r\nParkeeChannel: "),
        need(text, "\r\nParkeeUniqueid: "),
        need(text, "\r\nParkeeLinkedid: "),
    )
