"""What pages and api answer: safety headers, refusals in the asker's manner, the desk's deeds, calls, health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest
from fastapi import FastAPI
from forged_floor import CALLER, ForgedFloor
from postgres_server import Databases
from sqlalchemy import update
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, pauses, queues
from crm.database import Database
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app

SEAT = "PJSIP/1001"
SCRIPTED = {"hx-request": "true", "accept": "text/html"}
JSON = {"accept": "application/json"}


@pytest.fixture
async def app(database: Database) -> FastAPI:
    """The application, with the agents `lily` and `marco`."""
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        for login, name in (("lily", "Lily Chen"), ("marco", "Marco Rossi")):
            await agents.create(session, login=login, name=name, password=PASSWORD)
    return create_app(Settings(), database)


@pytest.fixture
async def lily(app: FastAPI) -> AsyncIterator[WebCaller]:
    """Lily's browser, at her seat."""
    async with calling(app) as browser:
        await browser.sign_in("lily")
        await browser.sit_at(SEAT)
        yield browser


async def lilys_id(database: Database) -> UUID:
    """The agent behind it."""
    async with database.reading() as session:
        agent = await agents.find(session, "lily")
    assert agent is not None
    return agent.id


async def test_every_answer_forbids_inline_script_frames_and_guessing(lily: WebCaller) -> None:
    for path in ("/desk", "/desk/picture", "/api/me", "/healthz", "/nowhere", "/static/kefu.svg"):
        headers = (await lily.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "max-age" in headers["strict-transport-security"]


async def test_pages_are_not_kept_and_versioned_files_are(lily: WebCaller) -> None:
    page = await lily.page("/desk")
    assert page.headers["cache-control"] == "no-store"
    address = page.text.split('<script src="')[1].split('"')[0]
    assert "immutable" in (await lily.get(address)).headers["cache-control"]
    assert "immutable" not in (await lily.get("/static/page.js")).headers["cache-control"]
    for outside in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/"):
        assert (await lily.get(outside)).status_code == 404


async def test_a_refusal_comes_in_the_askers_manner(app: FastAPI) -> None:
    async with calling(app) as stranger:
        assert (await stranger.get("/desk")).headers["location"] == "/sign-in"
        scripted = await stranger.get("/desk/picture", headers=SCRIPTED)
        assert (scripted.status_code, scripted.headers["hx-redirect"]) == (401, "/sign-in")
        program = await stranger.get("/api/me", headers=JSON)
        assert (program.status_code, program.json()) == (401, {"error": "sign in first"})
        stream = await stranger.get("/desk/live", headers={"accept": "text/event-stream"})
        assert stream.status_code == 401
        page = await stranger.get("/nowhere")
        assert page.status_code == 404
        assert "there is no such page" in page.text


async def test_a_heavy_body_is_refused_unread(lily: WebCaller) -> None:
    assert (await lily.send_form("/desk/pause", reason="x" * 70_000)).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        yield b"csrf=x"

    assert (await lily.post("/desk/pause", content=endless())).status_code == 411


@pytest.mark.parametrize("body", ["", "[]", '{"hint_ms": "1"}', "{", "\x00"])
async def test_an_acknowledgement_that_cannot_be_read_is_refused(lily: WebCaller, body: str) -> None:
    answer = await lily.post(f"/desk/pops/{uuid4()}/shown", content=body, headers={"x-csrf-token": lily.csrf, **JSON})
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("the acknowledgement cannot be read")


async def test_only_the_seats_own_card_is_acknowledged_and_the_first_word_counts(
    lily: WebCaller, floor: ForgedFloor
) -> None:
    mine, other = floor.ring(SEAT), floor.ring("PJSIP/2002")
    token = {"x-csrf-token": lily.csrf}

    async def say(pop: UUID, hint_ms: str) -> int:
        answer = await lily.post(f"/desk/pops/{pop}/shown", content=f'{{"hint_ms": {hint_ms}}}', headers=token)
        return answer.status_code

    assert await say(other.pop_id, "5") == 404
    assert await say(mine.pop_id, "-1e300") == 204  # a clock set back: the server's own figure still holds
    assert await say(mine.pop_id, "5") == 204
    ((pop, hint_ms, latency_ms),) = floor.rows("SELECT pop_id, hint_ms, latency_ms FROM pop_shown")
    assert (pop, hint_ms) == (mine.pop_id, None)
    assert 0 < latency_ms < 5000


async def test_an_answer_leaves_only_after_the_commit(lily: WebCaller, floor: ForgedFloor, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not at commit'; END$$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON pop_shown DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    ring = floor.ring(SEAT)
    answer = await lily.post(f"/desk/pops/{ring.pop_id}/shown", content="{}", headers={"x-csrf-token": lily.csrf})
    assert answer.status_code == 500
    assert floor.rows("SELECT * FROM pop_shown") == []


async def test_a_refused_deed_is_said_on_the_desk_and_leaves_nothing(lily: WebCaller, floor: ForgedFloor) -> None:
    for reason, words in (("ACW", "ACW begins and ends by itself"), (" ", "a pause needs a reason")):
        answer = await lily.post("/desk/pause", data={"csrf": lily.csrf, "reason": reason}, headers=SCRIPTED)
        assert answer.status_code == 200
        assert words in answer.text
        assert answer.text.lstrip().startswith('<div id="picture"')
    whole = await lily.send_form("/desk/wrap-up", conversation=str(uuid4()), outcome="solved")
    assert "this call was not yours" in whole.text
    assert "<html" in whole.text
    missing = await lily.send_form("/desk/wrap-up", conversation="x", outcome="solved")
    assert missing.status_code == 422
    assert floor.rows("SELECT * FROM pbx_request") == []
    assert floor.rows("SELECT * FROM wrap_up") == []


async def test_refusals_are_said_in_the_agents_language(lily: WebCaller, floor: ForgedFloor) -> None:
    await lily.send_form("/language", language="zh", back="/desk")
    assert "ACW 会自动开始和结束" in (await lily.send_form("/desk/pause", reason="acw")).text
    assert "暂停需要填写" in (await lily.send_form("/desk/pause", reason=" ")).text
    assert "这不是您的通话" in (await lily.send_form("/desk/wrap-up", conversation=str(uuid4()), outcome="solved")).text
    ring = floor.ring(SEAT)
    assert f"{SEAT} 的话机正在振铃" in (await lily.send_form("/sign-out")).text
    floor.answer(ring)
    assert f"{SEAT} 正在通话" in (await lily.send_form("/sign-out")).text
    here = str(ring.conversation_id)
    assert "未知的处理结果" in (await lily.send_form("/desk/wrap-up", conversation=here, outcome="x")).text
    long = await lily.send_form("/desk/wrap-up", conversation=here, outcome="other", note="x" * 4001)
    assert "备注有 4001 个字符" in long.text
    assert "没有这个页面" in (await lily.get("/nowhere")).text
    lily.csrf = "old"
    assert "页面已过期" in (await lily.send_form("/desk/unpause")).text


async def test_without_any_script_the_desk_still_works(lily: WebCaller, floor: ForgedFloor, database: Database) -> None:
    floor.posture(SEAT, "ready")
    assert (await lily.send_form("/desk/pause", reason="lunch")).headers["location"] == "/desk"
    assert "Going on a pause" in (await lily.page("/desk")).text
    ring = floor.ring(SEAT)
    floor.answer(ring, await lilys_id(database))
    floor.hang_up(ring)
    page = await lily.page("/desk")
    assert CALLER in page.text
    said = {"conversation": str(ring.conversation_id), "outcome": "other", "note": "ok"}
    assert "say which case this call belongs to" in (await lily.send_form("/desk/wrap-up", **said)).text
    assert floor.rows("SELECT outcome FROM wrap_up") == []  # neither is kept without the other
    answer = await lily.send_form("/desk/wrap-up", case="none:answered_at_once", **said)
    assert answer.headers["location"] == "/desk"
    assert floor.rows("SELECT reason, by FROM no_case") == [("answered_at_once", "lily")]
    assert floor.rows("SELECT outcome, note FROM wrap_up") == [("other", "ok")]


async def test_pressing_twice_asks_once(lily: WebCaller, floor: ForgedFloor) -> None:
    floor.posture(SEAT, "ready")
    await asyncio.gather(*(lily.send_form("/desk/pause", reason="lunch") for _ in range(5)))
    assert floor.rows("SELECT count(*) FROM pbx_request WHERE kind = 'pause'") == [(1,)]


async def test_talking_without_a_pop_still_has_its_card(lily: WebCaller, floor: ForgedFloor) -> None:
    """A bridge that attached in the middle of a talk wrote no pop."""
    ring = floor.ring(SEAT)
    floor.answer(ring)
    floor.do(("DELETE FROM pop", {}))
    answer = await lily.get("/desk/picture")
    assert 'data-phase="talking"' in answer.text
    assert "data-pop" not in answer.text
    floor.posture(SEAT, "ready")
    assert "article" not in (await lily.get("/desk/picture")).text


async def test_two_calls_on_one_seat_are_two_cards_the_talk_first(lily: WebCaller, floor: ForgedFloor) -> None:
    first = floor.ring(SEAT, caller="+8613911110001")
    floor.answer(first)
    floor.ring(SEAT, caller="+8613911110002")
    _, one, two = (await lily.get("/desk/picture")).text.split("<article")
    assert "+8613911110001" in one
    assert "+8613911110002" in two


async def test_calls_are_an_agents_own_and_a_supervisors_all(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    mine, other = floor.ring(SEAT, agent_id=await lilys_id(database)), floor.ring("PJSIP/2002", caller="+8613900000002")
    floor.answer(mine, await lilys_id(database))
    floor.hang_up(mine)
    answer = await lily.get("/api/conversations", headers=JSON)
    (row,) = answer.json()
    assert row["id"] == str(mine.conversation_id)
    assert row["outcome"] == "answered"
    assert row["waits"][0]["queue"] == "support"
    assert row["segments"][0]["agent"] == "lily"
    page = (await lily.get("/conversations")).text
    assert "Lily Chen" in page
    assert "+8613900000002" not in page
    async with database.transaction() as session:
        await session.execute(update(Agent).where(Agent.login == "lily").values(role="supervisor"))
    rows = (await lily.get("/api/conversations", headers=JSON)).json()
    assert {found["id"] for found in rows} == {str(mine.conversation_id), str(other.conversation_id)}
    open_only = (await lily.get("/api/conversations?going_on=true", headers=JSON)).json()
    assert [found["id"] for found in open_only] == [str(other.conversation_id)]
    assert "+8613900000002" in (await lily.get("/conversations")).text
    for bad in ("limit=0", "limit=x", "since=yesterday", f"caller={'9' * 100}"):
        assert (await lily.get(f"/api/conversations?{bad}", headers=JSON)).status_code == 422
    assert (await lily.get("/api/conversations?caller=%00", headers=JSON)).json() == []


async def test_me_and_the_description_of_the_api(lily: WebCaller, floor: ForgedFloor) -> None:
    floor.stand_in(SEAT, "support")
    floor.posture(SEAT, "paused", paused=True, pause_reason="lunch")
    me = (await lily.get("/api/me", headers=JSON)).json()
    assert {name: me[name] for name in ("login", "seat", "state", "reason", "queues")} == {
        "login": "lily",
        "seat": SEAT,
        "state": "paused",
        "reason": "lunch",
        "queues": ["support"],
    }
    described = (await lily.get("/api/openapi.json")).json()
    assert set(described["paths"]) == {"/api/me", "/api/conversations"}


async def test_health_asks_nobody_and_readiness_asks_the_database(databases: Databases, template_url: str) -> None:
    url = databases.create(template_url)
    database = Database(url)
    async with calling(create_app(Settings(), database)) as caller:
        assert (await caller.get("/healthz")).json() == {"ok": True, "streams": 0}
        assert (await caller.get("/readyz")).json() == {"ok": True}
        databases.drop(url)
        assert (await caller.get("/healthz")).status_code == 200
        away = await caller.get("/readyz")
        assert away.status_code == 503
        assert "see that it runs" in away.json()["why"]
        caller.cookies.set("__Host-kefu", "x" * 43, domain="desk.example")
        page = await caller.get("/desk")
        assert (page.status_code, page.headers["retry-after"]) == (503, "2")
        assert "the database does not answer: try again in a moment" in page.text
        assert "postgres" not in page.text.lower()
    await database.close()


async def test_the_wallboard_calls_a_pause_as_this_center_does(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    async with database.transaction() as session:
        await pauses.define(session, "namaz", title_en="Prayer", title_zh="祷告")
    floor.posture(SEAT, "paused", paused=True, pause_reason="namaz")
    assert "Paused · Prayer" in (await lily.page("/wallboard")).text


async def test_more_screens_than_connections_look_at_the_wallboard_at_once(app: FastAPI, database_url: str) -> None:
    """One hint tells all screens to look: none may hold a connection while it waits for the one look they share."""
    few = Database(database_url, pool_size=1)
    async with calling(create_app(Settings(), few), running=False) as browser:
        await browser.sign_in("lily")
        answers = await asyncio.gather(*(browser.get("/wallboard/picture") for _ in range(12)))
    await few.close()
    assert [answer.status_code for answer in answers] == [200] * 12
