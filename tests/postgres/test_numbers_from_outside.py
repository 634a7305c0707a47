"""Numbers that other systems and Asterisk tell: in every region's own writing, kept as the library reads them."""

from __future__ import annotations

import os
from uuid import uuid4

import httpx2
import phonenumbers
from fastapi import FastAPI
from forged_floor import NODE
from phonenumbers import PhoneNumberFormat
from sqlalchemy import text
from test_api_v1 import app, made  # noqa: F401 - its fixture

from crm.database import Database
from crm.deeds.link_caller import create_from_call
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.api.v1 import create_door

# Each is a request of its own: some here, every one with KEFU_TEST_REGIONS=all, as `make prove` sets it.
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)[:: 1 if os.environ.get("KEFU_TEST_REGIONS") == "all" else 8]
SEAT = "PJSIP/1001"
_CALL = text(
    "INSERT INTO conversation (id, node, linkedid, direction, caller, started_at, reconstructed) "
    "VALUES (:id, :node, :linkedid, 'inbound', :caller, now(), false)"
)
_RUNG = text(
    "INSERT INTO offer (id, conversation_id, node, queue, seat, agent_id, started_at, reconstructed) "
    "VALUES (gen_random_uuid(), :id, :node, 'support', :seat, :agent, now(), false)"
)
_KEPT = text("SELECT e164 FROM customer_phone JOIN customer ON customer.id = customer_id WHERE customer.name = :name")


def written(region: str) -> tuple[str, str]:
    """A number of this region as it is written at home, and what the library makes of it."""
    number = phonenumbers.example_number(region)
    assert number is not None
    return (
        phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
    )


async def test_what_another_system_writes(app: FastAPI, database: Database) -> None:  # noqa: F811
    door = create_door(app.state)
    headers = {"authorization": f"Bearer {await made(database, 'foreign crm')}"}
    transport = httpx2.ASGITransport(app=door)
    async with httpx2.AsyncClient(transport=transport, base_url="https://desk.example", headers=headers) as crm:
        for region in REGIONS:
            door.state.settings = Settings(country=region)
            at_home, expected = written(region)
            answer = await crm.post("/customers", json={"name": f"of {region}", "numbers": [at_home]})
            assert answer.status_code == 201, answer.text
            assert [each["e164"] for each in answer.json()["numbers"]] == [expected], region


async def test_what_a_trunk_signals(database: Database, amy: Agent) -> None:
    """A caller whom an agent makes a customer."""
    async with database.transaction() as session:
        for region in REGIONS:
            at_home, expected = written(region)
            call = {"id": uuid4(), "node": NODE, "linkedid": f"1700000000.{region}", "caller": at_home}
            await session.execute(_CALL, call)
            await session.execute(_RUNG, {**call, "seat": SEAT, "agent": amy.id})
            await create_from_call(
                session,
                agent=await session.get_one(Agent, amy.id),
                node=NODE,
                seat=SEAT,
                conversation_id=call["id"],
                name=f"of {region}",
                country=region,
            )
            assert await session.scalar(_KEPT, {"name": f"of {region}"}) == expected, region
