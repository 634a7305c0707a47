"""SIP callers walk the shipped menu on a real Asterisk, to each kind of ending in both languages, and hear orders.

What they hear is taken from their own channel. On Asterisk 16 those who ask for their order, and all of them with
KEFU_TEST_WALKS=100 (`make prove`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from center import spoken_prompts
from ear import Ear, listen, seconds_of
from floor_watch import Watch
from sip_phones import SippCaller
from sqlalchemy import select

from agi.desk import Site
from agi.doors import Doors
from agi.flows.menu import walk
from agi.server import AgiServer
from agi.shipped import load_menu
from crm import customers, orders
from crm.database import Database
from crm.hours import Notice, Openings
from crm.pbx.sandbox import Sandbox
from crm.rules.opening_hours import read_opening_hours
from crm.tables.visits import Visit

EXPECTED = datetime(2026, 3, 5, tzinfo=UTC)
ROUND_THE_CLOCK = read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai")
SUPPORT_IS_CLOSED = Notice("support", "closed", None, "", datetime(2026, 1, 1, tzinfo=UTC), None, "li")
NUMBER = ("order-number", "letter-b", "digit-2", "digit-7")
DAY = {
    "en": ("month-3", "day-5", "digit-2", "digit-0", "digit-2", "digit-6"),
    "zh": ("digit-2", "digit-0", "digit-2", "digit-6", "year", "month-3", "day-5"),
}
STATE = {"en": "order-state-shipped", "zh": "order-state-paid"}


class Way(NamedTuple):
    """One SIP caller. `known`: a customer whose language and order we know; keys after so many seconds each: in the
    middle of the menu, or, `hurried`, inside the welcome."""

    number: str
    language: str
    known: bool
    keys: tuple[tuple[float, str], ...]
    ending: str
    left_to: str
    hurried: bool = False


WAYS = [
    Way("13800138001", "en", True, ((7.0, "1"),), "goodbye", "goodbye"),
    Way("13800138002", "zh", True, ((7.0, "1"),), "goodbye", "goodbye"),
    Way("13900139003", "en", False, ((1.5, "1"), (8.0, "0")), "join_queue", "queue"),
    Way("13900139007", "en", False, ((1.5, "1"), (0.6, "0")), "join_queue", "queue", hurried=True),
    Way("13900139004", "zh", False, ((1.5, "2"), (8.0, "0")), "join_queue", "queue"),
    Way("13900139005", "en", False, ((1.5, "1"), (8.0, "2")), "voicemail", "voicemail"),
    Way("13900139006", "zh", False, ((1.5, "2"), (8.0, "2")), "voicemail", "voicemail"),
]


class Center(NamedTuple):
    """One Asterisk and its menus."""

    asterisk: Sandbox
    server: AgiServer

    @property
    def ways(self) -> list[Way]:
        old = self.asterisk.installation.version.startswith("16.")
        return [way for way in WAYS if way.known or not old or os.environ.get("KEFU_TEST_WALKS")]


@pytest.fixture(scope="module")
async def prompts() -> Path:
    return await spoken_prompts()


@pytest.fixture
async def centers(tmp_path: Path, prompts: Path, database: Database) -> AsyncIterator[list[Center]]:
    """Both Asterisks with a menu server each, on one database; open round the clock, but for support."""
    await _make_customers(database)
    flows = {"front_desk": partial(walk, load_menu("front_desk"))}
    async with AsyncExitStack() as house:
        asterisks = [Sandbox(tmp_path / version, version=version, prompts_folder=prompts) for version in ("22", "16")]
        await asyncio.gather(*(house.enter_async_context(asterisk) for asterisk in asterisks))
        centers = []
        for asterisk in asterisks:
            site = Site(asterisk.folder.name, "CN", ROUND_THE_CLOCK, budget_s=5.0)
            doors = Doors(Openings(ROUND_THE_CLOCK, {}, notices=(SUPPORT_IS_CLOSED,)))
            server = AgiServer(site, database, flows, doors=doors)
            await server.listen("127.0.0.1", asterisk.agi_port)
            centers.append(Center(asterisk, server))
        yield centers
        for center in centers:
            await asyncio.to_thread(center.asterisk.cli, "channel request hangup all")
            await center.server.drain(2)


async def _make_customers(database: Database) -> None:
    async with database.transaction() as session:
        for number, language in ((way.number, way.language) for way in WAYS if way.known):
            li = await customers.create(
                session, code=f"K-{language}", name="李", phones=[number], country="CN", language=language
            )
            await orders.place(
                session,
                customer_id=li.id,
                number="B-27" if language == "en" else "B 27",
                state=STATE[language].rpartition("-")[2],
                item="tea",
                amount=Decimal("88.00"),
                placed_at=EXPECTED,
                expected_on=EXPECTED,
            )


def ring_in(asterisk: Sandbox, way: Way) -> tuple[str, Ear]:
    """One SIP caller up to where the menu leaves the call; the call's Linkedid, and what was heard."""
    with ExitStack() as call:
        watch = call.enter_context(Watch(asterisk, way.number))
        phone = call.enter_context(SippCaller(asterisk, way.number, keys=way.keys, stay_s=60))
        ear = listen(asterisk, watch.until("Newchannel")["Channel"])
        left = watch.until("IvrLeft", NextStep=way.left_to, timeout_s=60)
        if way.ending == "goodbye":
            phone.wait()
        return left["Linkedid"], ear


@pytest.mark.timeout(150)
async def test_sip_callers_come_to_every_kind_of_ending_in_both_languages(
    centers: list[Center], database: Database, prompts: Path
) -> None:
    """All at once, on both Asterisks."""
    calls = [(center, way) for center in centers for way in center.ways]
    came = await asyncio.gather(*(asyncio.to_thread(ring_in, center.asterisk, way) for center, way in calls))
    for center in centers:
        assert await center.server.quiet(10)
        assert await center.server._book.written(within_s=5) == 0
    for (center, way), (linkedid, ear) in zip(calls, came, strict=True):
        this_call = (Visit.node == center.asterisk.folder.name, Visit.linkedid == linkedid)
        async with database.reading() as session:
            visit = (await session.scalars(select(Visit).where(*this_call))).one()
        assert (visit.ending, visit.language, visit.served) == (way.ending, way.language, way.known), way
        assert visit.pressed == "".join(key for _after_s, key in way.keys)
        said = tuple(step["prompt"] for step in visit.steps if step["step"] == "say")
        if way.known:
            order = (*NUMBER, STATE[way.language], "order-expected", *DAY[way.language])
            assert said == order
            await assert_heard(ear, prompts / way.language, order)
        elif way.ending == "voicemail":
            assert (visit.closed_why, said) == ("closed_now", ("queue-closed",))
            await assert_heard(ear, prompts / way.language, ("welcome", "to-support", "queue-closed"))
        elif way.hurried:
            welcome, last = [step for step in visit.steps if step["prompt"]][-2:]
            assert (welcome["prompt"], last["prompt"]) == ("welcome", "to-reception"), "the menu was played"
            assert last["at_s"] - welcome["at_s"] < seconds_of(prompts / "en" / "welcome.wav") - 0.3
            await assert_heard(ear, prompts / "en", ("to-reception",))
        else:
            await assert_heard(ear, prompts / way.language, ("welcome", "to-reception"))


async def assert_heard(ear: Ear, folder: Path, prompts: tuple[str, ...]) -> None:
    """Each in its order, none cut short by the next (what a busy machine's recording lacks is much less)."""
    files = [folder / f"{prompt}.wav" for prompt in prompts]
    began = await asyncio.to_thread(ear.heard, files)
    for file, this_s, next_s in zip(files, began, began[1:], strict=False):
        assert next_s - this_s >= seconds_of(file) - 0.3, file.name
