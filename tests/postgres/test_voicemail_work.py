"""Messages as work: written once by the bridge, measured, taken by one, finished once, heard by whom they concern."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from fastapi import FastAPI
from web_caller import PASSWORD, WebCaller, calling

from ami_bridge.batch import Pending
from ami_bridge.events import read
from ami_bridge.floor import Floor
from crm import agents, audit, queues
from crm.database import Database, commit_batch
from crm.deeds import voicemail
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app

NODE = "asterisk1"
UNIQUEID = "1772400000.7"


def left(uniqueid: str = UNIQUEID, box: str = "support", status: str = "HANGUP", at: float = 1772400060.0) -> bytes:
    """The dialplan's word at the end of a call."""
    lines = (
        "Event: UserEvent",
        "Privilege: user,all",
        f"Timestamp: {at:.6f}",
        "Channel: PJSIP/trunk-00000001",
        f"Uniqueid: {uniqueid}",
        f"Linkedid: {uniqueid}",
        "UserEvent: VoicemailLeft",
        f"Box: {box}",
        f"Status: {status}",
    )
    return "\r\n".join(lines).encode()


async def hear(database: Database, *blocks: bytes) -> None:
    """What a bridge does that hears these and nothing else: a fresh floor, one batch."""
    floor, pending = Floor(NODE), Pending(NODE)
    for block in blocks:
        event = read(block)
        for change in floor.apply(event, 1772400060.0):  # type: ignore[arg-type]
            for row in change.rows:
                pending.touch(row)
    connection = await database.connect_ledger()
    try:
        await commit_batch(connection, [("SELECT 1", ()), *pending.seal().statements(NODE, 1)])
    finally:
        await connection.close()


def record(folder: Path, uniqueid: str = UNIQUEID, seconds: float = 3.0) -> Path:
    """What Asterisk's Record() leaves."""
    path = folder / f"{uniqueid}.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\x01\x02" * round(8000 * seconds))
    return path


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings(voicemail_folder=folder, opening_hours="mon-fri 09:00-18:00", timezone="Asia/Shanghai")


@pytest.fixture
async def people(database: Database) -> dict[str, Agent]:
    """lily and marco serve support, dana supervises, omar serves nothing."""
    async with database.transaction() as session:
        for queue in ("support", "reception"):
            await queues.define(session, queue, title_en=queue.title(), title_zh="客户支持")
        found = {
            login: await agents.create(session, login=login, name=login.title(), password=PASSWORD, role=role)
            for login, role in (("lily", "agent"), ("marco", "agent"), ("omar", "agent"), ("dana", "supervisor"))
        }
        for login in ("lily", "marco"):
            await agents.serve(session, found[login].id, "support")
    return found


async def the_message(database: Database, settings: Settings, which: str = "all", **more: Any) -> Any:
    async with database.reading() as session:
        (only,) = await voicemail.worklist(session, settings, which, **more)
    return only


async def test_a_message_is_one_row_however_often_it_is_told(
    database: Database, database_url: str, settings: Settings
) -> None:
    await hear(database, left(), left())
    await hear(database, left(at=1772400061.0))  # a bridge that was killed before it knew what it had written
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT node, linkedid, box, file FROM voicemail").fetchall()
    assert rows == [(NODE, UNIQUEID, "support", f"{UNIQUEID}.wav")]
    message = await the_message(database, settings, "open")
    assert (message.state, message.duration_s, message.short) == ("new", None, False)


@pytest.mark.parametrize("status", ["ERROR", "SKIP"])
async def test_no_recording_is_no_message(database: Database, settings: Settings, status: str) -> None:
    await hear(database, left(status=status))
    async with database.reading() as session:
        assert await voicemail.worklist(session, settings, "all") == []


async def test_a_message_after_hours_is_due_in_open_minutes(database: Database, settings: Settings) -> None:
    friday_evening = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)  # 20:00 in Shanghai
    await hear(database, left(at=friday_evening.timestamp()))
    message = await the_message(database, settings)
    assert message.due_at == datetime(2026, 3, 9, 3, 0, tzinfo=UTC)  # Monday 11:00: two open hours
    assert voicemail.overdue(message, message.due_at + timedelta(seconds=1))


async def test_recordings_are_measured_and_empty_ones_recognised(
    database: Database, settings: Settings, folder: Path
) -> None:
    now = datetime.now(UTC).timestamp()
    for uniqueid, seconds in (("1.1", 3.5), ("1.2", 0.4)):
        record(folder, uniqueid, seconds)
        await hear(database, left(uniqueid, at=now))
    (folder / "1.3.wav").write_bytes(b"RIFF, they said")
    await hear(database, left("1.3", at=now), left("../../etc/passwd", at=now))
    assert await voicemail.measure(database, settings) == 2
    assert await voicemail.measure(database, settings) == 0
    async with database.reading() as session:
        kept = {message.file: message for message in await voicemail.worklist(session, settings, "all")}
        open_now = {message.file for message in await voicemail.worklist(session, settings, "open")}
        empty = [message.file for message in await voicemail.worklist(session, settings, "short")]
    assert kept["1.1.wav"].duration_s == pytest.approx(3.5)
    assert empty == ["1.2.wav"]
    assert open_now == {"1.1.wav", "1.3.wav", "../../etc/passwd.wav"}


async def test_of_ten_who_take_it_at_once_one_has_it(
    database: Database, settings: Settings, people: dict[str, Agent]
) -> None:
    await hear(database, left())
    message = await the_message(database, settings)

    async def take(agent: Agent) -> str:
        try:
            async with database.transaction() as session:
                await voicemail.take(session, settings, message.id, agent)
        except Refusal as refused:
            return str(refused)
        return "taken"

    said = await asyncio.gather(*(take(people[login]) for login in ["lily", "marco"] * 5))
    taken = await the_message(database, settings, "open")
    assert taken.owner in ("lily", "marco")
    assert said.count("taken") == 5  # taken again by the same agent it is still theirs
    assert f"{taken.owner.title()} has taken this message" in next(each for each in said if each != "taken")
    async with database.transaction() as session:
        await voicemail.take(session, settings, message.id, people["dana"])
    assert (await the_message(database, settings, "open")).owner == "dana"


async def test_done_is_done_once_and_keeps_its_note(
    database: Database, settings: Settings, people: dict[str, Agent]
) -> None:
    await hear(database, left())
    message = await the_message(database, settings)
    async with database.transaction() as session:
        done = await voicemail.finish(session, settings, message.id, people["lily"], "called back\x00 ")
    assert (done.state, done.owner, done.done_by, done.note) == ("done", "lily", "lily", "called back")
    assert done.due_at is not None
    with pytest.raises(Refusal, match="done already: lily finished it"):
        async with database.transaction() as session:
            await voicemail.finish(session, settings, message.id, people["marco"], "me too")
    with pytest.raises(Refusal, match="4000 fit"):
        async with database.transaction() as session:
            await voicemail.finish(session, settings, message.id, people["lily"], "x" * 4001)


async def test_who_does_not_serve_the_queue_knows_nothing_of_its_messages(
    database: Database, settings: Settings, people: dict[str, Agent]
) -> None:
    await hear(database, left(), left("2.2", box=""))
    async with database.reading() as session:
        heard = [m.file for m in await voicemail.worklist(session, settings, "all", listener=people["omar"])]
        assert heard == ["2.2.wav"]  # nobody's box is everybody's
        assert len(await voicemail.worklist(session, settings, "all", listener=people["dana"])) == 2
        theirs = next(m for m in await voicemail.worklist(session, settings, "all") if m.box == "support")
    with pytest.raises(voicemail.NoSuchMessage):
        async with database.transaction() as session:
            await voicemail.take(session, settings, theirs.id, people["omar"])


# ---- the page


@pytest.fixture
async def lily(database: Database, settings: Settings, people: dict[str, Agent]) -> AsyncIterator[WebCaller]:
    app: FastAPI = create_app(settings, database)
    async with calling(app) as browser:
        await browser.sign_in("lily")
        await browser.sit_at("PJSIP/1001")
        yield browser


async def test_the_page_plays_takes_and_finishes(
    lily: WebCaller, database: Database, settings: Settings, folder: Path
) -> None:
    sound = record(folder).read_bytes()
    await hear(database, left(at=datetime.now(UTC).timestamp()))
    message = await the_message(database, settings)
    page = await lily.page("/voicemail")
    assert "1 message<" in page.text
    assert "Number withheld" in page.text
    assert "due in" in page.text
    whole = await lily.get(f"/voicemail/{message.id}/sound")
    assert (whole.status_code, whole.headers["content-type"], whole.content) == (200, "audio/wav", sound)
    part = await lily.get(f"/voicemail/{message.id}/sound", headers={"range": "bytes=44-143"})
    assert (part.status_code, part.content) == (206, sound[44:144])
    assert part.headers["content-range"] == f"bytes 44-143/{len(sound)}"
    beyond = await lily.get(f"/voicemail/{message.id}/sound", headers={"range": f"bytes={len(sound)}-"})
    assert beyond.status_code == 416
    async with database.reading() as session:
        noted = [(row.by, row.subject_id) for row in await audit.listed(session, did="recording.listen")]
    assert noted == [("lily", str(message.id))], "who listened to what; its parts are one listening"
    assert "media-src 'self'" in page.headers["content-security-policy"]
    assert (await lily.send_form(f"/voicemail/{message.id}/take")).status_code == 303
    assert "Taken by Lily" in (await lily.page("/voicemail")).text
    await lily.send_form(f"/voicemail/{message.id}/done", note="<b>called</b>")
    assert "No messages here." in (await lily.page("/voicemail")).text
    done = await lily.page("/voicemail?list=done")
    assert "&lt;b&gt;called" in done.text
    again = await lily.send_form(f"/voicemail/{message.id}/take")
    assert "this message is done already: lily finished it" in again.text


async def test_desk_and_wallboard_count_new_messages(lily: WebCaller, database: Database) -> None:
    now = datetime.now(UTC).timestamp()
    await hear(database, left(at=now), left("3.3", box="reception", at=now))
    assert "1 new<" in (await lily.page("/desk")).text
    board = (await lily.page("/wallboard")).text
    assert "2 <small>new messages" in board


async def test_no_path_comes_from_a_request_and_no_row_leads_out_of_the_folder(
    lily: WebCaller, database: Database, settings: Settings, folder: Path
) -> None:
    secret = folder.parent / f"{folder.name}-secret.wav"
    record(folder.parent, f"{folder.name}-secret")
    try:
        (folder / "7.7.wav").symlink_to(secret)
        await hear(database, left("7.7"), left(f"../{folder.name}-secret"), left(".hidden"), left("gone"))
        async with database.reading() as session:
            found = await voicemail.worklist(session, settings, "all")
        assert len(found) == 4
        for message in found:
            assert (await lily.get(f"/voicemail/{message.id}/sound")).status_code == 404
    finally:
        secret.unlink()
    for path in ("/voicemail/../../etc/passwd/sound", "/voicemail/passwd/sound", "/voicemail/%2e%2e/sound"):
        assert (await lily.get(path)).status_code in (404, 422)


async def test_a_stranger_and_another_queues_agent_hear_nothing(
    database: Database, settings: Settings, people: dict[str, Agent], folder: Path
) -> None:
    record(folder)
    await hear(database, left())
    message = await the_message(database, settings)
    async with calling(create_app(settings, database)) as omar:
        assert (await omar.get(f"/voicemail/{message.id}/sound")).headers["location"] == "/sign-in"
        await omar.sign_in("omar")
        await omar.page("/voicemail")
        assert (await omar.get(f"/voicemail/{message.id}/sound")).status_code == 404
        assert (await omar.send_form(f"/voicemail/{message.id}/take")).status_code == 404
        assert (await omar.get(f"/voicemail/{UUID(int=1)}/sound")).status_code == 404
    assert (await the_message(database, settings)).state == "new"
