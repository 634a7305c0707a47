"""Callbacks that people promise and steer on pages: from a call, a message, a customer; those who are owed one; what is
at risk, told once; and what a customer's timeline says of it all."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from forged_floor import CALLER, ForgedFloor
from sqlalchemy import select, update
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, announcements, callbacks, customers, queues
from crm.cli import main
from crm.database import Database
from crm.deeds import steer_callback, watch_callbacks
from crm.deeds.book_callback import Wanted, book, callee_of, free_slots
from crm.reports.callers_owed import callers_owed
from crm.reports.customer_timeline import timeline
from crm.settings import Settings, read_settings
from crm.tables.announcements import Announcement
from crm.tables.callbacks import Callback, CallbackAttempt
from crm.web.app import create_app

SEAT, OTHER = "PJSIP/1001", "PJSIP/1002"
ANYTIME = {"CN": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
SOON = re.compile(r"between (\d\d:\d\d) and (\d\d:\d\d)")


@pytest.fixture
def floor(database_url: str) -> ForgedFloor:
    forged = ForgedFloor(database_url)
    forged.see()
    forged.stand_in(OTHER, "support")
    forged.posture(OTHER, "ready")
    return forged


@pytest.fixture
def settings() -> Settings:
    return read_settings(callback_hours=ANYTIME)


@pytest.fixture
async def app(database: Database, settings: Settings, floor: ForgedFloor) -> FastAPI:
    async with database.transaction() as session:
        for queue in ("support", "sales"):
            await queues.define(session, queue, title_en=queue.title(), title_zh="客户支持")
        await customers.create(session, code="C1", name="Wang", phones=(CALLER,), country="CN", language="zh")
        for login, role in (("lily", "agent"), ("eva", "supervisor")):
            agent = await agents.create(session, login=login, name=login.title(), password=PASSWORD, role=role)
            await agents.serve(session, agent.id, "support")
    return create_app(settings, database)


@pytest.fixture
async def lily(app: FastAPI) -> AsyncIterator[WebCaller]:
    async with calling(app, running=False) as browser:
        await browser.sign_in("lily")
        await browser.sit_at(SEAT)
        yield browser


@pytest.fixture
async def eva(app: FastAPI) -> AsyncIterator[WebCaller]:
    async with calling(app, running=False) as browser:
        await browser.sign_in("eva")
        yield browser


def shown(page: str) -> dict[str, str]:
    """The window that the page shows, as its form sends it."""
    return dict(re.findall(r'name="(begin|end)" value="([^"]*)"', page))


async def open_now(database: Database) -> list[callbacks.Promise]:
    async with database.reading() as session:
        return await callbacks.listed(session)


async def promised(database: Database, settings: Settings, number: str = CALLER, **more: Any) -> UUID:
    async with database.transaction() as session:
        return (await book(session, settings, Wanted("support", number, "cli", "eva", **more))).promise.id


async def test_an_agent_promises_the_caller_on_the_card(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    ring = floor.ring(SEAT)
    floor.answer(ring)
    place = f"/callbacks/for/call/{ring.conversation_id}"
    card = (await lily.page("/desk")).text
    assert f'hx-get="{place}"' in card
    assert 'accesskey="m"' in card
    window = await lily.page(place)
    assert f"We can call {CALLER} between" in window.text
    assert await open_now(database) == []
    done = await lily.send_form(place, queue="support", owner="me", about="the kettle", **shown(window.text))
    assert SOON.search(done.text)[0] == SOON.search(window.text)[0]  # type: ignore[index]
    (promise,) = await open_now(database)
    assert (promise.source, promise.booked_by, promise.owner, promise.about) == ("agent", "lily", "lily", "the kettle")
    assert (promise.customer_code, promise.language, promise.queue) == ("C1", "zh", "support")
    again = await lily.page(place)
    assert "A callback is promised already" in again.text
    day = await lily.page("/desk/day")
    assert "the kettle" in day.text  # the own day shows what is owed


async def test_a_caller_who_hides_the_number_is_asked_for_one_and_what_cannot_be_is_said(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    ring = floor.ring(SEAT, caller=None)
    floor.answer(ring)
    place = f"/callbacks/for/call/{ring.conversation_id}"
    page = await lily.page(place)
    assert "the number is withheld" in page.text
    page = await lily.page(f"{place}?number=13900139000")
    assert "We can call +8613900139000" in page.text
    premium = await lily.send_form(place, queue="support", number="+19005551234", **shown(page.text))
    assert "costs more than a call" in premium.text
    assert (await lily.get(f"/callbacks/for/call/{uuid4()}")).status_code == 404  # nobody else's calls
    slot = re.findall(r'<option value="(2[^"]+)"', page.text)[3]
    done = await lily.send_form(place, queue="support", number="13900139000", when=slot)
    assert "Promised: we call between" in done.text
    (promise,) = await open_now(database)
    assert promise.window_begin == datetime.fromisoformat(slot)


async def test_a_message_whose_sender_is_promised_a_call_is_done(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    ring = floor.ring(SEAT)
    floor.do(
        (
            (
                "INSERT INTO voicemail (id, conversation_id, node, linkedid, box, file, left_at) "
                "SELECT %(o)s, id, node, linkedid, 'support', 'x.wav', now() FROM conversation WHERE id = %(c)s"
            ),
            {"o": ring.offer_id, "c": ring.conversation_id},
        )
    )
    place = f"/callbacks/for/message/{ring.offer_id}"
    assert place in (await lily.page("/voicemail")).text
    window = await lily.page(place)
    done = await lily.send_form(place, queue="support", **shown(window.text))
    assert "Promised: we call between" in done.text
    (promise,) = await open_now(database)
    assert (promise.source, promise.number_e164) == ("voicemail", CALLER)
    assert floor.rows("SELECT state, note FROM voicemail_work") == [("done", "A callback is promised.")]


async def test_a_customer_is_promised_from_the_record(lily: WebCaller, floor: ForgedFloor, database: Database) -> None:
    ((customer,),) = floor.rows("SELECT id FROM customer")
    place = f"/callbacks/for/customer/{customer}"
    assert place in (await lily.page(f"/customers/{customer}")).text
    window = await lily.page(place)
    await lily.send_form(place, queue="sales", **shown(window.text))  # nobody works there
    assert await open_now(database) == []
    await lily.send_form(place, queue="support", **shown(window.text))
    assert [each.customer_code for each in await open_now(database)] == ["C1"]


async def test_who_gave_up_waiting_is_promised_by_one_key(
    eva: WebCaller, lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    ring = floor.ring(SEAT)
    floor.do(
        (
            (
                "UPDATE conversation SET started_at = now() - interval '20 days', outcome = 'abandoned', "
                "ended_at = now() - interval '20 days' WHERE id = %(c)s"
            ),
            {"c": ring.conversation_id},
        )
    )
    assert "Nobody is owed a call." in (await eva.page("/callbacks?list=owed")).text
    assert f"owed-{ring.conversation_id}" in (await eva.page("/callbacks?list=owed&days=30")).text
    await eva.send_form(f"/callbacks/owed/{ring.conversation_id}?days=30")
    (promise,) = await open_now(database)
    assert (promise.source, promise.booked_by, promise.number_e164) == ("abandoned", "eva", CALLER)
    async with database.reading() as session:
        assert await callers_owed(session, since=datetime.now(UTC) - timedelta(days=30), country="CN") == []
    await lily.page("/desk")
    assert (await lily.send_form(f"/callbacks/owed/{ring.conversation_id}")).status_code == 403


async def test_promises_are_steered_on_their_page(eva: WebCaller, database: Database, settings: Settings) -> None:
    promise = await promised(database, settings, about="a filter")
    page = await eva.page("/callbacks")
    assert "a filter" in page.text
    more = await eva.page(f"/callbacks/{promise}/more")
    assert "nothing: it is placed with the next look" in more.text
    slots = re.findall(r'<option value="([^"]+)"', more.text)
    await eva.page("/callbacks")
    moved = await eva.send_form(f"/callbacks/{promise}/move", begin=slots[4])
    assert moved.status_code == 303
    (now,) = await open_now(database)
    assert now.window_begin == datetime.fromisoformat(slots[4])
    await eva.send_form(f"/callbacks/{promise}/dial-now")
    (now,) = await open_now(database)
    assert now.due_at <= datetime.now(UTC)
    await eva.send_form(f"/callbacks/{promise}/cancel")
    assert await open_now(database) == []
    refused = await eva.send_form(f"/callbacks/{promise}/cancel")
    assert "this promise is over already" in refused.text
    assert "a filter" in (await eva.page("/callbacks?list=done")).text


async def test_a_promise_at_risk_is_told_once_for_each_window(
    eva: WebCaller, database: Database, settings: Settings, database_url: str
) -> None:
    promise = await promised(database, settings)

    async def look(**values: Any) -> int:
        async with database.transaction() as session:
            if values:
                await session.execute(update(Callback).where(Callback.id == promise).values(**values))
            return await watch_callbacks.watch(session, settings)

    now = datetime.now(UTC)
    assert await look() == 0
    assert await look(window_end=now + timedelta(minutes=4)) == 1
    assert await look() == 0
    async with database.reading() as session:
        (told,) = (await session.scalars(select(Announcement).where(Announcement.kind == "callback.at_risk"))).all()
    assert (told.data["id"], told.data["why"], told.data["queue"]) == (str(promise), "window", "support")
    async with database.transaction() as session:
        await announcements.number_new(session)
        assert [each.id for each in await announcements.since(session, 0, limit=9, queues=["support"])] == [told.id]
        assert await announcements.since(session, 0, limit=9, queues=["sales"]) == []
    assert "the window ends soon" in (await eva.page("/callbacks?list=at_risk")).text
    assert 'href="/callbacks?list=at_risk"' in (await eva.page("/wallboard")).text
    asked = ["callback", "promises", "--json", "--database-url", database_url]
    figures = json.loads((await asyncio.to_thread(CliRunner().invoke, main, asked)).stdout)
    assert (figures["at_risk"], [each["id"] for each in figures["risky"]]) == (1, [str(promise)])
    async with database.transaction() as session:
        slots = await free_slots(session, settings, "support", await callee_of(session, CALLER, None, None))
        await steer_callback.reschedule(session, settings, promise, slots[2].begin, by="eva")
    assert await look() == 0
    async with database.reading() as session:
        assert await callbacks.listed(session, "at_risk") == []
    assert await look(window_begin=now - timedelta(minutes=9), window_end=now + timedelta(minutes=2)) == 1


async def test_a_turn_that_is_foretold_too_late_is_at_risk_until_the_forecast_holds(
    database: Database, settings: Settings, floor: ForgedFloor, app: FastAPI
) -> None:
    promise = await promised(database, settings)
    floor.posture(OTHER, "talking")
    for minute in range(12):  # twelve who came before, and calls that take ten minutes each
        ring = floor.ring(SEAT, caller=f"+8613900139{minute:03}", waited=timedelta(hours=1, minutes=minute))
        floor.do(("UPDATE offer SET ended_at = now() WHERE id = %(o)s", {"o": ring.offer_id}))
    talks = """
        INSERT INTO segment (id, conversation_id, node, seat, queue, caller_uniqueid, hold_s, reconstructed, started_at,
                             ended_at)
        SELECT gen_random_uuid(), (SELECT id FROM conversation LIMIT 1), %(node)s, %(seat)s, 'support', '1.1', 0, false,
               now() - (n * 11 + 10) * interval '1 min', now() - n * interval '11 min' FROM generate_series(0, 7) n"""
    floor.do((talks, {"seat": OTHER}))
    async with database.transaction() as session:
        assert await watch_callbacks.watch(session, settings) == 1
        (found,) = await callbacks.listed(session, "at_risk")
        assert (found.id, found.at_risk_why) == (promise, "forecast")
    floor.do(("UPDATE wait SET left_at = now(), outcome = 'abandoned'", {}))
    floor.posture(OTHER, "ready")
    async with database.transaction() as session:
        assert await watch_callbacks.watch(session, settings) == 0
        assert await callbacks.listed(session, "at_risk") == []


async def test_the_timeline_tells_of_promises_tries_and_whether_they_were_kept(
    lily: WebCaller, database: Database, settings: Settings, floor: ForgedFloor
) -> None:
    promise = await promised(database, settings, about="the kettle")
    now = datetime.now(UTC)
    tried = {"node": "asterisk1", "queue": "support", "fence": 1, "settled_at": now}
    async with database.transaction() as session:
        for number, outcome in enumerate(("busy", "not_served", "reached")):
            at = None if outcome == "not_served" else now + timedelta(seconds=number + 1)
            row = {**tried, "number": number + 1, "outcome": outcome, "dialled_at": at}
            session.add(CallbackAttempt(id=uuid4(), callback_id=promise, **row))
        over = {"state": "reached", "kept": True, "closed_at": now + timedelta(seconds=9), "closed_by": "bridge"}
        await session.execute(update(Callback).where(Callback.id == promise).values(**over))
    ((customer,),) = floor.rows("SELECT id FROM customer")
    async with database.reading() as session:
        entries = (await timeline(session, customer, kinds=["callback"])).entries
    assert [(each.detail["what"], each.why) for each in entries] == [
        ("over", "promise"),
        ("tried", "promise"),
        ("promised", "promised"),
    ]
    page = (await lily.page(f"/timeline/{customer}")).text
    for said in ("kept", "busy", "the kettle", f"Here because a call to {CALLER} was promised (eva)"):
        assert said in page
