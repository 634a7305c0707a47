"""An Asterisk that makes places of Originates, tells of them as a real one does, and outlives every bridge.

It plays what happens to a try (nobody serves it, the customer's phone rings out, they talk, …), writes the CEL that
Asterisk would write, answers who asks for a channel, and cuts the line at a chosen stage. `dials` counts how often each
ChannelId was asked for. Customers who are dialled first, and seats kept free for them: forged_customers.py.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from forged_asterisk import Action, ForgedAsterisk, Session

STAGES = ("asked", "queued", "born", "joined", "dialling", "chosen", "talking", "ended", "gone")
"""Where the line may be cut: the bridge hears nothing of what follows until it is back."""


class PlaceMaker:
    """`PlaceMaker(peer, cel)` hooks itself into the peer's Originate, Getvar and Hangup."""

    ACTIONS: tuple[str, ...] = ("Originate", "Getvar")

    def __init__(self, peer: ForgedAsterisk, cel: Path) -> None:
        self.peer = peer
        self.cel = cel
        self.dials: Counter[str] = Counter()
        self.living: set[str] = set()
        self.plan: Callable[[], tuple[str, str | None]] = lambda: ("talk", None)
        """What happens to the next try, and the stage at which the line is cut."""
        self.refuses = False
        self._playing: set[asyncio.Task[None]] = set()
        cel.touch()

    def __enter__(self) -> PlaceMaker:
        self._react, Session._react = Session._react, _hooked(self, Session._react)  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Session._react = self._react  # type: ignore[method-assign]
        for task in self._playing:
            task.cancel()

    def take(self, session: Session, action: Action) -> bool:
        """Whether this action is ours."""
        if action["Action"] == "Getvar" and "Channel" in action:
            lives = action["Channel"] in self.living
            if lives:
                session.answer(action, "Success", f"Variable: {action['Variable']}", "Value: x")
            else:
                session.answer(action, "Error", "Message: No such channel")
            return True
        if action["Action"] != "Originate":
            return False
        self.dials[action["ChannelId"]] += 1
        if self.refuses:
            session.answer(action, "Error", "Message: Originate failed")
            return True
        task = asyncio.ensure_future(self._play(session, action))
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)
        return True

    async def _play(self, session: Session, action: Action) -> None:
        happens, cut_at = self.plan()
        attempt = action["ChannelId"]
        stages = Stages(self, session, action, cut_at)
        await stages.reach("asked", lambda: None)
        if happens == "never":  # the bytes were lost with the line
            return
        await stages.reach("queued", lambda: stages.answer())
        self.living.add(attempt)
        await stages.reach("born", stages.born)
        await stages.reach("joined", stages.joined)
        if happens != "not_served":
            await stages.reach("dialling", stages.dialling)
            if happens == "talk":
                await stages.reach("chosen", lambda: stages.chose("1"))
                await stages.reach("talking", stages.talks)
            elif happens == "machine":
                await stages.reach("chosen", lambda: stages.chose(""))
            await stages.reach("ended", lambda: stages.ended("NOANSWER" if happens == "no_answer" else "ANSWER"))
        self.living.discard(attempt)
        await stages.reach("gone", stages.gone)


class Stages:
    """What is told of one try; after the cut, what nobody hears but CEL."""

    queue_half = 2
    """Which half waits in the queue; the other one dials."""
    contexts = ("kefu-callback", "kefu-callback-dial")
    """Where half 1 is born, and where it dials or goes into the queue."""

    def __init__(self, maker: PlaceMaker, session: Session, action: Action, cut_at: str | None) -> None:
        self.maker, self.session, self.action, self.cut_at = maker, session, action, cut_at
        self.attempt = action["ChannelId"]
        self.name = action["Channel"].removesuffix("/n") + "-00000001"

    async def reach(self, stage: str, tell: Callable[[], Awaitable[None] | None]) -> None:
        await asyncio.sleep(0.01)
        tell()
        if stage == self.cut_at:
            for session in list(self.maker.peer._open):
                session.cut()

    def answer(self) -> None:
        self.session.answer(self.action, "Success", "Message: Originate successfully queued")

    def born(self) -> None:
        for half in (1, 2):
            self._event("Newchannel", half, self.id_of(half), "ChannelState: 0")
            self._cel("CHAN_START", half, self.id_of(half), context=self.contexts[0])

    def joined(self) -> None:
        half = self.queue_half
        self._event("QueueCallerJoin", half, self.id_of(half), "Queue: support", "Position: 1", "Count: 1")
        self._cel("APP_START", half, self.id_of(half), context=self.contexts[2 - half])

    def dialling(self) -> None:
        half = 3 - self.queue_half
        self._event("UserEvent", half, self.id_of(half), "UserEvent: CallbackDialling", context="kefu-callback-dial")
        self._cel("APP_START", half, self.id_of(half), context="kefu-callback-dial")

    def chose(self, key: str) -> None:
        self._event("UserEvent", 0, f"c-{self.attempt}", "UserEvent: CallbackChoice", f"Choice: {key}")

    def talks(self, agent: str = "PJSIP/201") -> None:
        """An agent and the customer hang together through both halves."""
        halves = (f"{self.name};1", ""), (f"{self.name};2", ";2")
        near, far = halves[2 - self.queue_half], halves[self.queue_half - 1]
        seat, customer = (f"{agent}-1", "s"), ("PJSIP/trunk-1", "c")
        ids = {
            leg: f"{suffix}-{self.attempt}" if suffix in ("s", "c") else self.attempt + suffix
            for leg, suffix in (seat, customer, near, far)
        }

        def leg(name: str, prefix: str = "") -> tuple[str, ...]:
            shown = {"Channel": name, "Uniqueid": ids[name], "Linkedid": self.attempt, "Context": "x", "Exten": "s"}
            return tuple(f"{prefix}{key}: {value}" for key, value in shown.items())

        member = ("Queue: support", f"Interface: {agent}")
        told: list[tuple[str, tuple[str, ...]]] = [
            ("AgentCalled", (*leg(far[0]), *leg(seat[0], "Dest"), *member)),
            ("AgentConnect", (*leg(far[0]), *leg(seat[0], "Dest"), *member, "RingTime: 1", "HoldTime: 1")),
            ("DialBegin", (*leg(near[0]), *leg(customer[0], "Dest"))),
            *(
                (
                    "BridgeEnter",
                    (*leg(name), f"BridgeUniqueid: {bridge}-{self.attempt}", "BridgeTechnology: simple_bridge"),
                )
                for bridge, name in (("b1", seat[0]), ("b1", far[0]), ("b2", customer[0]), ("b2", near[0]))
            ),
        ]
        for name, lines in told:
            self._tell(name, f"Timestamp: {time.time():.6f}", *lines)
        self._cel("BRIDGE_ENTER", 1, self.attempt, context="kefu-callback-dial")
        for name in (customer[0], seat[0]):
            self._tell("Hangup", f"Timestamp: {time.time() + 0.01:.6f}", *leg(name), "Cause: 16")

    def ended(self, status: str) -> None:
        told = ("UserEvent: CallbackEnded", f"Status: {status}", "Cause: 16")
        half = 3 - self.queue_half
        self._event("UserEvent", half, self.id_of(half), *told, context="kefu-callback-dial")

    def gone(self) -> None:
        for half in (1, 2):
            self._event("Hangup", half, self.id_of(half), "Cause: 16", "Cause-txt: Normal Clearing")
            self._cel("HANGUP", half, self.id_of(half))
            self._cel("CHAN_END", half, self.id_of(half))

    def id_of(self, half: int) -> str:
        return self.attempt if half == 1 else f"{self.attempt};2"

    def _event(self, name: str, half: int, uniqueid: str, *lines: str, context: str = "kefu-callback") -> None:
        channel = f"{self.name};{half}" if half else f"PJSIP/trunk-{uniqueid[:6]}"
        shown = (
            f"Timestamp: {time.time():.6f}", f"Channel: {channel}", "CallerIDNum: +8613800138000",
            f"Context: {context}", "Exten: support-600", f"Uniqueid: {uniqueid}", f"Linkedid: {self.attempt}",
        )  # fmt: skip
        self._tell(name, *shown, *lines)

    def _tell(self, name: str, *lines: str) -> None:
        for session in list(self.maker.peer._open):
            if session.username:
                session.event(name, *lines)

    def _cel(self, kind: str, half: int, uniqueid: str, context: str = "kefu-callback") -> None:
        columns = (
            kind, f"{time.time():.6f}", f"{self.name};{half}", uniqueid, self.attempt, "", "", "s", context, "", "", "",
            "{}",
        )  # fmt: skip
        with self.maker.cel.open("a") as file:
            file.write(",".join(f'"{column}"' for column in columns) + "\n")


def _hooked(maker: PlaceMaker, whole: Callable[[Session, Action], None]) -> Callable[[Session, Action], None]:
    def react(session: Session, action: Action) -> None:
        if action["Action"] in maker.ACTIONS and session.peer is maker.peer and maker.take(session, action):
            session.peer.actions.append(action)
            return
        whole(session, action)

    return react
