"""Events of one channel: born, dialled, held, asked to end, gone."""

from __future__ import annotations

from .headers import Event, known, name, need, number, value, whole

CHANNEL, UNIQUEID, LINKEDID = "\r\nChannel: ", "\r\nUniqueid: ", "\r\nLinkedid: "
DEST_CHANNEL, DEST_UNIQUEID, DEST_LINKEDID = "\r\nDestChannel: ", "\r\nDestUniqueid: ", "\r\nDestLinkedid: "
CALLER, CALLER_NAME = "\r\nCallerIDNum: ", "\r\nCallerIDName: "


class Newchannel(Event, frozen=True, gc=False):
    """`state` 4 (Ring): it came to us; 0 (Down): Asterisk is calling out. `context` is where its kind begins."""

    channel: str
    uniqueid: str
    linkedid: str
    state: int
    context: str
    exten: str | None
    caller: str | None
    caller_name: str | None


class Hangup(Event, frozen=True, gc=False):
    channel: str
    uniqueid: str
    linkedid: str
    cause: int


class HangupRequest(Event, frozen=True, gc=False):
    """The far end of this channel hung up: the first one of a call tells which side ended it."""

    channel: str
    uniqueid: str
    linkedid: str


class Hold(Event, frozen=True, gc=False):
    channel: str
    uniqueid: str
    linkedid: str


class Unhold(Event, frozen=True, gc=False):
    """May come without a Hold."""

    channel: str
    uniqueid: str
    linkedid: str


class DialBegin(Event, frozen=True, gc=False):
    """A channel rings another; `uniqueid` is None for an Originate, which rings for nobody yet.

    `exten`: where the ringing channel stands in the dialplan, mostly the number it dialled.
    """

    channel: str | None
    uniqueid: str | None
    linkedid: str | None
    exten: str | None
    dest_channel: str
    dest_uniqueid: str
    dest_linkedid: str
    dest_context: str


class DialEnd(Event, frozen=True, gc=False):
    """`status`: ANSWER, BUSY, CANCEL, CHANUNAVAIL, CONGESTION, NOANSWER and some more. `forward`: where the phone sends
    the call instead."""

    uniqueid: str | None
    dest_uniqueid: str
    status: str
    forward: str | None = None


class Pickup(Event, frozen=True, gc=False):
    """`uniqueid` took over the ringing of `target_uniqueid`."""

    channel: str
    uniqueid: str
    linkedid: str
    target_channel: str
    target_uniqueid: str


def newchannel(text: str, at: float | None) -> Newchannel:
    return Newchannel(
        at,
        need(text, CHANNEL),
        need(text, UNIQUEID),
        need(text, LINKEDID),
        whole(text, "\r\nChannelState: "),
        value(text, "\r\nContext: ") or "",
        known(text, "\r\nExten: "),
        number(text, CALLER),
        name(text, CALLER_NAME),
    )


def hangup(text: str, at: float | None) -> Hangup:
    return Hangup(at, need(text, CHANNEL), need(text, UNIQUEID), need(text, LINKEDID), whole(text, "\r\nCause: "))


def hangup_request(text: str, at: float | None) -> HangupRequest:
    return HangupRequest(at, need(text, CHANNEL), need(text, UNIQUEID), need(text, LINKEDID))


def hold(text: str, at: float | None) -> Hold:
    return Hold(at, need(text, CHANNEL), need(text, UNIQUEID), need(text, LINKEDID))


def unhold(text: str, at: float | None) -> Unhold:
    return Unhold(at, need(text, CHANNEL), need(text, UNIQUEID), need(text, LINKEDID))


def dial_begin(text: str, at: float | None) -> DialBegin:
    return DialBegin(
        at,
        value(text, CHANNEL),
        value(text, UNIQUEID),
        value(text, LINKEDID),
        known(text, "\r\nExten: "),
        need(text, DEST_CHANNEL),
        need(text, DEST_UNIQUEID),
        need(text, DEST_LINKEDID),
        value(text, "\r\nDestContext: ") or "",
    )


def dial_end(text: str, at: float | None) -> DialEnd:
    return DialEnd(
        at,
        value(text, UNIQUEID),
        need(text, DEST_UNIQUEID),
        need(text, "\r\nDialStatus: "),
        known(text, "\r\nForward: "),
    )


def pickup(text: str, at: float | None) -> Pickup:
    return Pickup(
        at,
        need(text, CHANNEL),
        need(text, UNIQUEID),
        need(text, LINKEDID),
        need(text, "\r\nTargetChannel: "),
        need(text, "\r\nTargetUniqueid: "),
    )
