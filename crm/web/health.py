"""Is this process alive, and can it serve? For `kefu up`, load balancers and people with curl.

/healthz is quick and asks nobody; /readyz asks the database; /metrics counts. None needs a sign-in, and none tells of
a caller.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from crm import metrics
from crm.database import Database
from crm.refusals import CrmUnavailable

from .live import Live

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz(request: Request) -> JSONResponse:
    """200 while this process does its work; 503 when its listening has ended, so that it is started again."""
    tasks = request.app.state.tasks
    live: Live = request.app.state.live
    well = not any(task.done() for task in tasks)
    return JSONResponse({"ok": well, "streams": live.open_streams}, status_code=200 if well else 503)


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """200 when pages can be served, 503 with the reason when the database is away."""
    database: Database = request.app.state.database
    try:
        await database.ping()
    except CrmUnavailable as away:
        return JSONResponse({"ok": False, "why": str(away)}, status_code=503)
    return JSONResponse({"ok": True})


@router.get("/metrics")
async def counted() -> Response:
    """Prometheus' text."""
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)
