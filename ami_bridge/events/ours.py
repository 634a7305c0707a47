"""UserEvents of our own dialplan: what Asterisk's own events cannot tell.

QueueLeft follows each Queue(); QueueHangup and VoicemailLeft come from the hangup handler; IvrLeft when a call flow has
ended. Other UserEvents are not followed.
"""

from __future__ import annotations

from .channels import LEG
from .headers import Event, escaped_name, filled, need, number, says, value, words
from .shapes import Reader, time_of


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
    """`next_step`: queue, voicemail, transfer, goodbye, callback. The last event with the caller's own name: from the
    first queue on the channel carries what the agent's phone shows."""

    channel: str
    uniqueid: str
    linkedid: str
    next_step: str
    caller: str | None = None
    caller_name: str | None = None


class VoicemailLeft(Event, frozen=True, gc=False):
    """`status` is RECORD_STATUS; `box` the queue whose people shall hear it."""

    channel: str
    uniqueid: str
    linkedid: str
    status: str
    box: str | None = None


_STATUS = words("Status")
_READERS = {
    "QueueLeft": Reader(QueueLeft, *LEG, need("Queue"), _STATUS),
    "QueueHangup": Reader(QueueHangup, *LEG, need("Queue"), _STATUS, says("Abandoned", "TRUE")),
    "IvrLeft": Reader(IvrLeft, *LEG, words("NextStep"), number("CallerIDNum"), escaped_name("CallerIDName")),
    "VoicemailLeft": Reader(VoicemailLeft, *LEG, _STATUS, filled("Box")),
}


def user_event(text: str) -> Event | None:
    lines = f"\r\n{text}\r\n"
    reader = _READERS.get(value(lines, "\r\nUserEvent: ") or "")
    if reader is None:
        time_of(lines)
        return None
    return reader(text)
