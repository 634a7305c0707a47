"""Whom a hold is about is found however their rows know them, and so are the follow-ups of whom one asks after."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from canary import Planter
from ledger_rows import rows

from crm import agents, erasures, retention
from crm.database import Database
from crm.deeds.erase_person import erase_person
from crm.deeds.export_person import export_person
from crm.settings import Settings

OLD = datetime.now(UTC) - timedelta(days=400)
E164, CODE = "+8613877776666", "CANARY-4711"
KINDS = ("conversation", "caller_facts", "pbx_request", "raised_hand", "follow_up", "customer_import")
LEFT = {
    "conversation": "SELECT linkedid FROM conversation ORDER BY 1",
    "caller_facts": "SELECT linkedid FROM caller_facts ORDER BY 1",
    "pbx_request": "SELECT reason FROM pbx_request ORDER BY 1",
    "raised_hand": "SELECT about FROM raised_hand ORDER BY 1",
    "follow_up": "SELECT about FROM follow_up ORDER BY 1",
    "customer_import": "SELECT file_name FROM customer_import ORDER BY 1",
}


@pytest.fixture
async def ids(database: Database) -> dict[str, UUID]:
    """Old rows of a customer and of one who was merged into them, and a stranger's beside each of them."""
    found = {name: uuid4() for name in ("kept", "gone", "picked", "merged", "stranger")}
    async with database.transaction() as session:
        to = Planter(session)
        found["amy"] = (await agents.create(session, login="amy", name="Amy", password="a good password")).id
        await to.row("customer", id=found["kept"], code=CODE, name="夏侯渊妙才")
        await to.row("customer", id=found["gone"], code="CANARY-B", name="夏侯渊", merged_into=found["kept"])
        for call in ("picked", "merged", "stranger"):
            await _call(to, found, call)
        await to.row("caller_pick", conversation_id=found["picked"], customer_id=found["kept"], number_e164=None)
        at = {"node": "n1", "linkedid": "merged", "learnt_at": OLD}
        await to.row("caller_facts", **at, customer_id=found["gone"])
        await to.row("caller_facts", **at | {"linkedid": "stranger"})
        wish = {"node": "n1", "kind": "pause", "seat": "PJSIP/1001", "asked_by": "amy", "state": "refused"}
        await to.row("pbx_request", **wish, reason="number", target=E164, wanted_at=OLD)
        follow = {"agent_id": found["amy"], "due_on": OLD.date(), "conversation_id": uuid4()}
        await to.row("follow_up", **follow, customer_id=found["gone"], about="customer")
        await _imports(to, found)
    return found


async def _call(to: Planter, ids: dict[str, UUID], call: str) -> None:
    about = {"node": "n1", "conversation_id": ids[call]}
    ended = {"started_at": OLD, "ended_at": OLD}
    await to.row("conversation", id=ids[call], node="n1", linkedid=call, direction="inbound", **ended)
    wish = {"kind": "pause", "seat": "PJSIP/1001", "asked_by": "amy", "state": "refused", "wanted_at": OLD}
    await to.row("pbx_request", **about, **wish, reason=call)
    await to.row("raised_hand", **about, agent_id=ids["amy"], about=call, lowered_at=OLD)
    follow = {"agent_id": ids["amy"], "conversation_id": ids[call], "due_on": OLD.date(), "done_at": OLD}
    await to.row("follow_up", **follow, about=call)


async def _imports(to: Planter, ids: dict[str, UUID]) -> None:
    lines: dict[str, dict[str, Any]] = {
        "customer": {"customer_id": ids["gone"]},
        "code": {"customer_id": uuid4(), "code": CODE},
        "number": {"customer_id": uuid4()},
        "stranger": {"customer_id": uuid4(), "code": "OTHER-1"},
    }
    for name, line in lines.items():
        made = await to.row("customer_import", id=uuid4(), state="done", file_name=name, ended_at=OLD)
        await to.row("customer_import_line", import_id=made["id"], line=1, state="valid", tier="key", **line)
        number = {"import_id": made["id"], "line": 1, "place": 1, "country": "CN"}
        if name == "number":
            await to.row("customer_import_number", **number, e164=E164)


def left(url: str) -> dict[str, set[str]]:
    return {table: {str(row[0]) for row in rows(url, query)} for table, query in LEFT.items()}


async def _hold(database: Database, customer: UUID) -> UUID:
    async with database.transaction() as session:
        return await erasures.hold(session, customer_id=customer, numbers=[E164], reason="court 12/2026", by="dana")


@pytest.mark.parametrize("of", ["kept", "gone"])
async def test_a_hold_keeps_what_is_theirs_by_hand_by_merge_and_by_number(
    database: Database, database_url: str, ids: dict[str, UUID], of: str
) -> None:
    held = await _hold(database, ids[of])
    days = Settings(retention_days=dict.fromkeys(KINDS, 30))
    await retention.run(database, days)
    assert left(database_url) == {
        "conversation": {"picked", "merged"},
        "caller_facts": {"merged"},
        "pbx_request": {"picked", "merged", "number"},
        "raised_hand": {"picked", "merged"},
        "follow_up": {"picked", "merged", "customer"},
        "customer_import": {"customer", "code", "number"},
    }
    async with database.reading() as session:
        shown = {kept.table: kept for kept in await retention.show(session, days.retention_days)}
    assert {table: (shown[table].due, shown[table].held) for table in KINDS} == {
        table: (len(names), len(names)) for table, names in left(database_url).items()
    }
    async with database.transaction() as session:
        await erasures.release(session, held, by="dana")
    await retention.run(database, days)
    assert left(database_url) == {table: set() for table in KINDS}


async def test_a_follow_up_that_nobody_did_ages_from_its_day(database: Database, database_url: str) -> None:
    now = datetime.now(UTC)
    async with database.transaction() as session:
        amy = await agents.create(session, login="amy", name="Amy", password="a good password")
        to = Planter(session)
        for about, due, done in (("forgotten", OLD, None), ("done", OLD, OLD), ("late", OLD, now), ("open", now, None)):
            follow = {"agent_id": amy.id, "conversation_id": uuid4(), "due_on": due.date(), "done_at": done}
            await to.row("follow_up", **follow, about=about)
    assert await retention.run(database, Settings()) == {"follow_up": 2}
    assert rows(database_url, LEFT["follow_up"]) == [("late",), ("open",)]


async def test_a_follow_up_is_the_customers_when_its_call_is_gone(
    database: Database, database_url: str, ids: dict[str, UUID], tmp_path: Path
) -> None:
    settings = Settings(data_folder=tmp_path, voicemail_folder=tmp_path)
    paper = tmp_path / "person.zip"
    await export_person(database, settings, CODE, paper, by="dana")
    with zipfile.ZipFile(paper) as archive:
        exported = json.loads(archive.read("person.json"))["rows"]["follow_up"]
    assert {row["about"] for row in exported} == {"customer", "picked", "merged"}
    await erase_person(database, settings, CODE, by="dana")
    assert sorted(rows(database_url, LEFT["follow_up"])) == [("",), ("",), ("",), ("stranger",)]
