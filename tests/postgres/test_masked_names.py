"""A role from whom names are hidden reads no customer's name: on the desk, in lists, on records, through the api."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from canary import Planter
from click.testing import CliRunner
from forged_floor import NODE, ForgedFloor
from ledger_rows import rows
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, api_tokens, queues
from crm.cli import main
from crm.database import Database
from crm.settings import Settings
from crm.web.app import create_app

SEAT = "PJSIP/1001"
NAME, TWIN, SHOWN = "夏侯渊妙才", "夏侯惇元让", "夏****"
CODE, NUMBER, E164 = "C-4711", "13877776666", "+8613877776666"
HIDDEN = {"agent": ["name"], "token": ["name"]}


@pytest.fixture
async def them(database: Database) -> dict[str, Any]:
    """A customer, with one who was merged into them, a case, a promise, a follow-up; and a program's token."""
    now = datetime.now(UTC)
    me, twin = uuid4(), uuid4()
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        lily = await agents.create(session, login="lily", name="Lily", password=PASSWORD)
        await agents.serve(session, lily.id, "support")
        to = Planter(session)
        await to.row("customer", id=me, code=CODE, name=NAME, tier="key")
        await to.row("customer", id=twin, code="C-4712", name=TWIN, merged_into=me)
        await to.row("customer_merge", kept_id=me, merged_id=twin, moved={}, filled={})
        await to.row("customer_change", customer_id=me, version=1, changes={"name": [TWIN, NAME]}, by="dana")
        await to.row("customer_phone", customer_id=me, raw=NUMBER, e164=E164, country="CN")
        case = {"customer_id": me, "category": "enquiry", "tier": "first_line", "owner_id": lily.id}
        await to.row("customer_case", **case, number="10017", caller=NUMBER, opened_by="lily", subject="Kettle")
        window = {"window_begin": now, "window_end": now + timedelta(minutes=30)}
        promise = {"number_e164": E164, "customer_id": me, "owner_id": lily.id, "queue": "support", "source": "web"}
        await to.row("callback", **promise, **window)
        follow = {"agent_id": lily.id, "customer_id": me, "conversation_id": uuid4()}
        await to.row("follow_up", **follow, due_on=now.date() - timedelta(days=2), about="the kiln")
        token = await api_tokens.add(session, name="shop", scopes=["customer.read"], by="test")
    return {"me": me, "twin": twin, "lily": lily.id, "token": token}


@pytest.fixture
async def lily(
    database: Database, floor: ForgedFloor, them: dict[str, Any], tmp_path: Path
) -> AsyncIterator[WebCaller]:
    settings = Settings(data_folder=tmp_path, masked_fields=HIDDEN)
    async with calling(create_app(settings, database), running=False) as caller:
        await caller.sign_in("lily")
        await caller.sit_at(SEAT)
        yield caller


async def shown(caller: WebCaller, path: str, **headers: str) -> str:
    """The page, on which no whole name may stand."""
    answer = await caller.get(path, headers=headers)
    assert answer.status_code == 200, (path, answer.status_code)
    for name in (NAME, TWIN):
        assert name not in answer.text, (path, answer.text[max(0, answer.text.find(name) - 200) :][:300])
    return str(answer.text)


async def test_the_desk_shows_a_masked_name_from_the_ring_to_the_last_calls(
    lily: WebCaller, floor: ForgedFloor, them: dict[str, Any]
) -> None:
    facts = {"number_e164": E164, "customer_id": them["me"]}
    ring = floor.ring(SEAT, caller=NUMBER, caller_name=NAME, facts=facts)
    ringing = await shown(lily, "/desk/picture")
    assert f'data-title="☎ {SHOWN} · Kefu"' in ringing
    assert f'aria-label="Caller: {SHOWN}"' in ringing
    floor.answer(ring, them["lily"])
    floor.hang_up(ring)
    await shown(lily, "/desk")
    floor.posture(SEAT, "ready")
    assert f"<td>{SHOWN}" in await shown(lily, "/desk/picture"), "the last calls"
    day = await shown(lily, "/desk/day")
    assert day.count(f">{SHOWN}<") == 2, "the follow-up and the promise"


async def test_lists_and_records_show_a_masked_name(
    database: Database, lily: WebCaller, floor: ForgedFloor, them: dict[str, Any]
) -> None:
    ring = floor.ring(SEAT, caller=NUMBER, facts={"number_e164": E164, "customer_id": them["me"]})
    left = {"node": NODE, "linkedid": ring.linkedid, "conversation_id": ring.conversation_id}
    async with database.transaction() as session:
        to = Planter(session)
        message = await to.row("voicemail", id=uuid4(), **left, box="support", file="1.wav")
        await to.row("voicemail_work", voicemail_id=message["id"], state="new")
    for path in (
        "/voicemail",
        "/customers",
        f"/customers?q={CODE}",
        f"/customers/{them['me']}",
        f"/value/customer/{CODE}",
        "/cases",
        "/cases/10017",
        f"/cases/new?customer={CODE}",
        "/callbacks",
    ):
        assert SHOWN in await shown(lily, path), path


async def test_a_program_is_told_a_masked_name(lily: WebCaller, them: dict[str, Any]) -> None:
    asking = {"authorization": f"Bearer {them['token']}", "accept": "application/json"}
    assert f'"name":"{SHOWN}"' in await shown(lily, f"/api/v1/customers/{CODE}", **asking)


async def test_the_command_line_prints_a_masked_name(them: dict[str, Any], database_url: str) -> None:
    said = {"KEFU_CLI_ROLE": "agent", "KEFU_MASKED_FIELDS": json.dumps(HIDDEN), "KEFU_DATABASE_URL": database_url}

    def all_of_it() -> None:
        for words in ("list", f"show {CODE}", f"show {CODE} --json", f"explain {CODE}", f"edit {CODE} --tier main"):
            told = CliRunner(env=said).invoke(main, ["customer", *words.split()])
            assert told.exit_code == 0, told.output
            assert SHOWN in told.output, words
            assert NAME not in told.output
            assert TWIN not in told.output

    await asyncio.to_thread(all_of_it)


async def test_a_masked_name_is_never_saved(lily: WebCaller, them: dict[str, Any], database_url: str) -> None:
    def kept() -> tuple[str, str]:
        ((name, note),) = rows(database_url, "SELECT name, note FROM customer WHERE merged_into IS NULL")
        return str(name), str(note)

    path, form = f"/customers/{them['me']}", {"tier": "key", "was_tier": "key", "version": "1"}
    await lily.page(path)
    refused = await lily.send_form(path, **form | {"tier": "golden"}, name="曹操孟德", was_name=SHOWN, note="shy")
    assert 'value="曹操孟德"' in refused.text, "what was typed comes back whole"
    assert (await lily.send_form(path, **form, name=SHOWN, was_name=SHOWN, note="shy")).status_code == 303
    assert kept() == (NAME, "shy")
    refused = await lily.send_form("/customers/new", name="曹操孟德", phone="13911112222", tier="golden")
    assert 'value="曹操孟德"' in refused.text
    assert 'value="13911112222"' in refused.text
