"""Customers dialled first, as rows: for seats that are kept free, in the order of places, before nobody who waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update
from test_callbacks import FENCE, NODE, NUMBER, OTHER, happened, promise, row, settings, working

from crm import callbacks, queues
from crm.database import Database
from crm.deeds import dial_customers, place_callbacks, steer_callback
from crm.deeds.callers_promised import CallerSeen, meet
from crm.deeds.end_by_time import end_by_time
from crm.refusals import Refusal
from crm.reports.callbacks import promises_kept
from crm.rules.ring_no_answer import Policy
from crm.settings import Settings
from crm.tables.agents import Agent, SeatSession
from crm.tables.callbacks import CallbackAttempt
from crm.tables.conversations import Conversation, Wait
from crm.tables.postures import Membership, Posture

__all__ = ["settings", "working"]

SEAT, SECOND = "PJSIP/101", "PJSIP/102"


@pytest.fixture(autouse=True)
async def customer_first(database: Database, working: None) -> None:
    async with database.transaction() as session:
        await queues.define(session, "support", callback_dialling="customer_first")


async def reserved(database: Database, seat: str = SEAT, reason: str = "RESERVED") -> None:
    """Asterisk has confirmed that no queue rings it."""
    now = datetime.now(UTC)
    async with database.transaction() as session:
        told = {"word": "paused", "since": now, "paused": True, "pause_reason": reason}
        await session.merge(Posture(node=NODE, seat=seat, **told))
        if seat == SECOND:
            await session.merge(Membership(node=NODE, seat=seat, queue="support", joined_at=now, penalty=0))


async def claim(database: Database, settings: Settings, *seats: str, fence: int = FENCE) -> dial_customers.Dials:
    kept = dict.fromkeys(seats, "support")
    async with database.transaction() as session:
        return await dial_customers.claim_for_seats(session, settings, NODE, fence, kept)


async def waits(database: Database, since: datetime, *, linkedid: str = "1.1", uniqueid: str = "1.1") -> UUID:
    """Somebody stands in the queue."""
    call = uuid4()
    known = {"id": call, "node": NODE, "linkedid": linkedid, "direction": "inbound", "started_at": since}
    stay = {"id": uuid4(), "node": NODE, "conversation_id": call, "queue": "support", "caller_uniqueid": uniqueid}
    async with database.transaction() as session:
        await session.execute(insert(Conversation).values(**known, caller="13800138009"))
        await session.execute(insert(Wait).values(**stay, entered_at=since))
    return call


async def test_a_try_is_opened_for_each_seat_that_is_kept_free_and_for_no_other(
    database: Database, settings: Settings
) -> None:
    earlier = datetime.now(UTC) - timedelta(minutes=9)
    second = (await promise(database, settings, OTHER)).promise
    first = (await promise(database, settings, joined_at=earlier, language="zh")).promise
    async with database.transaction() as session:
        assert await place_callbacks.claim(session, settings, NODE, FENCE) == []  # no place in the queue is made
    dials = await claim(database, settings)
    assert (dials.places, dials.wanted) == ([], {"support": 1})  # more than there are seats is in vain
    assert (await claim(database, settings, SEAT)).places == [], "Asterisk has not confirmed it"
    await reserved(database, reason="lunch")
    assert (await claim(database, settings, SEAT)).places == [], "its agent has gone to lunch"
    await reserved(database)
    assert (await claim(database, settings, SEAT, fence=FENCE + 1)).places == [], "another bridge has the node"
    dials = await claim(database, settings, SEAT)
    [place] = dials.places
    assert (place.number_e164, place.seat, place.joined_at) == (NUMBER, SEAT, int(earlier.timestamp()))
    assert dials.wanted == {"support": 1}
    assert (await claim(database, settings, SEAT)).places == [], "one dial a seat"
    await reserved(database, SECOND)
    assert [each.number_e164 for each in (await claim(database, settings, SEAT, SECOND)).places] == [OTHER]
    for each in (first, second):
        found = await row(database, each.id)
        assert (found.state, found.mode) == ("placed", "customer_first")
    async with database.reading() as session:
        figures = await promises_kept(session)
    assert (figures["customers_dialled_first"], figures["seats_kept_free"], figures["dials_beyond_seats"]) == (2, 2, 0)
    await reserved(database, reason="lunch")
    async with database.reading() as session:
        assert (await promises_kept(session))["dials_beyond_seats"] == 1, "the check says so"


async def test_nobody_is_dialled_before_a_better_place_that_waits(database: Database, settings: Settings) -> None:
    now = datetime.now(UTC)
    booked = (await promise(database, settings, joined_at=now - timedelta(minutes=5))).promise
    await promise(database, settings, OTHER, joined_at=now - timedelta(minutes=1))
    await reserved(database)
    await waits(database, now - timedelta(minutes=10))
    assert await claim(database, settings, SEAT) == dial_customers.Dials([], {})
    async with database.transaction() as session:
        await session.execute(update(Wait).values(left_at=now))
    await waits(database, now - timedelta(minutes=3), linkedid="2.1", uniqueid="2.1")
    dials = await claim(database, settings, SEAT)
    assert [place.number_e164 for place in dials.places] == [NUMBER]  # the second one is behind who waits since 3 min
    assert dials.wanted == {}
    # The customer has pressed 1 and stands there, too: nobody else is dialled before they are served.
    async with database.transaction() as session:
        await session.execute(update(Wait).values(left_at=now))
        await session.execute(update(CallbackAttempt).values(queued_at=now))
    await waits(database, now, linkedid=dials.places[0].attempt_id, uniqueid=dials.places[0].attempt_id)
    assert await claim(database, settings, SEAT) == dial_customers.Dials([], {})
    async with database.reading() as session:
        [said] = await steer_callback.why_not_dialled(session, settings, booked.id)
    assert said == "the customer has answered and waits for an agent"


async def test_whose_agent_sits_at_a_seat_is_rung_by_that_agent(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    async with database.transaction() as session:
        lily = Agent(id=uuid4(), login="lily", name="Lily", password_hash="x")
        session.add(lily)
        await session.flush()
        session.add(SeatSession(agent_id=lily.id, node=NODE, seat="PJSIP/1001", signed_in_at=datetime.now(UTC)))
        (await callbacks.locked(session, booked.id)).owner_id = lily.id  # type: ignore[union-attr]
    assert await claim(database, settings, SEAT) == dial_customers.Dials([], {})
    async with database.transaction() as session:
        [place] = await place_callbacks.claim(session, settings, NODE, FENCE)
    assert (place.owner, place.seat) == ("1001/20", "")


async def test_as_many_at_a_time_as_places_may_be(database: Database, settings: Settings) -> None:
    few = settings.model_copy(update={"callback_places": 1})
    for number in (NUMBER, OTHER):
        await promise(database, few, number)
    assert (await claim(database, few)).wanted == {"support": 1}
    await reserved(database)
    await reserved(database, SECOND)
    dials = await claim(database, few, SEAT, SECOND)
    assert (len(dials.places), dials.wanted) == (1, {})
    assert (await claim(database, few, SEAT, SECOND)) == dial_customers.Dials([], {})


@pytest.mark.parametrize(
    ("facts", "outcome", "state"),
    [
        ({"dialled_at": 1, "chose": "1", "queued_at": 1, "talked_at": 1, "ended_at": 1}, "reached", "reached"),
        ({"dialled_at": 1, "chose": "2", "ended_at": 1, "dial_status": "ANSWER"}, "later", "waiting"),
        ({"dialled_at": 1, "chose": "3", "ended_at": 1, "dial_status": "ANSWER"}, "cancelled", "cancelled"),
        ({"dialled_at": 1, "chose": "1", "queued_at": 1, "ended_at": 1}, "agent_left", "waiting"),
        ({"seen_at": 1, "queued_at": 1, "ended_at": 1}, "agent_left", "waiting"),  # the key was not heard of
        ({"seen_at": 1, "ended_at": 1}, "no_answer", "waiting"),  # nor was the dial: the phone may have rung
        ({"dialled_at": 1, "ended_at": 1, "dial_status": "CANCEL"}, "agent_left", "waiting"),
        ({"dialled_at": 1, "ended_at": 1, "dial_status": "BUSY", "cause": 17}, "busy", "waiting"),
    ],
)
async def test_what_becomes_of_a_dial(
    database: Database, settings: Settings, facts: dict[str, Any], outcome: str, state: str
) -> None:
    now = datetime.now(UTC)
    booked = (await promise(database, settings)).promise
    await reserved(database)
    [place] = (await claim(database, settings, SEAT)).places
    told = {name: now if name.endswith("_at") else value for name, value in facts.items()}
    assert await happened(database, place.attempt_id, **told) == state
    found = await row(database, booked.id)
    assert (found.outcome, found.dials, found.kept) == (outcome, 1, True)


async def test_who_is_being_dialled_is_left_alone_and_so_is_the_seat(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    await reserved(database)
    [place] = (await claim(database, settings, SEAT)).places
    async with database.transaction() as session:
        with pytest.raises(Refusal, match="rings just now"):
            await steer_callback.cancel(session, booked.id, by="amy")
        assert not await meet(session, settings, NODE, CallerSeen(NUMBER, "9.9", "support")), "to be asked again"
        await session.execute(update(Posture).values(since=datetime.now(UTC) - timedelta(minutes=3)))
    asked = {"node": NODE, "fence": FENCE, "policy": Policy(), "expiry_s": 5}
    async with database.transaction() as session:
        assert await end_by_time(session, **asked) == []  # type: ignore[arg-type]
    await happened(database, place.attempt_id, dialled_at=datetime.now(UTC), ended_at=datetime.now(UTC))
    async with database.transaction() as session:
        assert await end_by_time(session, **asked) == [SEAT]  # type: ignore[arg-type]
        assert await meet(session, settings, NODE, CallerSeen(NUMBER, "9.9", "support", datetime.now(UTC)))
    assert (await row(database, booked.id)).state == "attached"


async def test_nobody_stands_in_the_queue(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    async with database.transaction() as session:
        await session.execute(update(Membership).values(left_at=datetime.now(UTC)))
    assert await claim(database, settings, SEAT) == dial_customers.Dials([], {})
    assert (await row(database, booked.id)).not_now == "nobody_works"


async def test_only_words_that_are_known(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(Refusal, match="agent_first or customer_first"):
            await queues.define(session, "support", callback_dialling="both")
        [listed] = [each for each in await queues.listed(session) if each.name == "support"]
    assert listed.callback_dialling == "customer_first"
