"""UserEvents of our own dialplan: what Asterisk's own events cannot tell.

QueueLeft follows each Queue(); QueueHangup and VoicemailLeft come from the hangup handler; IvrLeft when a call flow has
ended; SeatCode when a seat's phone asks for something; four tell of callbacks. Other UserEvents are not followed.
"""

from __future__ import annotations

from .channels import LEG
from .headers import Event, escaped_name, filled, need, number, says, value, whole, words
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


class CallbackDialling(Event, frozen=True, gc=False):
    """A place in a queue has an agent: the customer is dialled now. `uniqueid`: the try's own id."""

    channel: str
    uniqueid: str
    linkedid: str


class CallbackAnswered(Event, frozen=True, gc=False):
    """The customer who is called back has lifted the phone and is greeted. `uniqueid`: the customer's leg."""

    channel: str
    uniqueid: str
    linkedid: str


class CallbackChoice(Event, frozen=True, gc=False):
    """The customer who is called back pressed this key (None: none). `uniqueid`: the customer's leg."""

    channel: str
    uniqueid: str
    linkedid: str
    choice: str | None


class CallbackEnded(Event, frozen=True, gc=False):
    """The dial of a callback is over. `status` is DIALSTATUS, `cause` HANGUPCAUSE."""

    channel: str
    uniqueid: str
    linkedid: str
    status: str | None
    cause: int


class SeatCode(Event, frozen=True, gc=False):
    """A seat's phone dialled `code`: what an agent asks about their own state."""

    channel: str
    uniqueid: str
    linkedid: str
    code: str


_STATUS = words("Status")
_READERS = {
    "QueueLeft": Reader(QueueLeft, *LEG, need("Queue"), _STATUS),
    "QueueHangup": Reader(QueueHangup, *LEG, need("Queue"), _STATUS, says("Abandoned", "TRUE")),
    "IvrLeft": Reader(IvrLeft, *LEG, words("NextStep"), number("CallerIDNum"), escaped_name("CallerIDName")),
    "VoicemailLeft": Reader(VoicemailLeft, *LEG, _STATUS, filled("Box")),
    "SeatCode": Reader(SeatCode, *LEG, need("Code")),
    "CallbackDialling": Reader(CallbackDialling, *LEG),
    "CallbackAnswered": Reader(CallbackAnswered, *LEG),
    "CallbackChoice": Reader(CallbackChoice, *LEG, filled("Choice")),
    "CallbackEnded": Reader(CallbackEnded, *LEG, filled("Status"), whole("Cause")),
}


def user_event(text: str) -> Event | None:
    lines = f"\r\n{text}\r\n"
    reader = _READERS.get(value(lines, "\r\nUserEvent: ") or "")
    if reader is None:
        time_of(lines)
        return None
    return reader(text)
