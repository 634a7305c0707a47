"""Customers who ring in while a callback is promised to them: not dialled while they wait, not forgotten when they give
up, and done with when an agent of that queue has answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from test_callbacks import FENCE, NODE, NUMBER, OTHER, claim, happened, promise, row, settings, working

from agi.promising import kept_s
from ami_bridge.floor import Floor
from ami_bridge.promised_callers import PromisedCallers
from crm import queues
from crm.database import Database
from crm.deeds import dial_customers, steer_callback
from crm.deeds.book_callback import callee_of, free_slots
from crm.deeds.callers_promised import CallerSeen, look_up, meet
from crm.ledger import conversations as ledger
from crm.rules.personal_queues import PREFIX
from crm.settings import Settings
from crm.tables.callbacks import Callback, CallbackAttempt
from crm.tables.conversations import Conversation, Segment, Wait
from crm.tables.customers import Customer, CustomerPhone
from crm.tables.postures import Posture
from crm.tables.routing import Routing

__all__ = ["settings", "working"]

CALLER = "013800138000"
"""As the trunk signals NUMBER."""


async def seen(
    database: Database,
    settings: Settings,
    queue: str = "support",
    *,
    answered: bool = False,
    linkedid: str = "9.9",
    number: str = CALLER,
) -> bool:
    caller = CallerSeen(number, linkedid, queue, datetime.now(UTC) if answered else None)
    async with database.transaction() as session:
        return await meet(session, settings, NODE, caller)


async def call(
    database: Database, outcome: str | None, *, queue: str = "support", linkedid: str = "9.9", caller: str = CALLER
) -> UUID:
    """A call as the ledger has it, that waited and left a moment ago (outcome None: waits)."""
    now, known = datetime.now(UTC), uuid4()
    of = {"id": known, "node": NODE, "linkedid": linkedid, "direction": "inbound", "started_at": now}
    stay = {"id": uuid4(), "node": NODE, "conversation_id": known, "queue": queue, "caller_uniqueid": linkedid}
    async with database.transaction() as session:
        await session.execute(insert(Conversation).values(**of, caller=caller))
        left = {"left_at": now, "outcome": outcome} if outcome else {}
        await session.execute(insert(Wait).values(**stay, entered_at=now - timedelta(seconds=20), **left))
    return known


async def test_who_waits_is_not_overtaken_and_who_gives_up_is_still_owed_the_call(
    database: Database, settings: Settings
) -> None:
    booked = (await promise(database, settings, joined_at=datetime.now(UTC) - timedelta(minutes=9))).promise
    [place] = await claim(database, settings)
    assert await seen(database, settings)
    async with database.reading() as session:
        attempt = await session.get(CallbackAttempt, UUID(place.attempt_id))
    assert attempt is not None
    assert attempt.outcome == "attached", "the place is hung up by this"
    assert await claim(database, settings, on_line=[CALLER]) == []
    async with database.reading() as session:
        said = await steer_callback.why_not_dialled(session, settings, booked.id)
    assert said[-1] == "the customer waits in a queue just now"
    assert await happened(database, place.attempt_id, ended_at=datetime.now(UTC)) is None
    await call(database, "abandoned")
    found = await row(database, booked.id)
    assert (found.state, found.dials, found.kept, found.place_at) == ("waiting", 0, None, booked.joined_at)
    [again] = await claim(database, settings, on_line=["13900139000"])
    assert (again.number_e164, again.joined_at) == (NUMBER, place.joined_at)


@pytest.mark.parametrize("outcome", ["abandoned", "timeout", "key_exit", "withdrawn", "leave_empty", "lost_sight"])
async def test_no_way_out_of_a_queue_but_an_answer_ends_a_promise(
    database: Database, settings: Settings, outcome: str
) -> None:
    await promise(database, settings)
    await call(database, outcome)
    assert len(await claim(database, settings)) == 1


async def test_an_answer_ends_it_whoever_saw_it(database: Database, settings: Settings) -> None:
    first = (await promise(database, settings)).promise
    assert await seen(database, settings)
    assert await seen(database, settings, answered=True)
    found = await row(database, first.id)
    assert (found.state, found.outcome, found.kept) == ("attached", "attached", None)
    # The bridge died before it told: what the ledger has is found before anybody is dialled.
    second = (await promise(database, settings)).promise
    await call(database, "answered", linkedid="9.8")
    assert await claim(database, settings) == []
    assert (await row(database, second.id)).state == "attached"
    # And where a place stands already.
    third = (await promise(database, settings, OTHER)).promise
    [place] = await claim(database, settings)
    await call(database, "answered", linkedid="9.7", caller="13900139000")
    async with database.transaction() as session:
        assert await look_up(session, settings, NODE) == 1
    assert (await row(database, third.id)).state == "attached"
    assert await happened(database, place.attempt_id, ended_at=datetime.now(UTC)) is None


async def test_another_queue_or_the_call_of_the_promise_itself_ends_nothing(
    database: Database, settings: Settings
) -> None:
    booked = (await promise(database, settings, linkedid="5.5")).promise
    [place] = await claim(database, settings)
    assert await seen(database, settings, "reception")
    assert await seen(database, settings, "reception", answered=True)
    await call(database, "answered", queue="reception")
    assert (await row(database, booked.id)).state == "placed"
    # The agent who promised it hands the caller on to the same queue: not overtaken, and not kept by that.
    assert await seen(database, settings, linkedid="5.5")
    assert await seen(database, settings, linkedid="5.5", answered=True)
    assert await happened(database, place.attempt_id, ended_at=datetime.now(UTC)) is None
    assert await claim(database, settings, on_line=[CALLER]) == []
    await call(database, "answered", linkedid="5.5")
    assert len(await claim(database, settings)) == 1
    database_kept = await kept_s(database, "reception", NUMBER, None)
    assert database_kept == 0, "the place of one queue is none in another"


async def test_an_hour_that_was_chosen_stands_until_it_has_come(database: Database, settings: Settings) -> None:
    async with database.reading() as session:
        free = await free_slots(session, settings, "support", await callee_of(session, NUMBER, None, None))
    booked = (await promise(database, settings, begin=free[3].begin)).promise
    assert await seen(database, settings)
    assert await seen(database, settings, answered=True)
    await call(database, "answered")
    found = await row(database, booked.id)
    assert (found.state, found.due_at) == ("waiting", free[3].begin)
    earlier = datetime.now(UTC) - timedelta(minutes=1)  # it has come
    async with database.transaction() as session:
        told = {"window_begin": earlier, "joined_at": earlier, "due_at": earlier, "asked_at": earlier}
        await session.execute(update(Callback).values(**told))
    assert await seen(database, settings, answered=True)
    assert (await row(database, booked.id)).state == "attached"


async def test_who_is_being_dialled_is_asked_about_again(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    [place] = await claim(database, settings)
    async with database.transaction() as session:
        await session.execute(update(CallbackAttempt).values(dialled_at=datetime.now(UTC)))
    assert not await seen(database, settings)
    assert not await seen(database, settings, answered=True)
    told = {"dial_status": "BUSY", "cause": 17, "ended_at": datetime.now(UTC)}
    async with database.transaction() as session:
        await session.execute(update(CallbackAttempt).values(**told))
    assert not await seen(database, settings, answered=True), "how that dial ended is counted first"
    assert await happened(database, place.attempt_id, **told) == "waiting"
    assert await seen(database, settings, answered=True)
    found = await row(database, booked.id)
    assert (found.state, found.dials, found.kept) == ("attached", 1, True)


async def test_the_other_phone_of_the_customer_and_the_queue_of_their_last_agent(
    database: Database, settings: Settings
) -> None:
    customer = Customer(id=uuid4(), code="K000001", name="Chen Jing")
    async with database.transaction() as session:
        session.add(customer)
        await session.flush()
        for number in (NUMBER, OTHER):
            session.add(
                CustomerPhone(
                    customer_id=customer.id, raw=number, e164=number, country="CN", validity="valid", kind="mobile"
                )
            )
        routed = {"visit_id": uuid4(), "node": NODE, "linkedid": "9.9", "queue": "support", "credit_reasons": []}
        session.add(Routing(**routed, credit_s=0, last_agent_s=8, announced=False, decided_at=datetime.now(UTC)))
    booked = (await promise(database, settings)).promise
    [_] = await claim(database, settings)
    assert await seen(database, settings, f"{PREFIX}1001", number="13900139000")
    assert (await row(database, booked.id)).state == "waiting"
    assert await claim(database, settings, on_line=["13900139000"]) == []
    await call(database, "answered", queue=f"{PREFIX}1001", caller="13900139000")
    assert await claim(database, settings) == []
    assert (await row(database, booked.id)).state == "attached"


async def test_nobody_is_dialled_first_who_waits(database: Database, settings: Settings) -> None:
    await promise(database, settings)
    async with database.transaction() as session:
        await queues.define(session, "support", callback_dialling="customer_first")
        await session.execute(update(Posture).values(paused=True, pause_reason="RESERVED"))

    async def dials(*on_line: str) -> dial_customers.Dials:
        kept = {"PJSIP/101": "support"}
        async with database.transaction() as session:
            return await dial_customers.claim_for_seats(session, settings, NODE, FENCE, kept, on_line=on_line)

    assert await dials(CALLER) == dial_customers.Dials([], {})
    assert len((await dials()).places) == 1
    async with database.reading() as session:
        assert await session.scalar(select(Callback.not_now)) is None


async def test_a_bridge_that_is_started_anew_finds_who_waits_and_who_was_answered(
    database: Database, settings: Settings
) -> None:
    first = (await promise(database, settings)).promise
    second = (await promise(database, settings, OTHER)).promise
    assert len(await claim(database, settings)) == 2
    began = datetime.now(UTC).timestamp()
    calls = [
        ledger.Conversation(str(uuid4()), NODE, linkedid, "inbound", began, caller=caller)
        for linkedid, caller in (("9.9", CALLER), ("9.8", "13900139000"))
    ]
    stays = [ledger.Wait(str(uuid4()), each.id, NODE, "support", each.linkedid, began) for each in calls]
    stays[1].left_at, stays[1].outcome = began + 1, "answered"
    for _ in range(2):  # killed after that, and once more
        floor = Floor(NODE)
        floor.recall(calls, stays, [], [], [], [])
        callers = PromisedCallers(database, settings, NODE, floor, lambda: None)
        assert callers.waiting() == {CALLER}
        await callers.look()
        await callers.look()
        assert (await row(database, first.id)).state == "waiting"
        assert (await row(database, second.id)).state == "attached"
        assert await claim(database, settings, on_line=callers.waiting()) == []
    stays[0].left_at, stays[0].outcome = began + 9, "abandoned"
    await callers.look()
    assert len(await claim(database, settings, on_line=callers.waiting())) == 1


async def test_a_talk_says_that_they_were_answered_where_the_end_of_the_wait_was_not_seen(
    database: Database, settings: Settings
) -> None:
    booked = (await promise(database, settings)).promise
    talked = await call(database, "lost_sight")
    now = datetime.now(UTC)
    of = {"id": uuid4(), "conversation_id": talked, "node": NODE, "queue": "support", "seat": "PJSIP/101"}
    async with database.transaction() as session:
        await session.execute(insert(Segment).values(**of, caller_uniqueid="9.9", started_at=now))
    assert await claim(database, settings) == []
    assert (await row(database, booked.id)).state == "attached"
