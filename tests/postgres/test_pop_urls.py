"""Links from the card into another CRM: filled with the call, escaped, and never leading where a caller chose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI
from forged_floor import CALLER, ForgedFloor
from sqlalchemy import update
from web_caller import PASSWORD, calling

from crm import agents, queues
from crm.cli import main
from crm.database import Database
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app

SEAT = "PJSIP/1001"
HOSTILE = '"><script>&x=1#//evil.example/..'
PLACES = "q={caller_e164}&n={caller_name}&who={agent}&seat={seat}&queue={queue}&code={customer_code}"
URLS = {"Open in Acme": f"https://crm.example/find?{PLACES}"}


@pytest.fixture
async def app(database: Database) -> FastAPI:
    """The application with one agent and one template."""
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        await agents.create(session, login="lily", name="Lily", password=PASSWORD)
    return create_app(Settings(pop_url_hosts="crm.example", pop_urls=URLS), database)


async def test_the_card_links_to_the_other_system(app: FastAPI, database: Database, database_url: str) -> None:
    floor = ForgedFloor(database_url)
    floor.see()
    async with calling(app, running=False) as lily:
        await lily.sign_in("lily")
        await lily.sit_at(SEAT)
        floor.ring(SEAT, caller_name=HOSTILE)
        page = (await lily.get("/desk/picture")).text
        link = page.split('href="https://crm.example')[1].split('"')[0]
        assert link == (
            "/find?q=%2B8613800138000&amp;n=%22%3E%3Cscript%3E%26x%3D1%23%2F%2Fevil.example%2F.."
            "&amp;who=lily&amp;seat=PJSIP%2F1001&amp;queue=support&amp;code="
        )
        assert 'rel="noopener noreferrer"' in page
        assert "Open in Acme" in page
        await lily.send_form("/language", language="zh", back="/desk")
        assert 'aria-label="在其他系统中"' in (await lily.get("/desk/picture")).text


async def test_a_number_that_a_role_may_not_see_is_in_no_address(database: Database, database_url: str) -> None:
    floor = ForgedFloor(database_url)
    floor.see()
    async with database.transaction() as session:
        await agents.create(session, login="lily", name="Lily", password=PASSWORD)
        await session.execute(update(Agent).values(language="en"))
    settings = Settings(pop_url_hosts="crm.example", pop_urls=URLS, masked_fields={"agent": ["phone"]})
    async with calling(create_app(settings, database), running=False) as lily:
        await lily.sign_in("lily")
        await lily.sit_at(SEAT)
        floor.ring(SEAT)
        page = (await lily.get("/desk/picture")).text
    assert "crm.example/find?q=%2B86138%2A%2A%2A%2A8000" in page
    assert CALLER not in page
    assert CALLER[1:] not in page


def kefu(*arguments: str, url: str, config: Path) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *arguments, "--database-url", url])


async def test_a_template_is_tried_with_a_past_call(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEFU_CONFIG", "")
    config = tmp_path / "kefu.toml"
    config.write_text('pop_url_hosts = "crm.example"\n[pop_urls]\n"Open" = "https://crm.example/{caller}"\n')

    def preview(*more: str) -> Result:
        return kefu("pop-url", "preview", *more, url=database_url, config=config)

    import asyncio

    assert "there is no call yet" in (await asyncio.to_thread(preview)).stderr
    ForgedFloor(database_url).ring(SEAT)
    shown = await asyncio.to_thread(preview, "--json")
    assert json.loads(shown.stdout) == [{"title": "Open", "url": "https://crm.example/%2B8613800138000"}]
    other = await asyncio.to_thread(preview, "--template", "https://evil.example/{caller}")
    assert (other.exit_code, "pop_url_hosts does not list" in other.stderr) == (1, True)
    config.write_text('[pop_urls]\n"Open" = "https://crm.example/{caller}"\n')
    refused = await asyncio.to_thread(preview)
    assert (refused.exit_code, "pop_url_hosts does not list" in refused.stderr) == (1, True)
