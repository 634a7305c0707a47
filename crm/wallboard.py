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
from sqlalchemy import text

from . import sight
from .callbacks import SOON_S
from .database import Database
from .rules.agent_state import Asked, Seen, agent_state
from .sight import Drift
from .tables.callbacks import AT_RISK

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

_BOARD = text(
    """
SELECT clock_timestamp() AS now,
 (SELECT coalesce(json_agg(n ORDER BY n.name), '[]') FROM (
    SELECT name, heard_at, lost_at,
           coalesce(lost_at IS NULL AND heard_at > clock_timestamp() - make_interval(secs => :blind_s), false) AS live,
           (SELECT coalesce(json_agg(w ORDER BY w.from_at), '[]') FROM (
              SELECT from_at, to_at, backfilled_at IS NOT NULL AND calls_pending = 0 AS reconstructed
                FROM blind_window WHERE node = node.name AND to_at >= :midnight
               ORDER BY from_at DESC LIMIT :gaps_shown) AS w) AS gaps
      FROM node) AS n) AS nodes,
 (SELECT coalesce(json_agg(q ORDER BY q.name), '[]') FROM (
    SELECT named.name,
           coalesce(queue.title_en, named.name) AS title_en, coalesce(queue.title_zh, named.name) AS title_zh,
           coalesce(queue.service_level_s, 20) AS service_level_s,
           coalesce(today.waiting, 0) AS waiting, today.first_at, coalesce(today.offered, 0) AS offered,
           coalesce(today.answered, 0) AS answered, coalesce(today.in_time, 0) AS in_time,
           coalesce(today.abandoned, 0) AS abandoned, coalesce(today.short, 0) AS short,
           coalesce(standing.seats, 0) AS seats, coalesce(standing.ready, 0) AS ready
      FROM (SELECT name FROM queue
            UNION SELECT queue FROM membership WHERE left_at IS NULL AND queue NOT LIKE 'seat-%'
            UNION SELECT queue FROM wait WHERE left_at IS NULL AND queue NOT LIKE 'seat-%') AS named
      LEFT JOIN queue ON queue.name = named.name
      LEFT JOIN LATERAL (
           SELECT count(*) FILTER (WHERE left_at IS NULL) AS waiting,
                  min(entered_at) FILTER (WHERE left_at IS NULL) AS first_at,
                  count(*) FILTER (WHERE left_at IS NOT NULL) AS offered,
                  count(*) FILTER (WHERE outcome = 'answered') AS answered,
                  count(*) FILTER (WHERE outcome = 'answered' AND left_at - entered_at
                                   <= make_interval(secs => coalesce(queue.service_level_s, 20))) AS in_time,
                  count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
                  count(*) FILTER (WHERE outcome = 'abandoned' AND left_at - entered_at
                                   < make_interval(secs => :short_s)) AS short
             FROM (SELECT entered_at, left_at, outcome FROM wait
                    WHERE wait.queue = named.name AND entered_at >= :midnight
                      /* no callback's place: its channel has a try's id */
                      AND NOT (length(caller_uniqueid) = 38 AND right(caller_uniqueid, 2) = ';2')
                    UNION ALL
                   /* who was served by the last agent, from that seat's own queue, had come for this one */
                   SELECT wait.entered_at, wait.left_at, wait.outcome
                     FROM routing JOIN conversation c ON c.node = routing.node AND c.linkedid = routing.linkedid
                     JOIN wait ON wait.conversation_id = c.id AND wait.queue LIKE 'seat-%'
                      AND coalesce(wait.outcome, 'waits') IN ('answered', 'abandoned', 'waits')
                    WHERE routing.queue = named.name AND routing.decided_at >= :midnight
                      AND routing.last_seat IS NOT NULL) AS stays) AS today ON true
      LEFT JOIN LATERAL (
           SELECT count(*) AS seats, count(*) FILTER (WHERE posture.word = 'ready') AS ready
             FROM membership LEFT JOIN posture USING (node, seat)
            WHERE membership.queue = named.name AND membership.left_at IS NULL) AS standing ON true) AS q) AS queues,
 (SELECT coalesce(json_agg(a ORDER BY a.name), '[]') FROM (
    SELECT agent.name, agent.login, s.node, s.seat, s.signed_in_at, posture.word, posture.since, posture.pause_reason,
           posture.next_reason,
           (SELECT coalesce(json_agg(json_build_object('kind', kind, 'reason', reason) ORDER BY wanted_at), '[]')
              FROM pbx_request r WHERE r.node = s.node AND r.seat = s.seat AND r.state IN ('wanted', 'sent')
               AND r.expires_at > clock_timestamp()) AS wishes
      FROM seat_session s JOIN agent ON agent.id = s.agent_id
      LEFT JOIN posture ON posture.node = s.node AND posture.seat = s.seat
     WHERE s.signed_out_at IS NULL) AS a) AS agents,
 (SELECT coalesce(json_agg(c), '[]') FROM (
    SELECT conversation.caller, conversation.direction, talk.agent,
           CASE WHEN talk.started_at IS NOT NULL THEN 'talking' WHEN waiting.entered_at IS NOT NULL THEN 'waiting'
                ELSE 'other' END AS what,
           coalesce(talk.started_at, waiting.entered_at, conversation.started_at) AS since,
           CASE WHEN coalesce(talk.queue, waiting.queue) LIKE 'seat-%' THEN (
                  SELECT routing.queue FROM routing
                   WHERE routing.node = conversation.node AND routing.linkedid = conversation.linkedid
                   ORDER BY decided_at DESC LIMIT 1)
                ELSE coalesce(talk.queue, waiting.queue) END AS queue
      FROM conversation
      LEFT JOIN LATERAL (
           SELECT segment.started_at, segment.queue, coalesce(agent.name, segment.seat) AS agent
             FROM segment LEFT JOIN agent ON agent.id = segment.agent_id
            WHERE conversation_id = conversation.id AND ended_at IS NULL ORDER BY started_at LIMIT 1) AS talk ON true
      LEFT JOIN LATERAL (
           SELECT entered_at, queue FROM wait
            WHERE conversation_id = conversation.id AND left_at IS NULL LIMIT 1) AS waiting ON true
     WHERE conversation.ended_at IS NULL
     ORDER BY conversation.started_at) AS c) AS calls,
 (SELECT coalesce(json_agg(p), '[]') FROM (
    SELECT queue, count(*) FILTER (WHERE closed_at IS NULL) AS open,
           count(*) FILTER (WHERE closed_at IS NULL AND due_at <= clock_timestamp()) AS due,
           count(*) FILTER (WHERE {AT_RISK}) AS at_risk,
           count(*) FILTER (WHERE kept AND closed_at >= :midnight) AS kept,
           count(*) FILTER (WHERE kept IS NOT NULL AND closed_at >= :midnight) AS judged,
           (SELECT count(*) FROM callback_attempt a
             WHERE a.queue = c.queue AND a.dialled_at IS NOT NULL AND a.talked_at IS NULL AND a.ended_at IS NULL
               AND a.settled_at IS NULL) AS rung,
           (SELECT count(*) FROM callback_attempt a
             WHERE a.queue = c.queue AND a.kind = 'customer_first' AND a.talked_at IS NULL AND a.ended_at IS NULL
               AND a.dialled_at IS NOT NULL AND a.settled_at IS NULL) AS rung_first,
           EXISTS (SELECT FROM callback_halt h WHERE h.queue IN ('', c.queue)) AS halted
      FROM callback c WHERE state IN ('waiting', 'placed') OR asked_at >= :midnight GROUP BY queue) AS p) AS promises
""".replace("{AT_RISK}", AT_RISK)
)


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
    """One queue now and today. `offered` counts waits that are over; `first_at`: when the longest waiting joined."""

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
            row = (await session.execute(_BOARD, asked)).mappings().one()
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
        )


def _agent(row: dict[str, Any]) -> AgentTile:
    since = row["since"] or row["signed_in_at"]
    told = (row["pause_reason"], row["next_reason"])
    seen = Seen(row["word"], datetime.fromisoformat(since), *told) if row["word"] else None
    shown = agent_state(seen, signed_in=True, open_wishes=msgspec.convert(row["wishes"], list[Asked]))
    return AgentTile(row["name"], row["seat"], shown.word, shown.since, shown.reason)
