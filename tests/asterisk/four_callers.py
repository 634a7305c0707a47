"""Four callers at four stages of a call (menu, waiting, ringing, talking), to see what becomes of them and their rows.

`async with FourCallers(center, SLOW) as calls:` enters when each has come to their stage: SIP callers through the
menu, SIP seats in the queue. Something is then done to Kefu; `await calls.served()` lets a fifth ring in just then,
sends three more agents in, and returns when all have talked to one. `what_is_left.py` reads the rows.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from floor_watch import Watch
from kept_center import KeptCenter
from ledger_rows import seen
from sip_phones import SippCaller, SippSeat

from crm.pbx.ami_probe import Message

STAGES = ("menu", "waiting", "ringing", "talking")
LATE = "late"
SEATS = ("1001", "1002", "1003", "1004", "1005")
# Seconds in the menu before "0" for the reception: they come into the queue one after another.
THINKS_S = {"talking": 4.0, "ringing": 4.8, "waiting": 5.6, "menu": 8.0, LATE: 4.0}
STAYS_S = 60.0
QUEUE = "reception"
_RUNS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Pace:
    """What happens how soon after all are at their stage (seconds): the seat that rings answers, the talk that goes on
    ends, and how long the others talk."""

    answer_s: float
    hang_up_s: float
    others_talk_s: float


SLOW = Pace(answer_s=5.0, hang_up_s=8.0, others_talk_s=6.0)
"""Who waits, rings and talks does so still when Kefu is back."""
QUICK = Pace(answer_s=1.0, hang_up_s=0.5, others_talk_s=1.5)
"""A ring is answered, a talk ends, a wait ends, a talk begins and ends while nobody looks."""


class FourCallers:
    """One run, with numbers of its own. On a busy machine callers overtake each other on their way through the menu:
    who talks, who rings and who waits is known when all three have come into the queue."""

    def __init__(self, center: KeptCenter, pace: Pace) -> None:
        self.joined: dict[str, float] = {}
        """When each came into the queue, epoch seconds by Asterisk's own clock."""
        self.connected: dict[str, Message] = {}
        self._has_joined: dict[str, asyncio.Event] = {}
        self._center = center
        self._sandbox = center.sandbox
        self._run = next(_RUNS)
        self._digits = {stage: digit for digit, stage in enumerate((*STAGES, LATE))}
        self._phones = ExitStack()
        self._watches: dict[str, Watch] = {}
        self._pace = pace
        self._seats: list[SippSeat] = []

    def number(self, stage: str) -> str:
        """The number of the caller at this stage."""
        return f"1370{self._run:06d}{self._digits[stage]}"

    @property
    def numbers(self) -> dict[str, str]:
        """Stage → number, of all five."""
        return {stage: self.number(stage) for stage in (*STAGES, LATE)}

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._register)
            await self._ring_in()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._leave)

    async def served(self) -> None:
        """Help comes, those in the menu come into the queue, all are answered, and each has talked to somebody."""
        hanging_up = asyncio.create_task(self._hang_up_after(self._pace.hang_up_s))
        self._dial(LATE)
        self._add(self._seats[2:])
        await asyncio.gather(self._sees_join("menu", 40), self._sees_join(LATE, 40))
        for stage in ("ringing", "waiting", "menu", LATE):
            self.connected[stage] = await self._until(stage, "AgentConnect", 30)
        for stage in (*STAGES, LATE):
            left = await self._until(stage, "QueueLeft", 40)
            assert left["Status"] == "CONTINUE", f"{stage} was not served: {left}"
        await hanging_up

    async def has_joined(self, stage: str) -> None:
        """Return once this caller came into the queue, as `served` sees it."""
        await asyncio.wait_for(self._has_joined.setdefault(stage, asyncio.Event()).wait(), 40)

    def came_at(self, stage: str) -> float:
        """When this caller's call reached Asterisk, epoch seconds by its clock."""
        born = next(message for message in self._watches[stage].seen if message["Event"] == "Newchannel")
        return float(born["Timestamp"])

    # ---- to their stages

    async def _ring_in(self) -> None:
        self._add(self._seats[:1])
        in_turn = ("talking", "ringing", "waiting")
        for stage in in_turn:
            self._dial(stage)
        await asyncio.gather(*(self._sees_join(stage, 30) for stage in in_turn))
        self._name_by_turn(in_turn)
        self.connected["talking"] = await self._until("talking", "AgentConnect")
        self._dial("menu")
        url = self._center.database_url
        await seen(url, "SELECT count(*) FROM visit WHERE ended_at IS NULL", [(1,)])
        await seen(url, "SELECT count(*) FROM wait WHERE left_at IS NULL", [(2,)])
        await seen(url, "SELECT count(*) FROM posture WHERE word = 'talking'", [(1,)])
        self._add(self._seats[1:2])
        await seen(url, "SELECT count(*) FROM posture WHERE word = 'ringing'", [(1,)])

    def _name_by_turn(self, stages: tuple[str, ...]) -> None:
        came = sorted(stages, key=lambda stage: self.joined[stage])
        for known in (self._digits, self._watches, self.joined, self._has_joined):
            known.update(zip(stages, [known[stage] for stage in came], strict=True))  # type: ignore[attr-defined]

    async def _hang_up_after(self, seconds: float) -> None:
        """The seat that talks ends its talk."""
        await asyncio.sleep(seconds)
        with self._sandbox.ami(self._sandbox.actor) as actor:
            actor.ask({"Action": "Hangup", "Channel": self.connected["talking"]["DestChannel"], "Cause": "16"})

    def _dial(self, stage: str) -> None:
        self._watches[stage] = self._phones.enter_context(Watch(self._sandbox, self.number(stage)))
        keys = [(1.0, "1"), (THINKS_S[stage], "0"), (2.0, "0")]
        caller = SippCaller(self._sandbox, self.number(stage), name=stage, keys=keys, stay_s=STAYS_S)
        self._phones.enter_context(caller)

    def _seats_of(self, pace: Pace) -> list[SippSeat]:
        talks_s = pace.others_talk_s
        times = ((0.2, STAYS_S), (pace.answer_s, talks_s), *[(0.2, talks_s)] * 3)
        return [
            SippSeat(self._sandbox, seat, ring_s=ring_s, talk_s=talk_s)
            for seat, (ring_s, talk_s) in zip(SEATS, times, strict=True)
        ]

    def _register(self) -> None:
        for seat in self._seats_of(self._pace):
            self._seats.append(self._phones.enter_context(seat))

    def _leave(self) -> None:
        self._sandbox.cli("channel request hangup all")
        with self._sandbox.ami(self._sandbox.actor) as actor:
            for seat in self._seats:
                actor.ask({"Action": "QueueRemove", "Queue": QUEUE, "Interface": seat.interface})
                actor.ask({"Action": "QueuePause", "Interface": seat.interface, "Paused": "false"})
        self._phones.close()

    def _add(self, seats: list[SippSeat]) -> None:
        with self._sandbox.ami(self._sandbox.actor) as actor:
            for seat in seats:
                added = actor.ask({"Action": "QueueAdd", "Queue": QUEUE, "Interface": seat.interface})
                assert added["Response"] == "Success", added

    async def _sees_join(self, stage: str, timeout_s: float = 20) -> None:
        joined = await self._until(stage, "QueueCallerJoin", timeout_s)
        self.joined[stage] = float(joined["Timestamp"])
        self._has_joined.setdefault(stage, asyncio.Event()).set()

    async def _until(self, stage: str, event: str, timeout_s: float = 20) -> Message:
        return await asyncio.to_thread(self._watches[stage].until, event, timeout_s=timeout_s, Queue=QUEUE)
