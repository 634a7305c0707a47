"""A service's three health pages, asked over a real socket by peers good and bad."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from crm.health import CannotServeHealth, HealthServer


class Work:
    ill: str | None = None
    away: str | None = None


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def served(work: Work) -> AsyncIterator[HealthServer]:
    async with HealthServer(
        "bridge", port=0, ill=lambda: work.ill, not_ready=lambda: work.away, facts=lambda: {"backlog": 3}
    ) as server:
        yield server


async def say(server: HealthServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def get(server: HealthServer, path: str) -> tuple[int, bytes]:
    head, _, body = (await say(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_alive_and_ready(served: HealthServer) -> None:
    status, body = await get(served, "/healthz?verbose")
    assert status == 200
    assert json.loads(body) == {"ok": True, "service": "bridge", "backlog": 3}
    assert (await get(served, "/readyz"))[0] == 200


async def test_away_is_not_ready_but_alive(served: HealthServer, work: Work) -> None:
    work.away = "Asterisk is not heard"
    assert (await get(served, "/healthz"))[0] == 200
    status, body = await get(served, "/readyz")
    assert (status, json.loads(body)["why"]) == (503, "Asterisk is not heard")


async def test_ill_is_neither(served: HealthServer, work: Work) -> None:
    work.ill = "the writer has ended"
    for path in ("/healthz", "/readyz"):
        status, body = await get(served, path)
        assert (status, json.loads(body)["why"]) == (503, "the writer has ended")


async def test_metrics_are_prometheus_text(served: HealthServer) -> None:
    status, body = await get(served, "/metrics")
    assert status == 200
    assert b"kefu_build_info{" in body
    assert b"process_resident_memory_bytes" in body


async def test_unknown_pages_and_methods(served: HealthServer) -> None:
    assert (await get(served, "/etc/passwd"))[0] == 404
    assert (await say(served, b"POST /healthz HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
    assert (await say(served, b"HEAD /healthz HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x00\r\n\r\n", b"\r\n\r\n", b"GET " + b"/" * 20_000, b"GET /healthz"]
)
async def test_rubbish_disturbs_nobody(served: HealthServer, rubbish: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(rubbish)
    writer.write_eof()
    try:
        answer = await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:  # closed with our bytes unread
        answer = b""
    assert not answer.startswith(b"HTTP/1.1 200")
    writer.close()
    assert (await get(served, "/healthz"))[0] == 200


async def test_a_taken_port_is_one_sentence(served: HealthServer) -> None:
    with pytest.raises(CannotServeHealth, match="change ivr_health_port"):
        await HealthServer("ivr", port=served.port).start()
