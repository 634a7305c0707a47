"""Routing as rows and commands: who is let in, how callers are sent on while Postgres is slow, what people set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from click.testing import CliRunner, Result
from forged_caller import AgiPeer, environment
from sqlalchemy import insert, select
from sqlalchemy.engine import make_url

from agi.answers import Caller
from agi.call_thread import in_thread_of_its_own
from agi.desk import CrmDesk, Site
from agi.endings import JoinQueue
from agi.server import AgiServer, Deadlines
from agi.steps import FindCaller, Flow
from agi.visit_book import VisitBook
from crm import agents, customers, demo_data, number_lists, queues, skills
from crm.cli import main
from crm.database import Database
from crm.deeds.fit_to_skills import fit_to_skills
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.refusals import Refusal
from crm.routing import Rules, foretell
from crm.rules.opening_hours import read_opening_hours
from crm.rules.waiting_credit import CreditRules
from crm.tables.conversations import Conversation, Segment, Wait
from crm.tables.nodes import Node
from crm.tables.postures import Membership, Posture
from crm.tables.requests import PbxRequest
from crm.tables.routing import Routing
from crm.tables.visits import Visit
from crm.waiting_worth import WaitingWorth
from crm.wallboard import Wallboard

NUMBER, E164 = "13800138000", "+8613800138000"
RULES = Rules(CreditRules({"key": 3, "main": 1}, 5, 5, 10), last_agent_days=7)
SITE = Site("asterisk1", "CN", read_opening_hours("mon-sun 00:00-24:00", "Asia/Shanghai"), budget_s=0.3, routing=RULES)


def to_support() -> Flow:
    yield FindCaller()
    return JoinQueue("support", credit_s=20)


class Ivr:
    """A server whose only flow goes to support, and the way a forged Asterisk calls it."""

    def __init__(self, server: AgiServer, port: int, database: Database) -> None:
        self.server, self.port, self.database = server, port, database

    async def call(self, number: str = NUMBER) -> AgiPeer:
        peer = await AgiPeer("").call(self.port, environment(callerid=number))
        assert await self.server.quiet(5)
        assert await self.server._book.written(within_s=5) == 0
        return peer

    async def routing(self) -> Routing:
        async with self.database.reading() as session:
            return (await session.scalars(select(Routing))).one()


@pytest.fixture
async def ivr(database: Database) -> AsyncIterator[Ivr]:
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        await customers.create(session, code="K-1", name="李伟", phones=[NUMBER], country="CN", tier="key")
    server = AgiServer(SITE, database, {"front_desk": to_support}, Deadlines(write_within_s=2))
    port = await server.listen("127.0.0.1", 0)
    yield Ivr(server, port, database)
    await server.drain(0)


@contextmanager
def held(url: str, table: str) -> Iterator[None]:
    """Nobody can read this table meanwhile."""
    with psycopg.connect(url) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
        yield
        other.rollback()


def kefu_now(*arguments: str, url: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database-url", url])


async def kefu(*arguments: str, url: str) -> Result:
    """Beside the loop of the test: each command runs one of its own."""
    return await asyncio.to_thread(kefu_now, *arguments, url=url)


# ---- a caller on the way into a queue


async def test_the_credit_leaves_with_the_call_and_stays_with_its_reasons(ivr: Ivr) -> None:
    peer = await ivr.call()
    assert (peer.last["NEXT_STEP"], peer.last["QUEUE"], peer.last["CREDIT"]) == ("queue", "support", "200")
    row = await ivr.routing()
    assert row.credit_reasons == [{"why": "tier key", "seconds": 180}, {"why": "the menu", "seconds": 20}]
    assert (row.queue, row.credit_s, row.position, row.low_s, row.announced) == ("support", 200, 1, None, False)
    assert row.prediction_why == "the floor is not in sight"


async def test_a_slow_answer_costs_the_credit_but_not_the_caller(ivr: Ivr, database_url: str) -> None:
    with held(database_url, "queue"):
        # The queue stays held until the caller has gone on: nobody who waits for it does. Its budget is 0.3 s.
        async with asyncio.timeout(5):
            peer = await ivr.call()
    assert (peer.last["NEXT_STEP"], peer.last["CREDIT"]) == ("queue", "20")


async def test_a_blocked_caller_hears_one_sentence_and_goes(ivr: Ivr, database_url: str) -> None:
    blocked = await kefu("number", "block", "138 0013 8000", "--reason", "robots", "--json", url=database_url)
    assert json.loads(blocked.stdout) == {"number": E164, "kind": "block"}
    peer = await ivr.call()
    assert peer.last["NEXT_STEP"] == "goodbye"
    assert set(peer.played) == {"kefu/not-connected"}
    async with ivr.database.reading() as session:
        visit = (await session.scalars(select(Visit))).one()
    assert (visit.ending, visit.served, visit.steps[0]["why"]) == ("blocked", False, "robots")


async def test_with_the_lists_out_of_reach_everybody_is_let_in(ivr: Ivr, database_url: str) -> None:
    await kefu("number", "block", NUMBER, "--reason", "robots", url=database_url)
    with held(database_url, "number_list"):
        peer = await ivr.call()
    assert peer.last["NEXT_STEP"] == "queue"


async def test_a_question_that_postgres_breaks_off_is_no_answer(database: Database, database_url: str) -> None:
    """As an administrator's own time limit does: it is no fault of the caller, and none of the call flow."""
    limit = make_url(database_url).update_query_dict({"options": "-c statement_timeout=50"})
    hasty = Database(limit.render_as_string(hide_password=False))
    desk, found = CrmDesk(SITE, hasty, VisitBook(hasty), NUMBER), []
    with held(database_url, "customer_phone"):
        await in_thread_of_its_own(lambda: found.append(desk.find_caller()))
    await hasty.close()
    assert found == [Caller(E164)]


# ---- the lists


async def test_allowed_wins_time_ends_and_the_longest_beginning_says_why(database: Database) -> None:
    async with database.transaction() as session:
        for number, kind, reason in (("+86*", "block", "all"), ("+86138*", "block", "these"), (E164, "allow", "ours")):
            await number_lists.put(session, number_lists.read_number(number, "CN"), kind=kind, reason=reason, by="sue")
        over = datetime.now(UTC) - timedelta(seconds=1)
        written = number_lists.read_number("+8613700137000", "CN")
        await number_lists.put(session, written, kind="allow", reason="once", by="sue", until=over)
    async with database.reading() as session:
        assert await number_lists.why_blocked(session, E164) is None
        assert await number_lists.why_blocked(session, "+8613800138001") == "these"
        assert await number_lists.why_blocked(session, "+8613700137000") == "all"
        assert await number_lists.why_blocked(session, "+442071838750") is None


@pytest.mark.parametrize("number", ["*", "86*", "+0*", "hello", "", "12", "+86138*5", "'; DROP TABLE number_list"])
def test_what_is_no_number_is_refused_in_a_sentence(number: str) -> None:
    with pytest.raises(Refusal, match="write it with"):
        number_lists.read_number(number, "CN")


def test_the_lists_by_command(database_url: str) -> None:
    kefu_now("number", "allow", "+8613*", "--reason", "ours", "--until", "2030-01-01", url=database_url)
    (listed,) = json.loads(kefu_now("number", "list", "--json", url=database_url).stdout)
    assert (listed["number"], listed["kind"], listed["reason"], listed["by"]) == (
        "+8613*", "allow", "ours", "command line",
    )  # fmt: skip
    assert kefu_now("number", "forget", "+8613*", url=database_url).exit_code == 0
    again = kefu_now("number", "forget", "+8613*", url=database_url)
    assert (again.exit_code, again.stderr) == (1, "Error: +8613* is on no list: see `kefu number list`\n")


# ---- skills


async def _sit_amy_down(database: Database) -> None:
    async with database.transaction() as session:
        await demo_data.load(session, country="CN")
        amy = await agents.find(session, "amy")
        assert amy is not None
        await sign_in_to_seat(session, agent_id=amy.id, node="asterisk1", seat="PJSIP/1001", expiry_s=30)


async def test_the_truth_table_and_the_rule_by_command(database: Database, database_url: str, tmp_path: Path) -> None:
    await _sit_amy_down(database)
    needed = await kefu("queue", "need", "support", "english", "4", "2@30", "--json", url=database_url)
    assert json.loads(needed.stdout)["levels"] == {"0": 4, "30": 2}
    await kefu("agent", "skill", "set", "amy", "english", "5", url=database_url)
    assert json.loads((await kefu("agent", "skill", "list", "--json", url=database_url)).stdout) == {
        "amy": {"english": 5}
    }
    shown = await kefu("queue", "rules", "support", "--write", str(tmp_path), "--json", url=database_url)
    first, second = json.loads(shown.stdout)["support"]
    assert (first["from_s"], first["until_s"], first["rung"]) == (0, 30, {"amy": 0})
    assert (second["from_s"], second["until_s"]) == (30, None)
    assert all(why == "never (english 0, needs 4)" for why in first["held_back"].values())
    assert "[support]\npenaltychange => 30,199\n" in (tmp_path / "queuerules_needs.conf").read_text()
    async with database.reading() as session:
        kinds = select(PbxRequest.kind).where(PbxRequest.kind == "reload_rules")
        assert (await session.scalars(kinds)).all() == ["reload_rules"]
    rising = await kefu("queue", "need", "support", "english", "2", "3@30", url=database_url)
    assert (rising.exit_code, "must be lower" in rising.stderr) == (1, True)


async def test_who_sits_down_stands_where_the_skills_allow(database: Database) -> None:
    async with database.transaction() as session:
        await demo_data.load(session, country="CN")
        amy = await agents.find(session, "amy")
        assert amy is not None
        await skills.set_need(session, "support", "english", {0: 4, 30: 2})
        await skills.set_need(session, "reception", "cantonese", {0: 1})
        await skills.set_level(session, amy.id, "english", 3)
        await sign_in_to_seat(session, agent_id=amy.id, node="asterisk1", seat="PJSIP/1001", expiry_s=30)
        asked = await session.execute(select(PbxRequest.queue, PbxRequest.penalty).order_by(PbxRequest.wanted_at))
        assert asked.all() == [("support", 100), ("seat-1001", 0)]


async def test_a_seat_follows_its_agents_skills_once(database: Database) -> None:
    await _sit_amy_down(database)
    async with database.transaction() as session:
        rows = [{"node": "asterisk1", "seat": "PJSIP/1001", "queue": queue, "penalty": 0, "paused": False,
                 "joined_at": datetime.now(UTC)} for queue in ("support", "reception", "seat-1001")]  # fmt: skip
        await session.execute(insert(Membership), rows)
        await skills.set_need(session, "support", "english", {0: 3, 60: 0})
        first = await fit_to_skills(session, asked_by="sue", expiry_s=30)
        again = await fit_to_skills(session, asked_by="sue", expiry_s=30)
        told = [(wish.kind, wish.queue, wish.penalty) for wish in first if wish.queue == "support"]
        assert told == [("set_penalty", "support", 100)]
        assert [wish.id for wish in again] == [wish.id for wish in first]


# ---- the wait as it is foretold


async def test_the_work_after_a_call_counts_however_it_was_ended(database: Database) -> None:
    now, seat = datetime.now(UTC), {"node": "asterisk1", "seat": "PJSIP/1001"}
    ended = now - timedelta(minutes=20)
    calls = [uuid4() for _ in range(8)]
    call = {"node": "asterisk1", "direction": "inbound", "started_at": now - timedelta(minutes=30)}
    talk = {**seat, "queue": "support", "caller_uniqueid": "1.1", "ended_at": ended}
    wish = {**seat, "asked_by": "amy", "state": "confirmed", "expires_at": now, "wanted_at": ended}
    async with database.transaction() as session:
        session.add(Node(name="asterisk1", heard_at=now + timedelta(minutes=5)))
        session.add(Membership(**seat, queue="support", joined_at=now))
        session.add(Posture(**seat, word="talking", since=now, paused=False))
        await session.execute(insert(Conversation), [{**call, "id": each, "linkedid": str(each)} for each in calls])
        for each, kind in zip(calls, ("unpause", "end_after_call_work") * 4, strict=True):
            about = {"conversation_id": each, "id": uuid4()}
            began = ended - timedelta(seconds=100)
            await session.execute(insert(Segment).values(**talk, **about, started_at=began))
            done = ended + timedelta(seconds=60)
            await session.execute(insert(PbxRequest).values(**wish, **about, kind=kind, settled_at=done))
    async with database.reading() as session:
        told = await foretell(session, "asterisk1", "support", 0)
    assert told.why == "1 to end first, 1.0 seats at work, 160 s a call over 8 calls"


# ---- what people see


async def test_the_place_of_a_callback_is_nobody_who_waits(database: Database, database_url: str) -> None:
    now = datetime.now(UTC)
    async with database.transaction() as session:
        await queues.define(session, "support")
        for uniqueid, minutes in (("1.1", 1), (f"{uuid4()};2", 9)):
            call = Conversation(id=uuid4(), node="asterisk1", linkedid=uniqueid, direction="inbound", started_at=now)
            session.add(call)
            await session.flush()
            stay = {"conversation_id": call.id, "node": "asterisk1", "caller_uniqueid": uniqueid, "queue": "support"}
            session.add(Wait(id=uuid4(), entered_at=now - timedelta(minutes=minutes), **stay))
    (listed,) = json.loads((await kefu("queue", "list", "--json", url=database_url)).stdout)
    assert (listed["waiting"], listed["longest_wait_s"] < 300) == (1, True)
    async with database.reading() as session:
        assert (await WaitingWorth().look(session)).callers == 1
    (tile,) = (await Wallboard(database, ZoneInfo("Asia/Shanghai")).board()).queues
    assert tile.waiting == 1


async def test_a_seats_own_queue_is_shown_nowhere_and_its_callers_count_where_they_were_meant_for(
    database: Database, database_url: str
) -> None:
    await _sit_amy_down(database)
    now, call = datetime.now(UTC), uuid4()
    async with database.transaction() as session:
        standing = {"node": "asterisk1", "seat": "PJSIP/1001", "penalty": 0, "paused": False, "joined_at": now}
        await session.execute(insert(Membership), [{**standing, "queue": queue} for queue in ("support", "seat-1001")])
        session.add(
            Conversation(id=call, node="asterisk1", linkedid="1.1", direction="inbound", caller=NUMBER, started_at=now)
        )
        await session.flush()
        wait = {"conversation_id": call, "node": "asterisk1", "caller_uniqueid": "1.1"}
        session.add(Wait(id=uuid4(), queue="seat-1001", entered_at=now, left_at=now, outcome="answered", **wait))
        session.add(
            Routing(visit_id=uuid4(), node="asterisk1", linkedid="1.1", queue="support", decided_at=now, credit_s=0,
                    credit_reasons=[], last_seat="PJSIP/1001", last_agent_s=10, announced=False)
        )  # fmt: skip
    board = await Wallboard(database, ZoneInfo("Asia/Shanghai")).board()
    counted = {tile.name: (tile.offered, tile.answered) for tile in board.queues}
    assert counted == {"reception": (0, 0), "support": (1, 1)}
    shown = await kefu("queue", "list", "--json", url=database_url)
    assert [queue["name"] for queue in json.loads(shown.stdout)] == ["reception", "support"]
    listed = json.loads((await kefu("agent", "list", "--json", url=database_url)).stdout)
    assert next(one["queues"] for one in listed if one["login"] == "amy") == ["support"]


async def test_why_an_agent_gets_no_calls(database: Database, database_url: str) -> None:
    await _sit_amy_down(database)
    told = json.loads((await kefu("agent", "explain", "amy", "--json", url=database_url)).stdout)
    assert told["verdict"] == "gets no calls: PJSIP/1001 stands in no queue"
    assert [one["why"] for one in told["queues"]] == ["does not stand in it: sign in, or see wishes"] * 2
    ben = json.loads((await kefu("agent", "explain", "ben", "--json", url=database_url)).stdout)
    assert ben["verdict"] == "gets no calls: sits at no seat"
    nobody = await kefu("agent", "explain", "nobody", url=database_url)
    assert (nobody.exit_code, nobody.stderr) == (1, "Error: there is no agent 'nobody': see `kefu agent list`\n")


def test_a_credit_for_nobody_is_refused_in_a_sentence(database_url: str) -> None:
    refused = kefu_now("queue", "credit", "1.1", "5", "--reason", "cut off", url=database_url)
    assert (refused.exit_code, "no caller '1.1' waits" in refused.stderr) == (1, True)
