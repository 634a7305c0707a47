"""An agent's own day: figures reckoned by hand, lights, promises, repeat callers, messages and who has read them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI
from forged_floor import CALLER, NODE, ForgedFloor
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, queues
from crm.cli import main
from crm.database import Database
from crm.reports.own_day import OwnDay, own_day
from crm.settings import Settings
from crm.web.app import create_app

SEAT = "PJSIP/1001"
CHANGED = (
    "INSERT INTO posture_change (node, seat, at, word, agent_id, cause, actor, event) "
    "VALUES (%(node)s, %(seat)s, %(at)s, %(word)s, %(a)s, 'call', 'caller', 'BridgeEnter')"
)
SAID = "INSERT INTO wrap_up (conversation_id, agent_id, outcome, note) VALUES (%(c)s, %(a)s, 'solved', '')"
OWED = (
    "INSERT INTO callback (id, node, queue, number_e164, language, about, source, booked_by, joined_at, place_at, "
    "window_begin, window_end, due_at, owner_id) VALUES (gen_random_uuid(), %(node)s, 'support', "
    "'+8613700001111', 'zh', 'the kiln', 'agent', 'lily', now(), now(), %(from)s, %(to)s, now(), %(a)s)"
)
JSON = {"accept": "application/json"}


def kefu(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database-url", url])


@pytest.fixture
async def app(database: Database) -> FastAPI:
    async with database.transaction() as session:
        for queue in ("support", "sales"):
            await queues.define(session, queue)
        for login in ("lily", "marco", "jo"):
            agent = await agents.create(session, login=login, name=login.title(), password=PASSWORD)
            if login == "jo":
                agent.role = "supervisor"
            else:
                await agents.serve(session, agent.id, "support" if login == "lily" else "sales")
    return create_app(Settings(), database)


@pytest.fixture
async def lily(app: FastAPI) -> AsyncIterator[WebCaller]:
    async with calling(app) as browser:
        await browser.sign_in("lily")
        await browser.sit_at(SEAT)
        yield browser


SHANGHAI = ZoneInfo("Asia/Shanghai")  # where the center is by its own settings


class Morning:
    """A made-up day of lily's, told in seconds after it began."""

    def __init__(self, floor: ForgedFloor) -> None:
        self.floor = floor
        ((self.lily,),) = floor.rows("SELECT id FROM agent WHERE login = 'lily'")
        now = datetime.now(SHANGHAI)
        self.began = max(now - timedelta(hours=3), now.replace(hour=0, minute=0, second=0)).astimezone(UTC)
        floor.do(
            ("UPDATE seat_session SET signed_in_at = %(at)s WHERE agent_id = %(a)s", {"at": self.at(0), "a": self.lily})
        )

    def at(self, s: float) -> datetime:
        return self.began + timedelta(seconds=s)

    def was(self, s: float, word: str) -> None:
        self.floor.do(
            (
                CHANGED,
                {"seat": SEAT, "at": self.at(s), "word": word, "a": self.lily},
            )
        )

    def talked(self, from_s: float, to_s: float, *, hold_s: float = 0, caller: str = CALLER, said: bool = True) -> UUID:
        ring = self.floor.ring(SEAT, caller=caller)
        self.floor.answer(ring, self.lily)
        self.floor.hang_up(ring)
        times = {"s": ring.segment_id, "from": self.at(from_s), "to": self.at(to_s), "hold": hold_s}
        self.floor.do(
            ("UPDATE segment SET started_at = %(from)s, ended_at = %(to)s, hold_s = %(hold)s WHERE id = %(s)s", times),
        )
        if said:
            row = {"c": ring.conversation_id, "a": self.lily}
            self.floor.do(
                (
                    SAID,
                    row,
                )
            )
        return ring.conversation_id


async def day_of(database: Database, agent_id: UUID, midnight: datetime) -> OwnDay:
    async with database.reading() as session:
        return await own_day(session, agent_id, midnight)


async def test_figures_are_those_reckoned_by_hand(lily: WebCaller, floor: ForgedFloor, database: Database) -> None:
    day = Morning(floor)
    for s, word in ((0, "ready"), (100, "talking"), (300, "wrapping_up"), (360, "ready"), (400, "talking"),
                    (500, "wrapping_up"), (540, "paused"), (900, "ready"), (960, "offline")):  # fmt: skip
        day.was(s, word)
    day.talked(100, 300, hold_s=50)
    day.talked(400, 500, said=False, caller="+861234567")
    for outcome in ("no_answer", "caller_left", "rejected"):
        ring = floor.ring(SEAT, caller="+8613900000001")
        floor.miss(ring)
        floor.do(("UPDATE offer SET outcome = %(o)s WHERE id = %(id)s", {"o": outcome, "id": ring.offer_id}))
    floor.posture(SEAT, "offline")
    found = await day_of(database, day.lily, day.at(-60))
    figures = {figure.name: (figure.value, figure.light) for figure in found.figures}
    busy_s, ready_s = 200 + 100 + 60 + 40, 100 + 40 + 60
    assert figures["calls"] == (2, "red")
    assert figures["talk"][0] == pytest.approx((150 + 100) / 2)
    assert figures["acw"] == (pytest.approx(50), "green")
    assert figures["occupancy"] == (pytest.approx(busy_s / (busy_s + ready_s)), "yellow")
    assert figures["missed"] == (2, "yellow")
    assert figures["outcome_share"] == (0.5, "red")
    nothing = await day_of(database, day.lily, day.at(4 * 3600))
    assert [figure.value for figure in nothing.figures] == [0, None, None, None, 0, None]


async def test_the_call_being_wrapped_up_owes_nothing_yet(
    lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    day = Morning(floor)
    day.talked(10, 20)
    day.talked(100, 300, said=False)  # the seat still wraps this one up
    found = await day_of(database, day.lily, day.at(0))
    assert {figure.name: figure.value for figure in found.figures}["outcome_share"] == 1


async def test_who_called_again_and_what_is_promised(lily: WebCaller, floor: ForgedFloor, database: Database) -> None:
    day = Morning(floor)
    day.talked(10, 20)
    day.talked(100, 200)
    day.talked(300, 400, caller="+8613911112222")
    now = datetime.now(UTC)
    owed = {"a": day.lily, "from": now - timedelta(hours=2), "to": now - timedelta(hours=1)}
    floor.do(
        (
            OWED,
            owed,
        )
    )
    found = await day_of(database, day.lily, day.at(0))
    assert [(each.caller, each.calls) for each in found.repeats] == [(CALLER, 2)]
    assert [(each.caller, each.about, each.late) for each in found.promises] == [("+8613700001111", "the kiln", True)]
    part = (await lily.page("/desk/day")).text
    assert "the kiln" in part
    assert "2 calls in two days" in part


def test_targets_are_set_and_nonsense_is_refused(app: FastAPI, database_url: str) -> None:
    assert kefu(database_url, "target", "set", "talk", "--green", "180", "--red", "300", "--by", "jo").exit_code == 0
    rows = json.loads(kefu(database_url, "target", "list", "--json").stdout)
    assert {"figure": "talk", "green": 180.0, "red": 300.0, "changed_by": "jo"} in rows
    for green, red in (("5", "5"), ("nan", "1"), ("-1", "1"), ("inf", "1")):
        refused = kefu(database_url, "target", "set", "talk", "--green", green, "--red", red)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert "two different numbers" in refused.stderr
    assert kefu(database_url, "target", "set", "fame", "--green", "1", "--red", "2").exit_code == 2


def sent(url: str, *arguments: str) -> Any:
    done = kefu(url, "message", "send", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["id"]


def test_messages_from_the_command_line(app: FastAPI, database_url: str) -> None:
    to_all = sent(database_url, "Fire drill at noon", "--by", "jo")
    sent(database_url, "Well done", "--agent", "marco")
    listed = json.loads(kefu(database_url, "message", "list", "--json").stdout)
    assert [(row["body"], row["login"], row["concerns"], row["read"]) for row in listed] == [
        ("Well done", "marco", 1, 0),
        ("Fire drill at noon", None, 3, 0),
    ]
    assert kefu(database_url, "message", "withdraw", to_all).exit_code == 0
    for arguments, why in (
        ((" ",), "a message has 1 to 1000 characters"),
        (("x" * 1001,), "a message has 1 to 1000 characters"),
        (("hi", "--agent", "nobody"), "there is no agent 'nobody'"),
        (("hi", "--queue", "nowhere"), "there is no queue 'nowhere'"),
        (("hi", "--agent", "lily", "--queue", "support"), "not to both"),
        (("hi", "--until", "2020-01-01 10:00"), "cannot end before it is sent"),
    ):
        refused = kefu(database_url, "message", "send", *arguments)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1), refused.stderr
        assert why in refused.stderr
    assert len(json.loads(kefu(database_url, "message", "list", "--json").stdout)) == 2


async def test_a_supervisor_writes_and_those_concerned_read(app: FastAPI, lily: WebCaller, floor: ForgedFloor) -> None:
    async with calling(app, running=False) as jo:
        await jo.sign_in("jo")
        await jo.page("/messages")
        for to, body in (("", "to <all>"), ("queue:support", "to support"), ("queue:sales", "to sales"),
                         ("agent:lily", "to lily"), ("agent:marco", "to marco")):  # fmt: skip
            for _ in range(2):  # the same form, sent twice
                sent = await jo.send_form("/messages", to=to, body=body, key=f"form {to}")
                assert sent.status_code == 303
        assert floor.rows("SELECT count(*) FROM desk_message") == [(5,)]
        floor.do(("INSERT INTO agent_scope (agent_id, queue) SELECT id, 'sales' FROM agent WHERE login = 'jo'", {}))
        for to in ("", "queue:support"):
            refused = (await jo.send_form("/messages", to=to, body="mine?")).text
            assert "you are bound to queues: write" in refused
            assert "mine?</textarea>" in refused
        assert (
            "a moment is written as" in (await jo.send_form("/messages", to="agent:lily", body="x", until="soon")).text
        )
        part = (await lily.page("/desk/day")).text
        assert [word in part for word in ("to &lt;all&gt;", "to support", "to lily", "to sales", "to marco")] == [
            *(True, True, True, False, False)
        ]
        first = re.search(r"/desk/messages/([0-9a-f-]+)/read", part)
        assert first
        await lily.page("/desk")
        for _ in range(2):
            assert (await lily.send_form(f"/desk/messages/{first[1]}/read")).status_code == 303
        assert (await lily.page("/desk/day")).text.count("/read") == 2 * 2
        assert "1 / 1" in (await jo.page("/messages")).text
        ((to_all,),) = floor.rows("SELECT id FROM desk_message WHERE agent_id IS NULL AND queue IS NULL")
        assert "you are bound to queues: withdraw" in (await jo.send_form(f"/messages/{to_all}/withdraw")).text
        floor.do(("DELETE FROM agent_scope", {}))
        assert (await jo.send_form(f"/messages/{to_all}/withdraw")).status_code == 303
    assert "to &lt;all&gt;" not in (await lily.page("/desk/day")).text
    stranger = await lily.send_form(f"/desk/messages/{UUID(int=7)}/read")
    assert stranger.status_code == 404
    assert (await lily.get("/messages", headers=JSON)).status_code == 403


async def test_a_message_reaches_the_desks_it_concerns_at_once(
    app: FastAPI, lily: WebCaller, floor: ForgedFloor, database: Database
) -> None:
    from crm.deeds.tell_desks import tell_desks
    from crm.hints import LIVE

    async with database.listening(LIVE) as hints:
        await anext(hints)
        async with database.transaction() as session:
            await tell_desks(session, "hello", by="jo", queue="support")
        assert json.loads(str(await anext(hints))) == {"node": NODE, "seats": [SEAT], "queues": [], "all": False}
