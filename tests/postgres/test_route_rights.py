"""Every route of the application declares what it takes to be let in, and each role is tried on each route."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select, update
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, api_tokens, queues
from crm.database import Database
from crm.rules.rights import PERMISSIONS, ROLES, may
from crm.settings import Settings
from crm.tables.agents import Agent, AgentScope, SignIn
from crm.tables.conversations import Conversation, Segment, Wait
from crm.web.app import create_app
from crm.web.card import LiveCall, cards_of
from crm.web.rights import OPEN, permissions_of
from crm.web.sign_in import begin_sign_in, hash_of

NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def app(database: Database) -> FastAPI:
    """The application with one person of each role."""
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        for role in ROLES:
            await agents.create(session, login=role, name=role.title(), password=PASSWORD, role=role)
    return create_app(Settings(), database)


@pytest.fixture
async def caller(app: FastAPI) -> AsyncIterator[WebCaller]:
    """A browser in front of it."""
    async with calling(app, running=False) as browser:
        yield browser


def routes_of(app: FastAPI) -> list[tuple[str, str, APIRoute]]:
    """Method and whole path of every route."""
    return sorted(_walk(app.routes, ""), key=lambda found: found[:2])


def _walk(routes: list[object], before: str) -> Iterator[tuple[str, str, APIRoute]]:
    for route in routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                yield method, before + route.path, route
        else:
            inner = getattr(route, "original_router", None)
            mounted = getattr(route, "app", None)
            if isinstance(mounted, FastAPI):
                yield from _walk(mounted.routes, before + getattr(route, "path", ""))
            elif inner is not None:
                prefix = getattr(getattr(route, "include_context", None), "prefix", "")
                yield from _walk(inner.routes, before + prefix)


async def become(caller: WebCaller, database: Database, role: str) -> str:
    """A fresh sign-in of the person of this role, without the page; its forgery token."""
    async with database.transaction() as session:
        agent = await agents.find(session, role)
        assert agent is not None
        token = await begin_sign_in(session, agent.id, hours=1)
        csrf = await session.scalar(select(SignIn.csrf).where(SignIn.token_hash == hash_of(token)))
    caller.cookies.clear()
    caller.cookies.set("__Host-kefu", token, domain="desk.example")
    return str(csrf)


def test_every_route_declares_one_permission(app: FastAPI) -> None:
    undeclared, unknown = [], []
    for method, path, route in routes_of(app):
        declared = permissions_of(route)
        if not declared and (method, path) not in OPEN:
            undeclared.append(f"{method} {path}")
        unknown += list(declared - PERMISSIONS)
    assert undeclared == [], "each takes `Annotated[Me, allowed(...)]`, or stands in OPEN with a reason"
    assert unknown == []


def test_the_open_list_names_routes_that_are_there_and_open(app: FastAPI) -> None:
    there = {(method, path): permissions_of(route) for method, path, route in routes_of(app)}
    assert set(OPEN) <= set(there)
    assert [found for found in OPEN if there[found]] == []


async def test_each_role_on_each_route(app: FastAPI, caller: WebCaller, database: Database) -> None:
    faults = []
    for role in ROLES:
        headers = {"x-csrf-token": await become(caller, database, role)}
        for method, path, route in routes_of(app):
            needed = permissions_of(route)
            let_in = all(may(role, word) for word in needed)
            if not needed or path.startswith("/api/v1") or (let_in and path.endswith("/live")):
                continue  # open to all; of programs with tokens; or a stream that never ends: each has tests of its own
            answer = await caller.request(method, re.sub(r"\{\w+(:\w+)?\}", NOWHERE, path), headers=headers)
            if (answer.status_code == 403) == let_in or answer.status_code >= 500:
                faults.append(f"{role} on {method} {path} ({', '.join(needed)}): {answer.status_code}")
            if let_in and path == "/sign-out":
                headers = {"x-csrf-token": await become(caller, database, role)}
    assert faults == []


async def test_nobody_signed_in_is_let_in_nowhere(app: FastAPI, caller: WebCaller) -> None:
    for method, path, route in routes_of(app):
        if method == "GET" and permissions_of(route) and not path.startswith("/api/v1"):
            answer = await caller.get(re.sub(r"\{\w+(:\w+)?\}", NOWHERE, path))
            assert (answer.status_code, answer.headers.get("location")) in ((303, "/sign-in"), (401, None)), path


async def test_a_refusal_is_a_sentence_in_both_languages(caller: WebCaller, database: Database) -> None:
    await become(caller, database, "agent")
    answer = await caller.get("/reports/ivr")
    assert answer.status_code == 403
    assert "your role (agent) does not include this (report.read): ask an administrator" in answer.text
    caller.cookies.set("kefu-language", "zh", domain="desk.example")
    assert "你的角色（agent）不包含此权限" in (await caller.get("/reports/ivr")).text
    answer = await caller.get("/api/conversations", headers={"accept": "application/json"})
    assert answer.status_code == 200


async def test_a_role_taken_away_counts_from_the_next_click(caller: WebCaller, database: Database) -> None:
    await become(caller, database, "supervisor")
    assert (await caller.get("/reports/ivr")).status_code == 200
    async with database.transaction() as session:
        await session.execute(update(Agent).where(Agent.login == "supervisor").values(role="agent"))
    assert (await caller.get("/reports/ivr")).status_code == 403


async def test_who_is_bound_to_a_queue_sees_its_calls_alone(
    caller: WebCaller, database: Database, two_calls: None
) -> None:
    async def seen() -> set[str]:
        answer = await caller.get("/api/conversations", headers={"accept": "application/json"})
        page = (await caller.get("/conversations")).text
        callers = {call["caller"] for call in answer.json()}
        assert all(number in page for number in callers)
        assert ("13911112222" in page) == ("13911112222" in callers)
        return callers

    await become(caller, database, "supervisor")
    assert await seen() == {"13877776666", "13911112222"}
    async with database.transaction() as session:
        bound = await agents.find(session, "supervisor")
        assert bound is not None
        session.add(AgentScope(agent_id=bound.id, queue="support"))
    assert await seen() == {"13877776666"}


async def test_masked_numbers_on_pages_and_in_the_api(
    database: Database, caller: WebCaller, app: FastAPI, two_calls: None
) -> None:
    await become(caller, database, "quality")
    page = (await caller.get("/conversations")).text
    answer = await caller.get("/api/conversations", headers={"accept": "application/json"})
    assert sorted(call["caller"] for call in answer.json()) == ["138****6666", "139****2222"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "138****6666" in page
    assert "13877776666" not in page + answer.text


@pytest.fixture
async def two_calls(app: FastAPI, database: Database) -> None:
    """One call that came to support, one that came to sales."""

    now = datetime.now(UTC)
    async with database.transaction() as session:
        for number, queue in (("13877776666", "support"), ("13911112222", "sales")):
            call = Conversation(
                id=uuid4(), node="asterisk1", linkedid=queue, direction="inbound", caller=number, started_at=now
            )
            session.add(call)
            await session.flush()
            wait = {"node": "asterisk1", "caller_uniqueid": queue, "entered_at": now}
            session.add(Wait(id=uuid4(), conversation_id=call.id, queue=queue, **wait))


async def test_programs_see_masked_what_the_site_says(database: Database, two_calls: None, tmp_path: Path) -> None:
    async with database.transaction() as session:
        token = await api_tokens.add(session, name="crm", scopes=["conversation.read_all"], by="dana")
    app = create_app(Settings(data_folder=tmp_path, masked_fields={"token": ["phone"]}), database)
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    async with calling(app, running=False) as program:
        answer = await program.get("/api/v1/conversations", headers=headers)
    assert answer.status_code == 200
    assert "138****6666" in answer.text
    assert "13877776666" not in answer.text


async def test_the_cards_earlier_calls_are_of_ones_queues_and_ones_own(database: Database, app: FastAPI) -> None:
    now, ids = datetime.now(UTC), {name: uuid4() for name in ("support", "sales", "own", "live")}
    place = {"node": "asterisk1", "caller_uniqueid": "1.1"}
    async with database.transaction() as session:
        agent = await agents.find(session, "agent")
        assert agent is not None
        for name, call_id in ids.items():
            call = {"id": call_id, "node": "asterisk1", "linkedid": name, "direction": "inbound", "outcome": "answered"}
            session.add(Conversation(**call, caller="13877776666", started_at=now))
            await session.flush()
            queue = "support" if name == "support" else "sales"
            session.add(Wait(id=uuid4(), conversation_id=call_id, queue=queue, entered_at=now, **place))
        talk = {"id": uuid4(), "conversation_id": ids["own"], "seat": "PJSIP/1", "agent_id": agent.id}
        session.add(Segment(**talk, started_at=now, **place))
    nothing = dict.fromkeys(LiveCall.__struct_fields__)
    live = LiveCall(
        **{**nothing, "conversation_id": ids["live"], "caller": "13877776666", "rung_at": now, "wrapping_up": False}
    )
    async with database.reading() as session:
        for queues_seen, count in ((None, 3), (["support"], 2), (["nowhere"], 1)):
            (card,) = await cards_of(
                session, [live], language="en", country="CN", agent_id=agent.id, queues=queues_seen
            )
            assert len(card.contacts) == count, queues_seen
