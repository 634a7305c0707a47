"""Who works at cases in these tests, and shorthands for what they do. Each deed is a transaction of its own."""

from __future__ import annotations

from typing import Any

from crm import agents, cases, customers, directory
from crm.cases import CaseFound, categories
from crm.database import Database
from crm.deeds.open_case import open_case
from crm.settings import Settings
from crm.tables.agents import Agent

PASSWORD = "a good long password"
People = dict[str, Agent]
ROLES = (("lily", "agent"), ("marco", "agent"), ("nina", "agent"), ("dana", "supervisor"), ("otto", "department"))


async def hire(database: Database) -> People:
    """lily takes calls, marco is of the second line, nina of complaints, dana supervises, otto is of the warehouse."""
    async with database.transaction() as session:
        people = {
            login: await agents.create(session, login=login, name=login.title(), password=PASSWORD, role=role)
            for login, role in ROLES
        }
        await categories.join_team(session, "second_line", people["marco"].id)
        await categories.join_team(session, "complaints", people["nina"].id)
        await directory.define_department(session, "warehouse", name_en="Warehouse", name_zh="仓库")
        await directory.define_department(session, "finance", name_en="Finance", name_zh="财务")
        otto = {"name": "欧拓", "department": "warehouse", "extension": "8012", "matters": "deliveries"}
        await directory.put(session, otto, agent_id=people["otto"].id)
        await customers.create(session, code="C-1", name="王美玲", phones=["+8613800138000"], country="CN")
    return people


async def opened(database: Database, settings: Settings, owner: Agent, **said: Any) -> str:
    """The number of a new case."""
    said = {"category": "after_sales", "subject": "Broken cup", **said}
    async with database.transaction() as session:
        case = await open_case(session, settings, owner=owner, by=owner.login, **said)
    return case.number


async def seen(database: Database, number: str) -> CaseFound:
    """A case as it is now."""
    async with database.reading() as session:
        found = await cases.find(session, number)
    assert found is not None
    return found


async def done(database: Database, deed: Any, *args: Any, **said: Any) -> Any:
    """What a deed gives, in a transaction of its own."""
    async with database.transaction() as session:
        return await deed(session, *args, **said)


async def told(database: Database, number: str) -> list[tuple[str, str | None, str | None, str | None]]:
    """The history, the oldest first: did, field, from, to."""
    found = await seen(database, number)
    async with database.reading() as session:
        rows = await cases.history(session, found.id)
    return [(row.did, row.field, row.was, row.became) for row in reversed(rows)]
