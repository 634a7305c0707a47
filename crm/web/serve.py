"""The service `kefu web`: the application on a port, which ends its open streams before it waits for them.

Called by the command line. uvicorn itself would wait for every browser to hang up.
"""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from crm.database import Database
from crm.settings import Settings

from .app import create_app
from .live import Live

DRAIN_S = 5


class WebServer(uvicorn.Server):
    """uvicorn, ending the streams first when it is told to stop."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        self._live: Live = app.state.live
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )

    async def shutdown(self, sockets: object = None) -> None:
        """Say goodbye to the streams, then stop as uvicorn does."""
        self._live.end()
        await super().shutdown(sockets)  # type: ignore[arg-type]


def serve(settings: Settings, database: Database | None = None) -> None:
    """Serve pages and api until told to stop."""
    WebServer(create_app(settings, database), host=settings.web_host, port=settings.web_port).run()
