"""Signing in through an identity provider: the right person is let in; every forged, stale or crossed way is not."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from identity_provider import CLIENT, ISSUER, SECRET, IdentityProvider, path_of
from joserfc.jwk import RSAKey
from ledger_rows import rows
from sqlalchemy import update
from web_caller import PASSWORD, WebCaller, calling

from crm import agents
from crm.database import Database
from crm.refusals import Refusal
from crm.settings import Settings
from crm.tables.agents import Agent
from crm.web.app import create_app
from crm.web.oidc import Provider


@pytest.fixture(scope="module")
def key() -> RSAKey:
    """One key for all providers here: making one takes long."""
    return RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})


@pytest.fixture
def provider(key: RSAKey) -> IdentityProvider:
    """A provider that vouches for lily."""
    return IdentityProvider(key)


@pytest.fixture
async def app(database: Database, provider: IdentityProvider, tmp_path: Path) -> FastAPI:
    """The application with `lily` and `marco`, which trusts it."""
    async with database.transaction() as session:
        for login in ("lily", "marco"):
            await agents.create(session, login=login, name=login.title(), password=PASSWORD)
    settings = Settings(
        data_folder=tmp_path, oidc_issuer=ISSUER, oidc_client_id=CLIENT, oidc_client_secret=SECRET, oidc_title="House"
    )  # type: ignore[arg-type]
    app = create_app(settings, database)
    app.state.oidc = Provider(settings, transport=httpx2.ASGITransport(app=provider.app))
    return app


@pytest.fixture
async def caller(app: FastAPI) -> AsyncIterator[WebCaller]:
    """A browser in front of it."""
    async with calling(app, running=False) as browser:
        yield browser


async def there(caller: WebCaller, provider: IdentityProvider) -> str:
    """To the provider; the way back that it gives."""
    sent = (await caller.get("/sign-in/oidc")).headers["location"]
    assert sent.startswith(f"{ISSUER}/authorize?")
    assert "state=" in sent
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=provider.app), base_url=ISSUER) as browser:
        return path_of((await browser.get(sent)).headers["location"])


async def and_back(caller: WebCaller, provider: IdentityProvider) -> httpx2.Response:
    """There and back again."""
    return await caller.get(await there(caller, provider))


async def test_whom_the_provider_vouches_for_is_let_in(
    caller: WebCaller, provider: IdentityProvider, database_url: str
) -> None:
    assert '<a class="button" href="/sign-in/oidc">House</a>' in (await caller.page("/sign-in")).text
    answer = await and_back(caller, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    told = (await caller.get("/api/me", headers={"accept": "application/json"})).json()
    assert told["login"] == "lily"
    assert rows(database_url, "SELECT issuer, subject FROM oidc_identity") == [(ISSUER, "4711")]
    assert rows(database_url, "SELECT did, detail ->> 'how' FROM audit ORDER BY number") == [
        ("agent.oidc_known", None),
        ("agent.sign_in", "oidc"),
    ]
    assert rows(database_url, "SELECT count(*) FROM oidc_trip") == [(0,)]


async def test_a_person_stays_the_same_under_another_login(
    caller: WebCaller, provider: IdentityProvider, app: FastAPI
) -> None:
    await and_back(caller, provider)
    provider.says["preferred_username"] = "marco"
    await and_back(caller, provider)
    assert (await caller.get("/api/me", headers={"accept": "application/json"})).json()["login"] == "lily"
    provider.says |= {"sub": "other", "preferred_username": "lily"}
    caller.cookies.clear()
    answer = await and_back(caller, provider)
    assert answer.status_code == 401
    assert "is somebody else&#39;s at the identity provider" in answer.text


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "of another trip"},
        {"aud": "another-site"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"iat": int(time.time()) + 86400},
        {"sub": None},
        {"azp": "another-site", "aud": [CLIENT, "another-site"]},
    ],
)
async def test_a_lie_lets_nobody_in(
    caller: WebCaller, provider: IdentityProvider, lie: dict[str, Any], database_url: str
) -> None:
    provider.lies = lie
    answer = await and_back(caller, provider)
    assert answer.status_code == 401
    assert rows(database_url, "SELECT count(*) FROM sign_in") == [(0,)]


async def test_a_foreign_key_lets_nobody_in_and_a_new_one_of_the_house_does(
    caller: WebCaller, provider: IdentityProvider
) -> None:
    assert (await and_back(caller, provider)).status_code == 303
    caller.cookies.clear()
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "k1"})
    assert (await and_back(caller, provider)).status_code == 401
    provider.key = provider.signs_with
    assert (await and_back(caller, provider)).status_code == 303, "it had changed its key, and we look again"


async def test_the_way_back_is_of_one_browser_and_of_one_time(
    caller: WebCaller, provider: IdentityProvider, app: FastAPI
) -> None:
    back = await there(caller, provider)
    async with calling(app, running=False) as other:
        answer = await other.get(back)
        assert answer.status_code == 401
        assert "began in another browser" in answer.text
    assert (await caller.get(back)).status_code == 401, "it was used up by the one who tried"
    back = await there(caller, provider)
    assert (await caller.get(back)).status_code == 303
    caller.cookies.clear()
    assert (await caller.get(back)).status_code == 401


async def test_strangers_and_those_shut_out_stay_outside(
    caller: WebCaller, provider: IdentityProvider, database: Database
) -> None:
    provider.says["preferred_username"] = "stranger"
    answer = await and_back(caller, provider)
    assert (answer.status_code, "nobody works here by the login stranger" in answer.text) == (401, True)
    provider.says["preferred_username"] = "lily"
    async with database.transaction() as session:
        await session.execute(update(Agent).values(active=False))
    assert (await and_back(caller, provider)).status_code == 401


async def test_a_provider_that_is_away_or_refuses_is_a_sentence_in_both_languages(
    caller: WebCaller, provider: IdentityProvider
) -> None:
    provider.away = True
    answer = await caller.get("/sign-in/oidc")
    assert answer.status_code == 502
    assert "the identity provider does not answer: sign in with your password" in answer.text
    caller.cookies.set("kefu-language", "zh", domain="desk.example")
    assert "身份提供方没有应答" in (await caller.get("/sign-in/oidc")).text
    provider.away = False
    back = await there(caller, provider)
    answer = await caller.get(back.replace("code=", "error=access_denied&was="))
    assert answer.status_code == 401


def test_without_tls_or_without_a_provider_there_is_no_way(database_url: str) -> None:
    with pytest.raises(Refusal, match="is not https"):
        Provider(Settings(oidc_issuer="http://id.example"))
    Provider(Settings(oidc_issuer="http://127.0.0.1:9000"))
