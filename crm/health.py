"""The three questions a service answers over HTTP: is it alive, can it serve, what has it counted.

The ivr and the bridge, which have no pages of their own, run one `HealthServer` on their own event loop: a loop that
is stuck cannot answer, and silence is what makes `kefu up` start the service again. The web answers the same three
addresses from its own pages. Loopback unless told otherwise; nothing here tells a caller's data.

    /healthz   200 while the work goes on, 503 with the reason when a part of it has ended for good
    /readyz    200 when it can do its work now, 503 with the reason (a database that is away is no cause for a restart)
    /metrics   Prometheus' text
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from .refusals import Refusal

REQUEST_WITHIN_S = 2.0
LONGEST_REQUEST = 8192

Reason = Callable[[], str | None]
"""None: all is well; else one sentence that says why not."""
Facts = Callable[[], Mapping[str, object]]
"""What /healthz tells beside: counts and ages, never names or numbers of people."""


class CannotServeHealth(Refusal):
    """The health port is taken or not ours."""


class HealthServer:
    """`async with HealthServer("bridge", port=8421, ill=…, not_ready=…, facts=…): …`"""

    def __init__(
        self,
        service: str,
        *,
        port: int,
        host: str = "127.0.0.1",
        ill: Reason = lambda: None,
        not_ready: Reason = lambda: None,
        facts: Facts = dict,
    ) -> None:
        """`port` 0 takes any free one; `port` tells it after the start."""
        self.service = service
        self.host = host
        self.port = port
        self._ill = ill
        self._not_ready = not_ready
        self._facts = facts
        self._server: asyncio.Server | None = None

    async def start(self) -> Self:
        """Answer from now on. Raises CannotServeHealth when the port is taken."""
        try:
            self._server = await asyncio.start_server(self._answer, self.host, self.port, limit=LONGEST_REQUEST)
        except OSError as taken:
            raise CannotServeHealth(
                f"cannot listen for health on {self.host}:{self.port} ({taken.strerror or taken}): "
                f"stop what listens there, or change {self.service}_health_port"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop answering; does nothing when it was not started."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = self._page(head.split(b"\r\n", 1)[0])
                writer.write(_response(status, kind, body, with_body=not head.startswith(b"HEAD ")))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a peer that says nothing, rubbish or too much gets no answer
        finally:
            writer.close()

    def _page(self, request: bytes) -> tuple[int, str, bytes]:
        method, _, rest = request.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return 405, "text/plain", b"only GET and HEAD\n"
        if path == b"/healthz":
            return self._judged(self._ill(), self._facts())
        if path == b"/readyz":
            return self._judged(self._ill() or self._not_ready(), {})
        if path == b"/metrics":
            from .metrics import CONTENT_TYPE, exposition

            return 200, CONTENT_TYPE, exposition()
        return 404, "text/plain", b"/healthz, /readyz or /metrics\n"

    def _judged(self, why: str | None, facts: Mapping[str, object]) -> tuple[int, str, bytes]:
        told: dict[str, object] = {"ok": why is None, "service": self.service, **facts}
        if why is not None:
            told["why"] = why
        return 200 if why is None else 503, "application/json", json.dumps(told, default=str).encode() + b"\n"


_PHRASES = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


def _response(status: int, kind: str, body: bytes, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
