"""The OpenAPI document of the REST door held against the door: made-up requests, good and bad, find no server error
and no answer that is not documented. KEFU_TEST_EXAMPLES: how many of each kind for each operation.
"""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from crm import api_tokens, demo_data
from crm.api_tokens import SCOPES
from crm.database import Database
from crm.deeds.open_case import open_case
from crm.settings import Settings
from crm.web.app import create_app

EXAMPLES = int(os.environ.get("KEFU_TEST_EXAMPLES", "3"))
HOST = "https://desk.example"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
load_all_checks()


class Door:
    """The application on a loop of its own, asked from this thread."""

    def __init__(self, database_url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.app, self.token, self._database = self.run(self._begin(database_url))
        self.statuses = Counter[int]()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _begin(self, database_url: str) -> tuple[FastAPI, str, Database]:
        database = Database(database_url, application_name="kefu-test")
        async with database.transaction() as session:
            await demo_data.load(session, country="CN")
            amy = await demo_data.agents.find(session, "amy")
            assert amy is not None
            await open_case(session, Settings(), owner=amy, by="test", category="complaint", subject="It leaks")
            token = await api_tokens.add(session, name="all", scopes=list(SCOPES), by="test", a_minute=100_000)
        return create_app(Settings(), database), token, database

    def ask(self, case: schemathesis.Case) -> httpx2.Response:
        """Send what was made up, over ASGI."""
        said = case.as_transport_kwargs(base_url=f"{HOST}/api/v1")
        said.pop("timeout", None)
        asked = requests.Request(**said).prepare()
        headers = {**asked.headers, "Authorization": f"Bearer {self.token}"}
        body = asked.body.encode() if isinstance(asked.body, str) else asked.body
        answer: httpx2.Response = self.run(self._send(str(asked.method), str(asked.url), headers, body))
        self.statuses[answer.status_code] += 1
        return answer

    async def _send(self, method: str, url: str, headers: dict[str, Any], body: bytes | None) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport) as client:
            return await client.request(method, url, headers=headers, content=body)

    def close(self) -> None:
        self.run(self._database.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def door(database_url: str) -> Iterator[Door]:
    opened = Door(database_url)
    yield opened
    opened.close()


@pytest.mark.timeout(3600)
def test_no_server_error_and_no_undocumented_answer(door: Door) -> None:
    document = door.run(_document(door))
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 19
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _try(door, operation, mode)
    assert {200, 201, 404, 422} <= set(door.statuses), door.statuses
    print(dict(door.statuses))


def _try(door: Door, operation: schemathesis.APIOperation, mode: GenerationMode) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made_up = operation.as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES < 10,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=made_up)
    def ask(case: schemathesis.Case) -> None:
        case.validate_response(door.ask(case), checks=CHECKS)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ask()
        except Exception as failed:
            if "Unsatisfiable" in type(failed).__name__:  # nothing of this operation can be wrong
                return
            raise


async def _document(door: Door) -> dict[str, Any]:
    transport = httpx2.ASGITransport(app=door.app)
    async with httpx2.AsyncClient(transport=transport) as client:
        found: dict[str, Any] = (await client.get(f"{HOST}/api/v1/openapi.json")).json()
    return found
