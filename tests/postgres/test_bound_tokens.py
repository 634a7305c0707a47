"""Each operation of the REST door with a token that is bound to a queue, and what subscribers bound to one are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from crm import agents, announcements, api_tokens, customers, webhooks
from crm.api_tokens import SCOPES
from crm.database import Database
from crm.deeds.announce_ledger import announce_ledger
from crm.deeds.feed_orders import feed_orders
from crm.deeds.keep_customer import edit
from crm.deeds.open_case import open_case
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent, SeatSession
from crm.tables.callbacks import Callback
from crm.tables.cases import Case
from crm.tables.conversations import Conversation, Segment, Wait
from crm.tables.customers import Customer
from crm.tables.pops import Pop
from crm.tables.postures import Membership
from crm.tables.visits import CallerFacts
from crm.tables.webhooks import Webhook, WebhookDelivery
from crm.web.api.v1 import routes
from crm.web.app import create_app

NODE = "asterisk1"
NUMBERS = {"support": "13877776666", "sales": "13911112222"}
STRANGERS = {"support": "13700001111", "sales": "13700002222"}


async def a_matter(session: AsyncSession, queue: str, seat: str, login: str) -> dict[str, str]:
    """One customer whose call came to this queue, with a case, an order, a promise and a card: all that an answer could
    show. Words that speak of them hold the queue's name."""
    now, call_id = datetime.now(UTC), uuid4()
    settings, agent = Settings(), await agents.find(session, login)
    assert agent is not None
    customer = await customers.create(session, name=f"Of {queue}", country="CN", code=f"OF-{queue}")
    await customers.add_phone(session, customer.id, NUMBERS[queue], country="CN")
    linkedid = f"{queue}.1"
    call = {"id": call_id, "node": NODE, "linkedid": linkedid, "direction": "inbound", "outcome": "answered"}
    session.add(Conversation(**call, caller=NUMBERS[queue], started_at=now, ended_at=now))
    await session.flush()
    wait_id, place = uuid4(), {"node": NODE, "caller_uniqueid": linkedid}
    session.add(Wait(id=wait_id, conversation_id=call_id, queue=queue, entered_at=now, left_at=now, **place))
    stranger = {"id": uuid4(), "node": NODE, "linkedid": f"{queue}.2", "direction": "inbound", "started_at": now}
    session.add(Conversation(**stranger, caller=STRANGERS[queue], ended_at=now, outcome="abandoned"))
    await session.flush()
    session.add(Wait(id=uuid4(), conversation_id=stranger["id"], queue=queue, entered_at=now, left_at=now, **place))
    session.add(CallerFacts(node=NODE, linkedid=linkedid, customer_id=customer.id, learnt_at=now))
    seated = {"seat": seat, "node": NODE}
    session.add(Membership(**seated, queue=queue, penalty=0, paused=False, joined_at=now))
    session.add(SeatSession(agent_id=agent.id, **seated, signed_in_at=now - timedelta(hours=1)))
    await session.flush()
    talk = {"id": uuid4(), "conversation_id": call_id, "agent_id": agent.id, "started_at": now, "ended_at": now}
    session.add(Segment(**talk, **seated, caller_uniqueid=linkedid))
    pop = {"id": uuid4(), "conversation_id": call_id, "wait_id": wait_id, "rung_at": now, "heard_at": now}
    session.add(Pop(**pop, **seated))
    case = await open_case(
        session, settings, owner=agent, by=login, category="enquiry", subject=f"Case of {queue}",
        customer_id=customer.id, conversation_id=call_id,
    )  # fmt: skip
    order = {"number": f"ORDER-{queue}", "customer": customer.code, "state": "paid", "item": f"Item of {queue}"}
    told = {**order, "amount": "1", "placed_at": "2026-11-20T10:00:00Z"}
    fed = await feed_orders(session, [told], source="shop", country="CN", zone=settings.zone)
    assert fed.added == 1, fed.faults
    await edit(session, customer.id, {"note": f"note of {queue}"}, by=login, seen=customer.version)
    later = now + timedelta(days=1)
    promise_id = uuid4()
    session.add(Callback(
        id=promise_id, node=NODE, queue=queue, number_e164=f"+86{NUMBERS[queue]}", customer_id=customer.id,
        language="zh", about=f"Promise of {queue}", source="web", mode="agent_first", booked_by="web", asked_at=now,
        joined_at=now, place_at=later, credit_s=0, window_begin=later, window_end=later + timedelta(hours=1),
        due_at=later, state="waiting",
    ))  # fmt: skip
    await session.flush()
    phone = (await customers.phones_of(session, customer.id))[0]
    return {
        "code": customer.code, "number": case.number, "order": f"ORDER-{queue}", "conversation": str(call_id),
        "callback": str(promise_id), "phone": str(phone.id), "queue": queue, "raw": NUMBERS[queue],
        "stranger": STRANGERS[queue],
    }  # fmt: skip


Matters = dict[str, dict[str, str]]


@pytest.fixture
async def matters(database: Database, amy: Agent) -> Matters:
    """One of support, one of sales; a subscriber of support, a subscriber of all; all of it told."""
    async with database.transaction() as session:
        for name, queues in (("bound", ["support"]), ("free", [])):
            await webhooks.add(session, name=name, url="https://crm.example/", kinds=[], by="test", queues=queues)
        found = {
            "support": await a_matter(session, "support", "PJSIP/101", "amy"),
            "sales": await a_matter(session, "sales", "PJSIP/102", "ben"),
        }
    while await announce_ledger(database):
        pass
    async with database.transaction() as session:
        await announcements.number_new(session)
    return found


@pytest.fixture
async def bound(database: Database, matters: Matters) -> AsyncIterator[httpx2.AsyncClient]:
    """A program that may do everything, of support alone."""
    async with database.transaction() as session:
        token = await api_tokens.add(session, name="bound", scopes=list(SCOPES), by="test", queues=["support"])
    transport = httpx2.ASGITransport(app=create_app(Settings(), database))
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="https://x.example/api/v1", headers=headers) as client:
        yield client


def operations(of: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Each operation that names something, as asked about this matter; with the body where it takes one."""
    order = {"customer_code": of["code"], "state": "shipped", "item": "Kettle", "amount": "2",
             "placed_at": "2026-11-21T10:00:00Z"}  # fmt: skip
    case = {"category": "enquiry", "subject": "More", "owner": "amy", "customer_code": of["code"]}
    begin = (datetime.now(UTC) + timedelta(days=2)).replace(hour=2, minute=0, second=0, microsecond=0).isoformat()
    return {
        "GET /customers": {"params": {"number": of["raw"]}},
        "POST /customers": {"json": {"name": "Their child", "numbers": [of["stranger"]]}},
        "GET /customers/{code}": {},
        "PATCH /customers/{code}": {"json": {"tier": "main"}, "headers": {"if-match": "*"}},
        "POST /customers/{code}/numbers": {"json": {"number": "021 5555 6666"}},
        "DELETE /customers/{code}/numbers/{phone}": {},
        "PUT /orders/{order}": {"json": order},
        "GET /orders/{order}": {},
        "GET /customers/{code}/orders": {},
        "GET /conversations": {"params": {"caller": of["raw"]}},
        "GET /conversations/{conversation}": {},
        "GET /cases": {"params": {"customer_code": of["code"]}},
        "POST /cases": {"json": {**case, "conversation_id": of["conversation"]}},
        "GET /cases/{number}": {},
        "POST /cases/{number}/notes": {"json": {"note": "noted"}},
        "GET /callbacks": {"params": {"queue": of["queue"]}},
        "GET /callbacks/slots": {"params": {"queue": of["queue"], "number": of["raw"]}},
        "POST /callbacks": {"json": {"queue": of["queue"], "number": of["raw"]}},
        "GET /callbacks/{callback}": {},
        "POST /callbacks/{callback}/reschedule": {"json": {"begin": begin}},
        "POST /callbacks/{callback}/cancel": {},
    }


async def ask(program: httpx2.AsyncClient, operation: str, of: dict[str, str], said: dict[str, Any]) -> httpx2.Response:
    method, path = operation.split(" ")
    return await program.request(method, path.format(**of), **said)


LISTS = ("/agents", "/queues", "/pause-reasons", "/events", "/events/catalogue")


REFUSED = {
    ("POST", "/agents/{login}/pause"): "it is of all queues of the seat",
    ("POST", "/agents/{login}/unpause"): "likewise",
    ("GET", "/pause-wishes/{wish_id}"): "what became of those",
}
"""What a program that is bound to queues may not do at all, and why."""


def test_every_operation_is_tried_here() -> None:
    there = {(method, route.path) for route in routes() for method in route.methods or ()}
    ours = {
        **dict.fromkeys(
            ("code", "phone", "order", "conversation", "number", "callback", "raw", "queue", "stranger"), "x"
        )
    }
    names = {"{phone}": "{number_id}", "{order}": "{number}", "{conversation}": "{conversation_id}",
             "{callback}": "{callback_id}"}  # fmt: skip
    tried = set()
    for operation in operations(ours):
        method, path = operation.split(" ")
        for here, there_ in names.items():
            path = path.replace(here, there_)
        tried.add((method, path))
    assert tried | {("GET", path) for path in LISTS} | set(REFUSED) == there


async def test_what_does_not_keep_to_queues_by_itself_is_refused(bound: httpx2.AsyncClient) -> None:
    for method, path in REFUSED:
        answer = await bound.request(method, path.format(login="ben", wish_id=uuid4()), json={"reason": "lunch"})
        assert answer.status_code == 403, path
        assert "bound to queues, and this is of no queue" in answer.json()["detail"]


async def test_of_another_queue_each_operation_shows_and_does_nothing(
    bound: httpx2.AsyncClient, matters: Matters, database: Database
) -> None:
    """Whatever is named: nothing of sales is told, nothing of it is changed."""
    before = await everything(database)
    for operation, said in operations(matters["sales"]).items():
        answer = await ask(bound, operation, matters["sales"], said)
        if answer.status_code == 200:
            assert answer.json() in ([], {"items": [], "next": None}), operation
        else:
            assert answer.status_code in (403, 404, 422), (operation, answer.text)
            assert "of sales" not in answer.text, operation
    assert await everything(database) == before


async def test_of_its_own_queue_each_operation_does_its_work(bound: httpx2.AsyncClient, matters: Matters) -> None:
    for operation, said in operations(matters["support"]).items():
        answer = await ask(bound, operation, matters["support"], said)
        late = operation.endswith("/reschedule") and answer.status_code == 409  # no window is free then
        assert answer.status_code in (200, 201) or late, (operation, answer.text)
        assert answer.json() != {"items": [], "next": None}, operation


async def test_what_is_listed_without_a_name_is_of_its_queue(bound: httpx2.AsyncClient, matters: Matters) -> None:
    asked = [*LISTS, "/customers", "/customers?q=of", "/conversations", "/cases", "/callbacks?list=all",
             "/events?after=0", f"/orders/{matters['support']['order']}"]  # fmt: skip
    answers = {path: await bound.get(path) for path in asked}
    assert {answer.status_code for answer in answers.values()} == {200}
    told = {path: answer.text for path, answer in answers.items()}
    for path, text in told.items():
        assert "sales" not in text.replace("after-sales", "").replace("after_sales", ""), path
        assert NUMBERS["sales"] not in text, path
        assert STRANGERS["sales"] not in text, path
    assert {path for path in told if "support" in told[path]} >= {
        "/customers", "/customers?q=of", "/conversations", "/cases", "/callbacks?list=all", "/events?after=0",
        "/queues",
    }  # fmt: skip
    assert [each["login"] for each in answers["/agents"].json()] == ["amy"]
    assert [each["name"] for each in answers["/queues"].json()] == ["support"]


async def test_page_by_page_each_customer_of_the_queue_comes_once(bound: httpx2.AsyncClient, matters: Matters) -> None:
    codes, query = list[str](), {"limit": "1"}
    while True:
        page = (await bound.get("/customers", params=query)).json()
        codes += [each["code"] for each in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert codes == ["OF-support"]


async def test_a_promise_of_its_own_shows_a_program_nobody(bound: httpx2.AsyncClient, matters: Matters) -> None:
    """Else it could promise a call to whomever it wants to see."""
    asked = {"queue": "support", "number": NUMBERS["sales"]}
    slots = (await bound.get("/callbacks/slots", params=asked)).json()
    answer = await bound.post("/callbacks", json={**asked, "begin": slots[-1]["begin"]})
    assert answer.status_code == 201, answer.text
    assert answer.json()["customer_code"] is None
    assert (await bound.get("/customers/OF-sales")).status_code == 404
    assert (await bound.get("/customers", params={"number": NUMBERS["sales"]})).json()["items"] == []
    stranger = await bound.post("/customers", json={"name": "Nobody", "numbers": ["13500000000"]})
    assert stranger.status_code == 403
    assert "name a number that called them" in stranger.json()["detail"]


async def test_who_calls_another_queue_too_is_seen_by_both(
    bound: httpx2.AsyncClient, matters: Matters, database: Database
) -> None:
    async with database.transaction() as session:
        now, call_id = datetime.now(UTC), uuid4()
        call = {"id": call_id, "node": NODE, "linkedid": "again.1", "direction": "inbound", "caller": NUMBERS["sales"]}
        session.add(Conversation(**call, started_at=now))
        await session.flush()
        session.add(Wait(id=uuid4(), conversation_id=call_id, node=NODE, queue="support", caller_uniqueid="again.1",
                         entered_at=now))  # fmt: skip
    assert (await bound.get("/customers/OF-sales")).status_code == 200
    assert (await bound.get(f"/conversations/{call_id}")).status_code == 200
    assert (await bound.get(f"/conversations/{matters['sales']['conversation']}")).status_code == 404
    assert (await bound.get(f"/cases/{matters['sales']['number']}")).status_code == 404


async def test_subscribers_are_told_of_their_queues_alone(database: Database, matters: Matters) -> None:
    async with database.reading() as session:
        rows = select(announcements.Announcement.kind, announcements.Announcement.data).join(
            WebhookDelivery, WebhookDelivery.announcement_id == announcements.Announcement.id
        )
        bound_ = (await session.execute(rows.join(Webhook).where(Webhook.name == "bound"))).all()
        free = (await session.execute(rows.join(Webhook).where(Webhook.name == "free"))).all()
    kinds = {"conversation.ended", "pop.shown", "case.opened", "order.changed", "customer.changed"}
    assert {row.kind for row in bound_} == kinds
    assert {row.kind for row in free} == kinds | {"conversation.begun"}
    assert len(free) == 2 * len(bound_) + 4
    others = matters["sales"]
    for row in bound_:
        assert not {str(value) for value in row.data.values()} & {*others.values(), *NUMBERS.values()} - {
            NUMBERS["support"]
        }
    async with database.transaction() as session:
        await announcements.announce(session, "customer.erased", key="gone", data={"id": uuid4()})
        await announcements.number_new(session)
        told = await session.scalar(
            select(func.count()).select_from(WebhookDelivery).where(WebhookDelivery.key == "gone")
        )
    assert told == 2, "an id alone: no copy outlives whom it is of"


async def test_a_queue_that_is_none_binds_nobody(database: Database, amy: Agent) -> None:
    async with database.transaction() as session:
        with pytest.raises(Refusal, match="there is no queue 'suport'"):
            await api_tokens.add(session, name="x", scopes=["case.read"], by="test", queues=["suport"])
        with pytest.raises(Refusal, match="there is no queue 'suport'"):
            await webhooks.add(session, name="x", url="https://a.example", kinds=[], by="test", queues=["suport"])


async def everything(database: Database) -> list[tuple[Any, ...]]:
    """What an operation could have changed."""
    async with database.reading() as session:
        told = [tuple(row) for row in await session.execute(select(Customer.code, Customer.version, Customer.tier))]
        told += [tuple(row) for row in await session.execute(select(Case.number, Case.version))]
        told += [tuple(row) for row in await session.execute(select(Callback.id, Callback.state, Callback.due_at))]
    return sorted(told, key=str)
