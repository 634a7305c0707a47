"""A small center for routing tests: a real Asterisk, real bridge and IVR server in this process, agents at simulated
seats with a queue of their own each.

Callers go where `plan` says, through the real player and desk; no prompts are laid, so menus take no time.
"""

# ruff: noqa: S608 - the words in these queries are the tests' own

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from forged_asterisk import until
from ledger_rows import rows, seen
from sqlalchemy import text

from agi.desk import Site
from agi.endings import JoinQueue
from agi.server import AgiServer
from agi.steps import FindCaller, Flow
from ami_bridge.bridge import Bridge
from crm import agents, customers, queues, skills
from crm.database import Database
from crm.deeds.ask_for_pause import ask_for_pause, ask_for_unpause
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile
from crm.reports.explain import explain
from crm.routing import Rules
from crm.rules.opening_hours import read_opening_hours
from crm.settings import Settings, read_settings

NODE = "asterisk1"
_TALKS = text(
    """
WITH c AS (
    INSERT INTO conversation (id, node, linkedid, direction, caller, started_at, ended_at, outcome, reconstructed)
    SELECT gen_random_uuid(), :node, 'before.' || n, 'inbound', CAST(:number AS text),
           now() - n * CAST(CAST(:apart AS text) AS interval), now(), 'answered', false
      FROM generate_series(1, :calls) AS n RETURNING id, started_at)
INSERT INTO segment (id, conversation_id, node, queue, seat, agent_id, caller_uniqueid, started_at, ended_at, hold_s,
                     reconstructed)
SELECT gen_random_uuid(), id, :node, 'support', :seat, CAST(:agent AS uuid), 'before', started_at,
       started_at + CAST(CAST(:length AS text) AS interval), 0, false FROM c
"""
)


def seat_of(number: str) -> str:
    return f"Local/{number}@sandbox-agents/n"


@dataclass
class Room:
    """`plan`: caller's number → where the flow sends them (default: support)."""

    sandbox: Sandbox
    url: str
    database: Database
    settings: Settings
    plan: dict[str, JoinQueue] = field(default_factory=dict)
    people: dict[str, UUID] = field(default_factory=dict)

    def flow(self) -> Flow:
        caller = yield FindCaller()
        return self.plan.get((caller.number_e164 or "").removeprefix("+86"), JoinQueue("support"))

    # ---- people

    async def sit(self, login: str, number: str, *queues_served: str, **levels: int) -> str:
        """An agent with these skill levels sits down; returns the seat once it stands in its queues."""
        seat = seat_of(number)
        async with self.database.transaction() as session:
            agent = await agents.create(session, login=login, name=login.title(), password="a good long password")
            self.people[login] = agent.id
            for queue in queues_served or ("support",):
                await agents.serve(session, agent.id, queue)
            for skill, level in levels.items():
                await skills.set_level(session, agent.id, skill, level)
            await sign_in_to_seat(session, agent_id=agent.id, node=NODE, seat=seat, expiry_s=8)
        await self.seen(f"SELECT count(*) FROM pbx_request WHERE seat = '{seat}' AND state <> 'confirmed'", [(0,)])
        await self.seen(f"SELECT word FROM posture WHERE seat = '{seat}'", [("ready",)])
        return seat

    async def pause(self, number: str, reason: str | None) -> None:
        """Pause with this reason, or unpause with none; returns when Asterisk has confirmed."""
        seat, said = seat_of(number), {"node": NODE, "asked_by": "test", "expiry_s": 8}
        async with self.database.transaction() as session:
            if reason is None:
                await ask_for_unpause(session, seat=seat, **said)  # type: ignore[arg-type]
            else:
                await ask_for_pause(session, seat=seat, reason=reason, **said)  # type: ignore[arg-type]
        await self.seen(f"SELECT paused FROM posture WHERE seat = '{seat}'", [(reason is not None,)])

    async def customer(self, code: str, number: str, tier: str) -> None:
        async with self.database.transaction() as session:
            await customers.create(session, code=code, name=code, phones=[number], country="CN", tier=tier)

    async def talked_before(self, login: str, number: str) -> None:
        """A talk of yesterday, as the bridge would have written it."""
        await self._talks(1, "1 day", "1 hour", number=number, seat="PJSIP/9", agent=self.people[login])

    async def served_before(self, seat: str, *, calls: int, seconds: int) -> None:
        """Talks at this seat within the last hours, each so long."""
        await self._talks(calls, "5 minutes", f"{seconds} seconds", number=None, seat=seat, agent=None)

    async def _talks(
        self, calls: int, apart: str, length: str, *, number: str | None, seat: str, agent: UUID | None
    ) -> None:
        said = {"node": NODE, "calls": calls, "apart": apart, "length": length}
        async with self.database.transaction() as session:
            await session.execute(_TALKS, {**said, "number": number, "seat": seat, "agent": agent})

    # ---- calls

    def ring_in(self, number: str, *, ring_s: float = 0.2, talk_s: float = 1.0, stay_s: float = 40.0) -> None:
        variables = {"__SANDBOX_RING_S": f"{ring_s:g}", "__SANDBOX_TALK_S": f"{talk_s:g}"}
        self.sandbox.originate_local(CallFile(number=number, stay_s=stay_s, variables=variables))

    async def waits(self, number: str, queue: str = "support") -> None:
        """Return once this caller stands in the queue."""
        await self.seen(
            "SELECT count(*) FROM wait JOIN conversation c ON c.id = conversation_id "
            f"WHERE caller = '{number}' AND queue = '{queue}' AND left_at IS NULL",
            [(1,)],
        )

    async def answered(self, number: str, seat: str) -> None:
        """Return once this caller talks, or has talked, with this seat."""
        await self.seen(
            f"SELECT seat FROM segment JOIN conversation c ON c.id = conversation_id WHERE caller = '{number}' "
            "AND c.linkedid NOT LIKE 'before.%'",
            [(seat,)],
        )

    async def stayed(self, number: str, *expected: tuple[str, str | None]) -> None:
        """Return once this caller's stays read (queue, outcome) so, in their order."""
        query = (
            "SELECT queue, w.outcome FROM wait w JOIN conversation c ON c.id = w.conversation_id "
            f"WHERE c.caller = '{number}' ORDER BY w.entered_at"
        )
        await self.seen(query, list(expected))

    def stay_s(self, number: str) -> list[float]:
        """The seconds of each stay of this caller, in their order."""
        query = (
            "SELECT extract(epoch FROM w.left_at - w.entered_at)::float FROM wait w "
            f"JOIN conversation c ON c.id = w.conversation_id WHERE c.caller = '{number}' ORDER BY w.entered_at"
        )
        return [row[0] for row in self.rows(query)]

    async def seen(self, query: str, expected: list[tuple[Any, ...]], deadline_s: float = 30.0) -> None:
        await seen(self.url, query, expected, deadline_s)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.url, query)

    async def told(self, number: str | None) -> tuple[list[str], dict[str, Any]]:
        """What explain says of this caller's latest call (None: of the latest of all, whose number no queue has told):
        `what: text` lines, and the routing of its JSON."""
        whose = f"WHERE caller = '{number}'" if number else ""
        ((identity,),) = self.rows(f"SELECT id::text FROM conversation {whose} ORDER BY started_at DESC LIMIT 1")
        async with self.database.reading() as session:
            found = await explain(session, identity, NODE)
        return [f"{line.what}: {line.text}" for line in found.timeline], found.document()["routing"]

    def hang_up(self) -> None:
        self.sandbox.cli("channel request hangup all")

    async def over(self) -> None:
        """Everybody has hung up, and the ledger knows."""
        self.hang_up()
        await self.seen("SELECT count(*) FROM conversation WHERE ended_at IS NULL", [(0,)])


@asynccontextmanager
async def opened(sandbox: Sandbox, url: str, **said: Any) -> AsyncIterator[Room]:
    """The room with its queues named, bridge and IVR at work; leaves no member in any queue."""
    settings = read_settings(
        ami_port=sandbox.ami_port,
        ami_username=sandbox.reader.username,
        ami_secret=sandbox.reader.secret,
        ami_actor_username=sandbox.actor.username,
        ami_actor_secret=sandbox.actor.secret,
        after_call_work=False,
        **said,
    )
    database = Database(url, application_name="kefu-test")
    room = Room(sandbox, url, database, settings)
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        await queues.define(session, "reception", title_en="Reception", title_zh="前台")
    hours = read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai")
    rules = Rules(settings.waiting_credit, settings.last_agent_days)
    server = AgiServer(Site(NODE, "CN", hours, budget_s=2.0, routing=rules), database, {"front_desk": room.flow})
    stopping = asyncio.Event()
    bridge = Bridge(settings, Database(url, application_name="bridge"), print)
    task = asyncio.ensure_future(bridge.run(stopping))
    await server.listen("127.0.0.1", sandbox.agi_port)
    try:
        await until(lambda: bridge.not_ready() is None and bridge.mirror and bridge.mirror._booted, 15)
        yield room
        await room.over()
    finally:
        room.hang_up()
        members = room.rows("SELECT queue, seat FROM membership WHERE left_at IS NULL")
        for queue, seat in members:
            sandbox.cli(f"queue remove member {seat} from {queue}")
        await server.drain(5)
        stopping.set()
        await asyncio.wait({task}, timeout=15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bridge._database.close()
        await database.close()
