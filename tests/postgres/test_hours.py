"""Hours that change while calls come in: one-off days, a queue closed now, closing time for those who wait."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from command_line import in_this_process
from forged_floor import ForgedFloor
from ledger_rows import seen
from web_caller import PASSWORD, calling

from agi.doors import Doors
from crm import agents, hours, queues
from crm.database import Database
from crm.deeds.end_waits_after_closing import end_waits_after_closing
from crm.hours import Openings, by_settings
from crm.refusals import Refusal
from crm.settings import Settings
from crm.web.app import create_app

WEEKDAYS = Settings(opening_hours="mon-fri 09:00-18:00", queue_hours={"support": "mon-sun 08:00-22:00"}, holidays="CN")
SATURDAY = datetime(2026, 3, 7, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


@pytest.fixture
async def support(database: Database) -> None:
    async with database.transaction() as session:
        for queue in ("support", "reception"):
            await queues.define(session, queue, title_en=queue.title(), title_zh="客户支持")


async def openings(database: Database, settings: Settings = WEEKDAYS) -> Openings:
    async with database.reading() as session:
        return await hours.read(session, by_settings(settings))


async def test_each_queue_has_its_hours_and_one_off_days_go_before_them(database: Database) -> None:
    known = await openings(database)
    assert known.now("support", SATURDAY).is_open
    assert (known.now("reception", SATURDAY).why, known.site_closed_why(SATURDAY)) == ("hours", "hours")
    async with database.transaction() as session:
        await hours.add_special_day(session, date(2026, 3, 7), "09:00-12:00", reason="Sale", by="ops")
        await hours.add_special_day(session, date(2026, 3, 7), "", reason="Move", by="ops", queue="support")
    async with database.reading() as session:
        days = await hours.special_days(session, since=date(2026, 3, 1))
    assert [(day.queue, day.spans) for day in days] == [("", "09:00-12:00"), ("support", "")]


async def test_one_off_days_around_today_are_in_force(database: Database) -> None:
    today = datetime.now(WEEKDAYS.zone).date()
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=WEEKDAYS.zone)
    async with database.transaction() as session:
        await hours.add_special_day(session, today, "", reason="Move", by="ops", queue="support")
        await hours.add_special_day(session, today, "00:00-24:00", reason="Sale", by="ops")
    known = await openings(database)
    assert known.now("support", noon).why == "special_day"
    assert known.now("reception", noon).is_open
    assert known.site_closed_why(noon) is None
    async with database.transaction() as session:
        await hours.remove_special_day(session, today, queue="support")
    assert (await openings(database)).now("support", noon).is_open
    with pytest.raises(Refusal, match="no one-off day"):
        async with database.transaction() as session:
            await hours.remove_special_day(session, today, queue="support")
    with pytest.raises(Refusal, match="write it as"):
        async with database.transaction() as session:
            await hours.add_special_day(session, today, "9-12", reason="", by="ops")


async def test_a_queue_closed_now_is_closed_for_every_server_at_once(database: Database) -> None:
    doors = Doors(by_settings(Settings()))
    following = asyncio.create_task(doors.follow(database))
    try:
        assert doors.queue("support").is_open
        async with database.transaction() as session:
            await hours.say(session, "support", "closed", by="dana", reason="fire drill")
        async with asyncio.timeout(5):
            while doors.queue("support").is_open:  # noqa: ASYNC110 - the hint is the server's own
                await asyncio.sleep(0.01)
        found = doors.queue("support")
        assert (found.prompts, found.why) == (("queue-closed",), "closed_now")
        assert doors.queue("reception").is_open
        assert doors.closed_why() is None
        async with database.transaction() as session:
            assert await hours.unsay(session, "support", "closed", by="dana")
        async with asyncio.timeout(5):
            while not doors.queue("support").is_open:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_notice_ends_by_itself_and_the_last_word_counts(database: Database, database_url: str) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    async with database.transaction() as session:
        await hours.say(session, "support", "announcement", by="dana", prompt="announce-busy")
        await hours.say(session, "support", "announcement", by="dana", prompt="announce-disturbance", until=soon)
    known = await openings(database, Settings())
    assert known.now("support", datetime.now(UTC)).prompts == ("announce-disturbance",)
    assert known.now("support", soon).prompts == ()  # also where nobody read the rows since
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE queue_notice SET until = now() - interval '1 s' WHERE ended_at IS NULL")
    async with database.transaction() as session:
        assert not await hours.unsay(session, "support", "announcement", by="dana")
    with psycopg.connect(database_url) as connection:
        ended = connection.execute("SELECT count(*) FROM queue_notice WHERE ended_at IS NULL").fetchall()
    assert ended == [(0,)]
    for wrong in ({"prompt": "../../etc"}, {"until": datetime.now(UTC) - timedelta(hours=1)}):
        with pytest.raises(Refusal, match="write"):
            async with database.transaction() as session:
                await hours.say(session, "support", "closed", by="dana", **wrong)  # type: ignore[arg-type]


async def test_two_who_close_at_once_leave_one_notice(database: Database, database_url: str) -> None:
    async def close(name: str) -> None:
        async with database.transaction() as session:
            await hours.say(session, "support", "closed", by=name)

    await asyncio.gather(*(close(f"agent{n}") for n in range(8)))
    with psycopg.connect(database_url) as connection:
        (open_ones,) = connection.execute("SELECT count(*) FROM queue_notice WHERE ended_at IS NULL").fetchall()
    assert open_ones == (1,)


async def test_who_waits_at_closing_time_is_led_to_voicemail_after_the_grace(
    database: Database, database_url: str
) -> None:
    floor = ForgedFloor(database_url)
    floor.ring("PJSIP/1001", waited=timedelta(minutes=20), linkedid="1.1")
    settings = Settings(closing_grace_minutes=10)
    assert await end_waits_after_closing(database, settings) == 0
    async with database.transaction() as session:
        await hours.say(session, "support", "closed", by="dana")
    assert await end_waits_after_closing(database, settings) == 0  # just closed: who waits is served
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE queue_notice SET since = now() - interval '11 min'")
    assert await end_waits_after_closing(database, settings) == 1
    assert await end_waits_after_closing(database, settings) == 1
    wishes = "SELECT kind, seat, queue, reason, state FROM pbx_request"
    await seen(database_url, wishes, [("withdraw", "1.1", "support", "voicemail", "wanted")])


async def test_the_wallboard_says_what_is_said_of_a_queue(database: Database, support: None) -> None:
    async with database.transaction() as session:
        await agents.create(session, login="lily", name="Lily", password=PASSWORD)
        await hours.say(session, "support", "closed", by="dana", reason="<b>fire</b> drill")
    async with calling(create_app(Settings(), database)) as lily:
        await lily.sign_in("lily")
        board = (await lily.page("/wallboard")).text
    assert "Closed for new callers" in board
    assert "&lt;b&gt;fire&lt;/b&gt; drill" in board


# ---- the command line


def kefu(database_url: str, *arguments: str, code: int = 0) -> Any:
    environment = {"KEFU_DATABASE_URL": database_url, "KEFU_OPENING_HOURS": "mon-fri 09:00-18:00"}
    environment |= {"KEFU_HOLIDAYS": "CN", "KEFU_QUEUE_HOURS": '{"support": "mon-sun 00:00-24:00"}'}
    ran = in_this_process(*arguments, "--json", **environment)
    assert ran.exit_code == code, ran.stderr
    return json.loads(ran.stdout) if code == 0 else ran.stderr


async def test_the_command_line_adds_previews_and_removes_a_day(database_url: str) -> None:
    first = (datetime.now(WEEKDAYS.zone) + timedelta(days=1)).date()
    kefu(database_url, "hours", "add", str(first), "10:00-12:00", "--reason", "年会")
    (listed,) = kefu(database_url, "hours", "list")
    assert (listed["day"], listed["hours"], listed["reason"]) == (str(first), "10:00-12:00", "年会")
    days = kefu(database_url, "hours", "preview", "--days", "14", "--from", str(first))
    assert len(days) == 14
    assert (days[0]["hours"], days[0]["why"], days[0]["name"]) == ("10:00-12:00", "special", "年会")
    kefu(database_url, "hours", "remove", str(first))
    assert kefu(database_url, "hours", "preview", "--from", str(first))[0]["why"] != "special"
    spring = kefu(database_url, "hours", "preview", "--from", "2026-02-14", "--days", "4")
    assert [day["why"] for day in spring] == ["makeup", "holiday", "holiday", "holiday"]
    assert spring[0]["name"] == "Spring Festival 春节"
    assert "write it as 2026-10-01" in kefu(database_url, "hours", "add", "tomorrow", "closed", "--reason", "x", code=2)


async def test_the_command_line_closes_announces_and_reopens(
    database: Database, database_url: str, support: None
) -> None:
    kefu(database_url, "queue", "close-now", "support", "--until", "2099-01-01 08:00")
    kefu(database_url, "queue", "announce", "all", "announce-busy")
    known = await openings(database)
    assert {(n.queue, n.kind, n.prompt) for n in known.notices} == {
        ("support", "closed", None),
        ("", "announcement", "announce-busy"),
    }
    assert kefu(database_url, "queue", "reopen", "support")["ended"] == ["closed"]
    assert "announce-busy" in kefu(database_url, "queue", "announce", "support", "no-such-prompt", code=1)
    assert "reception, support" in kefu(database_url, "queue", "close-now", "suport", code=1)


async def test_calls_after_hours_are_found_everywhere(database: Database, database_url: str, support: None) -> None:
    floor = ForgedFloor(database_url)
    floor.ring("PJSIP/1001", linkedid="1.1", pressed=[("menu", "1")])
    floor.ring("PJSIP/1001", linkedid="2.2", pressed=[("menu", "2")])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE visit SET closed_why = 'holiday' WHERE linkedid = '2.2'")
    (listed,) = kefu(database_url, "conversation", "list", "--after-hours")
    assert (listed["linkedid"], listed["after_hours"]) == ("2.2", True)
    assert [call["after_hours"] for call in kefu(database_url, "conversation", "list")] == [False, True]
    async with database.transaction() as session:
        await agents.create(session, login="lily", name="Lily", password=PASSWORD)
    async with calling(create_app(Settings(), database)) as lily:
        await lily.sign_in("lily")
        assert "1 <small>call today heard that we are closed" in (await lily.page("/wallboard")).text
        page = (await lily.page("/conversations?after_hours=1")).text
        assert page.count("<tr>") == 2
        assert "· after hours" in page
        api = (await lily.get("/api/conversations?after_hours=true", headers={"accept": "application/json"})).json()
        assert api == []  # an agent's program sees the agent's own calls
