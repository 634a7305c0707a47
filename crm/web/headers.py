"""What every answer says to the browser about safety, and how much a request may weigh.

A plain ASGI layer: it must not hold back streams. Added by app; knows nothing of pages but the few addresses that other
sites may use: what they embed so that visitors can ask to be called back.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024
FRAME = "/call-me/frame"
_FOR_OTHER_SITES = frozenset({FRAME, "/call-me/widget.js", "/call-me/offer"})
LARGEST_FILE = 20 * 1024 * 1024
"""What a browser may send as a file of customers; larger ones are for the command line."""
_UPLOADS = "/customers/import"

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
    """The layer. `secure`: the site is served by https, and browsers shall remember that. `framed_by`: the origins
    whose pages may have FRAME inside them."""

    def __init__(self, app: ASGIApp, *, secure: bool, framed_by: Sequence[str] = ()) -> None:
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
        self._for_other_sites = {**self._always, "cross-origin-resource-policy": "cross-origin"}
        if framed_by:
            ancestors = " ".join(("frame-ancestors 'self'", *framed_by))
            framed = POLICY.replace("frame-ancestors 'none'", ancestors)
            self._framed = {**self._for_other_sites, "content-security-policy": framed}
        else:
            self._framed = self._always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with the headers; refuse a body that is too large or of unknown size."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        path = scope["path"]
        said = self._for_other_sites if path in _FOR_OTHER_SITES else self._always
        said = self._framed if path == FRAME else said

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in said.items():
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
    upload = scope["method"] == "POST" and scope["path"] == _UPLOADS
    if not length.isdigit() or int(length) > (LARGEST_FILE + LARGEST_BODY if upload else LARGEST_BODY):
        told = f"a body may have {LARGEST_BODY} bytes at most"
        if upload:
            told = f"a file may have {LARGEST_FILE >> 20} MB here: take larger ones in by `kefu customer import FILE`"
        return _refused(scope, 413, told)
    return None


def _refused(scope: Scope, status: int, told: str) -> Response:
    """In the manner of the door: problem+json for programs."""
    if scope["path"].startswith("/api/v1/"):
        said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": told}
        return JSONResponse({**said, "faults": []}, status_code=status, media_type="application/problem+json")
    return PlainTextResponse(told + "\n", status_code=status)
