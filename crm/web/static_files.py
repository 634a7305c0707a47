"""The built assets, each under an address that changes with its content. Mounted by app."""

from __future__ import annotations

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from .rendering import STATIC


class _Lasting(StaticFiles):
    """Browsers may keep a file for good when its address carries its version."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200 and scope["query_string"].startswith(b"v="):
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def static_files() -> StaticFiles:
    """What is mounted at /static."""
    return _Lasting(directory=STATIC)
