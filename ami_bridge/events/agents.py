"""Events between a waiting caller and a queue member: rung, connected, done, not answered, hung up meanwhile.

AgentComplete lacks its whole caller or Dest group in some per cent of cases, so both may be None in it: Asterisk looks
the two channels up when it hears of the hang-up, in a thread of its own, and by then they may be gone. It is never left
out; but whoever looks for it by a caller's number or channel overlooks it then.
"""

from __future__ import annotations

from .channels import LEG
from .headers import Event, escaped_name, filled, need, number, sent, whole
from .shapes import Reader


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


_PARTIES = (*LEG, need("DestChannel"), need("DestUniqueid"), need("Queue"), need("Interface"))

agent_called = Reader(AgentCalled, *_PARTIES, number("CallerIDNum"), escaped_name("CallerIDName"))
agent_connect = Reader(AgentConnect, *_PARTIES, whole("RingTime"), whole("HoldTime"))
agent_complete = Reader(
    AgentComplete,
    filled("Channel"),
    filled("Uniqueid"),
    filled("Linkedid"),
    filled("DestChannel"),
    filled("DestUniqueid"),
    need("Queue"),
    need("Interface"),
    whole("TalkTime"),
    sent("Reason"),
)
agent_ring_no_answer = Reader(AgentRingNoAnswer, *_PARTIES, whole("RingTime"))
agent_dump = Reader(AgentDump, *_PARTIES)
