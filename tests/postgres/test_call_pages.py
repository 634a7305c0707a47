"""Call control on the desk: what is offered, what it writes, what the next agent reads before answering."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from fastapi import FastAPI
from forged_floor import CALLER, ForgedFloor, Ring
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, customers, handovers, organisations, queues
from crm.database import Database
from crm.deeds.open_case import open_case
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app

SEAT, OTHER = "PJSIP/1001", "PJSIP/1002"


@pytest.fixture
async def app(database: Database) -> FastAPI:
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        for login, name, role in (
            ("lily", "Lily Chen", "agent"),
            ("max", "Max Weber", "agent"),
            ("eva", "Eva Sun", "supervisor"),
        ):
            await agents.create(session, login=login, name=name, password=PASSWORD, role=role)
    return create_app(Settings(), database)


@pytest.fixture
async def lily(app: FastAPI) -> AsyncIterator[WebCaller]:
    async with calling(app) as browser:
        await browser.sign_in("lily")
        await browser.sit_at(SEAT)
        yield browser


async def id_of(database: Database, login: str) -> UUID:
    async with database.reading() as session:
        agent = await agents.find(session, login)
    assert agent is not None
    return agent.id


async def talking(floor: ForgedFloor, database: Database) -> Ring:
    lily = await id_of(database, "lily")
    ring = floor.ring(SEAT, agent_id=lily)
    floor.answer(ring, agent_id=lily)
    floor.settle(SEAT)
    return ring


async def test_the_call_on_the_phone_is_offered_what_can_be_done_with_it(
    lily: WebCaller, floor: ForgedFloor, database: Database, app: FastAPI
) -> None:
    assert 'class="control"' not in (await lily.page("/desk")).text
    ring = await talking(floor, database)
    async with calling(app) as other:
        await other.sign_in("max")
        await other.sit_at(OTHER)
    floor.posture(OTHER, "ready")
    page = (await lily.page("/desk")).text
    for said in ("Hang up", "Mute me", "Ask first", "Hand over", "Park", "Raise hand", "Max Weber", "Support"):
        assert said in page
    assert "Answer and hold on your phone." in page
    said = {"conversation": str(ring.conversation_id)}
    await lily.send_form("/desk/call/keys", keys="12#", **said)
    await lily.send_form("/desk/call/mute", muted="on", **said)
    await lily.send_form("/desk/call/send", how="transfer", to="queue:support", note="wants May", **said)
    await lily.send_form("/desk/call/hang-up", **said)
    wishes = floor.rows(
        "SELECT kind, target, asked_by FROM pbx_request WHERE conversation_id = %(call)s ORDER BY wanted_at",
        call=ring.conversation_id,
    )
    assert wishes == [
        ("send_keys", "12#", "lily"),
        ("mute", None, "lily"),
        ("transfer", "queue-support", "lily"),
        ("hang_up", None, "lily"),
    ]
    floor.settle(SEAT, "refused", "Asterisk refused it: No such channel")
    page = (await lily.page("/desk")).text
    assert "Asterisk refused it: No such channel" in page


async def test_muted_is_shown_when_asterisk_said_so(lily: WebCaller, floor: ForgedFloor, database: Database) -> None:
    ring = await talking(floor, database)
    await lily.send_form("/desk/call/mute", muted="on", conversation=str(ring.conversation_id))
    assert "Be heard again" not in (await lily.page("/desk")).text.split('class="asked"')[0]
    floor.settle(SEAT)
    assert "Be heard again" in (await lily.page("/desk")).text.split('class="asked"')[0]


async def test_who_is_asked_reads_who_asks_and_why_before_answering(
    lily: WebCaller, floor: ForgedFloor, database: Database, app: FastAPI
) -> None:
    ring = await talking(floor, database)
    said = {"conversation": str(ring.conversation_id)}
    async with calling(app) as max_:
        await max_.sign_in("max")
        await max_.sit_at(OTHER)
        floor.posture(OTHER, "ready")
        await lily.send_form("/desk/call/send", how="consult", to=f"seat:{OTHER}", note="<b>VIP</b> & angry", **said)
        floor.consults(ring, OTHER)
        page = (await max_.page("/desk")).text
        assert 'data-phase="ringing"' in page
        assert "Lily Chen asks you about this call" in page
        assert "&lt;b&gt;VIP&lt;/b&gt; &amp; angry" in page
        asking = (await lily.page("/desk")).text
        assert "You are asking Max Weber" in asking
        assert "Leave the two together" in asking
        assert ">Hang up" not in asking
        await lily.send_form("/desk/call/send", how="note", note="calmer now", **said)
        assert "calmer now" in (await max_.page("/desk")).text
        await lily.send_form("/desk/call/consult-end", how="complete", **said)
    last = floor.rows("SELECT kind, target FROM pbx_request ORDER BY wanted_at DESC LIMIT 1")
    assert last == [("consult_end", "complete")]


async def test_a_number_is_dialled_from_where_it_stands(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    floor.stand_in(SEAT, "support")
    floor.posture(SEAT, "ready")
    ring = await talking(floor, database)
    floor.hang_up(ring)
    floor.posture(SEAT, "ready")
    page = (await lily.page("/desk")).text
    assert 'action="/desk/call/dial"' in page, "the agent's own call log"
    await lily.send_form("/desk/call/dial", number="+8613800138000")
    wishes = floor.rows(
        "SELECT kind, target, reason FROM pbx_request WHERE kind <> 'add_member' ORDER BY wanted_at DESC LIMIT 2"
    )
    assert wishes == [("dial", "out+8613800138000", "RESERVED"), ("pause", None, "RESERVED")]
    again = await lily.send_form("/desk/call/dial", number="13800138000")
    assert "another number is about to be dialled" in again.text
    assert 'id="dialled" data-state="wanted"' in again.text
    floor.settle(SEAT, "refused", "your phone rang and was not answered")
    assert "your phone rang and was not answered" in (await lily.page("/desk")).text


async def test_every_page_on_which_a_number_stands_dials_it(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    ring = await talking(floor, database)
    voicemail = (
        "INSERT INTO voicemail (id, conversation_id, node, linkedid, box, file, left_at)"
        " VALUES (gen_random_uuid(), %(c)s, %(node)s, %(linkedid)s, 'support', 'a.wav', now())"
    )
    floor.do((voicemail, {"c": ring.conversation_id, "linkedid": ring.linkedid}))
    async with database.transaction() as session:
        owner = await session.get_one(Agent, await id_of(database, "lily"))
        await agents.serve(session, owner.id, "support")
        known = await customers.create(session, code="C-1", name="Wang", phones=["13800138001"], country="CN")
        subject = {"category": "complaint", "subject": "It leaks", "customer_id": known.id}
        case = await open_case(session, Settings(), owner=owner, by="lily", **subject)
        house = await organisations.create(session, name="Shop", kind="company", country="CN", phones=["13800138002"])
    for page, number in (
        ("/voicemail", CALLER),
        (f"/cases/{case.number}", "+8613800138001"),
        (f"/organisations/{house.id}", "+8613800138002"),
        ("/customers?q=C-1", "+8613800138001"),
        ("/conversations", CALLER),
    ):
        shown = (await lily.page(page)).text
        assert f'name="number" value="{number}"' in shown, page


async def test_a_raised_hand_is_seen_by_supervisors_until_one_comes(
    lily: WebCaller, floor: ForgedFloor, database: Database, app: FastAPI
) -> None:
    await talking(floor, database)
    await lily.send_form("/desk/call/hand", up="yes", about="may I refund this?")
    await lily.send_form("/desk/call/hand", up="yes", about="may I refund it all?")
    async with calling(app) as eva:
        await eva.sign_in("eva")
        board = (await eva.page("/wallboard")).text
        assert "Lily Chen asks for a supervisor" in board
        assert "may I refund it all?" in board
        await eva.send_form("/wallboard/hands", login="lily")
        assert "asks for a supervisor" not in (await eva.page("/wallboard")).text
        gone = await eva.send_form("/wallboard/hands", login="lily")
        assert "is not up any more" in gone.text
    async with database.reading() as session:
        assert await handovers.hands(session) == []
    assert floor.rows("SELECT seen_by FROM raised_hand") == [("eva",)]
    refused = await lily.send_form("/wallboard/hands", login="lily")
    assert refused.status_code == 403


async def test_refusals_come_in_the_agents_language(lily: WebCaller, floor: ForgedFloor, database: Database) -> None:
    await talking(floor, database)
    stale = await lily.send_form("/desk/call/hang-up", conversation="00000000-0000-0000-0000-000000000001")
    assert "that call is over" in stale.text
    for path, fields in (
        ("/desk/call/keys", {"keys": "x"}),
        ("/desk/call/send", {"how": "transfer", "to": ""}),
        ("/desk/call/send", {"how": "nothing"}),
        ("/desk/call/consult-end", {"how": "x"}),
        ("/desk/call/dial", {"number": "nobody"}),
    ):
        ring = floor.rows("SELECT conversation_id::text FROM posture WHERE seat = %(seat)s", seat=SEAT)[0][0]
        answer = await lily.send_form(path, conversation=ring, **fields)
        assert 'id="notice"' in answer.text, path
    assert floor.rows("SELECT 1 FROM pbx_request WHERE kind NOT LIKE '%%member'") == []
