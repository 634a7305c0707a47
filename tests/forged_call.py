"""One inbound queue call as Asterisk 22 tells it, step by step: a SIP caller and a SIP seat at the forged Asterisk."""

from __future__ import annotations

import time
from itertools import count

from forged_asterisk import Session

_NUMBERS = count(1)
QUEUE = "support"
BRIDGE = "BridgeUniqueid: 7f{number:04}"


class ForgedCall:
    """`ForgedCall(session)`, then `arrive`, `join`, `ring`, `answer`, `complete`, `end`; or `whole`, all of them."""

    def __init__(
        self, session: Session, seat: str = "PJSIP/201", caller: str = "13800138000", name: str = "王"
    ) -> None:
        self.session = session
        self.seat = seat
        self.number = next(_NUMBERS)
        self.began = int(time.time())
        self.uniqueid = f"{self.began}.{self.number}1"
        self.seat_uniqueid = f"{self.began}.{self.number}2"
        self.caller, self.name = caller, name

    def arrive(self) -> None:
        self._say("Newchannel", *self._trunk())

    def join(self) -> None:
        self._say(
            "QueueCallerJoin", *self._trunk(), f"Queue: {QUEUE}", "Position: 1", "Count: 1", privilege="agent,all"
        )

    def ring(self) -> None:
        self._say("Newchannel", *self._phone(""))
        self._say("AgentCalled", *self._both(), privilege="agent,all")
        self._say("DialBegin", *self._trunk(), *self._phone("Dest"), "DialString: 201")

    def answer(self) -> None:
        self._say("DialEnd", *self._trunk(), *self._phone("Dest"), "DialStatus: ANSWER")
        self._say(
            "QueueCallerLeave", *self._trunk(), f"Queue: {QUEUE}", "Count: 0", "Position: 1", privilege="agent,all"
        )
        self._say("AgentConnect", *self._both(), "RingTime: 1", "HoldTime: 1", privilege="agent,all")
        bridge = BRIDGE.format(number=self.number)
        self._say("BridgeEnter", bridge, "BridgeType: basic", *self._phone(""))
        self._say("BridgeEnter", bridge, "BridgeType: basic", *self._trunk())

    def complete(self) -> None:
        complete = ("HoldTime: 1", "TalkTime: 2", "Reason: agent")
        self._say("HangupRequest", *self._phone(""), "Cause: 16")
        self._say("AgentComplete", *self._both(), *complete, privilege="agent,all")

    def end(self) -> None:
        bridge = BRIDGE.format(number=self.number)
        self._say("BridgeLeave", bridge, "BridgeType: basic", *self._phone(""))
        self._say("Hangup", *self._phone(""), "Cause: 16")
        self._say("BridgeLeave", bridge, "BridgeType: basic", *self._trunk())
        self._say("Hangup", *self._trunk(), "Cause: 16")

    def hung_up_by_page(self) -> None:
        """The seat's leg was hung up by an action: no HangupRequest, and to Asterisk it was the caller."""
        bridge = BRIDGE.format(number=self.number)
        self._say("BridgeLeave", bridge, "BridgeType: basic", *self._phone(""))
        self._say("BridgeLeave", bridge, "BridgeType: basic", *self._trunk())
        self._say("AgentComplete", *self._both(), "HoldTime: 1", "TalkTime: 2", "Reason: caller", privilege="agent,all")
        self._say("Hangup", *self._phone(""), "Cause: 31")
        self._say("Hangup", *self._trunk(), "Cause: 16")

    def sent_on(self, extension: str) -> None:
        """The seat lets go of the caller, who goes to an extension."""
        bridge = BRIDGE.format(number=self.number)
        legs = (*self._phone("Transferer"), *self._trunk_as("Transferee"))
        self._say("BlindTransfer", "Result: Success", *legs, f"Extension: {extension}", "Context: kefu-to")
        self._say("BridgeLeave", bridge, "BridgeType: basic", *self._phone(""))
        self._say("BridgeLeave", bridge, "BridgeType: basic", *self._trunk())

    def whole(self) -> None:
        """All of it at once."""
        for step in (self.arrive, self.join, self.ring, self.answer, self.complete, self.end):
            step()

    def _say(self, event: str, *lines: str, privilege: str = "call,all") -> None:
        self.session.event(event, f"Timestamp: {time.time():.6f}", *lines, privilege=privilege)

    def _both(self) -> tuple[str, ...]:
        return (*self._trunk(), *self._phone("Dest"), f"Queue: {QUEUE}", "MemberName: 201", f"Interface: {self.seat}")

    def _trunk(self) -> tuple[str, ...]:
        about = (f"CallerIDNum: {self.caller}", f"CallerIDName: {self.name}", "Context: from-trunk", "Exten: 4000")
        return self._channel("", f"PJSIP/trunk-{self.number:08x}", self.uniqueid, *about)

    def _trunk_as(self, prefix: str) -> tuple[str, ...]:
        return tuple(f"{prefix}{line}" for line in self._trunk())

    def _phone(self, prefix: str) -> tuple[str, ...]:
        about = (f"{prefix}CallerIDNum: 201", f"{prefix}Context: from-seat", f"{prefix}Exten: 201")
        return self._channel(prefix, f"{self.seat}-{self.number:08x}", self.seat_uniqueid, *about)

    def _channel(self, prefix: str, name: str, uniqueid: str, *about: str) -> tuple[str, ...]:
        ids = (f"{prefix}Uniqueid: {uniqueid}", f"{prefix}Linkedid: {self.uniqueid}")
        return (f"{prefix}Channel: {name}", f"{prefix}ChannelState: 6", *about, *ids)


def member(
    session: Session,
    seat: str = "PJSIP/201",
    *,
    paused: bool = False,
    reason: str = "",
    queue: str = QUEUE,
    event: str = "QueueMemberPause",
) -> None:
    """The word of a queue that a member was paused or unpaused; or added."""
    session.event(
        event,
        f"Timestamp: {time.time():.6f}",
        *member_lines(seat, paused=paused, reason=reason, queue=queue),
        privilege="agent,all",
    )


def member_lines(seat: str, *, paused: bool = False, reason: str = "", queue: str = QUEUE) -> tuple[str, ...]:
    return (
        f"Queue: {queue}",
        "MemberName: 201",
        f"Interface: {seat}",
        f"StateInterface: {seat}",
        "Membership: dynamic",
        "Penalty: 0",
        "CallsTaken: 0",
        "LastCall: 0",
        "LastPause: 0",
        "LoginTime: 0",
        "InCall: 0",
        "Status: 1",
        f"Paused: {int(paused)}",
        f"PausedReason: {reason}",
        "Ringinuse: 0",
        "Wrapuptime: 0",
    )


def listed_member(seat: str = "PJSIP/201") -> tuple[str, ...]:
    """The same as a row of the list."""
    lines = [line.replace("MemberName: ", "Name: ") for line in member_lines(seat)]
    lines = [f"Location: {seat}" if line.startswith("Interface: ") else line for line in lines]
    return ("Event: QueueMember", *lines)
