"""The REST door as another system meets it: tokens, scopes, versions, keys, cursors, refusals in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from forged_floor import CALLER, ForgedFloor
from sqlalchemy import text

from crm import agents, announcements, api_tokens, webhooks
from crm.api_tokens import SCOPES
from crm.database import Database
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.api.v1 import routes
from crm.web.api.v1.asking import scopes_of
from crm.web.app import create_app

PROBLEM = "application/problem+json"


class Program(httpx2.AsyncClient):
    """Another system, with its token."""


async def made(database: Database, name: str, *scopes: str, **more: Any) -> str:
    async with database.transaction() as session:
        return await api_tokens.add(session, name=name, scopes=scopes or tuple(SCOPES), by="test", **more)


@pytest.fixture
def app(database: Database, amy: Agent) -> FastAPI:
    """The application over the demo center."""
    return create_app(Settings(), database)


@contextlib.asynccontextmanager
async def program(app: FastAPI, token: str | None) -> AsyncIterator[Program]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx2.ASGITransport(app=app)
    async with Program(transport=transport, base_url="https://desk.example/api/v1", headers=headers) as caller:
        yield caller


@pytest.fixture
async def crm(app: FastAPI, database: Database) -> AsyncIterator[Program]:
    async with program(app, await made(database, "foreign crm")) as caller:
        yield caller


def told(answer: httpx2.Response, status: int) -> str:
    """The sentence of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["status"] == status
    return str(problem["detail"])


def test_every_route_names_one_scope_that_a_token_can_have() -> None:
    assert [(route.path, scopes_of(route)) for route in routes() if len(scopes_of(route)) != 1] == []
    assert {scope for route in routes() for scope in scopes_of(route)} == set(SCOPES)


async def test_tokens_open_what_they_are_for_and_nothing_else(app: FastAPI, database: Database) -> None:
    async with program(app, None) as nobody:
        answer = await nobody.get("/customers")
        assert told(answer, 401) == "show a token: Authorization: Bearer kefu_…"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    async with program(app, "kefu_forged") as forger:
        assert "opens nothing" in told(await forger.get("/customers"), 401)
    reading = await made(database, "reader", "customer.read")
    async with program(app, reading) as reader:
        assert (await reader.get("/customers")).status_code == 200
        assert "no scope customer.edit" in told(await reader.post("/customers", json={"name": "x"}), 403)
        assert "no scope wallboard.read" in told(await reader.get("/agents"), 403)
        async with database.transaction() as session:
            await api_tokens.revoke(session, "reader", by="test")
        assert "opens nothing" in told(await reader.get("/customers"), 401)
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with program(app, await made(database, "past", "customer.read", expires_at=past)) as late:
        assert "opens nothing" in told(await late.get("/customers"), 401)
    async with database.reading() as session:
        listed = {each.name: each for each in await api_tokens.listed(session)}
    assert listed["reader"].last_used_at is not None
    assert listed["past"].last_used_at is None
    with pytest.raises(Refusal, match="scope 'everything' is unknown"):
        await made(database, "greedy", "everything")


async def test_a_token_has_its_pace(app: FastAPI, database: Database) -> None:
    async with program(app, await made(database, "slow", "customer.read", a_minute=3)) as caller:
        answers = [await caller.get("/customers") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "3 times a minute" in told(answers[-1], 429)
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 21


async def test_a_cookie_opens_nothing_here_and_a_token_no_page(app: FastAPI, crm: Program) -> None:
    answer = await crm.get("https://desk.example/desk", headers={"accept": "text/html"})
    assert answer.headers["location"] == "/sign-in"
    assert told(await crm.get("/nowhere"), 404) == "there is nothing at this address"
    assert told(await crm.delete("/customers"), 405) == "this address does not do that"
    assert "at most" in told(await crm.post("/customers", content=b"x" * 70_000), 413)


async def test_a_customer_is_made_read_changed_and_found(crm: Program) -> None:
    new = {"name": "王芳", "company": "Acme", "tier": "main", "numbers": ["139 1234 5678", "0755 8888"], "note": "<b>"}
    answer = await crm.post("/customers", json=new)
    assert answer.status_code == 201, answer.text
    customer = answer.json()
    assert (customer["name"], customer["tier"], customer["version"]) == ("王芳", "main", 1)
    assert "+8613912345678" in [number["e164"] for number in customer["numbers"]]
    read = await crm.get(answer.headers["location"].removeprefix("/api/v1"))
    assert read.json() == customer
    tag = read.headers["etag"]
    same = await crm.get(f"/customers/{customer['code']}", headers={"if-none-match": tag})
    assert (same.status_code, same.content) == (304, b"")
    changed = await crm.patch(f"/customers/{customer['code']}", json={"tier": "key"}, headers={"if-match": tag})
    assert (changed.status_code, changed.json()["tier"], changed.json()["company"]) == (200, "key", "Acme")
    stale = await crm.patch(f"/customers/{customer['code']}", json={"note": "x"}, headers={"if-match": tag})
    assert told(stale, 412).startswith("token foreign crm changed tier at ")
    assert stale.headers["etag"] == changed.headers["etag"] != tag
    assert "If-Match" in told(await crm.patch(f"/customers/{customer['code']}", json={"note": "x"}), 428)
    for query in ({"q": "王芳"}, {"number": "13912345678"}, {"number": "+86 139 1234 5678"}):
        found = (await crm.get("/customers", params=query)).json()
        assert [each["code"] for each in found["items"]] == [customer["code"]], query
    more = await crm.post(f"/customers/{customer['code']}/numbers", json={"number": "021 5555 6666"})
    assert (more.status_code, len(more.json()["numbers"])) == (201, 3)
    number = more.json()["numbers"][0]["id"]
    fewer = await crm.delete(f"/customers/{customer['code']}/numbers/{number}")
    assert (fewer.status_code, len(fewer.json()["numbers"])) == (200, 2)
    assert "no such number" in told(await crm.delete(f"/customers/{customer['code']}/numbers/{number}"), 404)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": "x", "teir": "key"}, "body.teir"),
        ({"name": "x", "tier": "gold"}, "body.tier"),
        ({"name": "a\x00b"}, "body.name"),
        ({"name": "x" * 201}, "body.name"),
        ({}, "body.name"),
    ],
)
async def test_bad_fields_are_named(crm: Program, body: dict[str, str], where: str) -> None:
    answer = await crm.post("/customers", json=body)
    assert told(answer, 422).startswith(f"{where}: ")
    assert answer.json()["faults"][0]["where"] == where


async def test_a_lost_answer_is_given_again_and_nothing_is_done_twice(crm: Program, database: Database) -> None:
    key = {"idempotency-key": "order-4711"}
    answers = await asyncio.gather(*(crm.post("/customers", json={"name": "Once"}, headers=key) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == ["", "true", "true", "true"]
    assert {answer.headers["etag"] for answer in answers} == {'"1"'}
    assert len((await crm.get("/customers", params={"q": "Once"})).json()["items"]) == 1
    assert "used for another request" in told(await crm.post("/customers", json={"name": "Two"}, headers=key), 409)
    refused = {"idempotency-key": "refused"}
    for _ in range(2):  # what was refused left nothing behind, and may be mended under the same key
        assert "exists already" in told(
            await crm.post("/customers", json={"name": "x", "code": answers[0].json()["code"]}, headers=refused), 409
        )


async def test_all_customers_are_read_page_by_page_each_once(crm: Program) -> None:
    codes, cursor = list[str](), None
    while True:
        page = (await crm.get("/customers", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        codes += [each["code"] for each in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(codes) == len(set(codes)) == 6
    assert "none of ours" in told(await crm.get("/customers", params={"cursor": "abc"}), 422)


async def test_an_order_is_put_as_often_as_one_likes(crm: Program) -> None:
    code = (await crm.get("/customers", params={"limit": 1})).json()["items"][0]["code"]
    order = {"customer_code": code, "state": "paid", "item": "Kettle", "amount": "19.90", "currency": "EUR",
             "placed_at": "2026-11-20T10:00:00+01:00"}  # fmt: skip
    for _ in range(2):
        answer = await crm.put("/orders/EU-1", json=order)
        assert answer.status_code == 200, answer.text
    assert (await crm.get("/orders/EU-1")).json() == answer.json()
    assert answer.json()["customer_code"] == code
    assert (await crm.put("/orders/EU-1", json={**order, "state": "shipped"})).json()["state"] == "shipped"
    listed = (await crm.get(f"/customers/{code}/orders")).json()["items"]
    assert "EU-1" in [each["number"] for each in listed]
    assert "not known here" in told(await crm.put("/orders/EU-2", json={**order, "customer_code": "K-0"}), 422)
    assert told(await crm.get("/orders/EU-2"), 404)


async def test_calls_newest_first_page_by_page(crm: Program, database_url: str) -> None:
    floor = ForgedFloor(database_url)
    rings = [floor.ring(f"PJSIP/10{place}") for place in range(5)]
    floor.hang_up(rings[0])
    ids, cursor = list[str](), None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await crm.get("/conversations", params=query)).json()
        ids += [each["id"] for each in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert sorted(ids) == sorted(str(ring.conversation_id) for ring in rings)
    assert len((await crm.get("/conversations", params={"going_on": True})).json()["items"]) == 4
    assert len((await crm.get("/conversations", params={"caller": CALLER})).json()["items"]) == 5
    assert (await crm.get(f"/conversations/{ids[0]}")).json()["id"] == ids[0]
    assert told(await crm.get("/conversations", params={"since": "2026-01-01T00:00:00"}), 422).startswith("query.since")


async def test_the_floor_now(crm: Program) -> None:
    assert "amy" in [each["login"] for each in (await crm.get("/agents")).json()]
    assert "support" in [each["name"] for each in (await crm.get("/queues")).json()]


async def test_an_agent_is_paused_and_made_ready_as_by_their_own_page(crm: Program, database: Database) -> None:
    assert "sits at no seat" in told(await crm.post("/agents/amy/pause", json={"reason": "lunch"}), 409)
    assert "no agent 'nobody'" in told(await crm.post("/agents/nobody/pause", json={"reason": "lunch"}), 404)
    async with database.transaction() as session:
        amy = await agents.find(session, "amy")
        assert amy is not None
        await sign_in_to_seat(
            session, agent_id=amy.id, node="asterisk1", seat="PJSIP/1001", expiry_s=5, without_phone=True
        )
    assert "no pause reason" in told(await crm.post("/agents/amy/pause", json={"reason": "holiday"}), 409)
    asked = await crm.post("/agents/amy/pause", json={"reason": "lunch"}, headers={"Idempotency-Key": "p-1"})
    again = await crm.post("/agents/amy/pause", json={"reason": "lunch"}, headers={"Idempotency-Key": "p-1"})
    assert (asked.status_code, asked.json()["state"], again.json()) == (202, "wanted", asked.json())
    wish = (await crm.get(asked.headers["location"].removeprefix("/api/v1"))).json()
    assert (wish["state"], wish["seat"]) == ("wanted", "PJSIP/1001")
    assert (await crm.post("/agents/amy/unpause")).status_code == 202
    async with database.reading() as session:
        rows = await session.execute(
            text("SELECT kind, reason, asked_by FROM pbx_request WHERE kind LIKE '%pause' ORDER BY wanted_at")
        )
        assert [tuple(row) for row in rows] == [
            ("pause", "lunch", "token foreign crm"),
            ("unpause", None, "token foreign crm"),
        ]


async def test_a_case_is_opened_read_and_noted_at(crm: Program) -> None:
    code = (await crm.get("/customers", params={"limit": 1})).json()["items"][0]["code"]
    new = {"category": "complaint", "subject": "Kettle leaks", "owner": "amy", "customer_code": code}
    answer = await crm.post("/cases", json=new, headers={"idempotency-key": "c1"})
    assert answer.status_code == 201, answer.text
    case = answer.json()
    assert (case["owner"], case["customer_code"], case["opened_by"]) == ("amy", code, "token foreign crm")
    noted = await crm.post(f"/cases/{case['number']}/notes", json={"note": "sent a new one"})
    assert noted.json()["history"][0]["said"] == "sent a new one"
    read = await crm.get(f"/cases/{case['number']}")
    assert read.json() == noted.json()
    assert (
        await crm.get(f"/cases/{case['number']}", headers={"if-none-match": read.headers["etag"]})
    ).status_code == 304
    for query in ({}, {"state": "open"}, {"customer_code": code}):
        assert [each["number"] for each in (await crm.get("/cases", params=query)).json()["items"]] == [case["number"]]
    assert "no such agent" in told(await crm.post("/cases", json={**new, "owner": "nobody"}), 422)
    assert told(await crm.get("/cases/0"), 404)


async def test_what_a_program_changes_is_told_to_the_others(crm: Program, database: Database) -> None:
    made_one = (await crm.post("/customers", json={"name": "Told"})).json()
    headers = {"if-match": "*"}
    await crm.patch(f"/customers/{made_one['code']}", json={"tier": "key"}, headers=headers)
    async with database.transaction() as session:
        await announcements.number_new(session)
    events = (await crm.get("/events", params={"after": 0})).json()["items"]
    told_of = [event["data"] for event in events if event["data"].get("code") == made_one["code"]]
    assert [(one["id"], one["version"]) for one in told_of] == [(made_one["id"], 1), (made_one["id"], 2)]


async def test_who_was_away_reads_on_from_where_they_were(crm: Program, database: Database) -> None:
    start = (await crm.get("/events")).json()["last"]
    async with database.transaction() as session:
        for number in range(5):
            await announcements.announce(session, "order.changed", key=str(number), data={"number": str(number)})
        await announcements.number_new(session)
    read, after = list[str](), start
    while True:
        page = (await crm.get("/events", params={"after": after, "limit": 2})).json()
        read += [event["data"]["number"] for event in page["items"]]
        after = page["last"]
        if not page["more"]:
            break
    assert read == ["0", "1", "2", "3", "4"]
    assert (await crm.get("/events", params={"after": after})).json() == {"items": [], "last": after, "more": False}
    async with database.transaction() as session:
        # The first is given up for a subscriber, and so kept while its neighbours go.
        await webhooks.add(session, name="away", url="https://crm.example/", kinds=[], by="test")
        await session.execute(
            text(
                "INSERT INTO webhook_delivery (id, webhook_id, announcement_id, number, key, state) "
                "SELECT gen_random_uuid(), w.id, a.id, a.number, a.key, 'dead' FROM announcement a, webhook w "
                "WHERE a.number = :number"
            ),
            {"number": start + 1},
        )
        await announcements.forget(session, before=datetime.now(UTC) + timedelta(days=1))
    for after in (start, start + 1):
        assert "were dropped" in told(await crm.get("/events", params={"after": after}), 410)
    kinds = (await crm.get("/events/catalogue")).json()
    assert {"conversation.begun", "case.closed"} <= {kind["kind"] for kind in kinds}
    assert all(kind["data_schema"]["type"] == "object" for kind in kinds)
