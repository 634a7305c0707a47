"""People who are bound to queues: on every page they see calls of their queues and their own, and no others."""

from __future__ import annotations

import pytest
from forged_floor import CALLER, ForgedFloor
from web_caller import PASSWORD, calling

from crm import agent_rights, agents, customers, queues
from crm.database import Database
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url)


@pytest.fixture
async def people(database: Database) -> dict[str, Agent]:
    """Lily, Marco and Dana, who supervises, all bound to support."""
    async with database.transaction() as session:
        for name in ("support", "sales"):
            await queues.define(session, name, title_en=name.title(), title_zh=name)
        found = {}
        for login, role in (("lily", "agent"), ("marco", "agent"), ("dana", "supervisor")):
            found[login] = await agents.create(session, login=login, name=login.title(), password=PASSWORD, role=role)
            await agent_rights.bind(session, login, ["support"], by="test")
        return found


async def test_calls_without_a_case_are_those_of_ones_queues(
    database: Database, settings: Settings, floor: ForgedFloor, people: dict[str, Agent]
) -> None:
    for queue, name, who in (
        ("support", "Wang", "lily"),
        ("sales", "Sun", "lily"),
        ("sales", "Zhou", "dana"),
    ):
        ring = floor.ring(f"PJSIP/{who}", queue=queue, caller=f"+86138{name}")
        floor.answer(ring, people[who].id)
        floor.hang_up(ring)
    async with calling(create_app(settings, database), running=False) as dana:
        await dana.sign_in("dana")
        page = (await dana.page("/cases/without")).text
    assert "Wang" in page
    assert "Sun" not in page
    assert "Zhou" in page  # her own


async def test_a_timeline_holds_ones_own_calls_and_no_colleagues(
    database: Database, settings: Settings, floor: ForgedFloor, people: dict[str, Agent]
) -> None:
    async with database.transaction() as session:
        wang = await customers.create(session, code="C1", name="Wang", phones=(CALLER,), country="CN")
    own = floor.ring("PJSIP/1", queue="sales")
    floor.answer(own, people["lily"].id)
    floor.hang_up(own)
    floor.do(  # more than a page of a colleague's calls out, all newer
        (
            (
                "INSERT INTO conversation (id, node, linkedid, direction, caller, dialled, started_at, ended_at, "
                "outcome, reconstructed) SELECT gen_random_uuid(), %(node)s, n::text, 'outbound', '1002', "
                "%(number)s, now(), now(), 'answered', false FROM generate_series(1, 35) n"
            ),
            {"number": CALLER},
        )
    )
    async with calling(create_app(settings, database), running=False) as lily:
        await lily.sign_in("lily")
        for path in (f"/timeline/{wang.id}", f"/desk/card/{own.conversation_id}/more?customer={wang.id}"):
            page = (await lily.page(path)).text
            assert page.count('data-kind="conversation"') == 1, path
            assert "Sales" in page
            assert "1002" not in page
            assert "Older" not in page
