"""Events of Asterisk itself and of devices, and answers to actions."""

from __future__ import annotations

from .headers import Event, known, need, number, says, value, whole, words
from .shapes import Reader, time_of


class DeviceStateChange(Event, frozen=True, gc=False):
    """`state`: NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING, RINGINUSE, ONHOLD, UNKNOWN. With an `action_id`
    it is a row of a list."""

    device: str
    state: str
    action_id: str | None


class ContactStatus(Event, frozen=True, gc=False):
    """A phone's registration. What it means for the seat comes as its device state."""

    endpoint: str
    status: str


class FullyBooted(Event, frozen=True, gc=False):
    uptime_s: int


class Shutdown(Event, frozen=True, gc=False):
    """Without `restart`, all calls and all members that were not configured are void."""

    restart: bool


class Reload(Event, frozen=True, gc=False):
    module: str


class OriginateResponse(Event, frozen=True, gc=False):
    """`reason` is a control frame's number: 8 covers a refused call. On failure `uniqueid` may be a stranger's."""

    action_id: str | None
    success: bool
    reason: int
    channel: str | None
    uniqueid: str | None
    caller: str | None


class Response(Event, frozen=True, gc=False):
    """The answer to an action; `list_follows` when rows come after it."""

    action_id: str | None
    success: bool
    message: str
    list_follows: bool


_device_state = Reader(DeviceStateChange, need("Device"), need("State"), known("ActionID"))
contact_status = Reader(ContactStatus, words("EndpointName"), words("ContactStatus"))
fully_booted = Reader(FullyBooted, whole("Uptime"))
shutdown = Reader(Shutdown, says("Restart", "True"))
reload = Reader(Reload, words("Module"))
originate_response = Reader(
    OriginateResponse,
    known("ActionID"),
    says("Response", "Success"),
    whole("Reason"),
    known("Channel"),
    known("Uniqueid"),
    number("CallerIDNum"),
    once=("ActionID", "Uniqueid", "Response"),
)
response = Reader(
    Response, known("ActionID"), says("Response", "Success"), words("Message"), says("EventList", "start")
)


def device_state(text: str) -> Event | None:
    """A queue's own pseudo devices (waiting, available, paused) say nothing about a seat."""
    if "\r\nDevice: Queue:" in text:
        lines = f"\r\n{text}\r\n"
        if (value(lines, "\r\nDevice: ") or "").startswith("Queue:"):
            time_of(lines)
            return None
    return _device_state(text)
