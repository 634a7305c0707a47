"""A page's answer: the template in the reader's language, with what every page needs. Called by the pages alone."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from starlette.routing import Match, Mount

from crm.rules import masks
from crm.web.rendering import Pages
from crm.web.rights import hidden_from
from crm.web.sign_in import GATE_COOKIE_S, Me, gate_token, language_of, set_cookie


def show(request: Request, template: str, me: Me | None, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Render for whoever asks. A browser nobody is signed in at also gets its forgery cookie here."""
    pages: Pages = request.app.state.pages
    token = me.csrf if me else gate_token(request)
    settings = request.app.state.settings
    everywhere = {
        "sso": settings.oidc_title if settings.oidc_issuer else None,
        "me": me,
        "csrf": token,
        "here": _page_of(request),
    }
    seen = masks.view(context, hidden_from(request, me))
    page = pages.render(language_of(request, me), template, everywhere | seen)
    answer = HTMLResponse(page, status_code=status, headers={"Vary": "Accept-Language, Cookie"})
    if me is None:
        set_cookie(answer, request.app.state.settings, "kefu-gate", token, GATE_COOKIE_S)
    return answer


def _page_of(request: Request) -> str:
    """Where the language button leads back to: of what a form was answered with, the page that the form is on."""
    path = request.url.path
    if request.method != "POST" or "hx-request" in request.headers:
        return path
    pages = [route for route in request.app.router.routes if not isinstance(route, Mount)]
    while path:
        asked = {"type": "http", "method": "GET", "path": path, "root_path": ""}
        if any(route.matches(asked)[0] is Match.FULL for route in pages):
            return path
        path = path.rpartition("/")[0]
    return "/"
