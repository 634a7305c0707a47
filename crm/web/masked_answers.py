"""JSON answers as the one who asks may see them: the last hand that every answer of the api passes through.

The permission check of a route (rights.py) notes what is hidden from whoever asks; where something is, the answer's
body is read once more and its fields masked by the rule that the pages use. Added by app, so no route can forget it.
"""

from __future__ import annotations

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.rules import masks


class MaskedAnswers:
    """Middleware around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers that hide nothing pass untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        await self._app(scope, receive, _Hand(scope, send))


class _Hand:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._hidden() and _is_json(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        body = self._body
        if body:
            body = msgspec.json.encode(masks.view(msgspec.json.decode(body), self._hidden()))
        kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        await self._send({**start, "headers": [*kept, length]})
        await self._send({"type": "http.response.body", "body": body})

    def _hidden(self) -> frozenset[str]:
        hidden: frozenset[str] = self._scope["state"].get("hidden", frozenset())
        return hidden


def _is_json(start: Message) -> bool:
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return bool(kinds) and b"json" in kinds[0]
