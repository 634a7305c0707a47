"""Who is rung for whom, on real queues: order and rows as they were, and explain says why."""

# ruff: noqa: S608 - the words in these queries are the tests' own

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from floor_watch import Watch
from routing_room import NODE, Room, opened, seat_of

from agi.endings import JoinQueue
from crm import number_lists, queues, skills, wishes
from crm.deeds.change_credit import change_credit
from crm.deeds.fit_to_skills import fit_to_skills
from crm.pbx.sandbox import Sandbox
from crm.reports import agent_explained, wait_predictions
from crm.rules.skills import rules_file
from crm.rules.waiting_credit import PRIO_BASE
from crm.tables.routing import NumberListed

LILY, MAX, BO = "1001", "1002", "1003"
VIP, ANN, BEN, CAT = "13800138001", "13800138002", "13800138003", "13800138004"


@pytest.fixture
async def room(sandbox: Sandbox, database_url: str) -> AsyncIterator[Room]:
    async with opened(sandbox, database_url) as there:
        yield there


@pytest.fixture
def rule_file(sandbox: Sandbox) -> Iterator[None]:
    """No rule of needs outlives its test."""
    yield
    (sandbox.folder / "etc" / "queuerules_needs.conf").unlink(missing_ok=True)
    with sandbox.ami(sandbox.actor) as actor:
        actor.ask({"Action": "QueueReload", "Rules": "yes"})


def has(lines: list[str], *parts: str) -> bool:
    """Whether one line holds all parts; fails with the whole story."""
    assert any(all(part in line for part in parts) for line in lines), (parts, lines)
    return True


async def heard(caller: Watch, event: str, **fields: str) -> None:
    """The caller's next event of this kind, awaited: the bridge and the IVR work in this very loop."""
    await asyncio.to_thread(partial(caller.until, event, **fields))


# ---- credit


async def test_a_key_customer_stands_before_ordinary_ones_who_came_a_little_earlier(room: Room) -> None:
    await room.customer("K-1", VIP, "key")
    seat = await room.sit("lily", LILY)
    await room.pause(LILY, "lunch")
    for number in (ANN, BEN, VIP):
        room.ring_in(number, talk_s=0.3)
        await room.waits(number)
    await room.pause(LILY, None)
    await room.answered(VIP, seat)
    assert room.rows("SELECT c.caller FROM segment s JOIN conversation c ON c.id = s.conversation_id") == [(VIP,)]
    lines, routing = await room.told(VIP)
    assert has(lines, "routed: to support, credit 180 s (tier key 180 s)")
    assert has(lines, "queue order: support: place 1 of 3")
    assert has((await room.told(BEN))[0], "support: place 2 of 2, behind 13800138002")
    assert [one["credit_s"] for one in routing["joined"][0]["order"]] == [180, 0, 0]


async def test_no_flow_can_give_more_than_the_cap_and_asterisk_orders_by_it(room: Room) -> None:
    room.plan = {VIP: JoinQueue("support", credit_s=99_999), ANN: JoinQueue("support", credit_s=-500)}
    await room.sit("lily", LILY)
    await room.pause(LILY, "lunch")
    for number in (ANN, VIP):
        room.ring_in(number)
        await room.waits(number)
    with room.sandbox.ami() as reader:
        listed = reader.ask_list({"Action": "QueueStatus", "Queue": "support"})
    entries = {row["CallerIDNum"]: int(row["Priority"]) for row in listed if row["Event"] == "QueueEntry"}
    now = time.time()
    assert entries[VIP] - (PRIO_BASE - now) == pytest.approx(600, abs=15)
    assert entries[ANN] - (PRIO_BASE - now) == pytest.approx(0, abs=15)
    assert has((await room.told(VIP))[0], "credit 600 s (the menu 99999 s, capped)")


async def test_a_credit_changed_while_waiting_moves_the_caller_once(room: Room) -> None:
    await room.sit("lily", LILY)
    await room.pause(LILY, "lunch")
    for number in (ANN, BEN):
        room.ring_in(number)
        await room.waits(number)
    ((linkedid,),) = room.rows(f"SELECT linkedid FROM conversation WHERE caller = '{BEN}'")
    async with room.database.transaction() as session:
        given = await change_credit(
            session, identity=linkedid, node=NODE, seconds=300, at_most_s=600, reason="we cut her off", asked_by="sue",
            expiry_s=8,
        )  # fmt: skip
    assert given == (300, "set_priority")
    await room.seen("SELECT state FROM pbx_request WHERE kind = 'set_priority'", [("confirmed",)])
    await room.pause(LILY, None)
    await room.answered(BEN, seat_of(LILY))
    assert has((await room.told(BEN))[0], "credit 300 s (sue, while waiting: we cut her off 300 s)")


# ---- the last agent


async def _last_agent_in_support(room: Room, wait_s: int) -> None:
    async with room.database.transaction() as session:
        await queues.define(session, "support", last_agent_s=wait_s)


async def test_the_last_agent_is_rung_first_when_free(room: Room) -> None:
    await _last_agent_in_support(room, 10)
    seat = await room.sit("lily", LILY)
    await room.sit("max", MAX)
    await room.talked_before("lily", ANN)
    room.ring_in(ANN)
    await room.answered(ANN, seat)
    await room.stayed(ANN, ("seat-1001", "answered"))
    lines, _ = await room.told(ANN)
    assert has(lines, "last agent: lily, who talked with this caller 1 day ago, sits at", "tried first for 10 s")
    assert has(lines, "rung: lily at", "free, of the lowest penalty (0)")
    assert "seat-1001" not in [listed.name for listed in await _queues(room)], "a seat's own queue is no queue of ours"


async def test_a_busy_last_agent_is_waited_for_though_another_is_free(room: Room) -> None:
    await _last_agent_in_support(room, 20)
    await room.sit("lily", LILY)
    await room.talked_before("lily", ANN)
    room.ring_in(BEN, talk_s=4)
    await room.answered(BEN, seat_of(LILY))
    await room.sit("max", MAX)
    room.ring_in(ANN)
    await room.waits(ANN, "seat-1001")
    assert has((await room.told(ANN))[0], "last agent: lily", "(talking), tried first for 20 s")
    await room.answered(ANN, seat_of(LILY))


async def test_a_last_agent_who_stays_busy_is_waited_for_no_longer_and_the_place_is_kept(room: Room) -> None:
    await _last_agent_in_support(room, 2)
    await room.sit("lily", LILY)
    await room.talked_before("lily", ANN)
    room.ring_in(BEN, talk_s=30)
    await room.answered(BEN, seat_of(LILY))
    await room.sit("max", MAX)
    with Watch(room.sandbox, ANN) as caller:
        room.ring_in(ANN)
        await heard(caller, "QueueCallerJoin", Queue="seat-1001")
        await heard(caller, "QueueLeft", Queue="seat-1001", Status="TIMEOUT")
        await heard(caller, "QueueCallerJoin", Queue="support")
    await room.answered(ANN, seat_of(MAX))
    await room.stayed(ANN, ("seat-1001", "timeout"), ("support", "answered"))
    alone_s, _ = room.stay_s(ANN)
    assert 1.9 <= alone_s < 4
    _, routing = await room.told(ANN)
    ((joined,),) = room.rows("SELECT min(entered_at) FROM wait WHERE queue = 'seat-1001'")
    (mine,) = [one for one in routing["joined"][0]["order"] if one["this"]]
    assert abs(datetime.fromisoformat(mine["joined"]) - joined) < timedelta(seconds=1), "the place of the first join"


async def test_a_last_agents_caller_overtakes_nobody_who_waits(room: Room) -> None:
    await _last_agent_in_support(room, 30)
    seat = await room.sit("lily", LILY)
    await room.talked_before("lily", ANN)
    room.ring_in(CAT, talk_s=4)
    await room.answered(CAT, seat)
    room.ring_in(BEN, talk_s=0.3)
    await room.waits(BEN)
    room.ring_in(ANN)
    await room.waits(ANN, "seat-1001")
    await room.answered(BEN, seat)
    assert room.rows("SELECT count(*) FROM offer WHERE queue = 'seat-1001'") == [(0,)]
    await room.answered(ANN, seat)


async def test_a_last_agent_who_is_away_costs_no_second(room: Room) -> None:
    await _last_agent_in_support(room, 20)
    await room.sit("lily", LILY)
    await room.sit("max", MAX)
    await room.talked_before("lily", ANN)
    await room.pause(LILY, "lunch")
    room.ring_in(ANN)
    await room.answered(ANN, seat_of(MAX))
    await room.stayed(ANN, ("seat-1001", "join_empty"), ("support", "answered"))
    assert sum(room.stay_s(ANN)) < 3
    lines, _ = await room.told(ANN)
    assert has(lines, "not rung: lily at", "paused (lunch)")
    async with room.database.reading() as session:
        lily = await agent_explained.explain(session, "lily")
    assert lily.verdict.startswith("gets no calls now: paused (lunch)")


# ---- skills


async def _needs_english(room: Room, levels: dict[int, int]) -> None:
    """As `kefu queue need` and `kefu queue rules --write` do it."""
    async with room.database.transaction() as session:
        await skills.set_need(session, "support", "english", levels)
        steps = {"support": await skills.steps_of(session, "support")}
        (room.sandbox.folder / "etc" / "queuerules_needs.conf").write_text(rules_file(steps))
        await wishes.ask(session, node=NODE, seat="", kind="reload_rules", asked_by="test", expiry_s=8)
    await room.seen("SELECT state FROM pbx_request WHERE kind = 'reload_rules'", [("confirmed",)])


@pytest.mark.usefixtures("rule_file")
async def test_a_skill_is_insisted_on_and_then_let_go(room: Room) -> None:
    await _needs_english(room, {0: 4, 4: 2})
    await room.sit("bo", BO, "support", english=2)
    await room.sit("max", MAX, "support")
    assert room.rows("SELECT seat, penalty FROM membership WHERE queue = 'support'") == [(seat_of(BO), 100)]
    room.ring_in(ANN)
    await room.answered(ANN, seat_of(BO))
    ((waited_s,),) = room.rows(
        "SELECT extract(epoch FROM started_at - (SELECT entered_at FROM wait))::float FROM offer"
    )
    assert 4 <= waited_s < 8
    lines, routing = await room.told(ANN)
    assert has(lines, "rung: bo at", "penalty 100, english 2")
    assert routing["rings"][0]["allowed_penalty"] == 199
    async with room.database.reading() as session:
        nobody, bo = await agent_explained.explain(session, "max"), await agent_explained.explain(session, "bo")
    assert nobody.queues[0].why == "never rung here: english 0, needs 2 at the last step"
    assert bo.queues[0].why == "rung for callers who have waited 4 s: english 2, needs 4 at first"


@pytest.mark.usefixtures("rule_file")
async def test_the_fit_are_rung_first_and_a_changed_skill_counts_at_once(room: Room) -> None:
    await _needs_english(room, {0: 4, 60: 0})
    await room.sit("bo", BO)
    await room.sit("lily", LILY, "support", english=5)
    room.ring_in(ANN, talk_s=0.5)
    await room.answered(ANN, seat_of(LILY))
    assert has((await room.told(ANN))[0], "not rung: bo at", "held back by skill: penalty 100, after 0 s up to 99")
    async with room.database.transaction() as session:
        await skills.set_level(session, room.people["bo"], "english", 4)
        await skills.set_level(session, room.people["lily"], "english", 3)
        asked = await fit_to_skills(session, asked_by="test", expiry_s=8)
        assert [(wish.kind, wish.penalty) for wish in asked] == [("set_penalty", 100), ("set_penalty", 0)]
    await room.seen("SELECT count(*) FROM pbx_request WHERE kind = 'set_penalty' AND state = 'confirmed'", [(2,)])
    query = "SELECT seat, penalty FROM membership WHERE queue = 'support' ORDER BY seat"
    await room.seen(query, [(seat_of(LILY), 100), (seat_of(BO), 0)])
    room.ring_in(BEN)
    await room.answered(BEN, seat_of(BO))


# ---- one clock


async def test_time_waited_in_one_queue_counts_in_the_next(room: Room) -> None:
    await room.sit("lily", LILY, "support", "reception")
    await room.pause(LILY, "meeting")
    for name, seconds in (("SUPPORT_WAIT_S", 3), ("RECEPTION_WAIT_S", 6)):
        room.sandbox.cli(f"dialplan set global {name} {seconds}")
    try:
        with Watch(room.sandbox, ANN) as caller:
            room.ring_in(ANN)
            await heard(caller, "QueueLeft", Queue="support", Status="TIMEOUT")
            await heard(caller, "QueueLeft", Queue="reception", Status="TIMEOUT")
        await room.stayed(ANN, ("support", "timeout"), ("reception", "timeout"))
        assert sum(room.stay_s(ANN)) == pytest.approx(6, abs=1.5)
    finally:
        for name, seconds in (("SUPPORT_WAIT_S", 180), ("RECEPTION_WAIT_S", 300)):
            room.sandbox.cli(f"dialplan set global {name} {seconds}")
    assert has((await room.told(ANN))[0], "left queue: support: timeout after")


async def test_after_a_talk_the_clock_begins_anew_and_the_place_is_kept(room: Room) -> None:
    await room.sit("lily", LILY, "support", "reception")
    room.sandbox.cli("dialplan set global RECEPTION_WAIT_S 3")
    try:
        with Watch(room.sandbox, ANN) as caller:
            room.ring_in(ANN, talk_s=30)
            joined = await asyncio.to_thread(caller.until, "AgentConnect")
            began = time.monotonic()
            await room.pause(LILY, "meeting")
            await asyncio.sleep(max(0.0, 3.5 - (time.monotonic() - began)))  # longer than reception's whole limit
            with room.sandbox.ami(room.sandbox.actor) as actor:
                there = {"Context": "internal", "Exten": "2001", "Priority": "1"}
                assert actor.ask({"Action": "Redirect", "Channel": joined["Channel"], **there})["Response"] == "Success"
            await heard(caller, "QueueLeft", Queue="reception", Status="TIMEOUT")
        await room.stayed(ANN, ("support", "answered"), ("reception", "timeout"))
        assert room.stay_s(ANN)[1] == pytest.approx(3, abs=1.2)
    finally:
        room.sandbox.cli("dialplan set global RECEPTION_WAIT_S 300")
    (first, again) = (await room.told(ANN))[1]["joined"]
    assert first["order"][0]["joined"] == again["order"][0]["joined"]


# ---- who is let in


async def _listed(room: Room, number: str, kind: str, reason: str) -> None:
    async with room.database.transaction() as session:
        written = number_lists.read_number(number, "CN")
        await number_lists.put(session, written, kind=kind, reason=reason, by="sue")


async def test_a_blocked_number_reaches_nobody_and_the_reason_stays(room: Room) -> None:
    await _listed(room, BEN, "block", "threatened lily")
    seat = await room.sit("lily", LILY)
    with Watch(room.sandbox, BEN) as caller:
        room.ring_in(BEN)
        await heard(caller, "IvrLeft", NextStep="goodbye")
    await room.seen("SELECT ending FROM visit", [("blocked",)])
    await room.seen("SELECT count(*) FROM conversation WHERE ended_at IS NOT NULL", [(1,)])
    assert room.rows("SELECT count(*) FROM wait") == [(0,)]
    assert has((await room.told(None))[0], "menu: blocked: threatened lily")
    room.ring_in(ANN)
    await room.answered(ANN, seat)


async def test_an_allowed_number_is_let_in_though_its_beginning_is_blocked(room: Room) -> None:
    await _listed(room, "+8613800138*", "block", "robots")
    await _listed(room, ANN, "allow", "our own courier")
    seat = await room.sit("lily", LILY)
    with Watch(room.sandbox, BEN) as caller:
        room.ring_in(BEN)
        await heard(caller, "IvrLeft", NextStep="goodbye")
    room.ring_in(ANN)
    await room.answered(ANN, seat)
    async with room.database.transaction() as session:
        over = await session.get(NumberListed, (await number_lists.listed(session, "block"))[0].id)
        assert over is not None
        over.until = datetime.now(UTC) - timedelta(seconds=1)
    room.ring_in(CAT)
    await room.waits(CAT)


# ---- the announcement


async def test_an_honest_range_is_said_before_the_wait_and_kept_beside_the_truth(room: Room) -> None:
    seat = await room.sit("lily", LILY)
    await room.served_before(seat, calls=12, seconds=50)
    room.ring_in(BEN, talk_s=6)
    await room.answered(BEN, seat)
    room.ring_in(ANN)
    await room.answered(ANN, seat)
    visit = (
        "SELECT step ->> 'prompt' FROM visit JOIN conversation c USING (node, linkedid), "
        "jsonb_array_elements(steps) step "
        f"WHERE step ->> 'step' = 'announce' AND c.caller = '{ANN}' AND visit.ended_at IS NOT NULL"
    )
    said = ["wait-position", "number-1", "wait-position-end", "wait-less-than", "minutes-2"]
    await room.seen(visit, [(prompt,) for prompt in said])
    lines, _ = await room.told(ANN)
    assert has(lines, "foretold: place 1, 5 to 116 s (1 to end first, 1.0 seats at work, 50 s a call", "announced")
    async with room.database.reading() as session:
        (kept,), calls = await wait_predictions.compare(session, queue="support")
    told = next(call for call in calls if call["caller"] == ANN)
    assert (told["low_s"], told["high_s"], told["announced"]) == (5, 116, True)
    assert told["verdict"] == ("inside" if told["waited_s"] >= 5 else "shorter")
    assert kept.predicted == 2, "who was answered at once was foretold so"


async def test_nothing_is_said_where_nothing_honest_can_be(room: Room) -> None:
    seat = await room.sit("lily", LILY)
    room.ring_in(BEN, talk_s=4)
    await room.answered(BEN, seat)
    room.ring_in(ANN)
    await room.waits(ANN)
    assert has((await room.told(ANN))[0], "foretold: place 1, no honest range: only 0 calls were observed lately")
    assert room.rows("SELECT count(*) FROM routing WHERE announced") == [(0,)]


async def _queues(room: Room) -> list[queues.QueueListed]:
    async with room.database.reading() as session:
        return await queues.listed(session)


# ---- Asterisk 16


async def test_on_asterisk_16_too_skills_last_agents_and_changed_credits_work(
    tmp_path_factory: pytest.TempPathFactory, database_url: str
) -> None:
    folder = tmp_path_factory.mktemp("pbx16")
    async with Sandbox(folder, version="16", say=print) as old, opened(old, database_url) as room:
        await _last_agent_in_support(room, 10)
        await _needs_english(room, {0: 4, 3: 2})
        await room.sit("lily", LILY, "support", english=2)
        await room.talked_before("lily", ANN)
        room.ring_in(ANN, talk_s=0.3)
        await room.answered(ANN, seat_of(LILY))
        await asyncio.gather(room.seen("SELECT queue FROM offer", [("seat-1001",)]), room.over())
        await room.pause(LILY, "lunch")
        for number in (BEN, CAT):
            room.ring_in(number)
            await room.waits(number)
        ((linkedid,),) = room.rows(f"SELECT linkedid FROM conversation WHERE caller = '{CAT}'")
        async with room.database.transaction() as session:
            given = await change_credit(
                session, identity=linkedid, node=NODE, seconds=300, at_most_s=600, reason="cut off", asked_by="sue",
                expiry_s=8,
            )  # fmt: skip
        assert given == (300, "withdraw")
        await room.stayed(CAT, ("support", "withdrawn"), ("support", None))
        await room.pause(LILY, None)
        await room.answered(CAT, seat_of(LILY))
        assert has((await room.told(CAT))[0], "rung: lily at", "penalty 100, english 2")
