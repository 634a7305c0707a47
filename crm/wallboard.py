"""The floor at one glance: queues, agents, calls now, and whether what is shown is live.

One statement over live rows, read at most four times a second and shared by all who ask meanwhile, so a hundred screens
cost what one does. Called by pages/wallboard. Needs no set-up: it shows what there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from . import sight
from .callbacks import SOON_S
from .database import Database
from .rules.agent_state import Asked, Seen, agent_state
from .sight import Drift
from .wallboard_rows import BOARD

KEPT_S = 0.25
UNTOLD_S = 1.0
"""How long a board serves that no hint has spoken against: its ages and its sight change by themselves."""
BLIND_AFTER_S = 3
SHORT_ABANDON_S = 5
CALLS_SHOWN = 30
GAPS_SHOWN = 3
DRIFT_OF = timedelta(hours=1)
DRIFT_KEPT_S = 60.0
"""It is a sum over the journal: asked for once a minute."""


class Gap(msgspec.Struct, frozen=True):
    """A time of today in which nobody looked; `reconstructed`: what happened in it is known all the same."""

    from_at: datetime
    to_at: datetime
    reconstructed: bool


class NodeTile(msgspec.Struct, frozen=True):
    """One Asterisk: whether the bridge sees it, and when it did not today (the latest few)."""

    name: str
    heard_at: datetime | None
    lost_at: datetime | None
    live: bool
    gaps: list[Gap]


class QueueTile(msgspec.Struct, frozen=True):
    """One queue now and today. `offered` counts calls that came here first and wait no more, each once, however
    often it left a queue unserved and joined again; an agent's answer in any queue is its answer. Who is
    handed on after an answer comes anew. `first_at`: when the longest waiting joined."""

    name: str
    title_en: str
    title_zh: str
    service_level_s: int
    waiting: int
    first_at: datetime | None
    offered: int
    answered: int
    in_time: int
    abandoned: int
    short: int
    seats: int
    ready: int

    @property
    def service_level(self) -> float | None:
        """Variant B: answered in time / (offered − short abandons), 0 to 1; None before the first call."""
        counted = self.offered - self.short
        return self.in_time / counted if counted > 0 else None


class AgentTile(msgspec.Struct, frozen=True):
    """One agent at a seat, with the word their own desk shows."""

    name: str
    seat: str
    word: str
    since: datetime | None
    reason: str | None


class ReasonTitle(msgspec.Struct, frozen=True):
    """A reason to pause, as this center calls it."""

    name: str
    title_en: str
    title_zh: str


class CallTile(msgspec.Struct, frozen=True):
    """One call going on: talking, waiting, or other (in the menu, ringing, outgoing)."""

    caller: str | None
    direction: str
    agent: str | None
    what: str
    since: datetime
    queue: str | None


class PromiseTile(msgspec.Struct, frozen=True):
    """Promised callbacks of a queue: open, of those due, and of those near the end of their window and never dialled;
    `kept` of `judged` that were closed today. `rung`: customers who are rung now or wait for an agent; `rung_first`:
    of those, before any agent was."""

    queue: str
    open: int
    due: int
    at_risk: int
    kept: int
    judged: int
    rung: int
    rung_first: int
    halted: bool


class Board(msgspec.Struct, frozen=True):
    """All tiles as of `now`. `seen_at`: the moment the oldest of what is shown was true."""

    now: datetime
    nodes: list[NodeTile]
    queues: list[QueueTile]
    agents: list[AgentTile]
    calls: list[CallTile]
    drift: list[Drift]
    promises: list[PromiseTile] = []
    reasons: list[ReasonTitle] = []

    @property
    def lane(self) -> PromiseTile:
        """The promises of all queues together."""
        all_of = self.promises
        return PromiseTile(
            "",
            open=sum(each.open for each in all_of),
            due=sum(each.due for each in all_of),
            at_risk=sum(each.at_risk for each in all_of),
            kept=sum(each.kept for each in all_of),
            judged=sum(each.judged for each in all_of),
            rung=sum(each.rung for each in all_of),
            rung_first=sum(each.rung_first for each in all_of),
            halted=any(each.halted for each in all_of),
        )

    def within(self, queues: Collection[str] | None) -> Board:
        """What somebody sees who is bound to these queues; None: all of it."""
        if queues is None:
            return self
        of_them = [tile for tile in self.queues if tile.name in queues]
        promises = [each for each in self.promises if each.queue in queues]
        calls = [call for call in self.calls if call.queue in queues]
        return replace(self, queues=of_them, calls=calls, promises=promises)

    def titles(self, language: str) -> dict[str, str]:
        """The queues' names as people say them."""
        return {queue.name: queue.title_zh if language == "zh" else queue.title_en for queue in self.queues}

    def reason_titles(self, language: str) -> dict[str, str]:
        """The names of the reasons to pause that this center has set."""
        return {each.name: each.title_zh if language == "zh" else each.title_en for each in self.reasons}

    @property
    def seen_at(self) -> datetime | None:
        """When the node that was heard longest ago was heard."""
        return min((node.heard_at for node in self.nodes if node.heard_at), default=None)


class Wallboard:
    """The board of one process, read at most every quarter of a second."""

    def __init__(self, database: Database, zone: ZoneInfo, *, soon_s: float = SOON_S) -> None:
        """`soon_s`: a promise whose window ends within so long, and nobody was rung, is at risk."""
        self._database = database
        self._soon_s = soon_s
        self._zone = zone
        self._turn = asyncio.Lock()
        self._kept: Board | None = None
        self._read_at = 0.0
        self._changed = False
        self._drift: list[Drift] = []
        self._drift_at: float | None = None

    def changed(self) -> None:
        """A hint: what is kept is no longer how it is."""
        self._changed = True

    async def board(self) -> Board:
        """The board as of the last hint. Told again within a quarter of a second, it waits that long first."""
        clock = asyncio.get_running_loop().time
        async with self._turn:
            if self._kept is not None and self._changed:
                await asyncio.sleep(self._read_at + KEPT_S - clock())
            if self._kept is None or self._changed or clock() - self._read_at > UNTOLD_S:
                self._changed = False
                self._kept = await self._read()
                self._read_at = clock()
            return self._kept

    async def _read(self) -> Board:
        today = datetime.now(self._zone).date()
        asked = {
            "midnight": datetime.combine(today, time(), tzinfo=self._zone),
            "blind_s": BLIND_AFTER_S,
            "short_s": SHORT_ABANDON_S,
            "gaps_shown": GAPS_SHOWN,
            "soon_s": self._soon_s,
        }
        clock = asyncio.get_running_loop().time()
        async with self._database.reading() as session:
            row = (await session.execute(BOARD, asked)).mappings().one()
            if self._drift_at is None or clock - self._drift_at > DRIFT_KEPT_S:
                self._drift = await sight.drift(session, since=row["now"] - DRIFT_OF)
                self._drift_at = clock
        return Board(
            now=row["now"],
            nodes=msgspec.convert(row["nodes"], list[NodeTile]),
            queues=msgspec.convert(row["queues"], list[QueueTile]),
            agents=[_agent(found) for found in row["agents"]],
            calls=msgspec.convert(row["calls"], list[CallTile]),
            drift=self._drift,
            promises=msgspec.convert(row["promises"], list[PromiseTile]),
            reasons=msgspec.convert(row["reasons"], list[ReasonTitle]),
        )


def _agent(row: dict[str, Any]) -> AgentTile:
    since = row["since"] or row["signed_in_at"]
    told = (row["pause_reason"], row["next_reason"])
    seen = Seen(row["word"], datetime.fromisoformat(since), *told) if row["word"] else None
    shown = agent_state(seen, signed_in=True, open_wishes=msgspec.convert(row["wishes"], list[Asked]))
    return AgentTile(row["name"], row["seat"], shown.word, shown.since, shown.reason)
