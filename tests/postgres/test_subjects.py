"""What the subjects find and write, on rows as the bridge, the IVR and the pages leave them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from sqlalchemy import insert, select, update

from crm import agents, conversations, customers, demo_data, orders, pops, queues, visits
from crm.database import Database
from crm.refusals import Refusal
from crm.tables.agents import Agent
from crm.tables.conversations import Conversation, Offer, Segment, Transfer, Wait
from crm.tables.customers import CustomerPhone
from crm.tables.pops import Pop, PopShown
from crm.tables.postures import Membership, Posture
from crm.tables.visits import CallerFacts, Visit

NODE, SEAT = "asterisk1", "PJSIP/101"
T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


async def test_demo_data_loaded_twice_is_loaded_once(database: Database) -> None:
    async with database.transaction() as session:
        first = await demo_data.load(session, country="CN")
    async with database.transaction() as session:
        second = await demo_data.load(session, country="CN")
    assert first == {"queues": 2, "agents": 4, "customers": 6}
    assert second == {"queues": 0, "agents": 0, "customers": 0}


async def test_every_demo_number_can_be_dialled(database: Database) -> None:
    async with database.transaction() as session:
        await demo_data.load(session, country="CN")
        rows = dict((await session.execute(select(CustomerPhone.raw, CustomerPhone.e164))).all())
    assert [raw for raw, e164 in rows.items() if e164 is None] == []
    assert rows["138 0013 8000"] == "+8613800138000"


class TestAgents:
    async def test_the_right_password_alone_opens(self, database: Database, amy: Agent) -> None:
        async with database.transaction() as session:
            found = await agents.verify_password(session, "amy", demo_data.DEMO_PASSWORD)
            assert found is not None
            assert found.id == amy.id
            for login, password in (("amy", "wrong"), ("nobody", "wrong"), ("amy\x00", "x"), ("amy", "x" * 5000)):
                assert await agents.verify_password(session, login, password) is None

    async def test_an_inactive_agent_stays_out(self, database: Database, amy: Agent) -> None:
        async with database.transaction() as session:
            await session.execute(update(Agent).where(Agent.id == amy.id).values(active=False))
            assert await agents.verify_password(session, "amy", demo_data.DEMO_PASSWORD) is None

    async def test_an_old_hash_is_made_anew_and_still_opens(self, database: Database, amy: Agent) -> None:
        weak = PasswordHasher(time_cost=1, memory_cost=64).hash("old password")
        async with database.transaction() as session:
            await session.execute(update(Agent).where(Agent.id == amy.id).values(password_hash=weak))
        for _ in range(2):
            async with database.transaction() as session:
                assert await agents.verify_password(session, "amy", "old password") is not None
        async with database.reading() as session:
            now = await session.scalar(select(Agent.password_hash).where(Agent.id == amy.id))
        assert now is not None
        assert now != weak
        assert "m=1024" in now

    async def test_no_password_is_stored(self, database: Database, amy: Agent) -> None:
        assert amy.password_hash.startswith("$argon2id$")
        assert demo_data.DEMO_PASSWORD not in amy.password_hash

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"login": "amy"}, "exists already"),
            ({"login": "a b"}, "cannot be used"),
            ({"password": "short"}, "8 to 256 characters"),
            ({"role": "king"}, "role 'king' is unknown"),
            ({"name": "\n"}, "must be printable"),
        ],
    )
    async def test_an_unfit_agent_is_refused(
        self, database: Database, amy: Agent, wrong: dict[str, str], why: str
    ) -> None:
        fit = {"login": "eve", "name": "Eve", "password": "long enough"}
        with pytest.raises(Refusal, match=why):
            async with database.transaction() as session:
                await agents.create(session, **{**fit, **wrong})

    async def test_a_queue_that_does_not_exist_is_refused(self, database: Database, amy: Agent) -> None:
        with pytest.raises(Refusal, match="there is no queue 'nowhere'"):
            async with database.transaction() as session:
                await agents.serve(session, amy.id, "nowhere")


class TestCustomers:
    async def test_found_however_the_number_was_typed(self, database: Database) -> None:
        async with database.transaction() as session:
            await demo_data.load(session, country="CN")
            (found,) = await customers.find_by_number(session, "+8613800138000")
        assert (found.code, found.name) == ("C1001", "王小明")

    async def test_of_several_the_last_caller_comes_first_then_the_worthier(self, database: Database) -> None:
        async with database.transaction() as session:
            await demo_data.load(session, country="CN")
            shared = await customers.find_by_number(session, "+8675582661234")
            assert [customer.code for customer in shared] == ["C1004", "C1005"]
            session.add(
                CallerFacts(
                    node=NODE,
                    linkedid="1.1",
                    number_e164="+8675582661234",
                    customer_id=shared[1].id,
                    learnt_at=T0,
                )
            )
            await session.flush()
            again = await customers.find_by_number(session, "+8675582661234")
        assert [customer.code for customer in again] == ["C1005", "C1004"]

    async def test_the_same_number_twice_is_one_row(self, database: Database) -> None:
        async with database.transaction() as session:
            phones = ["138 0013 8000", "+86 138-0013-8000", "8001", "8001"]
            made = await customers.create(session, code="X1", name="X", phones=phones, country="CN")
            kept = [(phone.raw, phone.e164) for phone in await customers.phones_of(session, made.id)]
        assert kept == [("138 0013 8000", "+8613800138000"), ("8001", None)]

    async def test_a_taken_code_is_refused(self, database: Database) -> None:
        async with database.transaction() as session:
            await customers.create(session, code="X1", name="X", country="CN")
            with pytest.raises(Refusal, match="'X1' exists already"):
                await customers.create(session, code="X1", name="X", country="CN")

    async def test_the_latest_order_is_the_newest(self, database: Database) -> None:
        async with database.transaction() as session:
            await demo_data.load(session, country="CN")
            wang, zhao = [await customers.find(session, code) for code in ("C1001", "C1004")]
            assert wang is not None
            assert zhao is not None
            latest = await orders.latest_of(session, wang.id)
            assert latest is not None
            assert latest.number == "SO-24017"
            assert [order.number for order in await orders.newest_of(session, wang.id, limit=9)] == [
                "SO-24017",
                "SO-23980",
            ]
            assert await orders.latest_of(session, zhao.id) is None


class TestVisits:
    def _visit(self, **more: Any) -> visits.VisitRow:
        row: dict[str, Any] = {
            "id": UUID(int=1),
            "node": NODE,
            "linkedid": "1.1",
            "uniqueid": "1.1",
            "flow": "front_desk",
            "language": None,
            "started_at": T0,
            "ended_at": None,
            "steps": [],
            "pressed": "",
            "last_prompt": None,
            "ending": None,
            "served": False,
        }
        return {**row, **more}  # type: ignore[typeddict-item]

    async def test_a_late_beginning_never_undoes_the_end(self, database: Database) -> None:
        ended = self._visit(ended_at=_at(9), ending="join_queue", pressed="2", steps=[{"at_s": 1.0, "pressed": "2"}])
        for _ in range(2):
            async with database.transaction() as session:
                await visits.end(session, ended)
                await visits.begin(session, self._visit())
        async with database.reading() as session:
            row = (await session.scalars(select(Visit))).one()
        assert (row.ending, row.pressed, row.steps) == ("join_queue", "2", [{"at_s": 1.0, "pressed": "2"}])

    async def test_what_was_learnt_is_kept_and_an_older_word_never_wins(self, database: Database) -> None:
        blank: dict[str, Any] = {"node": NODE, "linkedid": "1.1", "customer_id": None, "number_e164": None}
        told: list[dict[str, Any]] = [
            {**blank, "language": "zh", "matter": None, "learnt_at": _at(1)},
            {**blank, "language": None, "matter": "support", "learnt_at": _at(3)},
            {**blank, "language": "en", "matter": "order_status", "number_e164": "+861", "learnt_at": _at(2)},
        ]
        for facts in told:
            async with database.transaction() as session:
                await visits.learn(session, facts)  # type: ignore[arg-type]
        async with database.reading() as session:
            row = (await session.scalars(select(CallerFacts))).one()
        assert (row.language, row.matter, row.number_e164, row.learnt_at) == ("zh", "support", "+861", _at(3))


@pytest.fixture
async def call(database: Database, amy: Agent) -> UUID:
    """One call: 12.5 s in support, an unanswered offer, a talk of 60 s with 10 s of hold, a blind transfer."""
    call_id, wait_id = uuid4(), uuid4()
    of_call = {"conversation_id": call_id, "node": NODE}
    async with database.transaction() as session:
        await session.execute(
            insert(Conversation).values(
                id=call_id,
                node=NODE,
                linkedid="1700000000.1",
                direction="inbound",
                caller="13800138000",
                caller_name='O"Brien <script>',
                dialled="95000",
                started_at=T0,
                ended_at=_at(80),
                outcome="answered",
                ended_by="caller",
                hangup_cause=16,
            )
        )
        await session.execute(
            insert(Wait).values(
                id=wait_id,
                **of_call,
                queue="support",
                caller_uniqueid="1.1",
                entered_at=_at(5),
                left_at=_at(17.5),
                outcome="answered",
            )
        )
        for start, outcome in ((6, "no_answer"), (12, "answered")):
            offer = {"id": uuid4(), **of_call, "wait_id": wait_id, "queue": "support", "seat": SEAT}
            await session.execute(
                insert(Offer).values(
                    **offer, agent_id=amy.id, started_at=_at(start), ended_at=_at(start + 5), outcome=outcome
                )
            )
        talk = {
            "id": uuid4(),
            **of_call,
            "queue": "support",
            "seat": SEAT,
            "agent_id": amy.id,
            "caller_uniqueid": "1.1",
        }
        await session.execute(insert(Segment).values(**talk, started_at=_at(17.5), ended_at=_at(77.5), hold_s=10.0))
        moved = {"id": uuid4(), **of_call, "kind": "blind", "from_seat": SEAT, "to": "102", "at": _at(77.5)}
        await session.execute(insert(Transfer).values(**moved, outcome="success"))
    return call_id


class TestConversations:
    async def test_the_json_has_exactly_the_promised_fields(self, database: Database, call: UUID) -> None:
        async with database.reading() as session:
            found = await conversations.listed(session)
        assert json.loads(json.dumps(found)) == [
            {
                "id": str(call),
                "node": NODE,
                "linkedid": "1700000000.1",
                "direction": "inbound",
                "caller": "13800138000",
                "caller_name": 'O"Brien <script>',
                "dialled": "95000",
                "started_at": "2026-03-02T09:00:00+00:00",
                "ended_at": "2026-03-02T09:01:20+00:00",
                "outcome": "answered",
                "ended_by": "caller",
                "hangup_cause": 16,
                "waits": [
                    {
                        "queue": "support",
                        "entered_at": "2026-03-02T09:00:05+00:00",
                        "left_at": "2026-03-02T09:00:17.5+00:00",
                        "outcome": "answered",
                        "wait_s": 12.5,
                    }
                ],
                "offers": [
                    {"seat": SEAT, "agent": "amy", "started_at": "2026-03-02T09:00:06+00:00", "outcome": "no_answer"},
                    {"seat": SEAT, "agent": "amy", "started_at": "2026-03-02T09:00:12+00:00", "outcome": "answered"},
                ],
                "segments": [
                    {
                        "seat": SEAT,
                        "agent": "amy",
                        "started_at": "2026-03-02T09:00:17.5+00:00",
                        "ended_at": "2026-03-02T09:01:17.5+00:00",
                        "talk_s": 50.0,
                        "hold_s": 10.0,
                    }
                ],
                "transfers": [{"kind": "blind", "from_seat": SEAT, "to": "102", "outcome": "success"}],
                "reconstructed": False,
                "after_hours": False,
            }
        ]

    async def test_filters_and_the_newest_oldest_first(self, database: Database, call: UUID) -> None:
        async with database.transaction() as session:
            for number in range(3):
                row = {"id": UUID(int=number), "node": "other", "linkedid": f"2.{number}", "direction": "internal"}
                await session.execute(insert(Conversation).values(**row, started_at=_at(100 + number)))
        async with database.reading() as session:
            newest = await conversations.listed(session, limit=2)
            assert [row["linkedid"] for row in newest] == ["2.1", "2.2"]
            assert len(await conversations.listed(session, node="other")) == 3
            assert len(await conversations.listed(session, open_only=True)) == 3
            assert len(await conversations.listed(session, caller="13800138000")) == 1
            assert len(await conversations.listed(session, since=_at(101))) == 2
            assert len(await conversations.listed(session, until=_at(101))) == 2


async def test_queues_tell_who_waits_and_who_could_answer(database: Database, call: UUID) -> None:
    now = datetime.now(UTC)
    async with database.transaction() as session:
        for seconds, queue in ((30, "support"), (5, "support"), (1, "night")):
            wait = {"id": uuid4(), "conversation_id": call, "node": NODE, "queue": queue, "caller_uniqueid": "9"}
            await session.execute(insert(Wait).values(**wait, entered_at=now - timedelta(seconds=seconds)))
        for number, word in ((1, "ready"), (2, "ready"), (3, "paused"), (4, None)):
            seat = f"PJSIP/10{number}"
            session.add(Membership(node=NODE, queue="support", seat=seat, joined_at=now))
            if word:
                session.add(Posture(node=NODE, seat=seat, word=word, since=now))
        session.add(Membership(node=NODE, queue="support", seat="PJSIP/105", joined_at=now, left_at=now))
    async with database.reading() as session:
        found = {queue.name: queue for queue in await queues.listed(session)}
        elsewhere = {queue.name: queue.waiting for queue in await queues.listed(session, node="other")}
    assert list(found) == ["night", "reception", "support"]
    assert (found["support"].waiting, found["support"].members) == (2, {"ready": 2, "paused": 1, "unseen": 1})
    assert 30 <= (found["support"].longest_wait_s or 0) < 60
    assert (found["night"].title_en, found["night"].service_level_s) == ("night", None)
    assert (found["reception"].waiting, found["reception"].longest_wait_s) == (0, None)
    assert elsewhere == {"reception": 0, "support": 0}


async def test_the_first_word_of_a_painted_card_counts(database: Database, amy: Agent, call: UUID) -> None:
    now = datetime.now(UTC)
    pop = {"node": NODE, "seat": SEAT, "conversation_id": call, "rung_at": now - timedelta(seconds=1), "heard_at": now}
    async with database.transaction() as session:
        session.add(Pop(id=UUID(int=1), **pop))
        session.add(Pop(id=UUID(int=2), **pop, taken_at=now))
    async with database.transaction() as session:
        assert [card.id for card in await pops.open_for_seat(session, NODE, SEAT)] == [UUID(int=1)]
        mine = {"pop_id": UUID(int=1), "agent_id": amy.id, "node": NODE}
        first = await pops.mark_shown(session, **mine, seat=SEAT, hint_ms=21.5)
        assert first is not None
        assert first >= 1000
    async with database.transaction() as session:
        assert await pops.mark_shown(session, **mine, seat=SEAT, hint_ms=9999.0) == first
        assert (await session.scalars(select(PopShown.hint_ms))).all() == [21.5]
        assert await pops.mark_shown(session, **{**mine, "pop_id": UUID(int=2)}, seat="PJSIP/999") is None
