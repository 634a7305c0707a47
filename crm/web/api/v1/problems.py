"""What a program is answered when something was refused: problem+json (RFC 9457), one clear sentence in `detail`.

`answers(...)` documents them in OpenAPI: every answer that a route can give stands there. Used by all of this room.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from crm.refusals import CrmUnavailable, Refusal

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
ALWAYS = (400, 401, 403, 411, 413, 422, 429, 503)
MOST_FAULTS = 10


class Fault(BaseModel):
    """One field that cannot be used. `where`: body, query, path or header, then its name."""

    where: str
    why: str


class Problem(BaseModel):
    """Why not. `detail`: one sentence; `faults`: of each field, when fields are the reason."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    faults: list[Fault] = []


class Refused(Refusal):
    """Refused with a status, and headers if any."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


def answers(*statuses: int, **more: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: these refusals and those that any route may give."""
    documented: dict[int | str, dict[str, Any]] = {each: _documented(each) for each in sorted({*ALWAYS, *statuses})}
    return documented | {int(status.lstrip("_")): said for status, said in more.items()}


def problem(
    status: int, detail: str, *, faults: list[Fault] | None = None, headers: dict[str, str] | None = None
) -> Response:
    """The answer itself."""
    title = HTTPStatus(status).phrase
    said = Problem(title=title, status=status, detail=" ".join(detail.split()), faults=faults or [])
    return JSONResponse(said.model_dump(), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def answer_problems(app: FastAPI) -> None:
    """Give the application its answers to refusals."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(DataError, _unfit)
    app.add_exception_handler(ClientDisconnect, _gone)


async def _refused(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, Refused)
    return problem(failure.status, str(failure), headers=failure.headers)


async def _refusal(request: Request, failure: Exception) -> Response:
    if isinstance(failure, CrmUnavailable):
        log.warning("crm_unavailable", path=request.url.path, why=str(failure))
        told = "the database does not answer: try again in a moment"
        return problem(503, told, headers={"Retry-After": "2"})
    return problem(409, str(failure))


async def _http(request: Request, failure: Exception) -> Response:
    status = failure.status_code if isinstance(failure, HTTPException) else 500
    told = {
        404: "there is nothing at this address",
        405: "this address does not do that",
        400: "the request cannot be read",
    }.get(status, "this did not work")
    headers = dict(failure.headers or {}) if isinstance(failure, HTTPException) else None
    return problem(status, told, headers=headers)


async def _unreadable(request: Request, failure: Exception) -> Response:
    found = failure.errors() if isinstance(failure, RequestValidationError) else []
    faults = [
        Fault(where=".".join(_plain(str(part)) for part in fault["loc"]), why=_plain(str(fault["msg"])))
        for fault in found[:MOST_FAULTS]
    ]
    first = f"{faults[0].where}: {faults[0].why}" if faults else "the request cannot be read"
    return problem(422, first, faults=faults)


async def _unfit(request: Request, failure: Exception) -> Response:
    log.warning("value_unfit", path=request.url.path, why=str(getattr(failure, "orig", failure))[:300])
    return problem(422, "a value of the request cannot be kept: it is too large or of another kind")


async def _gone(request: Request, failure: Exception) -> Response:
    """The program left before its request was read whole: nobody hears this answer."""
    return problem(400, "the request ended too early")


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:200]


_MEANS = {
    304: "It is still as the ETag says",
    400: "The request cannot be read",
    401: "No token, or one that opens nothing",
    403: "The token's scopes do not include this",
    404: "There is no such thing",
    409: "It cannot be done as things are, or the Idempotency-Key was used for another request",
    410: "What is asked for is kept no more",
    411: "The body's length is not said",
    412: "Somebody changed it meanwhile: read it again",
    413: "The body is too large",
    422: "A field cannot be used",
    428: "Say by If-Match which version you saw",
    429: "Too many requests with this token: Retry-After says when to go on",
    503: "The database does not answer: try again in a moment",
}


def _documented(status: int) -> dict[str, Any]:
    if status == 304:
        return {"description": _MEANS[status]}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": _MEANS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
