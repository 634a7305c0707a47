"""An Asterisk as in forged_places.py that also keeps seats: customers are dialled first, for seats that are paused.

It tells of every pause, lists members, callers and channels as they are, and lets a customer who pressed 1 talk as soon
as a seat is ready. What must never be is noted in `wrongs`: more open dials than seats that are kept free, a dial sent
twice, a customer for whom nobody becomes ready.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from forged_asterisk import Action, ForgedAsterisk, Session
from forged_call import member_lines
from forged_places import PlaceMaker, Stages

PLANS_FIRST = ("talk", "leaves", "machine", "later", "no_answer", "never")
SERVED_WITHIN_S = 12.0


class CustomerMaker(PlaceMaker):
    """`seats`: by interface, the reason of its pause; None: ready."""

    ACTIONS = (*PlaceMaker.ACTIONS, "QueuePause", "QueueStatus", "CoreShowChannels", "Hangup")

    def __init__(self, peer: ForgedAsterisk, cel: Path, *seats: str) -> None:
        super().__init__(peer, cel)
        self.seats: dict[str, str | None] = dict.fromkeys(seats)
        self.wrongs: list[str] = []
        self.open: set[str] = set()
        """Tries whose customer is being dialled: not in the queue yet, nor gone."""
        self.on_line: dict[str, tuple[FirstStages, float]] = {}
        self.in_queue: dict[str, tuple[FirstStages, float]] = {}
        self.hung_up: set[str] = set()
        """Channels that were asked to end."""

    def take(self, session: Session, action: Action) -> bool:
        if action["Action"] == "QueuePause":
            session.answer(action, "Success", "Message: done")
            self.pause(action["Interface"], action.get("Reason", "") if action["Paused"] == "true" else None)
            self.check(f"{action['Interface']} is {self.seats[action['Interface']] or 'ready'}")
            return True
        if action["Action"] == "Hangup":
            self.hung_up.add(action["Channel"])
            session.answer(action, "Success", "Message: Channel Hungup")
            return True
        if action["Action"] in ("QueueStatus", "CoreShowChannels"):
            self._list()
            return False
        return super().take(session, action)

    def pause(self, seat: str, reason: str | None) -> None:
        """It is so, whoever asked for it."""
        self.seats[seat] = reason
        for each in list(self.peer._open):
            if each.username:
                each.event("QueueMemberPause", f"Timestamp: {time.time():.6f}", *self._lines(seat))

    def check(self, when: str) -> None:
        kept = sum(reason == "RESERVED" for reason in self.seats.values())
        if len(self.open) > kept:
            self.wrongs.append(f"{len(self.open)} open dials, {kept} seats kept free: {when}")

    async def _play(self, session: Session, action: Action) -> None:
        if "@kefu-callback-dial" not in action["Channel"]:
            await super()._play(session, action)
            return
        happens, cut_at = self.plan()
        stages = FirstStages(self, session, action, cut_at)
        await stages.reach("asked", lambda: None)
        if happens == "never":
            return
        attempt = action["ChannelId"]
        self.open.add(attempt)
        self.check("a customer is dialled")
        self.living.add(attempt)
        self.on_line[attempt] = (stages, time.time())
        await stages.reach("queued", stages.answer)
        await stages.reach("born", stages.born)
        await stages.reach("dialling", stages.dialling)
        stages.rings = True
        if happens == "rings":
            while f"{stages.name};1" not in self.hung_up:  # noqa: ASYNC110 - until the bridge ends it
                await asyncio.sleep(0.01)
        elif happens in ("machine", "later"):
            await stages.reach("chosen", lambda: stages.chose("2" if happens == "later" else ""))
        elif happens in ("talk", "leaves"):
            await stages.reach("chosen", lambda: stages.chose("1"))
            self.open.discard(attempt)
            self.in_queue[attempt] = (stages, time.time())
            await stages.reach("joined", stages.joined)
            if happens == "talk":
                agent = await self._ready_one()
                del self.in_queue[attempt]
                await stages.reach("talking", lambda: stages.talks(agent))
            self.in_queue.pop(attempt, None)
        status = {"no_answer": "NOANSWER", "rings": "CANCEL"}.get(happens, "ANSWER")
        await stages.reach("ended", lambda: stages.ended(status))
        self.living.discard(attempt)
        del self.on_line[attempt]
        self.open.discard(attempt)
        await stages.reach("gone", stages.gone)

    async def _ready_one(self) -> str:
        until = time.monotonic() + SERVED_WITHIN_S
        while time.monotonic() < until:
            for seat, reason in self.seats.items():
                if reason is None:
                    return seat
            await asyncio.sleep(0.01)
        self.wrongs.append("a customer waits, and no agent becomes ready")
        return next(iter(self.seats))

    def _lines(self, seat: str) -> tuple[str, ...]:
        reason = self.seats[seat]
        return member_lines(seat, paused=reason is not None, reason=reason or "")

    def _list(self) -> None:
        members = []
        for seat in self.seats:
            told = [line.replace("MemberName: ", "Name: ") for line in self._lines(seat)]
            told = [f"Location: {seat}" if line.startswith("Interface: ") else line for line in told]
            members.append(("Event: QueueMember", *told))
        waiting = [
            ("Event: QueueEntry", "Queue: support", "Position: 1", *stages.half(1), f"Wait: {int(time.time() - since)}")
            for stages, since in self.in_queue.values()
        ]
        self.peer.rows["QueueStatus"] = [("Event: QueueParams", "Queue: support", "Calls: 0"), *members, *waiting]
        self.peer.rows["CoreShowChannels"] = [
            ("Event: CoreShowChannel", *stages.half(half), "Duration: 00:00:00", "BridgeId: ")
            for stages, _ in self.on_line.values()
            for half in (1, 2)
        ]


class FirstStages(Stages):
    """Half 2 dials, half 1 goes into the queue."""

    rings = False
    queue_half = 1
    contexts = ("kefu-callback-dial", "kefu-callback-chose")

    def half(self, half: int) -> tuple[str, ...]:
        """As a list shows it."""
        return (
            f"Channel: {self.name};{half}", "ChannelState: 6", "CallerIDNum: +8613800138000", "Exten: support",
            f"Context: {self.contexts[0]}", f"Uniqueid: {self.id_of(half)}", f"Linkedid: {self.attempt}",
        )  # fmt: skip
