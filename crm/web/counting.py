"""Counts each answer by its route, and how long the asker waited for its first byte.

A plain ASGI layer around all others; it holds nothing back, so streams count as soon as they begin. Routes are named by
their template (`/calls/{id}`), never by what was asked, so that nobody can fill the metrics' memory.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm import metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNCOUNTED = frozenset({"/healthz", "/readyz", "/metrics"})


class Counting:
    """The layer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._counted = metrics.web()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and count its answer."""
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except BaseException:
            self._note(scope, 500, time.perf_counter() - begun)
            raise

    def _note(self, scope: Scope, status: int, took_s: float) -> None:
        route = _route(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._counted.requests.labels(method, route, str(status)).inc()
        self._counted.answer_s.labels(route).observe(took_s)


def _route(scope: Scope) -> str:
    if scope["path"].startswith("/static/"):
        return "/static"
    path = getattr(scope.get("route"), "path", None)
    return f"{scope.get('root_path', '')}{path}" if path else "none"
