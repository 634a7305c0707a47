"""Signing in and out: cookies, forgery, guessing, languages, seats. Asked over HTTP, looked up in the rows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import func, select, update
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, queues
from crm.database import Database
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent, SeatSession, SignIn
from crm.tables.requests import PbxRequest
from crm.web.app import create_app

SEAT = "PJSIP/1001"


@pytest.fixture
async def app(database: Database) -> FastAPI:
    """The application, with the agents `lily` and `marco`."""
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        for login, name in (("lily", "Lily Chen"), ("marco", "Marco Rossi")):
            agent = await agents.create(session, login=login, name=name, password=PASSWORD)
            await agents.serve(session, agent.id, "support")
    return create_app(Settings(), database)


@pytest.fixture
async def caller(app: FastAPI) -> AsyncIterator[WebCaller]:
    """A browser in front of it."""
    async with calling(app) as browser:
        yield browser


async def count(database: Database, table: type[SignIn | SeatSession | PbxRequest]) -> int:
    """Rows of a table."""
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_the_way_in_ends_at_the_desk(caller: WebCaller, database: Database) -> None:
    assert (await caller.get("/")).headers["location"] == "/sign-in"
    for path in ("/desk", "/seat", "/conversations", "/wallboard", "/desk/picture"):
        answer = await caller.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert (await caller.sign_in("lily")).headers["location"] == "/desk"
    assert (await caller.get("/desk")).headers["location"] == "/seat"
    assert (await caller.sit_at(SEAT)).headers["location"] == "/desk"
    assert "Lily Chen" in (await caller.page("/desk")).text
    assert (await caller.get("/sign-in")).headers["location"] == "/desk"
    assert (await caller.get("/seat")).headers["location"] == "/desk"
    async with database.reading() as session:
        wishes = (await session.scalars(select(PbxRequest).order_by(PbxRequest.wanted_at))).all()
    asked = [(wish.kind, wish.seat, wish.queue, wish.asked_by) for wish in wishes]
    assert asked == [("add_member", SEAT, "support", "lily"), ("add_member", SEAT, "seat-1001", "lily")]


async def test_cookies_are_closed_to_scripts_other_sites_and_plain_http(caller: WebCaller) -> None:
    gate = (await caller.page("/sign-in")).headers["set-cookie"]
    answer = await caller.send_form("/sign-in", login="lily", password=PASSWORD)
    kept = answer.headers["set-cookie"]
    assert kept.startswith("__Host-kefu=")
    for cookie in (gate, kept):
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


async def test_only_a_hash_of_the_token_is_stored(caller: WebCaller, database: Database) -> None:
    await caller.sign_in("lily")
    token = caller.cookies["__Host-kefu"]
    async with database.reading() as session:
        row = (await session.scalars(select(SignIn))).one()
    assert len(token) >= 43
    assert len(row.token_hash) == 32
    assert token not in repr(vars(row))


async def test_without_https_cookies_have_their_plain_names(database: Database) -> None:
    async with calling(create_app(Settings(secure_cookies=False), database)) as caller:
        answer = await caller.get("/sign-in")
    assert answer.headers["set-cookie"].startswith("kefu-gate=")
    assert "Secure" not in answer.headers["set-cookie"]
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("lily", "wrong password"),
        ("nobody", PASSWORD),
        ("lily\x00", PASSWORD),
        ("lily", "x" * 400),
        ("' OR 1=1 --", "x"),
    ],
)
async def test_every_wrong_pair_gets_the_same_sentence(
    caller: WebCaller, database: Database, login: str, password: str
) -> None:
    answer = await caller.sign_in(login, password)
    assert answer.status_code == 401
    assert "Login or password is wrong." in answer.text
    assert await count(database, SignIn) == 0


async def test_an_inactive_agent_stays_outside_and_is_thrown_out(caller: WebCaller, database: Database) -> None:
    await caller.sign_in("lily")
    async with database.transaction() as session:
        await session.execute(update(Agent).values(active=False))
    assert (await caller.get("/seat")).headers["location"] == "/sign-in"
    assert (await caller.sign_in("lily")).status_code == 401


async def test_guessing_is_slowed_for_the_login_alone(caller: WebCaller) -> None:
    for _ in range(5):
        assert (await caller.sign_in("lily", "guess guess")).status_code == 401
    answer = await caller.sign_in("LILY")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 300
    assert "Too many tries. Wait 5 min" in answer.text
    assert (await caller.sign_in("marco")).status_code == 303


async def test_guessing_all_at_once_is_slowed_alike(caller: WebCaller) -> None:
    await caller.page("/sign-in")
    guesses = (caller.send_form("/sign-in", login="lily", password=f"guess number {n}") for n in range(40))
    told = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert set(told) == {401, 429}
    assert told.count(401) <= 6


async def test_what_nobody_foresaw_is_a_page_in_the_readers_language(app: FastAPI, caller: WebCaller) -> None:
    async def broken() -> None:
        raise RuntimeError("a secret of ours")

    app.add_api_route("/broken", broken)
    answer = await caller.get("/broken", headers={"accept-language": "zh"})
    assert (answer.status_code, "操作未成功" in answer.text) == (500, True)
    assert "content-security-policy" in answer.headers
    scripted = await caller.get("/broken", headers={"hx-request": "true", "accept-language": "zh"})
    assert (scripted.status_code, scripted.json()) == (500, {"error": "操作未成功"})
    assert "secret" not in answer.text + scripted.text


async def test_a_sign_in_runs_out(caller: WebCaller, database: Database) -> None:
    await caller.sign_in("lily")
    async with database.transaction() as session:
        await session.execute(update(SignIn).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert (await caller.get("/seat")).headers["location"] == "/sign-in"
    await caller.sign_in("marco")
    assert await count(database, SignIn) == 1  # the old one is gone


async def test_signing_out_ends_seat_and_sign_in(caller: WebCaller, database: Database) -> None:
    await caller.sign_in("lily")
    await caller.sit_at(SEAT)
    old = caller.cookies["__Host-kefu"]
    answer = await caller.send_form("/sign-out")
    assert answer.headers["location"] == "/sign-in"
    assert await count(database, SignIn) == 0
    async with database.reading() as session:
        assert (await session.scalars(select(SeatSession))).one().signed_out_at is not None
    caller.cookies.set("__Host-kefu", old, domain="desk.example")
    assert (await caller.get("/desk")).headers["location"] == "/sign-in"


def changing_routes(app: FastAPI) -> list[str]:
    """Every address of ours that changes something."""
    schema_free = [route for route in _routes(app.routes) if route.methods and route.methods - {"GET", "HEAD"}]
    return sorted({route.path for route in schema_free})


def _routes(routes: list[object]) -> list[APIRoute]:
    found = [route for route in routes if isinstance(route, APIRoute)]
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += _routes(inner.routes)
    return found


async def test_every_change_without_the_pages_token_is_refused(
    app: FastAPI, caller: WebCaller, database: Database
) -> None:
    await caller.sign_in("lily")
    await caller.sit_at(SEAT)
    before = [await count(database, table) for table in (SignIn, SeatSession, PbxRequest)]
    paths = changing_routes(app)
    assert len(paths) >= 9
    for path in paths:
        address = re.sub(r"\{\w+\}", "00000000-0000-0000-0000-000000000000", path)
        for forged in ({}, {"csrf": ""}, {"csrf": "x" * 32}, {"csrf": "ü"}):
            answer = await caller.post(address, data={"reason": "lunch", "language": "zh", **forged})
            assert answer.status_code == 403, path
    assert [await count(database, table) for table in (SignIn, SeatSession, PbxRequest)] == before


async def test_the_token_of_another_sign_in_is_refused(app: FastAPI, caller: WebCaller) -> None:
    await caller.sign_in("lily")
    async with calling(app, running=False) as other:
        await other.sign_in("marco")
        other.csrf = caller.csrf
        assert (await other.send_form("/language", language="zh")).status_code == 403


async def test_another_sites_form_is_refused_even_with_the_token(caller: WebCaller) -> None:
    await caller.sign_in("lily")
    data = {"csrf": caller.csrf, "language": "zh"}
    for origin in ("https://evil.example", "null", "https://desk.example.evil.example"):
        assert (await caller.post("/language", data=data, headers={"origin": origin})).status_code == 403
    assert (await caller.post("/language", data=data, headers={"origin": "https://desk.example"})).status_code == 303


async def test_a_browser_that_keeps_no_cookie_is_told_so(caller: WebCaller) -> None:
    await caller.page("/sign-in")
    caller.cookies.clear()
    answer = await caller.send_form("/sign-in", login="lily", password=PASSWORD)
    assert answer.status_code == 403
    assert "secure_cookies = false" in answer.text


async def test_languages_before_and_after_the_sign_in(caller: WebCaller, database: Database) -> None:
    answer = await caller.get("/sign-in", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert '<html lang="zh-CN">' in answer.text
    await caller.page("/sign-in")
    await caller.send_form("/language", language="zh", back="/sign-in")
    assert "登录" in (await caller.page("/sign-in")).text
    await caller.sign_in("lily")
    assert "Where do you sit today?" in (await caller.page("/seat")).text  # her own choice counts
    await caller.send_form("/language", language="zh", back="/seat")
    assert "今天坐在哪里" in (await caller.page("/seat")).text
    assert (await caller.send_form("/language", language="tlh")).status_code == 409
    for back in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert (await caller.send_form("/language", language="en", back=back)).headers["location"] == "/"


@pytest.mark.parametrize("seat", ["", "nonsense", "PJSIP/<script>", "PJSIP/1\r\nAction: Logoff", "A" * 90])
async def test_a_seat_that_is_no_device_is_refused(caller: WebCaller, database: Database, seat: str) -> None:
    await caller.sign_in("lily")
    answer = await caller.send_form("/seat", typed=seat)
    assert answer.status_code == 409
    assert "is no device" in answer.text
    assert "<script>" not in answer.text.replace("<script src", "")
    assert await count(database, SeatSession) == 0


async def test_a_taken_seat_is_refused_with_its_sitter(app: FastAPI, caller: WebCaller) -> None:
    await caller.sign_in("lily")
    await caller.sit_at(SEAT)
    async with calling(app, running=False) as other:
        await other.sign_in("marco")
        answer = await other.send_form("/seat", typed=SEAT)
        assert answer.status_code == 409
        assert "taken by Lily Chen" in answer.text
        await other.send_form("/language", language="zh")
        assert f"座位 {SEAT} 已由 Lily Chen 使用" in (await other.send_form("/seat", typed=SEAT)).text
        assert "座位 &#39;x&#39; 不是话机设备" in (await other.send_form("/seat", typed="x")).text


async def test_a_taken_seat_can_be_taken_over_and_the_other_page_says_who_has_it(
    app: FastAPI, caller: WebCaller
) -> None:
    await caller.sign_in("lily")
    await caller.sit_at(SEAT)
    async with calling(app, running=False) as other:
        await other.sign_in("marco")
        asked = (await other.send_form("/seat", typed=SEAT)).text
        assert "Lily Chen sits there since" in asked
        assert f"Take seat {SEAT} over" in asked
        answer = await other.send_form("/seat", seat=SEAT, insist="take_over")
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    assert (await caller.get("/desk/picture")).headers["location"] == "/seat"
    assert f"Marco Rossi took seat {SEAT} over at" in (await caller.get("/seat")).text


def test_without_a_database_one_sentence_says_what_to_set() -> None:
    with pytest.raises(Refusal, match="set database_url"):
        create_app(Settings())
