"""What the browser's tests share: a web server inside the test's loop, and an agent's way to the desk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from forged_floor import ForgedFloor
from playwright.async_api import Page, expect

from crm import agents
from crm.database import Database
from crm.settings import Settings
from crm.web.app import create_app
from crm.web.serve import WebServer

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Without windows: the whole browser draws its own buttons for each profile, which takes three times the processor time.
PROGRAM = "chromium-headless-shell"
SEAT = "PJSIP/1001"
PASSWORD = "a good long password"
expect.set_options(timeout=10_000)


def chromium() -> str:
    """Debian's Chromium; its absence is a failure, not a skip."""
    path = shutil.which(PROGRAM)
    assert path, f"{PROGRAM} is missing: apt-get install {PROGRAM}"
    return path


@dataclass
class Web:
    """A running server: where it is, and the floor behind it."""

    url: str
    floor: ForgedFloor
    database: Database
    server: WebServer


@asynccontextmanager
async def serving(database: Database, settings: Settings, port: int = 0) -> AsyncIterator[tuple[WebServer, str]]:
    """Run the server inside the test's loop until the block ends."""
    server = WebServer(create_app(settings, database), host="127.0.0.1", port=port)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve())
    while not server.started:
        if running.done():
            running.result()
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield server, f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await running


async def sign_in(page: Page, web: Web, login: str = "lily", seat: str = SEAT) -> None:
    """Sign in by the forms and sit down."""
    await page.goto(f"{web.url}/sign-in")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Your phone").fill(seat)
    await page.get_by_role("button", name="Sit down").click()
    await expect(page).to_have_url(f"{web.url}/desk")


async def agent_id(web: Web, login: str = "lily") -> UUID:
    """The id behind a login."""
    async with web.database.reading() as session:
        agent = await agents.find(session, login)
    assert agent is not None
    return agent.id
