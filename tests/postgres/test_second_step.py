"""One-time codes: set up, asked for, taken once, throttled, recovered from paper, turned off; roles that need them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from ledger_rows import rows
from sqlalchemy import update
from web_caller import PASSWORD, WebCaller, calling

from crm import agents, audit, second_factor
from crm.cli import main
from crm.database import Database
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.second_factor import SecondFactor
from crm.web.app import create_app


@pytest.fixture
async def app(database: Database, tmp_path: Path) -> FastAPI:
    """The application with `lily`, an agent, and `dana`, whose role needs codes."""
    async with database.transaction() as session:
        for login, role in (("lily", "agent"), ("dana", "supervisor")):
            await agents.create(session, login=login, name=login.title(), password=PASSWORD, role=role)
    return create_app(Settings(data_folder=tmp_path, second_factor_roles=["supervisor"]), database)


@pytest.fixture
async def caller(app: FastAPI) -> AsyncIterator[WebCaller]:
    """A browser in front of it."""
    async with calling(app, running=False) as browser:
        yield browser


async def set_up(caller: WebCaller) -> tuple[pyotp.TOTP, list[str]]:
    """Through the pages, as somebody signed in: the phone, and the codes for paper."""
    await caller.page("/security")
    page = (await caller.send_form("/security/codes/begin")).text
    spelled = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', page)
    assert spelled is not None
    assert "<svg" in page
    assert 'class="qr"' in page
    phone = pyotp.TOTP(spelled[1].replace(" ", ""))
    page = (await caller.send_form("/security/codes/confirm", code=phone.now())).text
    paper = re.findall(r"<li><code>([A-Z2-9]{5}-[A-Z2-9]{5})</code></li>", page)
    assert len(paper) == 10
    return phone, paper


async def forget_steps(database: Database) -> None:
    """As if half a minute had passed since the last code."""
    async with database.transaction() as session:
        await session.execute(update(SecondFactor).values(last_step=0))


async def again(caller: WebCaller, login: str = "lily") -> None:
    """Password right, the code still owed."""
    caller.cookies.clear()
    assert (await caller.sign_in(login)).headers["location"] == "/sign-in/code"
    await caller.page("/sign-in/code")


async def test_a_code_is_asked_for_and_counts_once(caller: WebCaller, database: Database, database_url: str) -> None:
    await caller.sign_in("lily")
    phone, _ = await set_up(caller)
    secret = bytes(rows(database_url, "SELECT secret FROM second_factor")[0][0])
    assert phone.secret.encode() not in secret, "locked away with the site's key"
    await forget_steps(database)
    await again(caller)
    for path in ("/desk", "/security", "/api/me"):
        assert (await caller.get(path)).status_code in (303, 401), "half a sign-in opens nothing"
    code = phone.now()
    assert (await caller.send_form("/sign-in/code", code="000000")).status_code == 401
    assert (await caller.send_form("/sign-in/code", code=f" {code[:3]} {code[3:]} ")).headers["location"] == "/desk"
    assert (await caller.get("/api/me", headers={"accept": "application/json"})).json()["login"] == "lily"
    await again(caller)
    answer = await caller.send_form("/sign-in/code", code=code)
    assert answer.status_code == 401
    assert "was used already" in answer.text
    async with database.reading() as session:
        noted = [(row.did, row.detail) for row in await audit.listed(session, by="lily")]
    assert noted == [
        ("agent.sign_in", {"how": "password and code"}),
        ("second_factor.on", {}),
        ("agent.sign_in", {"how": "password"}),
    ]


@pytest.mark.parametrize("drift", [-31, 31])
async def test_a_clock_that_is_a_little_off_is_forgiven_and_one_far_off_is_not(
    caller: WebCaller, database: Database, drift: int
) -> None:
    await caller.sign_in("lily")
    phone, _ = await set_up(caller)
    await forget_steps(database)
    await again(caller)
    assert (await caller.send_form("/sign-in/code", code=phone.at(int(time.time()) + 4 * drift))).status_code == 401
    middle = time.time() // 30 * 30 + 15
    async with database.transaction() as session:
        lily = await agents.find(session, "lily")
        assert lily is not None
        settings = caller._transport.app.state.settings  # type: ignore[attr-defined]
        assert await second_factor.check(session, settings, lily, phone.at(int(middle + drift)), middle)


async def test_paper_lets_in_once(caller: WebCaller, database: Database) -> None:
    await caller.sign_in("lily")
    _, paper = await set_up(caller)
    await again(caller)
    assert (await caller.send_form("/sign-in/code", code=paper[3].lower().replace("-", " "))).status_code == 303
    assert "9 codes on paper are left" in (await caller.get("/security")).text
    await again(caller)
    assert (await caller.send_form("/sign-in/code", code=paper[3])).status_code == 401
    assert (await caller.send_form("/sign-in/code", code=paper[4])).status_code == 303


async def test_guessing_codes_ends_soon_whatever_the_browser(caller: WebCaller, app: FastAPI) -> None:
    await caller.sign_in("lily")
    _, paper = await set_up(caller)
    await again(caller)
    for _ in range(5):
        assert (await caller.send_form("/sign-in/code", code="123456")).status_code == 401
    assert (await caller.send_form("/sign-in/code", code=paper[0])).headers["location"] == "/sign-in"
    async with calling(app, running=False) as other:
        await other.sign_in("lily")
        await other.page("/sign-in/code")
        answer = await other.send_form("/sign-in/code", code=paper[0])
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300


async def test_it_is_turned_off_with_a_code_alone(caller: WebCaller, database: Database) -> None:
    await caller.sign_in("lily")
    phone, paper = await set_up(caller)
    await forget_steps(database)
    await caller.page("/security")
    assert (await caller.send_form("/security/codes/off", code="")).status_code == 401
    page = (await caller.send_form("/security/codes/paper", code=phone.now())).text
    fresh = re.findall(r"<li><code>([A-Z2-9-]{11})</code></li>", page)
    assert set(fresh) & set(paper) == set()
    assert (await caller.send_form("/security/codes/off", code=paper[0])).status_code == 401, "the old paper is void"
    assert (await caller.send_form("/security/codes/off", code=fresh[0])).status_code == 303
    caller.cookies.clear()
    assert (await caller.sign_in("lily")).headers["location"] == "/desk"


async def test_an_operator_turns_it_off_for_whoever_lost_phone_and_paper(
    caller: WebCaller, database: Database, database_url: str
) -> None:
    await caller.sign_in("lily")
    await set_up(caller)

    def off(login: str) -> tuple[int, str]:
        found = CliRunner().invoke(main, ["agent", "codes-off", login, "--database-url", database_url])
        return found.exit_code, found.stderr

    assert await asyncio.to_thread(off, "lily") == (0, "lily signs in with the password alone\n")
    assert (await asyncio.to_thread(off, "lily"))[0] == 1
    caller.cookies.clear()
    assert (await caller.sign_in("lily")).headers["location"] == "/desk"
    async with database.reading() as session:
        noted = await audit.listed(session, did="second_factor")
    assert [(row.did, row.by) for row in noted] == [
        ("second_factor.off", "command line"),
        ("second_factor.on", "lily"),
    ]


async def test_a_role_that_needs_codes_gets_nowhere_without(caller: WebCaller) -> None:
    await caller.sign_in("dana")
    for path in ("/desk", "/wallboard", "/conversations"):
        assert (await caller.get(path)).headers["location"] == "/security"
    assert (await caller.get("/api/conversations", headers={"accept": "application/json"})).status_code == 403
    assert "Your role needs codes" in (await caller.get("/security")).text
    await set_up(caller)
    assert (await caller.get("/conversations")).status_code == 200


async def test_another_sites_key_is_a_sentence(database: Database, app: FastAPI, tmp_path: Path) -> None:
    lily = None
    async with database.transaction() as session:
        lily = await agents.find(session, "lily")
        assert lily is not None
        await second_factor.begin(session, app.state.settings, lily.id)
        other = Settings(data_folder=tmp_path, site_key="cd" * 32)  # type: ignore[arg-type]
        with pytest.raises(Refusal, match="another site key"):
            await second_factor.begin(session, other, lily.id)
