"""Callbacks by the doors of other systems and of strangers: REST with a token, the public page with its limits, and the
lane on the wallboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import insert
from web_caller import WebCaller, calling

from crm import api_tokens
from crm.database import Database
from crm.settings import read_settings
from crm.tables.nodes import Node
from crm.tables.postures import Membership, Posture
from crm.tables.queues import Queue
from crm.wallboard import Wallboard
from crm.web.app import create_app
from crm.web.pace import Pace
from crm.web.pages import call_me

NUMBER = "13800138000"
ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}


@pytest.fixture
async def app(database: Database, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    now = datetime.now(UTC)
    async with database.transaction() as session:
        session.add(Node(name="asterisk1", heard_at=now + timedelta(minutes=5), fence=1))
        session.add(Posture(node="asterisk1", seat="PJSIP/101", word="ready", since=now, paused=False))
        session.add(Queue(name="support", title_en="Support", title_zh="客户支持"))
        here = {"node": "asterisk1", "seat": "PJSIP/101", "queue": "support", "joined_at": now, "penalty": 0}
        await session.execute(insert(Membership).values(**here))
    monkeypatch.setattr(call_me, "_pace", Pace())
    return create_app(read_settings(callback_hours=ANYTIME, callback_page_queues="support"), database)


@pytest.fixture
async def crm(app: FastAPI, database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with database.transaction() as session:
        token = await api_tokens.add(session, name="shop", scopes=("callback.edit",), by="test")
    headers = {"authorization": f"Bearer {token}"}
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://desk.example/api/v1", headers=headers
    ) as caller:
        yield caller


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[WebCaller]:
    async with calling(app, running=False) as browser:
        yield browser


async def test_another_system_promises_moves_and_cancels(crm: httpx2.AsyncClient) -> None:
    wanted = {"queue": "support", "number": NUMBER, "about": "the kettle", "language": "zh"}
    made = await crm.post("/callbacks", json=wanted, headers={"Idempotency-Key": "k1"})
    assert made.status_code == 201, made.text
    known = made.json()
    assert (known["number_e164"], known["state"], known["source"]) == ("+8613800138000", "waiting", "api")
    again = await crm.post("/callbacks", json=wanted, headers={"Idempotency-Key": "k1"})
    assert again.json() == known
    twice = await crm.post("/callbacks", json=wanted)
    assert (twice.status_code, twice.json()["id"]) == (200, known["id"])
    slots = (await crm.get("/callbacks/slots", params={"queue": "support", "number": NUMBER})).json()
    moved = await crm.post(f"/callbacks/{known['id']}/reschedule", json={"begin": slots[2]["begin"]})
    assert moved.json()["window_begin"] == slots[2]["begin"]
    assert [each["id"] for each in (await crm.get("/callbacks")).json()] == [known["id"]]
    gone = await crm.post(f"/callbacks/{known['id']}/cancel")
    assert gone.json()["state"] == "cancelled"
    assert (await crm.post(f"/callbacks/{known['id']}/cancel")).status_code == 409


async def test_what_cannot_be_promised_is_refused_in_a_sentence(crm: httpx2.AsyncClient) -> None:
    premium = await crm.post("/callbacks", json={"queue": "support", "number": "+19005551234"})
    assert premium.status_code == 409
    assert "costs more" in premium.json()["detail"]
    assert (await crm.get("/callbacks/00000000-0000-0000-0000-000000000000")).status_code == 404


async def test_a_stranger_asks_on_the_public_page(stranger: WebCaller, app: FastAPI, database: Database) -> None:
    page = await stranger.page("/call-me")
    assert page.status_code == 200
    assert "Call me back" in page.text
    done = await stranger.send_form("/call-me", number=NUMBER, about="<script>")
    assert done.status_code == 200, done.text
    assert "We will call you between" in done.text
    wrong = await stranger.send_form("/call-me", number="+19005551234")
    assert wrong.status_code == 409
    assert "not called" in wrong.text
    board = await Wallboard(database, app.state.settings.zone).board()
    assert (board.lane.open, board.lane.due, board.lane.at_risk) == (1, 1, 0)


async def test_a_flood_is_turned_away(stranger: WebCaller) -> None:
    await stranger.page("/call-me")
    answers = [(await stranger.send_form("/call-me", number=f"1390013{number:04}")).status_code for number in range(8)]
    assert answers[:6] == [200] * 6
    assert set(answers[6:]) == {429}


async def test_a_site_that_offers_none_has_no_page(database: Database) -> None:
    async with calling(create_app(read_settings(), database), running=False) as stranger:
        assert (await stranger.get("/call-me")).status_code == 404
