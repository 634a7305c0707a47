"""What the web counts of itself, read where Prometheus reads it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from crm.database import Database
from crm.settings import read_settings
from crm.web.app import create_app


@pytest.fixture
async def browser(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(read_settings(secure_cookies=False), database)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://kefu.test") as client,
    ):
        yield client


async def counted(browser: httpx2.AsyncClient) -> dict[tuple[str, ...], float]:
    answer = await browser.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_answers_are_counted_by_their_route_and_never_by_what_was_asked(browser: httpx2.AsyncClient) -> None:
    before = await counted(browser)
    assert (await browser.get("/sign-in")).status_code == 200
    for number in range(3):
        assert (await browser.get(f"/no/such/page/{number}/13800138000")).status_code == 404
    await browser.request("BREW", "/coffee")
    after = await counted(browser)

    def grew(*key: str) -> float:
        return after.get(key, 0.0) - before.get(key, 0.0)

    assert grew("kefu_web_requests_total", "GET", "/sign-in", "200") == 1
    assert grew("kefu_web_requests_total", "GET", "none", "404") == 3
    assert grew("kefu_web_requests_total", "other", "none", "404") == 1
    assert grew("kefu_web_answer_seconds_count", "/sign-in") == 1
    assert not [key for key in after if "13800138000" in "".join(key)]
    assert after[("kefu_web_streams",)] == 0


def test_a_web_server_claims_no_bridge() -> None:
    # A process of its own: the names of this one depend on which tests ran before.
    script = "from crm import metrics; metrics.web(); print(metrics.exposition().decode())"
    text = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "kefu_web_requests_total" in text
    assert "kefu_bridge_" not in text
