"""A desk between two wires: an Asterisk of one seat and one queue, the bridge's own floor and outbox, an agent.

Nothing arrives by itself: what Asterisk says waits on one wire, what the bridge asks of it on the other, until the test
lets the next piece through, or cuts both. `truth` is what Asterisk does; `heard` what of it has arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ami_stream import T0, Leg, Room, caller, seat_leg
from forged_looks import look
from msgspec import Struct, structs

from ami_bridge.changes import Change, RingEnded
from ami_bridge.misses import Misses
from ami_bridge.outbox import Outbox, _Open
from ami_bridge.sending import NotConnected
from crm.ledger.postures import Posture
from crm.ledger.requests import OwnWish, Settlement, Wish
from crm.rules.agent_state import Asked, Seen, Shown, agent_state
from crm.rules.pause_steps import LEAVING, split
from crm.rules.ring_no_answer import Policy

SEAT = "PJSIP/1001"
QUEUE = "support"
NODE = "asterisk1"


class Line(Struct):
    """One caller: `phase` waits, rings, talks, over; `phone`: the leg to the seat."""

    leg: Leg
    phase: str = "waits"
    phone: Leg | None = None


class Truth(Struct):
    """What is so at the seat. `reason` as Asterisk has it."""

    paused: bool = False
    reason: str = ""
    at_phone: bool = True
    busy: str = ""  # rings or talks

    @property
    def device(self) -> str:
        if not self.at_phone:
            return "UNAVAILABLE"
        return {"rings": "RINGING", "talks": "INUSE"}.get(self.busy, "NOT_INUSE")

    @property
    def status(self) -> int:
        return {"NOT_INUSE": 1, "INUSE": 2, "UNAVAILABLE": 5, "RINGING": 6}[self.device]


class _Answer:
    """Asterisk's answer to an action says nothing that its event does not."""

    def add_done_callback(self, told: Callable[[Any], None]) -> None:
        """Never called."""


class _Lease:
    node, fence = NODE, 1


class Desk:
    """`asterisk` side: arrive, ring, answer, …; wires: `hear`, `carry`, `cut`, `connect`; the agent: `ask`."""

    def __init__(self) -> None:
        self.now = T0
        self.truth = Truth()
        self.heard = Truth()
        self.lines: list[Line] = []
        self.said: deque[tuple[Callable[[], object], Truth]] = deque()
        self.asked: deque[dict[str, str]] = deque()
        self.connected = False
        self.wishes: dict[str, Wish] = {}
        self.states: dict[str, str] = {}
        self.wanted: list[str] = []
        self.room = self._new_room()
        self.connect()

    # ---- Asterisk

    def arrive(self) -> None:
        number = len(self.lines) + 1
        line = Line(caller(f"{number}.1"))
        self.lines.append(line)
        self._say("Newchannel", line.leg, ChannelState=4)
        self._say("QueueCallerJoin", line.leg, Queue=QUEUE, Position=1, Count=1)

    def at(self, phase: str) -> Line | None:
        return next((line for line in self.lines if line.phase == phase), None)

    @property
    def can_ring(self) -> bool:
        truth = self.truth
        return self.at("waits") is not None and not truth.paused and truth.at_phone and not truth.busy

    def ring(self, line: Line) -> None:
        number = self.lines.index(line) + 1
        line.phone = seat_leg("1001", f"{number}.{int(self.now * 1000) % 10_000_000}", f"{number}.1")
        line.phase = self.truth.busy = "rings"
        self._say("Newchannel", line.phone, ChannelState=0)
        self._say("AgentCalled", line.leg, line.phone, **self._queue)
        self._say("DialBegin", line.leg, line.phone)
        self._device()

    def answer(self, line: Line) -> None:
        line.phase = self.truth.busy = "talks"
        self._say("DialEnd", line.leg, line.phone, DialStatus="ANSWER")
        self._device()
        self._say("QueueCallerLeave", line.leg, Queue=QUEUE, Position=1, Count=0)
        self._say("AgentConnect", line.leg, line.phone, **self._queue, RingTime=1, HoldTime=1)
        for leg in (line.phone, line.leg):
            self._say("BridgeEnter", leg, BridgeUniqueid=f"b{line.leg.uniqueid}", BridgeType="basic")

    def not_taken(self, line: Line, status: str, cause: int) -> None:
        self._say("DialEnd", line.leg, line.phone, DialStatus=status)
        self._phone_down(line, cause)
        if status != "CANCEL":
            self._say("AgentRingNoAnswer", line.leg, line.phone, **self._queue, RingTime=1000)
        line.phase = "waits"

    def hang_up(self, line: Line, by_agent: bool) -> None:
        self._say("HangupRequest", line.phone if by_agent else line.leg, Cause=16)
        told = {"HoldTime": 1, "TalkTime": 1, "Reason": "agent" if by_agent else "caller"}
        self._say("AgentComplete", line.leg, line.phone, **self._queue, **told)
        for leg in (line.phone, line.leg):
            self._say("BridgeLeave", leg, BridgeUniqueid=f"b{line.leg.uniqueid}", BridgeType="basic")
        self._phone_down(line, 16)
        self._say("Hangup", line.leg, Cause=16)
        line.phase = "over"

    def caller_leaves(self, line: Line) -> None:
        if line.phase == "rings":
            self.not_taken(line, "CANCEL", 0)
        self._say("QueueCallerAbandon", line.leg, Queue=QUEUE, Position=1, OriginalPosition=1, HoldTime=1)
        self._say("QueueCallerLeave", line.leg, Queue=QUEUE, Position=1, Count=0)
        self._say("Hangup", line.leg, Cause=16)
        line.phase = "over"

    def phone_goes(self) -> None:
        self.truth.at_phone = False
        line = self.at("rings")
        self._device()
        if line is not None:
            self.not_taken(line, "CHANUNAVAIL", 20)

    def phone_comes(self) -> None:
        self.truth.at_phone = True
        self._device()

    # ---- wires

    def hear(self, pieces: int = 1) -> None:
        """The bridge takes in what Asterisk said next."""
        for _ in range(min(pieces, len(self.said))):
            tell, self.heard = self.said.popleft()
            tell()

    def carry(self, pieces: int = 1) -> None:
        """Asterisk carries out what it was asked next."""
        for _ in range(min(pieces, len(self.asked))):
            action = self.asked.popleft()
            self.truth.paused = action["Paused"] == "true"
            self.truth.reason = action.get("Reason", "") if self.truth.paused else ""
            self._say("QueueMemberPause", **self._member)

    def cut(self) -> None:
        """Whatever is under way is lost; what was sent may or may not have arrived."""
        self.said.clear()
        self.asked.clear()
        self.connected = False
        self.room.loses_sight()

    def restart(self) -> None:
        """The bridge is killed; the next one has what was written."""
        if self.connected:
            self.cut()
        rows = self.room.rows.values()
        of = {name: [row for row in rows if type(row).__name__ == name] for name in ("Conversation", "Wait", "Offer")}
        of |= {name: [row for row in rows if type(row).__name__ == name] for name in ("Segment", "Membership")}
        open_calls = {row.id for row in of["Conversation"] if row.ended_at is None}  # type: ignore[attr-defined]
        kept = {
            name: [row for row in of[name] if row.conversation_id in open_calls]  # type: ignore[attr-defined]
            for name in ("Wait", "Offer", "Segment")
        }
        calls = [row for row in of["Conversation"] if row.id in open_calls]  # type: ignore[attr-defined]
        postures = [row for row in rows if isinstance(row, Posture)]
        before = self.room
        self.room = self._new_room()
        for wish_id, state in self.states.items():
            if state == "sent":
                self.outbox._open[wish_id] = _Open(self.wishes[wish_id], 0.0)
        self.room.rows = before.rows
        beside = (of["Membership"], postures)
        self.room.floor.recall(calls, kept["Wait"], kept["Offer"], kept["Segment"], *beside, self.now)  # type: ignore[arg-type]
        self.room.floor.bury(
            [(row.linkedid, row.ended_at) for row in of["Conversation"] if row.ended_at is not None]  # type: ignore[attr-defined]
        )
        self.room.loses_sight()

    def connect(self) -> None:
        """Sight is found, and everything looked at; wishes that were under way have expired."""
        self.tick(0.001)
        self.room.finds_sight()
        self.connected = True
        for each in list(self.outbox._open.values()):
            each.until = 0.0
        self._keep(self.outbox.expire(self.now))
        truth = self.truth
        member = {**self._member, "Location": SEAT}
        channels: list[tuple[Leg, str, int]] = []
        for line in self.lines:
            if line.phase != "over":
                bridge = f"b{line.leg.uniqueid}" if line.phase == "talks" else ""
                channels.append((line.leg, bridge, 6))
                if line.phone is not None and line.phase in ("rings", "talks"):
                    channels.append((line.phone, bridge, 6 if line.phase == "talks" else 5))
        waiting = [(line.leg, 1) for line in self.lines if line.phase in ("waits", "rings")]
        look(self.room, channels=channels, members=[member], entries=waiting, devices={SEAT: truth.device})
        self.heard = structs.replace(truth)

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.room.now = self.now
        self.room.wait(0)

    # ---- the agent

    def ask(self, kind: str, reason: str | None = None) -> None:
        """A wish as pages write it."""
        wish = Wish(f"w{len(self.wishes)}", kind, SEAT, None, reason, None, None, self.now, asked_by="amy")
        self.wishes[wish.id] = wish
        self.states[wish.id] = "wanted"
        self.wanted.append(wish.id)

    def claim(self) -> None:
        """The outbox takes the wishes that wait."""
        while self.wanted and self.connected:
            wish_id = self.wanted.pop(0)
            self.states[wish_id] = "sent"
            self.outbox._step(self.wishes[wish_id])

    @property
    def under_way(self) -> list[Wish]:
        return [wish for wish_id, wish in self.wishes.items() if self.states[wish_id] in ("wanted", "sent")]

    @property
    def posture(self) -> Posture:
        return next(row for row in self.room.rows.values() if isinstance(row, Posture))

    @property
    def shown(self) -> Shown:
        """What the agent's screen says."""
        row = self.posture
        seen = Seen(row.word, row.since, row.pause_reason, row.next_reason)  # type: ignore[arg-type]
        return agent_state(seen, signed_in=True, open_wishes=[Asked(each.kind, each.reason) for each in self.under_way])

    # ----

    @property
    def _queue(self) -> dict[str, object]:
        return {"Queue": QUEUE, "MemberName": "1001", "Interface": SEAT}

    @property
    def _member(self) -> dict[str, object]:
        truth = self.truth
        row = {"Penalty": 0, "Paused": int(truth.paused), "PausedReason": truth.reason, "LoginTime": int(T0) - 50}
        return {**self._queue, **row, "Status": truth.status, "LastPause": int(self.now) if truth.paused else 0}

    def _device(self) -> None:
        self._say("DeviceStateChange", Device=SEAT, State=self.truth.device)

    def _phone_down(self, line: Line, cause: int) -> None:
        self.truth.busy = ""
        self._say("Hangup", line.phone, Cause=cause)
        if self.truth.at_phone:
            self._device()

    def _say(self, event: str, *legs: Leg | None, **headers: Any) -> None:
        self.now += 0.001
        at = self.now - T0
        if self.connected:
            room = self.room
            self.said.append((lambda: room.says(event, *legs, **headers, at=at), structs.replace(self.truth)))

    def _new_room(self) -> Room:
        room = Room(NODE)
        room.now = self.now
        room.floor.facts.after_call_work = True
        self.outbox = Outbox(
            None,  # type: ignore[arg-type]
            _Lease(),  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            lambda row: self._keep([row]),
            expiry_s=10,
            after_call_work=True,
            refused=lambda seat, now: room._note(room.floor.pause_refused(seat, now)) and None,
            standing_of=room.floor.standing,
            say=print,
        )
        self.misses = Misses(NODE, Policy(), self.outbox.at_once)
        reactions = {**self.outbox.reactions, RingEnded: self.misses.ring_ended}
        whole = room._note

        def note(changes: list[Change]) -> list[Change]:
            noted = whole(changes)
            for change in noted:
                if type(change) in reactions:
                    self._keep(reactions[type(change)](change, self.now))
            return noted

        room._note = note  # type: ignore[method-assign]
        return room

    def post(self, headers: dict[str, str]) -> _Answer:
        """The outbox writes an action."""
        if not self.connected:
            raise NotConnected("no connection")
        self.asked.append(headers)
        return _Answer()

    def _keep(self, rows: Iterable[Any]) -> None:
        for row in list(rows):
            if isinstance(row, OwnWish):
                wish = Wish(row.id, row.kind, row.seat, None, row.reason, None, None, self.now, asked_by="bridge")
                self.wishes[row.id] = wish
                self.states[row.id] = row.state
            elif isinstance(row, Settlement):
                self.states[row.id] = row.state


def agents_own(reason: str | None) -> str | None:
    """What of Asterisk's reason an agent has asked for."""
    present, then = split(reason)
    chosen = then if present == "ACW" else present
    return chosen if chosen in ("lunch", "tea", LEAVING) else None
