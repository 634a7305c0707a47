"""Desks between two wires: an Asterisk of two seats in two queues, the bridge's own floor and outbox, two agents.

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

SEATS = ("PJSIP/1001", "PJSIP/1002")
QUEUES = ("support", "sales")
NODE = "asterisk1"


class Line(Struct):
    """One caller: `phase` waits, rings, talks, over; `phone`: the leg to the seat that rings or talks."""

    leg: Leg
    queue: str
    seat: str = ""
    phase: str = "waits"
    phone: Leg | None = None


class Truth(Struct):
    """What is so at a seat. `reason` as Asterisk has it."""

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


Truths = dict[str, Truth]


class Desks:
    """`asterisk` side: arrive, ring, answer, …; wires: `hear`, `carry`, `cut`, `connect`; the agent: `ask`."""

    def __init__(self) -> None:
        self.now = T0
        self.truth: Truths = {seat: Truth() for seat in SEATS}
        self.heard: Truths = {seat: Truth() for seat in SEATS}
        self.lines: list[Line] = []
        self.said: deque[tuple[Callable[[], object], Truths]] = deque()
        self.asked: deque[dict[str, str]] = deque()
        self.connected = False
        self.wishes: dict[str, Wish] = {}
        self.states: dict[str, str] = {}
        self.wanted: list[str] = []
        self.room = self._new_room()
        self.connect()

    # ---- Asterisk

    def arrive(self, queue: str) -> Line:
        number = len(self.lines) + 1
        line = Line(caller(f"{number}.1"), queue)
        self.lines.append(line)
        self._say("Newchannel", line.leg, ChannelState=4)
        self._say("QueueCallerJoin", line.leg, Queue=queue, Position=1, Count=1)
        return line

    def all_at(self, phase: str, seat: str | None = None) -> list[Line]:
        return [line for line in self.lines if line.phase == phase and seat in (None, line.seat)]

    def at(self, phase: str, seat: str) -> Line | None:
        return next(iter(self.all_at(phase, seat)), None)

    @property
    def free(self) -> list[str]:
        """Seats that a queue would ring."""
        return [seat for seat, truth in self.truth.items() if not truth.paused and truth.at_phone and not truth.busy]

    def ring(self, line: Line, seat: str) -> None:
        number = self.lines.index(line) + 1
        line.phone = seat_leg(seat[6:], f"{number}.{int(self.now * 1000) % 10_000_000}", f"{number}.1")
        line.seat, line.phase, self.truth[seat].busy = seat, "rings", "rings"
        self._say("Newchannel", line.phone, ChannelState=0)
        self._say("AgentCalled", line.leg, line.phone, **_queue(line))
        self._say("DialBegin", line.leg, line.phone)
        self._device(seat)

    def answer(self, line: Line) -> None:
        line.phase = self.truth[line.seat].busy = "talks"
        self._say("DialEnd", line.leg, line.phone, DialStatus="ANSWER")
        self._device(line.seat)
        self._say("QueueCallerLeave", line.leg, Queue=line.queue, Position=1, Count=0)
        self._say("AgentConnect", line.leg, line.phone, **_queue(line), RingTime=1, HoldTime=1)
        for leg in (line.phone, line.leg):
            self._say("BridgeEnter", leg, BridgeUniqueid=f"b{line.leg.uniqueid}", BridgeType="basic")

    def not_taken(self, line: Line, status: str, cause: int) -> None:
        self._say("DialEnd", line.leg, line.phone, DialStatus=status)
        self._phone_down(line, cause)
        if status != "CANCEL":
            self._say("AgentRingNoAnswer", line.leg, line.phone, **_queue(line), RingTime=1000)
        line.phase, line.seat = "waits", ""

    def hang_up(self, line: Line, by_agent: bool) -> None:
        self._say("HangupRequest", line.phone if by_agent else line.leg, Cause=16)
        told = {"HoldTime": 1, "TalkTime": 1, "Reason": "agent" if by_agent else "caller"}
        self._say("AgentComplete", line.leg, line.phone, **_queue(line), **told)
        for leg in (line.phone, line.leg):
            self._say("BridgeLeave", leg, BridgeUniqueid=f"b{line.leg.uniqueid}", BridgeType="basic")
        self._phone_down(line, 16)
        self._say("Hangup", line.leg, Cause=16)
        line.phase = "over"

    def caller_leaves(self, line: Line) -> None:
        if line.phase == "rings":
            self.not_taken(line, "CANCEL", 0)
        self._say("QueueCallerAbandon", line.leg, Queue=line.queue, Position=1, OriginalPosition=1, HoldTime=1)
        self._say("QueueCallerLeave", line.leg, Queue=line.queue, Position=1, Count=0)
        self._say("Hangup", line.leg, Cause=16)
        line.phase = "over"

    def phone_goes(self, seat: str) -> None:
        self.truth[seat].at_phone = False
        line = self.at("rings", seat)
        self._device(seat)
        if line is not None:
            self.not_taken(line, "CHANUNAVAIL", 20)

    def phone_comes(self, seat: str) -> None:
        self.truth[seat].at_phone = True
        self._device(seat)

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
            truth = self.truth[action["Interface"]]
            was, paused = truth.paused, action["Paused"] == "true"
            truth.paused, truth.reason = paused, action.get("Reason", "") if paused else ""
            for queue in QUEUES:
                self._say("QueueMemberPause", **self._member(action["Interface"], queue))
                if self.connected and queue != QUEUES[-1]:  # paused is whom no queue rings: heard of all of them
                    self.said[-1][1][action["Interface"]].paused = paused and was

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
        members = [{**self._member(seat, queue), "Location": seat} for queue in QUEUES for seat in SEATS]
        channels: list[tuple[Leg, str, int]] = []
        for line in self.lines:
            if line.phase != "over":
                bridge = f"b{line.leg.uniqueid}" if line.phase == "talks" else ""
                channels.append((line.leg, bridge, 6))
                if line.phone is not None and line.phase in ("rings", "talks"):
                    channels.append((line.phone, bridge, 6 if line.phase == "talks" else 5))
        waiting = [(line.leg, 1, line.queue) for line in self.lines if line.phase in ("waits", "rings")]
        devices = {seat: truth.device for seat, truth in self.truth.items()}
        look(self.room, channels=channels, members=members, entries=waiting, devices=devices)
        self.heard = self._truths()

    def tick(self, seconds: float) -> None:
        self.now += seconds
        self.room.now = self.now
        self.room.wait(0)

    # ---- the agent

    def ask(self, seat: str, kind: str, reason: str | None = None) -> None:
        """A wish as pages write it."""
        wish = Wish(f"w{len(self.wishes)}", kind, seat, None, reason, None, None, self.now, asked_by="amy")
        self.wishes[wish.id] = wish
        self.states[wish.id] = "wanted"
        self.wanted.append(wish.id)

    def claim(self) -> None:
        """The outbox takes the wishes that wait."""
        while self.wanted and self.connected:
            wish_id = self.wanted.pop(0)
            self.states[wish_id] = "sent"
            self.outbox._step(self.wishes[wish_id])

    def under_way(self, seat: str) -> list[Wish]:
        open_ids = (wish_id for wish_id, state in self.states.items() if state in ("wanted", "sent"))
        return [self.wishes[wish_id] for wish_id in open_ids if self.wishes[wish_id].seat == seat]

    def posture(self, seat: str) -> Posture:
        return next(row for row in self.room.rows.values() if isinstance(row, Posture) and row.seat == seat)

    def shown(self, seat: str) -> Shown:
        """What the agent's screen says."""
        row = self.posture(seat)
        seen = Seen(row.word, row.since, row.pause_reason, row.next_reason)  # type: ignore[arg-type]
        asked = [Asked(each.kind, each.reason) for each in self.under_way(seat)]
        return agent_state(seen, signed_in=True, open_wishes=asked)

    # ----

    def _truths(self) -> Truths:
        return {seat: structs.replace(truth) for seat, truth in self.truth.items()}

    def _member(self, seat: str, queue: str) -> dict[str, object]:
        truth = self.truth[seat]
        named = {"Queue": queue, "MemberName": seat[6:], "Interface": seat}
        row = {"Penalty": 0, "Paused": int(truth.paused), "PausedReason": truth.reason, "LoginTime": int(T0) - 50}
        return {**named, **row, "Status": truth.status, "LastPause": int(self.now) if truth.paused else 0}

    def _device(self, seat: str) -> None:
        self._say("DeviceStateChange", Device=seat, State=self.truth[seat].device)

    def _phone_down(self, line: Line, cause: int) -> None:
        truth = self.truth[line.seat]
        truth.busy = ""
        self._say("Hangup", line.phone, Cause=cause)
        if truth.at_phone:
            self._device(line.seat)

    def _say(self, event: str, *legs: Leg | None, **headers: Any) -> None:
        self.now += 0.001
        at = self.now - T0
        if self.connected:
            room = self.room
            self.said.append((lambda: room.says(event, *legs, **headers, at=at), self._truths()))

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


def _queue(line: Line) -> dict[str, object]:
    return {"Queue": line.queue, "MemberName": line.seat[6:], "Interface": line.seat}


def agents_own(reason: str | None) -> str | None:
    """What of Asterisk's reason an agent has asked for."""
    present, then = split(reason)
    chosen = then if present == "ACW" else present
    return chosen if chosen in ("lunch", "tea", LEAVING) else None
