"""How calls end: outcomes as rows, offered by queue, demanded of long talks, settled with their case, followed up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI
from forged_floor import ForgedFloor, Ring
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, follow_ups, queues
from crm.cli import main
from crm.database import Database
from crm.refusals import Refusal
from crm.settings import Settings
from crm.web.app import create_app

SEAT = "PJSIP/1001"


def kefu(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database-url", url])


def listed(url: str, *arguments: str) -> Any:
    done = kefu(url, "outcome", "list", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
async def app(database: Database) -> FastAPI:
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        await agents.create(session, login="lily", name="Lily Chen", password=PASSWORD)
    return create_app(Settings(), database)


@pytest.fixture
async def lily(app: FastAPI) -> AsyncIterator[WebCaller]:
    async with calling(app) as browser:
        await browser.sign_in("lily")
        await browser.sit_at(SEAT)
        yield browser


def talked(floor: ForgedFloor, talk_s: float = 60) -> Ring:
    """A call that has just ended, and is being wrapped up."""
    ring = floor.ring(SEAT)
    ((lily,),) = floor.rows("SELECT id FROM agent WHERE login = 'lily'")
    floor.answer(ring, lily)
    ago = {"s": ring.segment_id, "talk": timedelta(seconds=talk_s)}
    floor.do(("UPDATE segment SET started_at = started_at - %(talk)s WHERE id = %(s)s", ago))
    floor.hang_up(ring)
    return ring


async def offering(lily: WebCaller, count: int) -> str:
    """The desk, as soon as it has heard of the outcomes that are offered now."""
    async with asyncio.timeout(5):
        while (page := (await lily.page("/desk")).text).count('name="outcome"') != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return page


def wishes(floor: ForgedFloor) -> list[str]:
    return [kind for (kind,) in floor.rows("SELECT kind FROM pbx_request WHERE kind <> 'add_member'")]


async def test_the_desk_offers_exactly_what_the_queue_does_in_its_order(
    lily: WebCaller, floor: ForgedFloor, database_url: str
) -> None:
    made = await asyncio.to_thread(
        kefu, database_url, "outcome", "set", "sold", "--en", "Sold <b>", "--zh", "已成交", "--tone", "good"
    )
    assert (made.exit_code, made.stderr) == (0, "outcome sold is set\n")
    assert (await asyncio.to_thread(kefu, database_url, "outcome", "offer", "support", "sold", "solved")).exit_code == 0
    assert [
        each["code"] for each in (await asyncio.to_thread(listed, database_url, "--queue", "support"))["outcomes"]
    ] == ["sold", "solved"]
    assert len((await asyncio.to_thread(listed, database_url))["outcomes"]) == 7
    talked(floor)
    picture = await offering(lily, 2)
    assert picture.index("Sold &lt;b&gt;") < picture.index("Solved")
    assert (await asyncio.to_thread(kefu, database_url, "outcome", "offer", "support")).exit_code == 0
    floor.posture(SEAT, "wrapping_up", conversation_id=None)
    talked(floor)
    await offering(lily, 7)


async def test_an_outcome_that_calls_have_had_is_kept_for_them_and_offered_no_more(
    lily: WebCaller, floor: ForgedFloor, database_url: str
) -> None:
    await asyncio.to_thread(kefu, database_url, "outcome", "set", "sold", "--en", "Sold", "--settles", "none:other")
    await asyncio.to_thread(kefu, database_url, "outcome", "set", "never", "--en", "Never")
    ring = talked(floor)
    done = await lily.send_form("/desk/wrap-up", conversation=str(ring.conversation_id), outcome="sold")
    assert done.status_code == 303
    assert (
        await asyncio.to_thread(kefu, database_url, "outcome", "remove", "never")
    ).stderr == "outcome never is removed\n"
    assert "retired" in (await asyncio.to_thread(kefu, database_url, "outcome", "remove", "sold")).stderr
    assert "sold" not in [
        each["code"] for each in (await asyncio.to_thread(listed, database_url, "--queue", "support"))["outcomes"]
    ]
    floor.posture(SEAT, "ready")
    assert "Sold" in (await lily.page("/desk")).text  # among the last calls
    again = talked(floor)
    refused = await lily.send_form("/desk/wrap-up", conversation=str(again.conversation_id), outcome="sold")
    assert "is unknown" in refused.text


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("set", "Sold!"), "is no code"),
        (("set", "sold", "--en", " "), "a title has 1 to 40"),
        (("set", "sold", "--settles", "none:bored"), "reason 'bored' is unknown"),
        (("set", "sold", "--settles", "new:nothing"), "category 'nothing' is unknown"),
        (("set", "sold", "--settles", "solved"), "settles nothing"),
        (("offer", "support", "gone"), "there is no outcome 'gone'"),
        (("offer", "nowhere", "solved"), "there is no queue 'nowhere'"),
        (("demand", "nowhere", "--after", "5"), "there is no queue 'nowhere'"),
        (("remove", "gone"), "there is no outcome 'gone'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_and_changes_nothing(
    app: FastAPI, database_url: str, arguments: tuple[str, ...], why: str
) -> None:
    before = listed(database_url)
    refused = kefu(database_url, "outcome", *arguments)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert why in refused.stderr
    assert listed(database_url) == before


@pytest.mark.parametrize(("talk_s", "needed"), [(31, True), (5, False)])
async def test_a_queue_demands_an_outcome_of_long_talks_alone(
    lily: WebCaller, floor: ForgedFloor, database_url: str, talk_s: float, needed: bool
) -> None:
    assert (await asyncio.to_thread(kefu, database_url, "outcome", "demand", "support", "--after", "30")).exit_code == 0
    assert (await asyncio.to_thread(listed, database_url))["demands"] == {"support": 30}
    ring = talked(floor, talk_s)
    page = (await lily.page("/desk")).text
    assert ('id="owed"' in page) is needed
    assert ('action="/desk/unpause"' in page) is not needed
    answer = await lily.send_form("/desk/unpause")
    assert (answer.status_code, wishes(floor)) == ((200, []) if needed else (303, ["end_after_call_work"]))
    if needed:
        assert "queue support needs an outcome of every talk of 30 s and more: choose one" in answer.text
        saved = await lily.send_form("/desk/wrap-up", conversation=str(ring.conversation_id), outcome="solved")
        assert (saved.status_code, wishes(floor)) == (303, ["end_after_call_work"])
    await asyncio.to_thread(kefu, database_url, "outcome", "demand", "support", "--off")
    assert (await asyncio.to_thread(listed, database_url))["demands"] == {}


@pytest.mark.parametrize(
    ("outcome", "cases", "reasons"),
    [("solved", [], ["answered_at_once"]), ("wrong_number", [], ["wrong_number"]), ("complaint", ["complaint"], [])],
)
async def test_an_outcome_settles_the_question_of_the_case(
    lily: WebCaller, floor: ForgedFloor, outcome: str, cases: list[str], reasons: list[str]
) -> None:
    ring = talked(floor)
    for _ in range(2):  # twice is once
        await lily.send_form("/desk/wrap-up", conversation=str(ring.conversation_id), outcome=outcome, case="")
    assert [row[0] for row in floor.rows("SELECT category FROM customer_case")] == cases
    assert [row[0] for row in floor.rows("SELECT reason FROM no_case")] == reasons
    assert floor.rows("SELECT outcome FROM wrap_up") == [(outcome,)]


async def test_what_the_agent_says_of_the_case_counts_more(lily: WebCaller, floor: ForgedFloor) -> None:
    ring = talked(floor)
    said = {"conversation": str(ring.conversation_id), "outcome": "complaint", "case": "none:nobody_spoke"}
    assert (await lily.send_form("/desk/wrap-up", **said)).status_code == 303
    assert floor.rows("SELECT count(*) FROM customer_case") == [(0,)]
    assert floor.rows("SELECT reason FROM no_case") == [("nobody_spoke",)]


async def test_a_follow_up_is_kept_with_the_outcome_or_not_at_all(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    ring = talked(floor)
    today = datetime.now(Settings().zone).date()
    said = {"conversation": str(ring.conversation_id), "outcome": "solved", "note": "ring back\nabout the kiln"}
    for day in (today - timedelta(days=1), today + timedelta(days=400)):
        refused = await lily.send_form("/desk/wrap-up", **said, follow_up=str(day))
        assert "a follow-up is today or within 366 days" in refused.text
    assert "a day is written as" in (await lily.send_form("/desk/wrap-up", **said, follow_up="tomorrow")).text
    assert floor.rows("SELECT count(*) FROM wrap_up") == [(0,)]
    for day in (today + timedelta(days=9), today):  # the last word counts
        assert (await lily.send_form("/desk/wrap-up", **said, follow_up=str(day))).status_code == 303
    ((agent_id,),) = floor.rows("SELECT agent_id FROM follow_up")
    async with database.transaction() as session:
        (due,) = await follow_ups.due(session, agent_id, today)
        assert (due.about, due.late, due.caller) == ("ring back about the kiln", False, "+8613800138000")
        assert await follow_ups.due(session, agent_id, today - timedelta(days=1)) == []
        assert [each.late for each in await follow_ups.due(session, agent_id, today + timedelta(days=1))] == [True]
        assert not await follow_ups.tick_off(session, due.id, ring.pop_id)
        assert await follow_ups.tick_off(session, due.id, agent_id)
        assert not await follow_ups.tick_off(session, due.id, agent_id)
        assert await follow_ups.due(session, agent_id, today) == []


async def test_a_day_out_of_reach_is_refused(database: Database, app: FastAPI) -> None:
    async with database.transaction() as session:
        lily = await agents.find(session, "lily")
        assert lily is not None
        with pytest.raises(Refusal, match="within 366 days"):
            await follow_ups.plan(
                session, agent_id=lily.id, conversation_id=lily.id, due_on=date(2020, 1, 1), today=date(2026, 1, 1)
            )
