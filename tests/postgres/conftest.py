"""Rows that these tests build on: a loaded demo center, and the bridge's rows written by hand."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from forged_floor import ForgedFloor
from postgres_server import Databases
from sqlalchemy import insert

from crm import agents, demo_data
from crm.database import Database
from crm.tables.agents import Agent
from crm.tables.conversations import Conversation, Segment
from crm.tables.postures import Posture

NODE = "asterisk1"
SEAT = "PJSIP/101"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may enter; pytest's own are closed to the one Postgres runs as."""
    made = Path(tempfile.mkdtemp(prefix="kefu-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(autouse=True, scope="session")
def cheap_hashes() -> Iterator[None]:
    """The same argon2 at a fiftieth of its cost: these tests make hundreds of hashes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(agents, "_hasher", PasswordHasher(time_cost=1, memory_cost=1024))
        yield


@pytest.fixture(scope="session")
async def demo_url(databases: Databases, template_url: str) -> AsyncIterator[str]:
    """A database to copy from which holds the demo center."""
    url = databases.create(template_url)
    database = Database(url, application_name="kefu-test")
    async with database.transaction() as session:
        await demo_data.load(session, country="CN")
    await database.close()
    yield url
    databases.drop(url)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, databases: Databases, template_url: str) -> Iterator[str]:
    """A database of the test's own: with the demo center if it asks for somebody of there, else empty."""
    demo = "amy" in request.fixturenames
    url = databases.create(request.getfixturevalue("demo_url") if demo else template_url)
    yield url
    databases.drop(url)


@pytest.fixture
def floor(database_url: str) -> ForgedFloor:
    """The bridge's hand, which sees Asterisk now."""
    forged = ForgedFloor(database_url)
    forged.see()
    return forged


@pytest.fixture
async def amy(database: Database) -> Agent:
    """An agent of the demo center, which is there whole."""
    async with database.reading() as session:
        agent = await agents.find(session, "amy")
    assert agent is not None
    return agent


Floor = Callable[..., Awaitable[None]]


@pytest.fixture
def floor_says(database: Database) -> Floor:
    """What the bridge writes when it sees a seat: `await floor_says("paused", paused=True, pause_reason="Tea")`."""

    async def write(word: str, seat: str = SEAT, **more: object) -> None:
        row = Posture(node=NODE, seat=seat, word=word, since=datetime.now(UTC), **{"paused": False, **more})
        async with database.transaction() as session:
            await session.merge(row)

    return write


@pytest.fixture
def call_of(database: Database) -> Callable[[Agent], Awaitable[UUID]]:
    """A conversation in which this agent talked at SEAT."""

    async def write(agent: Agent) -> UUID:
        conversation_id, now = uuid4(), datetime.now(UTC)
        call = {"id": conversation_id, "node": NODE, "linkedid": str(conversation_id), "direction": "inbound"}
        talk = {"id": uuid4(), "conversation_id": conversation_id, "node": NODE, "seat": SEAT, "agent_id": agent.id}
        async with database.transaction() as session:
            await session.execute(insert(Conversation).values(**call, started_at=now))
            await session.execute(insert(Segment).values(**talk, caller_uniqueid="1.1", started_at=now))
        return conversation_id

    return write
