"""Events of Asterisk itself and of devices, and answers to actions."""

from __future__ import annotations

from .channels import CALLER, CHANNEL, UNIQUEID
from .headers import Event, known, need, number, once, value, whole

_ACTION_ID = "\r\nActionID: "


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


def device_state(text: str, at: float | None) -> DeviceStateChange | None:
    device = need(text, "\r\nDevice: ")
    # A queue's own pseudo devices (waiting, available, paused) say nothing about a seat.
    if device.startswith("Queue:"):
        return None
    return DeviceStateChange(at, device, need(text, "\r\nState: "), known(text, _ACTION_ID))


def contact_status(text: str, at: float | None) -> ContactStatus:
    return ContactStatus(at, value(text, "\r\nEndpointName: ") or "", value(text, "\r\nContactStatus: ") or "")


def fully_booted(text: str, at: float | None) -> FullyBooted:
    return FullyBooted(at, whole(text, "\r\nUptime: "))


def shutdown(text: str, at: float | None) -> Shutdown:
    return Shutdown(at, value(text, "\r\nRestart: ") == "True")


def reload(text: str, at: float | None) -> Reload:
    return Reload(at, value(text, "\r\nModule: ") or "")


def originate_response(text: str, at: float | None) -> OriginateResponse:
    once(text, _ACTION_ID, UNIQUEID, "\r\nResponse: ")
    return OriginateResponse(
        at,
        known(text, _ACTION_ID),
        value(text, "\r\nResponse: ") == "Success",
        whole(text, "\r\nReason: "),
        known(text, CHANNEL),
        known(text, UNIQUEID),
        number(text, CALLER),
    )


def response(text: str, at: float | None) -> Response:
    return Response(
        at,
        known(text, _ACTION_ID),
        text.startswith("\r\nResponse: Success\r\n"),
        value(text, "\r\nMessage: ") or "",
        value(text, "\r\nEventList: ") == "start",
    )
