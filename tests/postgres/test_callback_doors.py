"""Callbacks by the doors of other systems and of strangers: REST with a token, the public page with its limits, and the
lane on the wallboard."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert
from web_caller import WebCaller, calling

from crm import api_tokens, callbacks
from crm.database import Database
from crm.settings import read_settings
from crm.tables.nodes import Node
from crm.tables.postures import Membership, Posture
from crm.tables.queues import Queue
from crm.wallboard import Wallboard
from crm.web import stranger_asks
from crm.web.app import create_app
from crm.web.pace import Pace

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
    monkeypatch.setattr(stranger_asks, "_pace", Pace())
    offered = {"callback_page_queues": "support", "callback_widget_origins": "https://shop.example"}
    return create_app(read_settings(callback_hours=ANYTIME, **offered), database)


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


async def test_a_stranger_sees_what_would_be_promised_confirms_and_is_promised_that(
    stranger: WebCaller, app: FastAPI, database: Database
) -> None:
    page = await stranger.page("/call-me")
    assert page.status_code == 200
    assert "Call me back" in page.text
    seen = await stranger.send_form("/call-me", number=NUMBER, about="<script>")
    assert seen.status_code == 200, seen.text
    assert "We can call +8613800138000 between" in seen.text
    assert "&lt;script&gt;" in seen.text
    board = await Wallboard(database, app.state.settings.zone).board()
    assert board.lane.open == 0  # nothing is promised before it is confirmed
    done = await stranger.send_form("/call-me", **agreed(seen.text))
    assert done.status_code == 200, done.text
    times = re.findall(r"between (\d\d:\d\d) and (\d\d:\d\d)", seen.text + done.text)
    assert times[0] == times[1]
    assert "We will call you between" in done.text
    again = await stranger.send_form("/call-me", number="+86 138 0013 8000")
    assert f"We will call you between {times[0][0]}" in again.text  # the same promise, at once
    wrong = await stranger.send_form("/call-me", number="+19005551234")
    assert wrong.status_code == 409
    assert "not called" in wrong.text
    board = await Wallboard(database, app.state.settings.zone).board()
    assert (board.lane.open, board.lane.due, board.lane.at_risk) == (1, 1, 0)


async def test_a_window_that_was_never_shown_or_has_passed_is_not_promised(
    stranger: WebCaller, database: Database
) -> None:
    await stranger.page("/call-me")
    seen = agreed((await stranger.send_form("/call-me", number=NUMBER)).text)
    early = datetime.fromisoformat(seen["begin"]) - timedelta(minutes=30)
    stale = await stranger.send_form("/call-me", **{**seen, "begin": early.isoformat()})
    assert stale.status_code == 409
    assert "this is what is left" in stale.text
    assert agreed(stale.text)["end"] == seen["end"]
    nonsense = ({"begin": "soon"}, {"begin": "2026-11-22T10:00:00"}, {"when": "'; DROP"})
    for at, sent in enumerate(nonsense):
        answer = await stranger.send_form("/call-me", **{**seen, **sent, "number": f"1390013900{at}"})
        assert answer.status_code == 422
    async with database.reading() as session:
        assert await callbacks.listed(session) == []


async def test_a_stranger_chooses_an_hour_where_none_is_near(
    stranger: WebCaller, app: FastAPI, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(delete(Membership))  # nobody works: nothing can be in turn
    await stranger.page("/call-me")
    seen = await stranger.send_form("/call-me", number=NUMBER)
    assert "at an hour that you choose" in seen.text
    slots = re.findall(r'<option value="([^"]+)"', seen.text)
    done = await stranger.send_form("/call-me", number=NUMBER, queue="support", when=slots[2], sure="1")
    assert "We will call you between" in done.text
    async with database.reading() as session:
        (promise,) = await callbacks.listed(session)
    assert promise.window_begin == datetime.fromisoformat(slots[2])


async def test_a_flood_and_a_robot_are_turned_away(stranger: WebCaller, app: FastAPI) -> None:
    await stranger.page("/call-me")
    robot = await stranger.send_form("/call-me", number=NUMBER, website="https://spam.example")
    assert robot.status_code == 422
    assert "leave it empty" in robot.text
    window = agreed((await stranger.send_form("/call-me", number=NUMBER)).text)
    answers = []
    for number in range(8):
        each = {**window, "number": f"1390013{number:04}"}
        answers.append((await stranger.send_form("/call-me", **each)).status_code)
    assert answers[:6] == [200] * 6
    assert set(answers[6:]) == {429}
    looks = [(await stranger.send_form("/call-me", number=NUMBER)) for _ in range(13)]
    assert (looks[0].status_code, looks[-1].status_code) == (200, 429)
    assert "Wait a minute" in looks[-1].text


async def test_so_many_strangers_wait_at_once_and_no_more(database: Database, app: FastAPI) -> None:
    app.state.settings = app.state.settings.model_copy(update={"callback_page_open": 1})
    async with calling(app, running=False) as stranger:
        await stranger.page("/call-me")
        for number, status in ((NUMBER, 200), ("13900139000", 409)):
            window = agreed((await stranger.send_form("/call-me", number=number)).text)
            assert (await stranger.send_form("/call-me", **window)).status_code == status


async def test_only_named_sites_embed_the_form_and_no_cookie_is_worth_anything_there(app: FastAPI) -> None:
    async with calling(app, running=False) as site:
        shop = {"origin": "https://shop.example"}
        offer = await site.get("/call-me/offer?queue=support&language=zh", headers=shop)
        assert offer.json()["button"] == "给我回电"
        assert offer.headers["access-control-allow-origin"] == "https://shop.example"
        for origin in ("https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"):
            refused = await site.get("/call-me/offer", headers={"origin": origin})
            assert refused.status_code == 403
            assert "access-control-allow-origin" not in refused.headers
        other = await site.get("/call-me/offer?queue=sales", headers=shop)
        assert other.json() == {"error": "sales is not in callback_page_queues"}
        frame = await site.get("/call-me/frame?queue=support&language=zh")
        policy = frame.headers["content-security-policy"]
        assert "frame-ancestors 'self' https://shop.example;" in policy
        assert "set-cookie" not in frame.headers
        assert "您的电话号码" in frame.text
        sent = {"number": NUMBER}
        ours = await site.post("/call-me/frame?language=en", data=sent, headers={"origin": "https://desk.example"})
        assert "We can call" in ours.text
        for origin in (shop, {}, {"origin": "null"}):
            assert (await site.post("/call-me/frame", data=sent, headers=origin)).status_code == 403
        script = await site.get("/call-me/widget.js")
        assert script.headers["cross-origin-resource-policy"] == "cross-origin"
        page = await site.get("/call-me")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def agreed(page: str) -> dict[str, str]:
    """What a visitor sends who says yes to what the page shows."""
    return {**dict(re.findall(r'name="(number|queue|about|begin|end)" value="([^"]*)"', page)), "sure": "1"}


async def test_a_site_that_offers_none_has_no_page(database: Database) -> None:
    async with calling(create_app(read_settings(), database), running=False) as stranger:
        assert (await stranger.get("/call-me")).status_code == 404
