"""Somebody else's CRM: a small HTTP server that takes signed webhooks, each once, and can hang, refuse or be cut."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from crm.rules.signature import verify

OK = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class ForeignCrm:
    """`async with ForeignCrm(secret) as crm:`; give `crm.url` to a webhook. `events`: what it took, each id once.

    `answer` decides by the event what to say: bytes or text of a whole HTTP answer, or None for nothing at all.
    """

    def __init__(self, secret: str = "") -> None:
        self.secret = secret
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.attempts: list[str] = []
        self.faults: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, Any]], str | bytes | None] = lambda _: OK
        self.before_answer: Callable[[dict[str, Any]], None] = lambda _: None
        self._door: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._told = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hooks/kefu"

    async def __aenter__(self) -> ForeignCrm:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Answer (again), on the same port."""
        self._door = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._door.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """The line falls: nothing that is under way arrives, and nobody answers."""
        if self._door is not None:
            self._door.close()
            self._door = None
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def has(self, many: int, within_s: float = 20.0) -> list[dict[str, Any]]:
        """Wait until so many events were taken."""
        async with asyncio.timeout(within_s), self._told:
            await self._told.wait_for(lambda: len(self.events) >= many)
        return self.events

    async def tried(self, many: int, within_s: float = 20.0) -> None:
        """Wait until so many attempts came, taken or not."""
        async with asyncio.timeout(within_s), self._told:
            await self._told.wait_for(lambda: len(self.attempts) >= many)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head, body = await _request(reader)
            said: dict[str, Any] = json.loads(body)
            self.attempts.append(head["webhook-id"])
            self.heads.append(head)
            fault = self._fault(head, body)
            if fault:
                self.faults.append(fault)
            answer = self.answer(said)
            taken = (
                not fault
                and answer is not None
                and b" 2" in (answer if isinstance(answer, bytes) else answer.encode())[:12]
            )
            if taken and head["webhook-id"] not in self.ids:
                self.ids.append(head["webhook-id"])
                self.events.append(said)
            self.before_answer(said)
            async with self._told:
                self._told.notify_all()
            if answer is None:
                await asyncio.sleep(3600)
            writer.write(answer if isinstance(answer, bytes) else (answer or "").encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _fault(self, head: dict[str, str], body: bytes) -> str | None:
        if not self.secret:
            return None  # a test that does not know it
        at, signature = head["webhook-timestamp"], head["webhook-signature"]
        return verify(self.secret, head["webhook-id"], at, signature, body, time.time())


async def _request(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return head, await reader.readexactly(int(head["content-length"]))
