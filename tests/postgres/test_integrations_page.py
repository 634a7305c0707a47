"""docs/integrations.md tells the truth: its commands and requests are run, its verify function is tried."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from foreign_crm import ForeignCrm
from forged_floor import ForgedFloor

from crm.database import Database
from crm.deeds.sign_in_to_seat import sign_in_to_seat
from crm.rules.event_catalogue import CATALOGUE
from crm.rules.signature import encode_secret, headers
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app

PAGE = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text("utf-8")
TEMPLATE = "https://crm.example/search?phone={caller_e164}&code={customer_code}"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
async def door(database: Database, amy: Agent) -> AsyncIterator[str]:
    """`kefu web` on a port, over the demo center."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(Settings(secure_cookies=False), database), port=0, log_config=None, lifespan="off")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


async def test_every_command_on_the_page_runs(
    door: str, database: Database, amy: Agent, database_url: str, tmp_path: Path
) -> None:
    ForgedFloor(database_url).ring("PJSIP/1001")
    async with database.transaction() as session:  # who is to be paused sits somewhere
        where = {"node": "asterisk1", "seat": "PJSIP/1002", "without_phone": True}
        await sign_in_to_seat(session, agent_id=amy.id, expiry_s=5, **where)
    config = tmp_path / "kefu.toml"
    config.write_text(f'webhook_private = "127.0.0.1"\n{blocks("toml")[0]}')
    kefu = f'kefu() {{ {sys.executable} -m crm.cli --config "{config}" "$@"; }}\n'
    assert shutil.which("curl"), "the page shows curl"
    async with ForeignCrm() as crm:
        crm.answer = lambda _: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        script = kefu + "".join(f"{block}\n" for block in blocks("sh"))
        environment = {**os.environ, "KEFU_DATABASE_URL": database_url, "KEFU": door, "CRM": crm.url}
        environment.pop("KEFU_CONFIG", None)
        ran = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", script),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, talk = await ran.communicate()
    assert ran.returncode == 0, (out[-1500:], talk[-1500:])
    assert len(crm.attempts) == 1, "kefu webhook test"
    for shown in (b"ACME-1", b"Kettle leaks", b"https://crm.example/search?phone=%2B8613800138000", b"EU-1"):
        assert shown in out, shown


def test_the_function_on_the_page_believes_what_we_sign_and_nothing_else() -> None:
    room: dict[str, Any] = {}
    exec(blocks("python")[0], room)  # noqa: S102 - our own page
    verify, secret = room["verify"], encode_secret(b"s" * 32)
    import time

    sent = headers(secret, "d-1", int(time.time()), b'{"a":1}')
    assert verify(secret, sent, b'{"a":1}')
    assert not verify(secret, sent, b'{"a":2}')
    assert not verify(encode_secret(b"o" * 32), sent, b'{"a":1}')
    assert not verify(secret, headers(secret, "d-1", int(time.time()) - 301, b"{}"), b"{}")


def test_the_page_names_every_kind_of_event() -> None:
    assert [name for name in CATALOGUE if f"`{name}`" not in PAGE and name != "webhook.test"] == []
