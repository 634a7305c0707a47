"""Events between a waiting caller and a queue member: rung, connected, done, not answered, hung up meanwhile.

AgentComplete lacks its whole caller or Dest group in some per cent of cases, so both may be None in it.
"""

from __future__ import annotations

from .channels import CALLER, CALLER_NAME, CHANNEL, DEST_CHANNEL, DEST_UNIQUEID, LINKEDID, UNIQUEID
from .headers import Event, name, need, number, value, whole
from .queues import QUEUE

_INTERFACE = "\r\nInterface: "


class AgentCalled(Event, frozen=True, gc=False):
    """One for each member rung: the moment of the screen-pop."""

    channel: str
    uniqueid: str
    linkedid: str
    dest_channel: str
    dest_uniqueid: str
    queue: str
    interface: str
    caller: str | None
    caller_name: str | None


class AgentConnect(Event, frozen=True, gc=False):
    """Caller and member are about to talk. `ring_s` and `hold_s` in seconds."""

    channel: str
    uniqueid: str
    linkedid: str
    dest_channel: str
    dest_uniqueid: str
    queue: str
    interface: str
    ring_s: int
    hold_s: int


class AgentComplete(Event, frozen=True, gc=False):
    """The queue is done with both; before or after BridgeLeave. `reason` caller, agent or transfer: not to be believed
    (it says caller when a manager hung up the agent)."""

    channel: str | None
    uniqueid: str | None
    linkedid: str | None
    dest_channel: str | None
    dest_uniqueid: str | None
    queue: str
    interface: str
    talk_s: int
    reason: str | None


class AgentRingNoAnswer(Event, frozen=True, gc=False):
    """Also for a busy or unreachable member. `ring_ms` in milliseconds, unlike AgentConnect's."""

    channel: str
    uniqueid: str
    linkedid: str
    dest_channel: str
    dest_uniqueid: str
    queue: str
    interface: str
    ring_ms: int


class AgentDump(Event, frozen=True, gc=False):
    """The member hung up during the announcement; the caller waits on. Can repeat."""

    channel: str
    uniqueid: str
    linkedid: str
    dest_channel: str
    dest_uniqueid: str
    queue: str
    interface: str


def agent_called(text: str, at: float | None) -> AgentCalled:
    return AgentCalled(at, *_parties(text), number(text, CALLER), name(text, CALLER_NAME))


def agent_connect(text: str, at: float | None) -> AgentConnect:
    return AgentConnect(at, *_parties(text), whole(text, "\r\nRingTime: "), whole(text, "\r\nHoldTime: "))


def agent_complete(text: str, at: float | None) -> AgentComplete:
    return AgentComplete(
        at,
        value(text, CHANNEL) or None,
        value(text, UNIQUEID) or None,
        value(text, LINKEDID) or None,
        value(text, DEST_CHANNEL) or None,
        value(text, DEST_UNIQUEID) or None,
        need(text, QUEUE),
        need(text, _INTERFACE),
        whole(text, "\r\nTalkTime: "),
        value(text, "\r\nReason: "),
    )


def agent_ring_no_answer(text: str, at: float | None) -> AgentRingNoAnswer:
    return AgentRingNoAnswer(at, *_parties(text), whole(text, "\r\nRingTime: "))


def agent_dump(text: str, at: float | None) -> AgentDump:
    return AgentDump(at, *_parties(text))


def _parties(text: str) -> tuple[str, str, str, str, str, str, str]:
    return (
        need(text, CHANNEL),
        need(text, UNIQUEID),
        need(text, LINKEDID),
        need(text, DEST_CHANNEL),
        need(text, DEST_UNIQUEID),
        need(text, QUEUE),
        need(text, _INTERFACE),
    )
