"""Events of one channel: born, dialled, held, asked to end, gone."""

from __future__ import annotations

from .headers import Event, escaped_name, known, need, number, sent, whole, words
from .shapes import Reader

LEG = (need("Channel"), need("Uniqueid"), need("Linkedid"))


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


newchannel = Reader(
    Newchannel,
    *LEG,
    whole("ChannelState"),
    words("Context"),
    known("Exten"),
    number("CallerIDNum"),
    escaped_name("CallerIDName"),
)
hangup = Reader(Hangup, *LEG, whole("Cause"))
hangup_request = Reader(HangupRequest, *LEG)
hold = Reader(Hold, *LEG)
unhold = Reader(Unhold, *LEG)
dial_begin = Reader(
    DialBegin,
    sent("Channel"),
    sent("Uniqueid"),
    sent("Linkedid"),
    known("Exten"),
    need("DestChannel"),
    need("DestUniqueid"),
    need("DestLinkedid"),
    words("DestContext"),
)
dial_end = Reader(DialEnd, sent("Uniqueid"), need("DestUniqueid"), need("DialStatus"), known("Forward"))
pickup = Reader(Pickup, *LEG, need("TargetChannel"), need("TargetUniqueid"))
