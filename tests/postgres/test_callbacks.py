"""Promises as rows: made where they can be kept, once for each number and queue; claimed in order; settled once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from crm import callback_tries, callbacks
from crm.cli import main
from crm.database import Database
from crm.deeds import place_callbacks, steer_callback
from crm.deeds.book_callback import Booked, CannotPromise, Wanted, book, callee_of, free_slots
from crm.questions import ask
from crm.refusals import Refusal
from crm.reports.callers_owed import callers_owed
from crm.settings import Settings, read_settings
from crm.tables.callbacks import Callback, CallbackAttempt
from crm.tables.conversations import Conversation, Wait
from crm.tables.customers import Customer, CustomerPhone
from crm.tables.nodes import Node
from crm.tables.organisations import Organisation, OrganisationPhone
from crm.tables.pops import Pop
from crm.tables.postures import Membership, Posture
from crm.tables.queues import Queue
from crm.web.own_state import asked_of, state_of

NODE, FENCE = "asterisk1", 7
ANYTIME = {"*": "mon-sun 00:00-24:00, holiday 00:00-24:00, makeup 00:00-24:00"}
ANYTIME["CN"] = ANYTIME["*"]
NUMBER, OTHER = "+8613800138000", "+8613900139000"


@pytest.fixture
def settings() -> Settings:
    return read_settings(node=NODE, callback_hours=ANYTIME)


@pytest.fixture(autouse=True)
async def working(database: Database) -> None:
    """A node that a bridge sees, and one seat at work in two queues."""
    now = datetime.now(UTC)
    async with database.transaction() as session:
        session.add(Node(name=NODE, heard_at=now + timedelta(minutes=5), fence=FENCE))
        session.add(Posture(node=NODE, seat="PJSIP/101", word="ready", since=now, paused=False))
        for queue in ("support", "reception"):
            session.add(Queue(name=queue, title_en=queue, title_zh=queue))
            here = {"node": NODE, "seat": "PJSIP/101", "queue": queue, "joined_at": now, "penalty": 0}
            await session.execute(insert(Membership).values(**here))


async def promise(
    database: Database, settings: Settings, number: str = NUMBER, queue: str = "support", **more: Any
) -> Booked:
    async with database.transaction() as session:
        return await book(session, settings, Wanted(queue, number, "cli", "amy", **more))


async def claim(
    database: Database, settings: Settings, fence: int = FENCE, on_line: Collection[str] = ()
) -> list[place_callbacks.Place]:
    async with database.transaction() as session:
        return await place_callbacks.claim(session, settings, NODE, fence, on_line=on_line)


async def row(database: Database, callback_id: UUID) -> Callback:
    async with database.reading() as session:
        found = await session.get(Callback, callback_id)
    assert found is not None
    return found


async def happened(database: Database, attempt_id: str, **facts: Any) -> str | None:
    """What the bridge sees of a try; then its settlement."""
    async with database.transaction() as session:
        await session.execute(update(CallbackAttempt).where(CallbackAttempt.id == UUID(attempt_id)).values(**facts))
    async with database.transaction() as session:
        return await place_callbacks.settle(session, UUID(attempt_id))


async def test_a_promise_is_kept_by_one_try(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings, about="the kettle", language="zh")).promise
    assert (booked.state, booked.number_e164, booked.language, booked.about) == ("waiting", NUMBER, "zh", "the kettle")
    assert booked.window_begin <= datetime.now(UTC) < booked.window_end
    [place] = await claim(database, settings)
    assert (place.queue, place.number_e164, place.language) == ("support", NUMBER, "zh")
    assert await claim(database, settings) == []
    now = datetime.now(UTC)
    state = await happened(database, place.attempt_id, dialled_at=now, chose="1", talked_at=now, ended_at=now)
    assert state == "reached"
    found = await row(database, booked.id)
    assert (found.state, found.kept, found.dials, found.tries, found.outcome) == ("reached", True, 1, 1, "reached")
    async with database.transaction() as session:
        assert await place_callbacks.settle(session, UUID(place.attempt_id)) is None  # done twice, done once
    assert (await row(database, booked.id)).dials == 1


async def test_the_same_number_is_promised_once_in_a_queue(database: Database, settings: Settings) -> None:
    first = await promise(database, settings)
    again = await asyncio.gather(*(promise(database, settings, "138-0013-8000") for _ in range(5)))
    assert {each.promise.id for each in again} == {first.promise.id}
    assert all(each.already for each in again)
    elsewhere = await promise(database, settings, queue="reception")
    assert not elsewhere.already


async def test_many_at_once_make_one_promise(database: Database, settings: Settings) -> None:
    made = await asyncio.gather(*(promise(database, settings) for _ in range(8)))
    assert len({each.promise.id for each in made}) == 1
    assert sum(not each.already for each in made) == 1


async def test_the_database_itself_forbids_a_second_open_promise_or_try(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    [place] = await claim(database, settings)
    columns = (
        "node, queue, number_e164, language, source, booked_by, joined_at, place_at, window_begin, window_end, due_at"
    )
    with pytest.raises(IntegrityError, match="uq_callback_open_number"):
        async with database.transaction() as session:
            await session.execute(
                text(f"INSERT INTO callback (id, {columns}) SELECT gen_random_uuid(), {columns} FROM callback")  # noqa: S608
            )
    second = {"id": uuid4(), "callback_id": booked.id, "number": 9, "node": NODE, "queue": "support", "fence": 1}
    with pytest.raises(IntegrityError, match="uq_callback_attempt_open"):
        async with database.transaction() as session:
            await session.execute(insert(CallbackAttempt).values(**second))
    reserved = {**second, "kind": "customer_first", "seat": "PJSIP/101"}
    await happened(database, place.attempt_id, ended_at=datetime.now(UTC))
    async with database.transaction() as session:
        await session.execute(insert(CallbackAttempt).values(**reserved))
    other = (await promise(database, settings, OTHER)).promise
    with pytest.raises(IntegrityError, match="uq_callback_attempt_seat"):  # one dial on one reserved seat
        async with database.transaction() as session:
            await session.execute(insert(CallbackAttempt).values(**reserved | {"id": uuid4(), "callback_id": other.id}))


@pytest.mark.parametrize(
    ("number", "more", "why"),
    [
        ("anonymous", {}, "withheld"),
        ("+19005551234", {}, "premium"),
        ("+447911123456", {}, "country_not_served"),
        ("tomorrow", {}, "unreadable"),
        (NUMBER, {"queue": "moon"}, "no_such_queue"),
        (NUMBER, {"wish": "now"}, "unreadable_wish"),
        (NUMBER, {"owner": "nobody"}, "no_such_agent"),
        (NUMBER, {"about": "x" * 201}, "too_long"),
        (NUMBER, {"begin": datetime(2020, 1, 1, tzinfo=UTC)}, "slot_taken"),
        (NUMBER, {"queue": "reception"}, "nobody_works"),
    ],
)
async def test_what_cannot_be_kept_is_not_promised(
    database: Database, number: str, more: dict[str, Any], why: str
) -> None:
    settings = read_settings(node=NODE, callback_hours=ANYTIME)
    if why == "nobody_works":
        async with database.transaction() as session:
            await session.execute(text("DELETE FROM membership"))
    with pytest.raises(CannotPromise) as refused:
        await promise(database, settings, number, **more)
    assert refused.value.why == why
    assert str(refused.value)


@pytest.mark.parametrize("whose", ["customer", "organisation"])
async def test_do_not_call_counts_when_promised_and_when_due(
    database: Database, settings: Settings, whose: str
) -> None:
    booked = (await promise(database, settings)).promise
    async with database.transaction() as session:
        silent = {"do_not_call": True, "do_not_call_since": datetime.now(UTC), "do_not_call_by": "amy"}
        number = {"raw": NUMBER, "e164": NUMBER, "country": "CN", **silent}
        if whose == "customer":
            customer = Customer(id=uuid4(), code="C1", name="Li Wei", tier="ordinary", note="")
            session.add(customer)
            await session.flush()
            session.add(CustomerPhone(customer_id=customer.id, **number))
        else:
            firm = Organisation(id=uuid4(), code="O1", name="Harbour Foods", kind="company")
            session.add(firm)
            await session.flush()
            session.add(OrganisationPhone(organisation_id=firm.id, **number))
    assert await claim(database, settings) == []
    found = await row(database, booked.id)
    assert (found.state, found.not_now, found.kept) == ("refused", "do_not_call", False)
    assert NUMBER in str(found.not_now_why)
    with pytest.raises(CannotPromise, match="asked not to be called"):
        await promise(database, settings)


async def test_quiet_hours_put_it_off_and_say_why(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    now = datetime.now(UTC)
    there = (now + timedelta(hours=8)).hour  # Shanghai
    wakes = (there + 3) % 24
    quiet = read_settings(node=NODE, callback_hours={"CN": f"mon-sun {wakes:02}:00-{(wakes + 1) % 24:02}:00"})
    if wakes == 23:
        quiet = read_settings(node=NODE, callback_hours={"CN": "mon-sun 23:00-24:00"})
    assert await claim(database, quiet) == []
    found = await row(database, booked.id)
    assert (found.state, found.not_now) == ("waiting", "quiet_hours")
    assert timedelta(hours=1) < found.due_at - now < timedelta(hours=4)
    async with database.reading() as session:
        told = await steer_callback.why_not_dialled(session, quiet, booked.id)
    assert any("nobody is called at that hour" in sentence for sentence in told)


async def test_places_are_taken_in_the_order_of_joining_and_credit(database: Database) -> None:
    settings = read_settings(node=NODE, callback_hours=ANYTIME, callback_places=2)
    now = datetime.now(UTC)
    late, _latest, early, rich = [
        (
            await promise(database, settings, f"+861380013800{number}", joined_at=now - timedelta(minutes=minutes))
        ).promise
        for number, minutes in ((1, 2), (4, 1), (2, 9), (3, 4))
    ]
    async with database.transaction() as session:
        await session.execute(
            update(Callback).where(Callback.id == rich.id).values(credit_s=600, place_at=now - timedelta(minutes=14))
        )
    assert [place.number_e164 for place in await claim(database, settings)] == [rich.number_e164, early.number_e164]
    assert await claim(database, settings) == []  # no third place
    async with database.reading() as session:
        told = await steer_callback.why_not_dialled(session, settings, late.id)
    assert told == ["2 callbacks stand in support already, as many as may (callback_places)"]


async def test_a_promise_is_claimed_as_its_row_is(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    told = {"at_risk_since": datetime.now(UTC), "at_risk_why": "window", "kept": True, "dials": 1}
    async with database.transaction() as session:
        await session.execute(update(Callback).where(Callback.id == booked.id).values(**told))
    async with database.transaction() as session:
        [due], _ = await callback_tries.claim(session, NODE, FENCE, most=20, limit=20)
        claimed = {each.name: getattr(due.promise, each.name) for each in Callback.__table__.columns}
    async with database.reading() as session:
        row = (await session.execute(select(*Callback.__table__.columns))).mappings().one()
    assert claimed == dict(row)
    assert (due.seats, due.silenced, due.owner_seat) == (1, False, None)


async def test_two_bridges_claim_each_promise_once_and_a_fenced_one_nothing(
    database: Database, settings: Settings
) -> None:
    for number in range(6):
        await promise(database, settings, f"+86138001380{10 + number}")
    assert await claim(database, settings, FENCE - 1) == []
    both = await asyncio.gather(*(claim(database, settings) for _ in range(3)))
    claimed = [place.number_e164 for places in both for place in places]
    assert len(claimed) == len(set(claimed)) == 6


async def test_what_follows_each_try(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    waits = []
    for _ in range(4):
        async with database.transaction() as session:
            await session.execute(update(Callback).values(due_at=datetime.now(UTC)))
        [place] = await claim(database, settings)
        now = datetime.now(UTC)
        await happened(database, place.attempt_id, dialled_at=now, dial_status="NOANSWER", ended_at=now)
        waits.append(round(((await row(database, booked.id)).due_at - now).total_seconds() / 60))
    found = await row(database, booked.id)
    assert (found.state, found.dials, found.outcome, found.kept) == ("given_up", 4, "no_answer", True)
    assert waits[:3] == [30, 120, 240]
    async with database.reading() as session:
        tries = await callbacks.attempts_of(session, booked.id)
    assert [each.outcome for each in tries] == ["no_answer"] * 4


async def test_who_pressed_1_in_vain_was_rung_even_where_only_files_tell(
    database: Database, settings: Settings
) -> None:
    booked = (await promise(database, settings)).promise
    [place] = await claim(database, settings)
    async with database.transaction() as session:
        await place_callbacks.settle(session, UUID(place.attempt_id), "agent_left", why="nobody saw it")
    found = await row(database, booked.id)
    assert (found.state, found.dials, found.kept) == ("waiting", 1, True)


async def test_cancelling_takes_the_place_away_but_no_ringing_phone(database: Database, settings: Settings) -> None:
    booked = (await promise(database, settings)).promise
    [place] = await claim(database, settings)
    async with database.transaction() as session:
        await session.execute(update(CallbackAttempt).values(dialled_at=datetime.now(UTC)))
    with pytest.raises(Refusal, match="rings just now"):
        async with database.transaction() as session:
            await steer_callback.cancel(session, booked.id, by="amy")
    async with database.transaction() as session:
        await session.execute(update(CallbackAttempt).values(dialled_at=None))
    async with database.transaction() as session:
        ended = await steer_callback.cancel(session, booked.id, by="amy", why="no more wanted")
    assert (ended.state, ended.kept) == ("cancelled", None)
    async with database.reading() as session:
        assert await callback_tries.not_open(session, [UUID(place.attempt_id), booked.id]) == {
            UUID(place.attempt_id),
            booked.id,
        }
    with pytest.raises(Refusal, match="over already"):
        async with database.transaction() as session:
            await steer_callback.cancel(session, booked.id, by="amy")


async def test_a_slot_is_promised_moved_and_full(database: Database) -> None:
    settings = read_settings(node=NODE, callback_hours=ANYTIME, callback_slot_capacity=1)
    async with database.reading() as session:
        callee = await callee_of(session, NUMBER, None, None)
        free = await free_slots(session, settings, "support", callee)
    assert len(free) > 24
    booked = (await promise(database, settings, begin=free[3].begin)).promise
    assert (booked.window_begin, booked.due_at, booked.joined_at) == (free[3].begin,) * 3
    assert await claim(database, settings) == []  # not due for long
    with pytest.raises(CannotPromise, match="cannot be promised any more"):
        await promise(database, settings, OTHER, begin=free[3].begin)
    async with database.transaction() as session:
        moved = await steer_callback.reschedule(session, settings, booked.id, free[5].begin, by="amy")
    assert moved.window_begin == free[5].begin
    with pytest.raises(Refusal, match="is not free"):
        async with database.transaction() as session:
            await steer_callback.reschedule(session, settings, booked.id, datetime(2020, 1, 1, tzinfo=UTC), by="amy")


async def test_ten_thousand_open_promises_are_chosen_from_quickly(database: Database, settings: Settings) -> None:
    await promise(database, settings)
    async with database.transaction() as session:
        columns = "node, queue, language, source, booked_by, joined_at, window_begin, window_end"
        await session.execute(
            text(
                f"INSERT INTO callback (id, number_e164, due_at, place_at, {columns}) "  # noqa: S608 - our own columns
                f"SELECT gen_random_uuid(), '+86139' || (10000000 + n), due_at + n * interval '1 minute', "
                f"place_at - n * interval '1 s', {columns} FROM callback, generate_series(1, 10000) n"
            )
        )
        await session.execute(text("ANALYZE callback"))
    async with database.transaction() as session:
        found, taken = await callback_tries.claim(session, NODE, FENCE, most=20, limit=20)
    assert len(found) == 1
    assert taken["support"].taken == 0


def kefu(url: str, *words: str) -> Any:
    said = CliRunner().invoke(main, ["callback", *words, "--json", "--database-url", url])
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


async def test_the_command_line(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEFU_CALLBACK_HOURS", json.dumps(ANYTIME))

    def work() -> None:
        made = kefu(database_url, "add", "138 0013 8000", "--queue", "support", "--about", "kettle")
        assert (made["number_e164"], made["state"]) == (NUMBER, "waiting")
        assert [each["id"] for each in kefu(database_url, "list")] == [made["id"]]
        assert kefu(database_url, "pause-all", "--reason", "drill")["halted"] is True
        assert any("drill" in each for each in kefu(database_url, "why-not", made["id"])["why_not"])
        assert kefu(database_url, "resume")["was_halted"] is True
        assert kefu(database_url, "dial-now", made["id"])["state"] == "waiting"
        assert kefu(database_url, "cancel", made["id"], "--why", "solved")["state"] == "cancelled"
        assert kefu(database_url, "requeue", made["id"])["state"] == "waiting"
        assert kefu(database_url, "show", made["id"])["attempts"] == []
        figures = kefu(database_url, "promises")
        assert (figures["promised"], figures["open"], figures["overtakes"]) == (1, 1, 0)
        strange = CliRunner().invoke(main, ["callback", "show", str(uuid4()), "--database-url", database_url])
        assert strange.exit_code == 1
        assert "there is no such callback" in strange.output
        premium = ["callback", "add", "+19005551234", "--queue", "support", "--database-url", database_url]
        assert "costs more" in CliRunner().invoke(main, premium).output

    await asyncio.to_thread(work)


async def test_halted_nothing_is_placed(database: Database, settings: Settings) -> None:
    await promise(database, settings)
    async with database.transaction() as session:
        await steer_callback.pause_all(session, settings, "support", by="amy", reason="drill")
    assert await claim(database, settings) == []
    async with database.transaction() as session:
        assert await steer_callback.resume(session, settings, "", by="amy")
    assert len(await claim(database, settings)) == 1
    async with database.reading() as session:
        assert (await session.scalars(select(Callback.state))).all() == ["placed"]


async def test_who_gave_up_is_owed_a_call_until_we_talked_or_promised(database: Database, settings: Settings) -> None:
    now = datetime.now(UTC)
    calls = [
        ("1", "13800138001", "abandoned", 60),
        ("2", "13800138002", "abandoned", 60),
        ("3", "13800138002", "answered", 30),
        ("4", "13800138003", "abandoned", 50),
        ("5", "13800138004", "answered", 50),
        ("6", "13800138005", "abandoned", 1),
        ("7", "13800138006", "abandoned", 70),
    ]
    async with database.transaction() as session:
        for number, caller, outcome, minutes in calls:
            at = {"started_at": now - timedelta(minutes=minutes), "ended_at": now - timedelta(minutes=minutes)}
            row = {"id": uuid4(), "node": NODE, "linkedid": number, "direction": "inbound", "outcome": outcome}
            await session.execute(insert(Conversation).values(**row, caller=caller, **at))
        back = {"id": uuid4(), "node": NODE, "linkedid": "8", "direction": "outbound", "outcome": "answered"}
        at = now - timedelta(minutes=20)  # an agent dialled back, as the phone spells it
        await session.execute(insert(Conversation).values(**back, dialled="+8613800138006", started_at=at, ended_at=at))
    await promise(database, settings, "13800138003")
    async with database.reading() as session:
        found = await callers_owed(session, since=now - timedelta(hours=2), country="CN")
    assert [each.caller for each in found] == ["13800138001"]


async def test_the_card_of_a_callback_knows_why_and_since_when(database: Database, settings: Settings) -> None:
    now = datetime.now(UTC)
    waited_since = now - timedelta(minutes=12)
    await promise(database, settings, about="the kettle", language="zh", joined_at=waited_since)
    [place] = await claim(database, settings)
    call, wait = uuid4(), uuid4()
    known = {"id": call, "node": NODE, "linkedid": place.attempt_id, "direction": "outbound", "started_at": now}
    stay = {"id": wait, "node": NODE, "conversation_id": call, "queue": "support", "caller_uniqueid": "x"}
    rung = {"id": uuid4(), "node": NODE, "seat": "PJSIP/101", "conversation_id": call, "wait_id": wait}
    async with database.transaction() as session:
        await session.execute(insert(Conversation).values(**known, caller=NUMBER, dialled=NUMBER))
        await session.execute(insert(Wait).values(**stay, entered_at=now))
        await session.execute(insert(Pop).values(**rung, rung_at=now, heard_at=now))
    asked = asked_of(node=NODE, seat="PJSIP/101", agent_id=uuid4(), language="en", midnight=now)
    async with database.reading() as session:
        [[found]] = await ask(session, asked)
    [live] = state_of(found).calls
    assert (live.caller, live.number_e164, live.language, live.matter) == (NUMBER, NUMBER, "zh", "the kettle")
    assert live.entered_at == waited_since
