"""What a browser or a program gets when something was refused: the same facts, in the manner of whoever asked.

A person gets a page, the pages' script a redirect it understands, a program JSON. Added by app.
"""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.refusals import CrmUnavailable, Refusal

from .language import catalog, chosen
from .rendering import Pages
from .rights import CodeNeeded, NotAllowed
from .sentences import say
from .sign_in import ForgeryRefused, NotSeated, NotSignedIn, language_of

log = structlog.get_logger(__name__)


class NotThere(Refusal):
    """There is no such thing, or it is not this agent's."""


STATUSES: dict[type[Refusal], int] = {
    NotSignedIn: 401,
    ForgeryRefused: 403,
    NotAllowed: 403,
    CodeNeeded: 403,
    NotThere: 404,
    NotSeated: 409,
    CrmUnavailable: 503,
    Refusal: 409,
}


def answer_errors(app: FastAPI) -> None:
    """Give the application its answers to refusals, and to what nobody foresaw. To be called before other middleware is
    added: those see the answer."""
    app.add_middleware(Unforeseen)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(ClientDisconnect, _gone)


class Unforeseen:
    """Answers what nobody foresaw, in the same manner; the fault itself is for the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or whatever else comes."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            request = Request(scope)
            log.exception("request_failed", path=request.url.path)
            await _answer(request, 500, "this did not work")(scope, receive, send)


async def _refused(request: Request, failure: Exception) -> Response:
    status = next(status for kind, status in STATUSES.items() if isinstance(failure, kind))
    if status == 503:
        log.warning("crm_unavailable", path=request.url.path, why=str(failure))
    if isinstance(failure, NotSignedIn | NotSeated):
        return _elsewhere(request, "/sign-in" if status == 401 else "/seat", status, str(failure))
    if isinstance(failure, CodeNeeded):
        return _elsewhere(request, "/security", status, str(failure))
    # Where the database stands and why it does not answer is for the log and the operator, not for a caller's page.
    told = "the database does not answer: try again in a moment" if status == 503 else str(failure)
    return _answer(request, status, told)


async def _http(request: Request, failure: Exception) -> Response:
    status = failure.status_code if isinstance(failure, HTTPException) else 500
    if request.url.path.startswith("/api/v1/"):  # a line break in the path leads past the door
        from .api.v1.problems import problem

        return problem(status, "there is nothing at this address")
    headers = failure.headers if isinstance(failure, HTTPException) else None
    told = {404: "there is no such page", 405: "this page does not do that"}.get(status, "this did not work")
    answer = _answer(request, status, told)
    answer.headers.update(headers or {})
    return answer


async def _unreadable(request: Request, failure: Exception) -> Response:
    faults = failure.errors() if isinstance(failure, RequestValidationError) else []
    names = ", ".join(".".join(map(str, fault["loc"][1:])) or str(fault["loc"][0]) for fault in faults[:5])
    return _answer(request, 422, f"cannot be used: {names}")


async def _gone(request: Request, failure: Exception) -> Response:
    """The browser left before its request was read whole: nobody hears this answer."""
    return Response(status_code=400)


def _elsewhere(request: Request, path: str, status: int, told: str) -> Response:
    if "hx-request" in request.headers:
        return JSONResponse({"error": told}, status_code=status, headers={"HX-Redirect": path})
    if _person(request):
        return RedirectResponse(path, status_code=303)
    return JSONResponse({"error": told}, status_code=status)


def _answer(request: Request, status: int, told: str) -> Response:
    headers = {"Retry-After": "2"} if status == 503 else None
    language = chosen(request.cookies.get("kefu-language")) or language_of(request, None)
    if "hx-request" in request.headers:  # the pages' script shows it to whoever reads the page
        told = say(told, catalog(language).gettext)
    if not _person(request):
        return JSONResponse({"error": told}, status_code=status, headers=headers)
    pages: Pages = request.app.state.pages
    page = pages.render(language, "refused.html", {"me": None, "csrf": "", "here": "/", "told": told})
    return HTMLResponse(page, status_code=status, headers=headers)


def _person(request: Request) -> bool:
    wants = request.headers.get("accept", "")
    return "text/html" in wants and not request.url.path.startswith("/api/") and "hx-request" not in request.headers
