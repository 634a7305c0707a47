"""UserEvents of our own dialplan: what Asterisk's own events cannot tell.

QueueLeft follows each Queue(); QueueHangup and VoicemailLeft come from the hangup handler; IvrLeft when a call flow has
ended. Other UserEvents are not followed.
"""

from __future__ import annotations

from collections.abc import Callable

from .channels import CHANNEL, LINKEDID, UNIQUEID
from .headers import Event, need, value
from .queues import QUEUE


class QueueLeft(Event, frozen=True, gc=False):
    """`status` is QUEUESTATUS: TIMEOUT, FULL, JOINEMPTY, LEAVEEMPTY, JOINUNAVAIL, LEAVEUNAVAIL, CONTINUE, WITHDRAW."""

    channel: str
    uniqueid: str
    linkedid: str
    queue: str
    status: str


class QueueHangup(Event, frozen=True, gc=False):
    """The caller's channel ended inside Queue(). Empty status and `abandoned`: the true abandon."""

    channel: str
    uniqueid: str
    linkedid: str
    queue: str
    status: str
    abandoned: bool


class IvrLeft(Event, frozen=True, gc=False):
    """`next_step`: queue, voicemail, transfer, goodbye, callback."""

    channel: str
    uniqueid: str
    linkedid: str
    next_step: str


class VoicemailLeft(Event, frozen=True, gc=False):
    """`status` is RECORD_STATUS; `box` the queue whose people shall hear it."""

    channel: str
    uniqueid: str
    linkedid: str
    status: str
    box: str | None = None


def user_event(text: str, at: float | None) -> Event | None:
    reader = _READERS.get(value(text, "\r\nUserEvent: ") or "")
    return reader(text, at) if reader else None


def _queue_left(text: str, at: float | None) -> QueueLeft:
    return QueueLeft(at, *_caller(text), need(text, QUEUE), value(text, "\r\nStatus: ") or "")


def _queue_hangup(text: str, at: float | None) -> QueueHangup:
    abandoned = value(text, "\r\nAbandoned: ") == "TRUE"
    return QueueHangup(at, *_caller(text), need(text, QUEUE), value(text, "\r\nStatus: ") or "", abandoned)


def _ivr_left(text: str, at: float | None) -> IvrLeft:
    return IvrLeft(at, *_caller(text), value(text, "\r\nNextStep: ") or "")


def _voicemail_left(text: str, at: float | None) -> VoicemailLeft:
    status, box = value(text, "\r\nStatus: ") or "", value(text, "\r\nBox: ") or None
    return VoicemailLeft(at, *_caller(text), status, box)


def _caller(text: str) -> tuple[str, str, str]:
    return need(text, CHANNEL), need(text, UNIQUEID), need(text, LINKEDID)


_READERS: dict[str, Callable[[str, float | None], Event]] = {
    "QueueLeft": _queue_left,
    "QueueHangup": _queue_hangup,
    "IvrLeft": _ivr_left,
    "VoicemailLeft": _voicemail_left,
}
