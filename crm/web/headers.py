"""What every answer says to the browser about safety, and how much a request may weigh.

A plain ASGI layer: it must not hold back streams. Added by app; knows nothing of pages.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024

# No inline script or style, nothing from elsewhere, no frame around us.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


class Headers:
    """The layer. `secure`: the site is served by https, and browsers shall remember that."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._always = {
            "content-security-policy": POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }
        if secure:
            self._always["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with the headers; refuse a body that is too large or of unknown size."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._always.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = _too_heavy(scope)
        await (refusal or self._app)(scope, receive, with_headers)


def _too_heavy(scope: Scope) -> Response | None:
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return _refused(scope, 411, "say the length of the body")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        return _refused(scope, 413, f"a body may have {LARGEST_BODY} bytes at most")
    return None


def _refused(scope: Scope, status: int, told: str) -> Response:
    """In the manner of the door: problem+json for programs."""
    if scope["path"].startswith("/api/v1/"):
        said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": told}
        return JSONResponse({**said, "faults": []}, status_code=status, media_type="application/problem+json")
    return PlainTextResponse(told + "\n", status_code=status)
