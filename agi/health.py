"""`/healthz` of the IVR server: a few bytes of HTTP, answered by the same loop that answers calls.

So a loop that hangs is a health that is silent. For `kefu up` and for load balancers that choose a FastAGI target.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus

LONGEST_REQUEST = 8192
ANSWER_WITHIN_S = 2.0


async def serve_health(host: str, port: int, facts: Callable[[], dict[str, object]]) -> asyncio.Server:
    """Answer GET /healthz with `facts()` as JSON; 404 to every other path."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.partition(b" ")
                asked = method in (b"GET", b"HEAD") and rest.split(b" ")[0].split(b"?")[0] == b"/healthz"
                status = HTTPStatus.OK if asked else HTTPStatus.NOT_FOUND
                body = json.dumps(facts() if asked else {"error": "only /healthz is here"}).encode() + b"\n"
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + (b"" if method == b"HEAD" else body)
                )
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whoever asks badly gets no answer; nothing here depends on it
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port, limit=LONGEST_REQUEST)
