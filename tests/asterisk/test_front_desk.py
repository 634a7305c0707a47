"""The front desk on a real Asterisk: real prompts, real keys, the caller's own row, and what stays of the call."""

from __future__ import annotations

import asyncio
import itertools
import wave
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from floor_watch import Watch, member
from sqlalchemy import select
from structlog.testing import capture_logs

from agi.desk import Site
from agi.flows.front_desk import front_desk
from agi.prompt_building import build_prompts
from agi.server import AgiServer
from agi.shipped import load_menu, load_prompts
from crm import customers, orders
from crm.database import Database
from crm.pbx.sandbox import Sandbox
from crm.pbx.sandbox_calls import CallFile
from crm.rules.opening_hours import read_opening_hours
from crm.tables.visits import CallerFacts, Visit

AGENT = "Local/7101@sandbox-agents/n"
LI = "13800138000"
ROUND_THE_CLOCK = "mon-sun 00:00-24:00"
# The caller's side presses "1" half a second after the answer; the welcome takes no keys, so "w" (0.5 s each) waits.
PAST_THE_WELCOME = "w" * 9


@pytest.fixture(scope="module")
def prompts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompts")
    build_prompts(load_prompts()[0], folder)
    return folder


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory, prompts_folder: Path) -> Iterator[Sandbox]:
    """An Asterisk that has our prompts."""
    with Sandbox(tmp_path_factory.mktemp("ivr"), version="22", prompts_folder=prompts_folder) as running:
        yield running


class FrontDesk:
    """The real server beside a real Asterisk, and what it wrote."""

    def __init__(self, sandbox: Sandbox, database: Database, server: AgiServer) -> None:
        self.sandbox = sandbox
        self.database = database
        self.server = server

    async def ring_in(self, number: str, keys: str, *, stay_s: float = 30, **more: Any) -> str:
        """One caller up to where the menu leaves the call, or to the hang-up; returns the call's Linkedid."""
        return await asyncio.to_thread(self._ring_in, number, keys, stay_s, more)

    def _ring_in(self, number: str, keys: str, stay_s: float, more: dict[str, Any]) -> str:
        until = more.pop("until", "IvrLeft")
        fields = more.pop("fields", {})
        with Watch(self.sandbox, number) as caller:
            self.sandbox.originate_local(CallFile(number=number, keys=keys, stay_s=stay_s, **more))
            return caller.until(until, timeout_s=45, **fields)["Linkedid"]

    async def visit(self, linkedid: str) -> Visit:
        assert await self.server.quiet(5)
        assert await self.server._book.written(within_s=5) == 0
        async with self.database.reading() as session:
            return (await session.scalars(select(Visit).where(Visit.linkedid == linkedid))).one()

    async def facts(self, linkedid: str) -> CallerFacts:
        async with self.database.reading() as session:
            return (await session.scalars(select(CallerFacts).where(CallerFacts.linkedid == linkedid))).one()


@pytest.fixture
async def desk(speaking: Sandbox, database: Database, request: pytest.FixtureRequest) -> AsyncIterator[FrontDesk]:
    async with database.transaction() as session:
        li = await customers.create(session, code="K-1", name="李伟", phones=[LI], country="CN", language="en")
        await orders.place(
            session,
            customer_id=li.id,
            number="B-27",
            state="shipped",
            item="tea",
            amount=Decimal("88.00"),
            placed_at=datetime(2026, 3, 1, tzinfo=UTC),
            expected_on=datetime(2026, 3, 5, tzinfo=UTC),
        )
    hours = read_opening_hours(getattr(request, "param", ROUND_THE_CLOCK), "Asia/Shanghai")
    flows = {"front_desk": partial(front_desk, load_menu("front_desk"))}
    server = AgiServer(Site("asterisk1", "CN", hours, budget_s=0.8), database, flows)
    await server.listen("127.0.0.1", speaking.agi_port)
    yield FrontDesk(speaking, database, server)
    speaking.cli("channel request hangup all")
    await server.drain(5)


def seconds_of(folder: Path, name: str) -> float:
    with wave.open(str(folder / name)) as sound:
        return sound.getnframes() / sound.getframerate()


async def test_a_known_caller_hears_the_order_from_the_own_row_and_is_served(
    desk: FrontDesk, prompts_folder: Path
) -> None:
    with capture_logs() as logs:
        linkedid = await desk.ring_in(LI, PAST_THE_WELCOME + "1", fields={"NextStep": "goodbye"})
    visit = await desk.visit(linkedid)
    assert (visit.ending, visit.served, visit.language, visit.pressed) == ("goodbye", True, "en", "1")
    said = [step["prompt"] for step in visit.steps if step["step"] == "say"]
    assert said == [
        *("order-number", "letter-b", "digit-2", "digit-7", "order-state-shipped", "order-expected"),
        *("month-3", "day-5", "digit-2", "digit-0", "digit-2", "digit-6"),
    ]
    # Asterisk really played each file: the next began when this one had ended.
    begun = [(step["at_s"], step["prompt"]) for step in visit.steps if step["step"] == "say"]
    for (began_s, prompt), (next_s, _) in itertools.pairwise(begun):
        played_s = seconds_of(prompts_folder, f"en/{prompt}.wav")
        assert played_s - 0.25 <= next_s - began_s <= played_s + 2.0  # never cut short; a busy machine may be late
    assert not [entry for entry in logs if entry["log_level"] in ("warning", "error")]


async def test_a_stranger_chooses_chinese_and_support_and_the_queue_takes_over(desk: FrontDesk) -> None:
    with member(desk.sandbox, "support", AGENT):
        linkedid = await desk.ring_in(
            "13900000002",
            "2" + PAST_THE_WELCOME + "2",
            until="AgentConnect",
            fields={"Queue": "support"},
            variables={"__SANDBOX_RING_S": "0.2", "__SANDBOX_TALK_S": "1"},
        )
    visit = await desk.visit(linkedid)
    assert (visit.ending, visit.served, visit.language, visit.pressed) == ("join_queue", False, "zh", "22")
    facts = await desk.facts(linkedid)
    assert (facts.customer_id, facts.language, facts.matter) == (None, "zh", "support")
    assert facts.number_e164 == "+8613900000002"


async def test_zero_is_reception(desk: FrontDesk) -> None:
    linkedid = await desk.ring_in(LI, PAST_THE_WELCOME + "0", until="QueueLeft", fields={"Queue": "reception"})
    assert (await desk.visit(linkedid)).ending == "join_queue"


async def test_a_caller_who_hangs_up_in_the_menu_is_recorded_at_the_last_prompt_heard(desk: FrontDesk) -> None:
    linkedid = await desk.ring_in("13900000003", "1", stay_s=1.0, until="Hangup")
    visit = await desk.visit(linkedid)
    assert (visit.ending, visit.served, visit.pressed, visit.last_prompt) == ("hung_up", False, "1", "welcome")
    assert visit.ended_at is not None


async def test_a_caller_who_never_chooses_reaches_reception(desk: FrontDesk) -> None:
    linkedid = await desk.ring_in(
        LI, PAST_THE_WELCOME + "wwwwwwww".join("777"), until="QueueLeft", fields={"Queue": "reception"}
    )
    visit = await desk.visit(linkedid)
    assert visit.ending == "join_queue"
    assert [step["prompt"] for step in visit.steps].count("wrong-key") == 3


@pytest.mark.parametrize("desk", ["mon-sun 00:00-00:01"], indirect=True)
async def test_closed_leads_to_voicemail(desk: FrontDesk) -> None:
    linkedid = await desk.ring_in(LI, "", stay_s=12, until="VoicemailLeft")
    visit = await desk.visit(linkedid)
    assert (visit.ending, visit.last_prompt) == ("voicemail", "closed")


async def test_a_hostile_name_changes_nothing(desk: FrontDesk) -> None:
    name = "<script>alert(1)</script> 王 & ${CHANNEL} a\\b' \\"
    linkedid = await desk.ring_in(
        LI, PAST_THE_WELCOME + "0", name=name, until="QueueLeft", fields={"Queue": "reception"}
    )
    assert (await desk.facts(linkedid)).matter == "reception"
