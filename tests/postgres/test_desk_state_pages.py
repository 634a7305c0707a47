"""An agent's own state on the desk: a pause after this call and its withdrawal, more time after a call, leaving."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from forged_floor import ForgedFloor
from sqlalchemy import select
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, queues
from crm.database import Database
from crm.settings import Settings
from crm.tables.requests import PbxRequest
from crm.web.app import create_app

SEAT = "PJSIP/1001"


@pytest.fixture
async def app(database: Database) -> FastAPI:
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持", acw_limit_s=60)
        await agents.create(session, login="lily", name="Lily Chen", password=PASSWORD)
    return create_app(Settings(), database)


@pytest.fixture
async def lily(app: FastAPI) -> AsyncIterator[WebCaller]:
    async with calling(app) as browser:
        await browser.sign_in("lily")
        await browser.sit_at(SEAT)
        yield browser


async def last_wish(database: Database) -> tuple[str, str | None]:
    async with database.reading() as session:
        wish = (await session.scalars(select(PbxRequest).order_by(PbxRequest.wanted_at.desc()).limit(1))).one()
        return wish.kind, wish.reason


async def test_a_pause_asked_for_in_a_call_is_shown_as_asked_confirmed_and_taken_back(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    floor.posture(SEAT, "talking")
    await lily.send_form("/desk/pause", reason="lunch")
    asked = (await lily.page("/desk")).text
    assert "Asked: a pause after this call" in asked
    assert "No pause after all" in asked
    floor.settle(SEAT)
    floor.posture(SEAT, "talking", paused=True, pause_reason="lunch")
    assert "A pause comes after this call." in (await lily.page("/desk")).text
    await lily.send_form("/desk/pause/withdraw")
    assert await last_wish(database) == ("withdraw_pause", None)
    floor.settle(SEAT)
    floor.posture(SEAT, "talking")
    assert "after this call" not in (await lily.page("/desk")).text


async def test_after_call_work_says_when_it_ends_and_can_be_made_longer(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    ring = floor.ring(SEAT, queue="support")
    floor.answer(ring)
    floor.hang_up(ring)
    page = (await lily.page("/desk")).text
    assert "It ends by itself at" in page
    assert "Two more minutes" in page
    for _ in range(7):
        assert (await lily.send_form("/desk/after-call/extend", reason="notes")).status_code == 303
    refused = await lily.send_form("/desk/after-call/extend", reason="notes")
    assert "at most 900 s: 840 s were given" in refused.text
    await lily.send_form("/desk/unpause")
    assert await last_wish(database) == ("end_after_call_work", None)


async def test_leaving_in_the_middle_of_a_call_comes_after_it(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    floor.posture(SEAT, "talking")
    await lily.send_form("/seat/leave")
    assert await last_wish(database) == ("pause", "LEAVING")
    assert "You are signed out after this call." in (await lily.page("/desk")).text
    await lily.send_form("/desk/pause/withdraw")
    assert await last_wish(database) == ("withdraw_pause", None)
