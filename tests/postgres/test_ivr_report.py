"""The figures of the menus: counted from visits, opened into calls, on the page and by the command line alike."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from command_line import in_this_process
from sqlalchemy import insert
from web_caller import PASSWORD, WebCaller, calling

from crm import agents
from crm.database import Database
from crm.ledger.ids import conversation_id
from crm.settings import Settings
from crm.tables.conversations import Conversation
from crm.tables.visits import Visit
from crm.web.app import create_app

NODE = "asterisk1"
BEGIN = datetime.now(UTC) - timedelta(days=2)
MENU = {"step": "ask", "prompt": "menu", "pressed": None, "place": "main/1"}
KEY_1 = {"step": "pressed", "prompt": None, "pressed": "1", "place": "main/1"}
TOLD = {"step": "say", "prompt": "order-number", "pressed": None, "place": "order_status/2"}
LEFT = {"step": "leave_goodbye", "prompt": None, "pressed": None, "place": "order_status/3"}


async def visit(
    database: Database,
    linkedid: str,
    caller: str | None,
    *steps: dict[str, Any],
    at: timedelta = timedelta(),
    ending: str = "goodbye",
    served: bool = False,
    language: str = "en",
    known: bool = True,
    step_s: float = 2.0,
) -> None:
    """One call through the menu; `known`: its call is in the ledger."""
    began = BEGIN + at
    lasted = timedelta(seconds=step_s * len(steps))
    async with database.transaction() as session:
        if known:
            call = {"id": conversation_id(NODE, linkedid), "node": NODE, "linkedid": linkedid, "direction": "inbound"}
            call |= {"caller": caller, "started_at": began, "ended_at": began + lasted}
            await session.execute(insert(Conversation).values(**call))
        timed = [{**step, "at_s": number * step_s} for number, step in enumerate(steps)]
        row = {"id": uuid4(), "node": NODE, "linkedid": linkedid, "uniqueid": linkedid, "flow": "front_desk"}
        row |= {"language": language, "started_at": began, "ended_at": began + lasted, "steps": timed}
        await session.execute(insert(Visit).values(**row, ending=ending, served=served))


@pytest.fixture
async def visits(database: Database) -> None:
    """Four visits: served (and calling again), the call after it hung up in the menu, a stranger, a call unseen."""
    await visit(database, "1.1", "13800138000", MENU, KEY_1, TOLD, LEFT, served=True)
    await visit(database, "2.2", "13800138000", MENU, at=timedelta(hours=20), ending="hung_up", step_s=9.0)
    await visit(database, "3.3", None, MENU, KEY_1, TOLD, LEFT, at=timedelta(hours=1), served=True, language="zh")
    await visit(database, "4.4", "13900139000", MENU, at=timedelta(hours=2), ending="failed", known=False)


def kefu(database_url: str, *arguments: str) -> Any:
    ran = in_this_process("report", "ivr", *arguments, "--json", KEFU_DATABASE_URL=database_url)
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout)


async def test_the_figures(database_url: str, visits: None) -> None:
    told = kefu(database_url)
    assert (told["visits"], told["served"], told["containment"]) == (4, 2, 0.5)
    assert (told["known_callers"], told["repeats_48h"]) == (2, 1)
    steps = {step["step"]: step for step in told["steps"]}
    menu = steps["main/1"]
    assert (menu["visits"], menu["drop_offs"], menu["drop_off_rate"], menu["keys"]) == (4, 1, 0.25, {"1": 2})
    assert (menu["median_s"], menu["p90_s"]) == (4.0, 9.0)
    assert steps["order_status/2"]["containment"] == 1.0
    leaves = {(leaf["step"], leaf["ending"]): leaf for leaf in told["leaves"]}
    served = leaves["order_status/2", "goodbye"]
    assert (served["visits"], served["known"], served["repeats_48h"], served["repeat_rate"]) == (2, 1, 1, 1.0)
    assert leaves["main/1", "hung_up"]["repeats_48h"] == 0
    assert {"stop": 0, "from": "main/1", "to": "order_status/2", "visits": 2} in told["ways"]
    assert kefu(database_url, "--language", "zh")["visits"] == 1
    assert kefu(database_url, "--menu", "other")["visits"] == 0


async def test_every_number_opens_into_its_calls(database_url: str, visits: None) -> None:
    def ids(*linkedids: str) -> list[str]:
        return [conversation_id(NODE, linkedid) for linkedid in linkedids]

    dropped = kefu(database_url, "--calls", "drop_offs", "--step", "main/1")
    assert dropped == {"conversations": ids("2.2"), "visits_without_a_call": 0}
    everybody = kefu(database_url, "--calls", "visits", "--step", "main/1")
    assert (len(everybody["conversations"]), everybody["visits_without_a_call"]) == (3, 1)
    again = kefu(database_url, "--calls", "repeats_48h", "--step", "order_status/2", "--ending", "goodbye")
    assert again["conversations"] == ids("1.1")
    assert sorted(kefu(database_url, "--calls", "served")["conversations"]) == sorted(ids("1.1", "3.3"))


@pytest.fixture
async def dana(database: Database) -> AsyncIterator[WebCaller]:
    async with database.transaction() as session:
        await agents.create(session, login="dana", name="Dana", password=PASSWORD, role="supervisor")
        await agents.create(session, login="lily", name="Lily", password=PASSWORD)
    async with calling(create_app(Settings(), database)) as browser:
        await browser.sign_in("dana")
        yield browser


async def test_the_page_draws_and_opens(dana: WebCaller, visits: None) -> None:
    page = await dana.page("/reports/ivr")
    assert page.status_code == 200
    assert "50.0 %" in page.text
    assert '<svg class="sankey"' in page.text
    assert "main/1 → order_status/2: 2" in page.text
    address = page.text.split('<th scope="row">main/1</th>')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    behind = await dana.page(address)
    assert behind.text.count("<tr>") == 4
    assert "1 visit has no call in the ledger" in behind.text
    assert "No visits in these days." in (await dana.page("/reports/ivr?from=2020-01-01&to=2020-01-02")).text
    for wrong in (
        "from=x",
        "from=2026-02-01&to=2026-01-01",
        "from=2020-01-01&to=2026-01-01",
        "menu=%00&from=9999-12-31",
    ):
        assert (await dana.get(f"/reports/ivr?{wrong}")).status_code in (200, 409)


async def test_hostile_names_are_only_text(dana: WebCaller, database: Database) -> None:
    await visit(database, "6.6", "1", {**MENU, "place": '"><script>alert(1)</script>'}, at=timedelta(hours=3))
    await visit(database, "7.7", "1", {"at_s": "x", "step": 5}, at=timedelta(hours=4))
    page = await dana.page("/reports/ivr")
    assert "<script>alert" not in page.text
    assert (await dana.get("/reports/ivr/calls?what=nonsense")).status_code == 409


async def test_agents_see_no_reports(database: Database, dana: WebCaller) -> None:
    async with calling(create_app(Settings(), database)) as lily:
        await lily.sign_in("lily")
        assert (await lily.get("/reports/ivr")).status_code == 403
        assert (await lily.get("/reports/ivr/calls")).status_code == 403
        assert "/reports/ivr" not in (await lily.page("/seat")).text
