"""An HTTP step asks somebody else's system, which may hang, redirect, lie or send a gigabyte. The caller goes on."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi import http_answers
from agi.answers import Missing
from agi.http_answers import MOST_BYTES, NoAnswer, understood
from agi.steps import AskHttp

WANTED: dict[str, str | list[str]] = {"points": "number", "level": ["gold", "silver"]}
GOOD = json.dumps({"points": 12.5, "level": "gold", "more": [1, 2]}).encode()
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Ask = Callable[..., Awaitable[dict[str, str] | Missing]]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Ask a server that answers these bytes (or behaves as this function does), within so many seconds."""
    servers: list[asyncio.Server] = []

    async def asked(answer: bytes | Answering, within_s: float = 20.0) -> dict[str, str] | Missing:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(within_s), http_answers.new_client() as client:
            return await http_answers.ask(client, AskHttp(f"http://127.0.0.1:{port}/points", WANTED))

    yield asked
    for server in servers:
        server.close()


def http(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_good_answer_is_texts_of_the_fields_wanted(ask: Ask) -> None:
    assert await ask(http(GOOD)) == {"points": "12.5", "level": "gold"}


async def test_404_is_not_found(ask: Ask) -> None:
    assert await ask(http(b"{}", "404 Not Found")) == "not_found"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http(b"", "500 Oh Dear"), "it answered 500"),
        (http(b"", "302 Found", Location="http://127.0.0.1:1/elsewhere"), "it answered 302"),
        (http(GOOD, "204 No Content"), ""),
        (http(b"[]"), "no JSON object"),
        (http(b"<html>"), "no JSON object"),
        (http(b"\xff\xfe"), "no JSON object"),
        (http(b'{"points": 1}'), '"level" is not one of gold, silver'),
        (http(b'{"points": "many", "level": "gold"}'), '"points" is not number'),
        (http(b'{"points": true, "level": "gold"}'), '"points" is not number'),
        (http(b'{"points": 1, "level": "platinum"}'), '"level" is not one of'),
        (http(b'{"points": {"a": 1}, "level": "gold"}'), '"points" is not number'),
        (http(b"[" * 60_000), "no JSON object"),
        (http(b'{"points": "' + b"9" * 300 + b'", "level": "gold"}'), '"points" is not number'),
        (http(b" " * (MOST_BYTES + 1)), "larger than"),
        (http(gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip"), "compressed"),
        (b"no http at all\r\n\r\n", ""),
        (b"", ""),
    ],
)
async def test_anything_else_is_no_answer(ask: Ask, answer: bytes, why: str) -> None:
    with pytest.raises(NoAnswer) as told:
        await ask(answer)
    assert why in str(told.value)


async def test_a_gigabyte_is_left_after_its_beginning(ask: Ask) -> None:
    sent = 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(16_384):
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            sent += 65_536
            try:
                await writer.drain()
            except ConnectionError:
                return

    with pytest.raises(NoAnswer, match="larger than"):
        await ask(pour)
    assert sent < 2**24


async def test_one_that_hangs_or_drips_is_left_in_time(ask: Ask) -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            try:
                await writer.drain()
            except ConnectionError:
                return
            await asyncio.sleep(0.02)

    for slow in (hang, drip):
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await ask(slow, within_s=0.3)
        assert asyncio.get_running_loop().time() - began < 10


async def test_nobody_there_and_no_such_host_are_no_answer() -> None:
    async with http_answers.new_client() as client:
        for url in ("http://127.0.0.1:1/", "http://kefu.invalid/", "http://[::1", "http://127.0.0.1:99999/"):
            with pytest.raises(NoAnswer):
                await http_answers.ask(client, AskHttp(url, WANTED))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("text", "a b", "a b"), ("text", "a\nb", None), ("digits", 120, "120"), ("digits", "A-1", "A-1"),
        ("digits", "1;2", None), ("number", "-1.5", "-1.5"), ("number", "NaN", None),
        ("date", "2026-03-05", "2026-03-05"),
        ("date", "tomorrow", None), ("yes_no", True, "yes"), ("yes_no", "no", "no"), ("yes_no", 1, "yes"),
        ("yes_no", "maybe", None), ("text", None, None), ("text", [], None),
    ],
)  # fmt: skip
def test_each_type_of_field(kind: str, value: object, text: str | None) -> None:
    body = json.dumps({"field": value}).encode()
    if text is None:
        with pytest.raises(NoAnswer):
            understood(body, {"field": kind})
    elif (kind, value) != ("yes_no", 1):  # 1 is no yes
        assert understood(body, {"field": kind}) == {"field": text}


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists)


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps({"points": value, "level": value}).encode()))
def test_no_bytes_crash_the_reading(body: bytes) -> None:
    with suppress(NoAnswer):
        understood(body, WANTED)
