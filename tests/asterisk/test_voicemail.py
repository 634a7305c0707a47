"""A caller leaves a message on a real Asterisk: one recording, one row, one piece of work, played on the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from center import Center
from ledger_rows import rows, seen
from short_prompts import short_prompts
from sip_phones import SippCaller
from web_caller import PASSWORD, calling

from crm import agents, queues
from crm.database import Database
from crm.settings import Settings
from crm.web.app import create_app

CALLER = "13800138077"
MESSAGES = "SELECT count(*), count(DISTINCT file) FROM voicemail"


@pytest.fixture
async def center(tmp_path: Path, database: Database, database_url: str) -> AsyncIterator[Center]:
    """Bridge, menus and pages beside an Asterisk whose support is closed and where nobody sits."""
    async with database.transaction() as session:
        for queue in ("support", "reception"):
            await queues.define(session, queue, title_en=queue.title(), title_zh="客户支持")
        lily = await agents.create(session, login="lily", name="Lily", password=PASSWORD, role="supervisor")
        await agents.serve(session, lily.id, "reception")
    spool = tmp_path / "pbx" / "spool" / "kefu-voicemail"
    settings = {"VOICEMAIL_FOLDER": str(spool), "OPENING_HOURS": "", "HOLIDAYS": "CN"}
    prompts = short_prompts(tmp_path / "prompts")
    async with Center(tmp_path, database_url, prompts=prompts, settings=settings) as running:
        yield running


async def test_a_sip_callers_message_is_in_the_worklist_once(
    center: Center, database: Database, database_url: str
) -> None:
    """Outside opening hours; the bridge is killed right after the call, and its successor tells the same once more."""
    with SippCaller(center.sandbox, CALLER, name="李伟", keys=[(0.5, "2")], says_s=16, stay_s=1) as phone:
        await phone.wait_async(90)
    await seen(database_url, MESSAGES, [(1, 1)])
    center.services["bridge"].kill()
    center.services["bridge"].start()
    await center.services["bridge"].ready()
    (message,) = await _list(center)
    assert (message["caller"], message["caller_name"], message["box"]) == (CALLER, "李伟", "reception")
    assert message["state"] == "new"
    assert message["duration_s"] > 2
    assert not message["short"]
    folder = center.sandbox.spool_folder / "kefu-voicemail"
    assert [path.name for path in folder.iterdir()] == [message["file"]]
    (call,) = await center.kefu("conversation", "list")
    assert (call["outcome"], call["after_hours"], call["caller_name"]) == ("voicemail", True, "李伟")
    assert rows(database_url, MESSAGES) == [(1, 1)]
    menus = await center.kefu("report", "ivr")
    assert (menus["visits"], menus["endings"]) == (1, {"voicemail": 1})
    assert all("/" in step["step"] for step in menus["steps"])  # the menu's own names of its steps
    (leaf,) = menus["leaves"]
    behind = await center.kefu("report", "ivr", "--calls", "visits", "--step", leaf["step"], "--ending", "voicemail")
    assert behind["conversations"] == [call["id"]]
    await _play_take_and_finish(database, folder, message)
    done = (await center.kefu("voicemail", "list", "--list", "done"))[0]
    assert (done["owner"], done["note"]) == ("lily", "called back")


@pytest.mark.timeout(240)
async def test_a_message_left_while_no_bridge_looked_is_found_in_asterisks_files(
    center: Center, database_url: str
) -> None:
    bridge = center.services["bridge"]
    bridge.kill()
    with SippCaller(center.sandbox, CALLER, keys=[(0.5, "2")], says_s=16, stay_s=1) as phone:
        await phone.wait_async(90)
    bridge.start()
    await bridge.ready()
    found = "SELECT box, reconstructed, linkedid = replace(file, '.wav', '') FROM voicemail"
    await seen(database_url, found, [("reception", True, True)], deadline_s=60)
    (message,) = await _list(center)
    assert message["duration_s"] > 2


async def test_who_says_nothing_leaves_no_work(center: Center, database_url: str) -> None:
    with SippCaller(center.sandbox, CALLER, keys=[(0.5, "2")], stay_s=6) as phone:
        await phone.wait_async(60)
    await seen(database_url, MESSAGES, [(1, 1)])
    await seen(database_url, "SELECT duration_s < 2 FROM voicemail_work", [(True,)])
    assert await center.kefu("voicemail", "list") == []
    (short,) = await center.kefu("voicemail", "list", "--list", "short")
    assert (short["short"], short["state"]) == (True, "new")


async def _list(center: Center) -> list[dict[str, Any]]:
    """The open messages, once the recording was measured."""
    async with asyncio.timeout(20):
        while True:
            found: list[dict[str, Any]] = await center.kefu("voicemail", "list")
            if found and all(each["duration_s"] is not None for each in found):
                return found


async def _play_take_and_finish(database: Database, folder: Path, message: dict[str, Any]) -> None:
    async with calling(create_app(Settings(voicemail_folder=folder), database)) as lily:
        await lily.sign_in("lily")
        page = await lily.page("/voicemail")
        assert "李伟" in page.text
        sound = await lily.get(f"/voicemail/{message['id']}/sound", headers={"range": "bytes=0-3"})
        assert (sound.status_code, sound.content) == (206, b"RIFF")
        assert (await lily.send_form(f"/voicemail/{message['id']}/take")).status_code == 303
        answer = await lily.send_form(f"/voicemail/{message['id']}/done", note="called back")
        assert answer.status_code == 303
