"""An agent from whom numbers, names and notes are hidden: through a whole ring no page holds one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from canary import CODE, E164, NAME, NUMBER, SECOND, TOLD, plant
from click.testing import CliRunner
from forged_floor import ForgedFloor
from web_caller import PASSWORD, calling

from crm import agents, queues
from crm.cli import main
from crm.database import Database
from crm.settings import Settings
from crm.web.app import create_app

SEAT = "PJSIP/1001"
HIDDEN = {"agent": ["phone", "note"]}


async def test_the_command_line_sees_with_the_eyes_of_its_role(database: Database, database_url: str) -> None:
    async with database.transaction() as session:
        amy = await agents.create(session, login="amy", name="Amy", password=PASSWORD)
        await plant(session, amy.id)

    def kefu(*words: str, role: str = "quality") -> tuple[int, str]:
        command = CliRunner(env={"KEFU_CLI_ROLE": role, "KEFU_DATABASE_URL": database_url})
        found = command.invoke(main, list(words))
        return found.exit_code, found.output

    def all_of_it() -> None:
        for words in (("conversation", "list", "--json"), ("conversation", "list"), ("voicemail", "list", "--json")):
            code, told = kefu(*words)
            assert (code, NUMBER in told, "138****6666" in told) == (0, False, True), words
            assert NUMBER in kefu(*words, role="admin")[1]
        code, told = kefu("privacy", "export", CODE, "--to", "person.zip")
        assert (code, told) == (
            1,
            "Error: an export would show what cli_role sees masked (phone): use another role\n",
        )
        assert kefu("conversation", "list", role="nobody")[0] == 1

    await asyncio.to_thread(all_of_it)


async def test_no_page_of_a_ring_holds_a_number_or_a_note(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    floor = ForgedFloor(database_url)
    floor.see()
    async with database.transaction() as session:
        await queues.define(session, "support", title_en="Support", title_zh="客户支持")
        lily = await agents.create(session, login="lily", name="Lily", password=PASSWORD)
        await agents.serve(session, lily.id, "support")
        ids = await plant(session, lily.id)
    links: dict[str, Any] = {"pop_url_hosts": "crm.example", "pop_urls": {"CRM": "https://crm.example/?n={caller}"}}
    settings = Settings(data_folder=tmp_path, masked_fields=HIDDEN, **links)
    async with calling(create_app(settings, database), running=False) as caller:
        await caller.sign_in("lily")
        await caller.sit_at(SEAT)
        ring = floor.ring(SEAT, caller=NUMBER, caller_name=NAME)
        for path in (
            "/desk",
            "/desk/picture",
            f"/desk/card/{ring.conversation_id}/more?customer={ids['me']}",
            f"/timeline/{ids['me']}",
            f"/customers/{ids['me']}",
            f"/customers/{CODE}",
            f"/customers?q={CODE}",
            "/cases",
            "/conversations",
            "/voicemail",
            "/wallboard",
            "/value",
            f"/value/customer/{CODE}",
            f"/customers/found?q={CODE}",
            "/cases/10017",
        ):
            answer = await caller.get(path)
            assert answer.status_code in (200, 303, 403, 404, 422), (path, answer.status_code)
            shown = answer.text
            for secret in (NUMBER, E164, SECOND, "13866667777", "138 6666 7777", "138-7777-6666"):
                assert secret not in shown, (path, secret, shown[max(0, shown.find(secret) - 200) :][:300])
            if path == "/desk":
                assert NAME in shown, "names are not hidden here"
                assert "138****6666" in shown
        assert TOLD not in (await caller.get("/desk")).text
