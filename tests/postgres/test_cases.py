"""Cases through deeds: one owner, a history of everything, no edit lost, closed only when all holds, clocks in time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from case_people import People, done, hire, opened, seen, told
from forged_floor import ForgedFloor

from crm import cases, customers, routing, work_orders
from crm.cases import calls, categories, reminders, tellings
from crm.database import Database
from crm.deeds import close_case, order_work, tell_customer, watch_cases, work_case
from crm.deeds.escalate_case import escalate
from crm.deeds.settle_call import NotSaid, open_from_call, settle_call
from crm.refusals import Refusal
from crm.rules.case_numbers import read_number
from crm.settings import Settings

SOLUTION = "A new cup was sent."


@pytest.fixture
def settings() -> Settings:
    return Settings(timezone="UTC")


@pytest.fixture
async def people(database: Database) -> People:
    return await hire(database)


async def test_from_opening_to_closing_one_owner_and_a_row_for_each_change(
    database: Database, settings: Settings, people: People
) -> None:
    lily, marco = people["lily"], people["marco"]
    number = await opened(database, settings, lily)
    assert read_number(number) == number
    case = await seen(database, number)
    assert (case.owner, case.handler, case.tier, case.state, case.version) == ("lily", "lily", "first_line", "open", 1)
    assert [clock["kind"] for clock in case.clocks] == ["solve"]
    await done(database, escalate, settings, number, agent=lily, why="needs the workshop")
    case = await seen(database, number)
    assert (case.owner, case.handler, case.tier) == ("lily", None, "second_line")
    assert [clock["kind"] for clock in case.clocks] == ["respond", "solve"]
    await done(database, work_case.take, settings, number, agent=marco)
    await done(database, work_case.add_note, number, agent=marco, note="kiln broken\x00")
    await done(database, close_case.solve, settings, number, agent=marco, solution=SOLUTION)
    with pytest.raises(Refusal, match="is Lily's: its owner closes it"):
        await done(database, close_case.close, settings, number, agent=marco, customer_knows=True)
    with pytest.raises(Refusal, match="the customer was not told of the solution"):
        await done(database, close_case.close, settings, number, agent=lily)
    await done(database, tell_customer.tell, number, agent=lily, channel="call", template="solved", told_already=True,
               language="en", recipient="+8613800138000")  # fmt: skip
    await done(database, close_case.close, settings, number, agent=lily)
    case = await seen(database, number)
    assert (case.state, case.owner, case.handler, case.closed_by) == ("closed", "lily", "marco", "lily")
    assert all(clock["running_since"] is None for clock in case.clocks)
    changes = await told(database, number)
    assert changes[0] == ("opened", "owner", None, "lily")
    assert ("escalated", "tier", "first_line", "second_line") in changes
    assert ("taken", "handler", None, "marco") in changes
    assert ("closed", "state", "solved", "closed") in changes
    with pytest.raises(Refusal, match="closed already: lily closed it"):
        await done(database, close_case.close, settings, number, agent=lily)
    with pytest.raises(Refusal, match="closed: reopen it first"):
        await done(database, work_case.take, settings, number, agent=lily)


async def test_handing_on_keeps_the_owner_and_only_a_supervisor_gives_another(
    database: Database, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    await done(database, work_case.assign, settings, number, agent=people["lily"], to=people["nina"], note="for you")
    case = await seen(database, number)
    assert (case.owner, case.handler) == ("lily", "nina")
    with pytest.raises(Refusal, match="only a supervisor"):
        await done(database, work_case.give_owner, number, agent=people["lily"], to=people["nina"], why="holiday")
    with pytest.raises(Refusal, match="say why"):
        await done(database, work_case.give_owner, number, agent=people["dana"], to=people["nina"], why=" ")
    await done(database, work_case.give_owner, number, agent=people["dana"], to=people["nina"], why="lily left")
    assert (await seen(database, number)).owner == "nina"


async def test_the_second_of_two_editors_is_told_who_was_there_and_nothing_is_lost(
    database: Database, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    said = {"subject": "Broken cup and saucer", "version": 1}
    await done(database, work_case.edit, settings, number, agent=people["lily"], **said)
    with pytest.raises(cases.CaseMoved, match=f"^lily changed case {number} meanwhile \\(edited\\)"):
        await done(database, work_case.edit, settings, number, agent=people["marco"], subject="Cup", version=1)
    assert (await seen(database, number)).subject == "Broken cup and saucer"

    async def note(which: int) -> None:
        await done(database, work_case.add_note, number, agent=people["marco"], note=f"note {which}")

    await asyncio.gather(*(note(which) for which in range(8)))
    changes = await told(database, number)
    assert sum(did == "noted" for did, *_ in changes) == 8
    assert (await seen(database, number)).version == 10


async def test_opened_with_one_key_at_once_it_is_one_case(
    database: Database, settings: Settings, people: People
) -> None:
    numbers = await asyncio.gather(*(opened(database, settings, people["lily"], opening_key="x") for _ in range(6)))
    assert len(set(numbers)) == 1
    assert await told(database, numbers[0]) == [("opened", "owner", None, "lily")]
    assert await opened(database, settings, people["lily"], opening_key="y") != numbers[0]


async def test_a_complaint_begins_with_those_who_handle_complaints(
    database: Database, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"], category="complaint")
    case = await seen(database, number)
    assert (case.tier, case.owner, case.handler) == ("complaints", "lily", None)
    async with database.reading() as session:
        queue = await cases.listed(session, "queue", agent_id=people["nina"].id)
        assert [each.number for each in queue] == [number]
        assert await cases.listed(session, "queue", agent_id=people["marco"].id) == []
        assert (await cases.counts(session, people["nina"].id)).queue == 1
    with pytest.raises(Refusal, match="cannot be lifted"):
        await done(database, escalate, settings, number, agent=people["lily"], why="higher!")


async def test_waiting_stops_the_clock_and_going_on_lets_it_run(
    database: Database, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    before = (await seen(database, number)).due_at
    assert before is not None
    await done(database, work_case.wait, settings, number, agent=people["lily"], why="a photo of the cup")
    case = await seen(database, number)
    assert (case.state, case.due_at) == ("waiting", None)
    with pytest.raises(Refusal, match="only an open one can wait"):
        await done(database, work_case.wait, settings, number, agent=people["lily"], why="again")
    await done(database, escalate, settings, number, agent=people["lily"], why="needs the workshop")
    assert [clock["running_since"] for clock in (await seen(database, number)).clocks] == [None, None]
    await done(database, work_case.go_on, settings, number, agent=people["lily"])
    assert None not in [clock["running_since"] for clock in (await seen(database, number)).clocks]
    await done(database, work_case.take, settings, number, agent=people["marco"])
    after = (await seen(database, number)).due_at
    assert after is not None
    assert before <= after < before + timedelta(minutes=1)


async def test_a_broken_clock_lifts_the_case_once_and_reminds_before(
    database: Database, database_url: str, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])

    def pass_time(hours: int) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "UPDATE case_clock SET running_since = running_since - make_interval(hours => %(h)s), "
                "due_at = due_at - make_interval(hours => %(h)s), warn_at = warn_at - make_interval(hours => %(h)s)",
                {"h": hours},
            )

    pass_time(21)  # of 24 open hours
    await watch_cases.run(database, settings)
    async with database.reading() as session:
        assert [each.about for each in await reminders.open_of(session, people["lily"].id)] == ["case_due_soon"]
        assert await cases.listed(session, "overdue") == []
    pass_time(4)
    for _ in range(3):
        await watch_cases.run(database, settings)
    case = await seen(database, number)
    assert (case.tier, case.owner, case.handler, case.overdue) == ("second_line", "lily", None, True)
    changes = [did for did, *_ in await told(database, number)]
    assert changes.count("breached") == 1
    assert changes.count("escalated") == 2  # its tier and its handler
    async with database.reading() as session:
        assert [each.number for each in await cases.listed(session, "overdue")] == [number]


async def test_a_holiday_added_later_is_no_breach(database: Database, database_url: str, people: People) -> None:
    today = datetime.now(UTC).date()
    settings = Settings(timezone="UTC")
    number = await opened(database, settings, people["lily"])
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE case_clock SET due_at = now() - interval '1 min', warned_at = now()")
        for day in range(-1, 5):
            connection.execute(
                "INSERT INTO special_day (day, queue, spans, reason, added_by) VALUES (%s, '', '', 'flood', 'dana')",
                (today + timedelta(days=day),),
            )
    await watch_cases.run(database, settings)
    case = await seen(database, number)
    assert not case.overdue
    assert case.due_at is not None
    assert case.due_at > datetime.now(UTC) + timedelta(days=4)


async def test_a_clock_of_weeks_leaves_out_every_day_that_was_closed(
    database: Database, database_url: str, settings: Settings, people: People
) -> None:
    """Twelve days ago nobody worked: of fifteen days fourteen are spent, and half a day is left."""
    number = await opened(database, settings, people["lily"])
    now = datetime.now(UTC)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE case_clock SET running_since = %s, target_s = 14.5 * 86400, due_at = now(), warned_at = now()",
            (now - timedelta(days=15),),
        )
        connection.execute(
            "INSERT INTO special_day (day, queue, spans, reason, added_by) VALUES (%s, '', '', 'flood', 'dana')",
            ((now - timedelta(days=12)).date(),),
        )
    await watch_cases.run(database, settings)
    case = await seen(database, number)
    assert (case.tier, case.overdue) == ("first_line", False)
    assert case.due_at is not None
    assert abs(case.due_at - now - timedelta(hours=12)) < timedelta(minutes=1)
    await done(database, work_case.wait, settings, number, agent=people["lily"], why="a photo of the cup")
    (clock,) = (await seen(database, number)).clocks
    assert abs(clock["spent_s"] - 14 * 86400) < 60


async def test_reopening_is_counted_and_lifts_what_keeps_coming_back(
    database: Database, settings: Settings, people: People
) -> None:
    lily = people["lily"]
    number = await opened(database, settings, lily)
    for again in (1, 2):
        await done(
            database,
            close_case.close,
            settings,
            number,
            agent=lily,
            solution=f"{SOLUTION} {again}",
            customer_knows=True,
        )
        await done(database, close_case.reopen, settings, number, agent=lily, why="broken again")
        case = await seen(database, number)
        assert (case.state, case.reopened, case.solved_at) == ("open", again, None)
    assert (case.tier, case.owner, case.handler) == ("second_line", "lily", None)


async def test_a_category_may_demand_an_affirmation(database: Database, settings: Settings, people: People) -> None:
    await done(database, categories.define, "after_sales", check_en="Refund arrived?", check_zh="退款到账？")
    number = await opened(database, settings, people["lily"])
    said = {"agent": people["lily"], "solution": SOLUTION, "customer_knows": True}
    with pytest.raises(Refusal, match=r"affirm first: Refund arrived\?"):
        await done(database, close_case.close, settings, number, **said)
    assert (await seen(database, number)).state == "open"  # nothing of a refused deed is kept
    await done(database, close_case.close, settings, number, affirmed=True, **said)
    with pytest.raises(Refusal, match="small letters"):
        await done(database, categories.define, "No!", title_en="x")
    with pytest.raises(Refusal, match="is unknown: it is one of order, after_sales"):
        await opened(database, settings, people["lily"], category="weather")


async def test_a_work_order_goes_there_and_back_and_both_sides_rate(
    database: Database, settings: Settings, people: People
) -> None:
    lily, otto = people["lily"], people["otto"]
    number = await opened(database, settings, lily)
    order = await done(database, order_work.give_work_order, settings, number, agent=lily, department="warehouse",
                       wanted="Send a cup")  # fmt: skip
    assert order.number == f"{number}-1"
    with pytest.raises(Refusal, match="a department still owes an answer"):
        await done(database, close_case.close, settings, number, agent=lily, solution=SOLUTION, customer_knows=True)
    with pytest.raises(Refusal, match="is for people of warehouse"):
        await done(database, order_work.take_order, order.number, agent=lily)
    await done(database, order_work.take_order, order.number, agent=otto)
    await done(database, order_work.answer_order, order.number, agent=otto, answer="Sent", rating=4, remark="clear")
    with pytest.raises(Refusal, match="answered already"):
        await done(database, order_work.answer_order, order.number, agent=otto, answer="Sent")
    with pytest.raises(Refusal, match="from 1 to 5"):
        await done(database, order_work.rate_answer, order.number, agent=lily, rating=9)
    await done(database, order_work.rate_answer, order.number, agent=lily, rating=5)
    async with database.reading() as session:
        (row,) = await work_orders.listed(session, "answered", departments=["warehouse"])
    assert (row.state, row.request_rating, row.answer_rating, row.answered_by) == ("answered", 4, 5, "otto")
    assert {"work_ordered", "work_taken", "work_answered", "work_rated"} <= {
        did for did, *_ in await told(database, number)
    }


async def test_another_departments_orders_are_not_there(
    database: Database, database_url: str, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    said = {"agent": people["lily"], "wanted": "Refund", "department": "finance"}
    order = await done(database, order_work.give_work_order, settings, number, **said)
    with pytest.raises(work_orders.NoSuchOrder):
        await done(database, order_work.take_order, order.number, agent=people["otto"])
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE work_order SET due_at = now() - interval '1 min'")
    for _ in range(2):
        await watch_cases.run(database, settings)
    async with database.reading() as session:
        assert [each.about for each in await reminders.open_of(session, people["lily"].id)] == ["work_order_late"]
        assert [each.overdue for each in await work_orders.listed(session, "overdue")] == [True]


async def test_the_customer_is_told_in_their_language_and_texts_wait_for_a_gateway(
    database: Database, settings: Settings, people: People
) -> None:
    async with database.transaction() as session:
        wang = await customers.find(session, "C-1")
        assert wang is not None
        wang.language = "zh"
    number = await opened(database, settings, people["lily"], customer_id=wang.id, subject="{solution} 杯子")
    _, telling = await done(
        database, tell_customer.tell, number, agent=people["lily"], channel="sms", template="progress"
    )
    assert telling.body == f"王美玲您好，您的事件 {number}（{{solution}} 杯子）目前处理中。"
    assert (telling.state, telling.recipient) == ("written", "+8613800138000")
    async with database.reading() as session:
        assert [each.id for each in await tellings.outbox(session)] == [telling.id]
    for channel, recipient in (("email", "wang"), ("sms", "1380013"), ("pigeon", "x")):
        with pytest.raises(Refusal):
            await done(database, tell_customer.tell, number, agent=people["lily"], channel=channel, body="x",
                       recipient=recipient)  # fmt: skip
    _, call = await done(database, tell_customer.tell, number, agent=people["lily"], channel="call", body="will ring")
    said = {"solution": SOLUTION, "customer_knows": True}
    with pytest.raises(Refusal, match="promised and is not made"):
        await done(database, close_case.close, settings, number, agent=people["lily"], **said)
    await done(database, tell_customer.called, number, call.id, agent=people["lily"])
    with pytest.raises(Refusal, match="made already"):
        await done(database, tell_customer.called, number, call.id, agent=people["lily"])


async def test_every_answered_call_has_a_case_or_a_reason(
    database: Database, database_url: str, settings: Settings, people: People
) -> None:
    lily, floor = people["lily"], ForgedFloor(database_url)
    rings = [floor.ring("PJSIP/1001", facts={"number_e164": "+8613800138000"}) for _ in range(5)]
    for ring in rings:
        floor.answer(ring, lily.id)
        floor.hang_up(ring)
    ids = [ring.conversation_id for ring in rings]
    now = datetime.now(UTC)

    async def left() -> list[object]:
        async with database.reading() as session:
            found = await calls.without(session, now - timedelta(hours=1), now + timedelta(hours=1))
        return [each.id for each in found]

    assert set(await left()) == set(ids)
    case = await done(database, open_from_call, settings, agent=lily, conversation_id=ids[0], category="order", key="0")
    again = await done(
        database, open_from_call, settings, agent=lily, conversation_id=ids[0], category="order", key="0"
    )
    assert again.number == case.number
    assert (await seen(database, case.number)).caller == "+8613800138000"
    said = {"agent": lily, "outcome": "other"}
    await done(database, settle_call, settings, conversation_id=ids[1], said=f"case:{case.number}", **said)
    await done(database, settle_call, settings, conversation_id=ids[2], said="none:answered_at_once", **said)
    await done(
        database, settle_call, settings, conversation_id=ids[3], said="new:enquiry", note="Opening hours?", **said
    )
    with pytest.raises(NotSaid):
        await done(database, settle_call, settings, conversation_id=ids[4], said="", **said)
    for nonsense in ("case:123", "none:weather", "new:weather", "who knows"):
        with pytest.raises(Refusal):
            await done(database, settle_call, settings, conversation_id=ids[4], said=nonsense, **said)
    assert await left() == [ids[4]]
    await done(database, settle_call, settings, conversation_id=ids[4], said="", agent=lily, outcome="wrong_number")
    assert await left() == []
    await done(database, settle_call, settings, conversation_id=ids[2], said="", **said)  # it has its answer


async def test_menu_and_routing_know_of_cases(
    database: Database, database_url: str, settings: Settings, people: People
) -> None:
    async with database.reading() as session:
        wang = await customers.find(session, "C-1")
        assert wang is not None
        assert await cases.open_case_of(session, wang.id) is None
    number = await opened(database, settings, people["lily"], customer_id=wang.id)
    async with database.reading() as session:
        found = await cases.open_case_of(session, wang.id)
        assert found is not None
        assert found.number == number
        assert not await cases.has_breached_case(session, wang.id)
        assert await cases.asked_about(session, uuid4(), number) is None  # somebody else's
        anyone = await cases.asked_about(session, None, f"{number[:2]} {number[2:]}#")
        assert anyone is not None
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE case_clock SET due_at = now() - interval '1 min'")
    asked = routing.Asked("asterisk1", "1.1", "support", customer_id=wang.id)
    rules = routing.Rules(settings.waiting_credit, last_agent_days=7)
    async with database.reading() as session:
        late = await cases.has_breached_case(session, wang.id)
        decided = await routing.decide(session, asked, rules, breached_case=late)
    assert [reason.why for reason in decided.credit.reasons] == ["a case over its time"]


async def test_what_is_done_is_announced_and_audited_with_it_and_not_without(
    database: Database, database_url: str, settings: Settings, people: People
) -> None:
    number = await opened(database, settings, people["lily"])
    with pytest.raises(Refusal):
        await done(database, escalate, settings, number, agent=people["lily"], why="")
    await done(database, escalate, settings, number, agent=people["lily"], why="x")
    with psycopg.connect(database_url) as connection:
        kinds = connection.execute("SELECT kind, data ->> 'number' FROM announcement ORDER BY id").fetchall()
        noted = connection.execute("SELECT did, subject_id FROM audit ORDER BY number").fetchall()
    assert kinds == [("case.opened", number), ("case.escalated", number)]
    assert noted == [("case.opened", number), ("case.escalated", number)]


async def test_the_list_of_overdue_cases_is_what_each_case_says_of_itself(
    database: Database, people: People, database_url: str
) -> None:
    """Every mixture of two clocks and a state, listed by the clocks' indexes as case by case; also cut short."""
    made = """
INSERT INTO customer_case (id, number, category, tier, state, subject, owner_id, opened_by, opened_at)
SELECT gen_random_uuid(), (1000 + n)::text, 'complaint', 'first_line',
       (ARRAY['open', 'waiting', 'solved', 'closed'])[1 + n % 4], 'S', (SELECT id FROM agent LIMIT 1), 'x',
       now() - make_interval(mins => n * 7 % 50) FROM generate_series(1, 400) n"""
    clocks = """
INSERT INTO case_clock (case_id, kind, target_s, spent_s, running_since, due_at, breached_at)
SELECT c.id, k.kind, 60, 0, CASE WHEN k.how > 1 THEN now() END,
       CASE WHEN k.how > 1 THEN now() + make_interval(mins => (CASE WHEN k.how = 2 THEN -1 ELSE 1 END) * (5 + k.n % 31))
       END, CASE WHEN k.n % 3 = 0 THEN now() END
  FROM (SELECT c.*, number::int AS n FROM customer_case c) c
 CROSS JOIN LATERAL (VALUES ('solve', c.n / 4 % 4, c.n), ('respond', c.n / 16 % 4, c.n / 5)) k(kind, how, n)
 WHERE k.how > 0 AND (c.state <> 'closed' OR k.how = 1)"""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(made)
        connection.execute(clocks)
    far = datetime.max.replace(tzinfo=UTC)
    async with database.reading() as session:
        every = [each for each in await cases.listed(session, "open", limit=1000) if each.overdue]
        every.sort(key=lambda each: (each.due_at or far, -each.opened_at.timestamp(), each.number))
        assert 100 < len(every) < 300
        for limit in (1, 7, 60, 90, 130, 1000):
            found = await cases.listed(session, "overdue", limit=limit)
            assert [each.due_at for each in found] == [each.due_at for each in every[:limit]], limit
            if limit == 1000:
                assert [each.number for each in found] == [each.number for each in every]
